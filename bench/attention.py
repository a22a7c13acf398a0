"""What this library's layers cost beside PyTorch's own: attention, and a training step of the block.

    python bench/attention.py [--rounds 30]

Each row runs ours and theirs in turn, in one process of one thread, and compares CPU seconds: what else the machine
does falls on both alike, and the ratio is the median over the pairs: above 1 where ours is the faster.
"""

import argparse
import functools
import platform
import statistics

from _measure import processor, ratios, take_turns  # first: it sets the number of threads

import torch  # isort: skip
import torch.nn.functional as F
from torch import nn

from transformer_lib import attention as attention_module
from transformer_lib.attention import MultiHeadAttention, attention
from transformer_lib.block import Block, PostNorm, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.inspection import record_attention
from transformer_lib.masks import CAUSAL, causal_mask, padding_mask
from transformer_lib.norms import LayerNorm

B, T, H, DH, D_FF = 4, 128, 8, 32, 1024
D = H * DH


def row(name, rounds, ours, theirs):
    """Let the two take turns; print the median of each and of the ratios of the pairs."""
    seconds = take_turns([ours, theirs], rounds)
    mine, other = (1e3 * statistics.median(column) for column in zip(*seconds, strict=True))
    ratio = ratios(seconds)[1]
    print(f"{name:56} {mine:9.3f} {other:9.3f} {ratio:7.3f}", flush=True)


def attention_rows(rounds):
    for b, t, s in ((8, 256, 256), (1, 1024, 1024), (32, 64, 64), (8, 1, 256)):
        q = torch.randn(b, H, t, DH)
        k, v = torch.randn(b, H, s, DH), torch.randn(b, H, s, DH)
        repeats = min(100, max(1, 2**19 // (b * t * s)))  # short calls are timed several at a time
        padding = padding_mask(torch.linspace(s // 2, s, b).long(), s)
        for name, mask, options in (
            ("no mask", None, {}),
            ("causal", CAUSAL, {"is_causal": t == s}),
            ("padding", padding, {"attn_mask": padding}),
            ("causal and padding", padding & causal_mask(t, s), {"attn_mask": padding & causal_mask(t, s)}),
        ):

            def ours(q=q, k=k, v=v, mask=mask, repeats=repeats):
                for _ in range(repeats):
                    attention(q, k, v, mask)

            def theirs(q=q, k=k, v=v, options=options, repeats=repeats):
                for _ in range(repeats):
                    F.scaled_dot_product_attention(q, k, v, **options)

            with torch.no_grad():
                row(f"attention {b} x {H} x {t} x {s}, {name} (x {repeats})", rounds, ours, theirs)


def training_step(layer, x, **masks):
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-6)
    x = x.clone().requires_grad_()

    def step():
        layer(x, **masks).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        x.grad = None

    return step


def block_rows(rounds):
    torch.manual_seed(0)
    x = torch.randn(B, T, D)
    real = padding_mask(torch.linspace(T // 2, T, B).long(), T)
    triangle = nn.Transformer.generate_square_subsequent_mask(T)
    for residual, dropout in ((PreNorm, 0.0), (PostNorm, 0.0), (PreNorm, 0.1)):
        for name, ours, theirs in (
            ("causal", {"mask": CAUSAL}, {"src_mask": triangle, "is_causal": True}),
            ("padded", {"mask": real}, {"src_key_padding_mask": ~real[:, 0, 0]}),
        ):
            block = Block(
                MultiHeadAttention(D, H, dropout=dropout),
                FeedForward(D, D_FF, nn.GELU(), dropout=dropout),
                functools.partial(lambda residual, dropout: residual(LayerNorm(D), dropout), residual, dropout),
            )
            layer = nn.TransformerEncoderLayer(
                D, H, D_FF, dropout, F.gelu, batch_first=True, norm_first=residual is PreNorm
            )
            title = f"Block {B} x {T} x {D}, {residual.__name__}, dropout {dropout}, {name}"
            row(title, rounds, training_step(block, x, **ours), training_step(layer, x, **theirs))


def recording_rows(rounds):
    layer, never = MultiHeadAttention(D, H), MultiHeadAttention(D, H)
    x = torch.randn(B, T, D)
    with torch.no_grad():
        with record_attention(layer):
            layer(x, mask=CAUSAL)
        row(
            "layer recorded once, against one never",
            rounds,
            lambda: layer(x, mask=CAUSAL),
            lambda: never(x, mask=CAUSAL),
        )

    built = []

    def counted(*sizes, **options):
        built.append(sizes)
        return causal_mask(*sizes, **options)

    attention_module.causal_mask = counted
    layer(x, mask=CAUSAL)
    attention_module.causal_mask = causal_mask
    print(f"masks built by a causal forward pass: {len(built)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {processor()}, one thread\n")
    print(f"{'median CPU milliseconds':56} {'ours':>9} {'PyTorch':>9} {'ratio':>7}")
    attention_rows(rounds)
    block_rows(rounds)
    recording_rows(rounds)


if __name__ == "__main__":
    main()
