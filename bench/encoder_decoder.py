"""The Transformer of 2017 beside nn.Transformer: training steps on padded pairs, and peak memory.

    python bench/encoder_decoder.py [--rounds 9]

Half a minute of one core. Both have the same weights, and the run stops unless their logits are equal. PyTorch's module
has neither embeddings nor a head, so it is given ours.
"""

import argparse
import time

from _measure import OURS, Peer, compare, peak_megabytes, row, write  # first: it sets the number of threads

import torch  # isort: skip
from torch import Tensor, nn

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block
from transformer_lib.masks import padding_mask
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.training import cross_entropy

VOCAB, D_MODEL, N_LAYERS, N_HEADS, D_FF = 1000, 128, 2, 4, 512


@torch.no_grad()
def copy_attention(theirs: nn.MultiheadAttention, ours: MultiHeadAttention) -> None:
    """Give theirs the weights of ours: it keeps the three projections one upon the other."""
    maps = ours.w_q, ours.w_k, ours.w_v
    theirs.in_proj_weight.copy_(torch.cat([m.weight for m in maps]))
    theirs.in_proj_bias.copy_(torch.cat([m.bias for m in maps]))
    theirs.out_proj.load_state_dict(ours.w_o.state_dict())


def copy_layer(theirs: nn.Module, ours: Block) -> None:
    """Give a layer of theirs, of an encoder or a decoder, the weights of ours."""
    copy_attention(theirs.self_attn, ours.attention)
    residuals = [ours.attention_residual, ours.feed_forward_residual]
    if ours.cross_attention is not None:
        copy_attention(theirs.multihead_attn, ours.cross_attention)
        residuals.insert(1, ours.cross_residual)
    for number, residual in enumerate(residuals, start=1):
        getattr(theirs, f"norm{number}").load_state_dict(residual.norm.state_dict())
    theirs.linear1.load_state_dict(ours.feed_forward.up.state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward.down.state_dict())


class TorchTransformer(nn.Module):
    """nn.Transformer between the embeddings and the head of one of ours, with the same weights."""

    def __init__(self, ours: EncoderDecoder) -> None:
        super().__init__()
        self.source, self.target, self.head = ours.source_embedding, ours.target_embedding, ours.head
        options = {"dropout": 0.0, "batch_first": True}
        encoder = nn.TransformerEncoderLayer(D_MODEL, N_HEADS, D_FF, **options)
        decoder = nn.TransformerDecoderLayer(D_MODEL, N_HEADS, D_FF, **options)
        self.transformer = nn.Transformer(
            D_MODEL,
            N_HEADS,
            custom_encoder=nn.TransformerEncoder(encoder, N_LAYERS, enable_nested_tensor=False),
            custom_decoder=nn.TransformerDecoder(decoder, N_LAYERS),
            batch_first=True,
        )
        for theirs, block in zip(self.transformer.encoder.layers, ours.encoder, strict=True):
            copy_layer(theirs, block)
        for theirs, block in zip(self.transformer.decoder.layers, ours.decoder, strict=True):
            copy_layer(theirs, block)

    def forward(self, source: Tensor, target: Tensor, real: Tensor) -> Tensor:
        padding = ~real[:, 0, 0]
        x = self.transformer(
            self.source(source),
            self.target(target),
            tgt_mask=nn.Transformer.generate_square_subsequent_mask(target.shape[1]),
            tgt_is_causal=True,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return self.head(x)


def rows_of(batch: int, length: int, rounds: int) -> list[dict]:
    torch.manual_seed(0)
    sizes = {"d_model": D_MODEL, "n_layers": N_LAYERS, "n_heads": N_HEADS, "d_ff": D_FF}
    ours = transformer(TransformerConfig(vocab_size=VOCAB, dropout=0.0, **sizes))
    theirs = TorchTransformer(ours)
    source, target = torch.randint(VOCAB, (batch, length)), torch.randint(VOCAB, (batch, length + 1))
    real = padding_mask(torch.linspace(length // 2, length, batch).long(), length)
    read, wanted = target[:, :-1], target[:, 1:]
    with torch.no_grad():
        torch.testing.assert_close(
            ours(source, read, source_mask=real), theirs(source, read, real), rtol=1e-4, atol=1e-4
        )

    def stepping(model: nn.Module, logits):
        optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

        def step() -> None:
            cross_entropy(logits(), wanted).backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    step_ours = stepping(ours, lambda: ours(source, read, source_mask=real))
    step_theirs = stepping(theirs, lambda: theirs(source, read, real))
    task = "Training step, encoder-decoder"
    name = f"{N_LAYERS} + {N_LAYERS} layers × {D_MODEL}, vocabulary {VOCAB:,}, batch {batch} × {length} + {length}"
    memory = [peak_megabytes(lambda step=step: [step(), step()]) for step in (step_ours, step_theirs)]
    peer = Peer("nn.Transformer", step_theirs, "torch")
    rows = compare(task, name, Peer(OURS, step_ours), [peer], rounds, tokens=2 * batch * length)
    return [*rows, row(f"{task}: memory", name, peer, "MB", *memory, memory[1] / memory[0], 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    started = time.process_time()
    write("encoder_decoder", started, rows_of(32, 24, rounds))


if __name__ == "__main__":
    main()
