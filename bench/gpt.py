"""A GPT beside those of transformers and x-transformers: training steps, generation at batch 1, peak memory.

    python bench/gpt.py [--rounds 9]

Three minutes of one core. The GPT-2 of transformers and ours have the same weights, and the run stops unless their
logits are equal. x-transformers has no such import: its decoder is as wide, deep and many-headed, with a random start
and without the biases of the projections. All train with PyTorch's fused AdamW on the same batch, and write greedily.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from _measure import OURS, Peer, compare, peak_megabytes, row, write  # first: it sets the number of threads

import torch  # isort: skip
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from transformer_lib.generation import generate
from transformer_lib.pretrained.hugging_face import gpt2_from_hf
from transformer_lib.runtime import store_by_columns

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit.script, which it calls when imported
    from x_transformers import AutoregressiveWrapper, Decoder, TransformerWrapper

PROMPT = 16


@dataclass(frozen=True)
class Size:
    name: str
    d_model: int
    n_layers: int
    n_heads: int
    vocab_size: int
    batch: tuple[int, int] | None
    """Sequences and tokens of each in a training step; None where only generation is measured."""
    new: int
    """Tokens that generation writes after a prompt of 16."""

    @property
    def shape(self) -> str:
        return f"{self.n_layers} layers × {self.d_model}, vocabulary {self.vocab_size:,}"


SIZES = (
    Size("small", 128, 4, 4, 72, (12, 64), 128),
    Size("medium", 384, 6, 6, 4096, (4, 128), 64),
    Size("GPT-2", 768, 12, 12, 50257, None, 24),
)


def contenders(size: Size) -> dict[str, nn.Module]:
    """The three models, in the order of the table; the first two are one."""
    torch.manual_seed(0)
    context = 64 + PROMPT + size.new
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=size.vocab_size,
            n_positions=context,
            n_embd=size.d_model,
            n_layer=size.n_layers,
            n_head=size.n_heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=None,
            pad_token_id=0,
        )
    )
    decoder = Decoder(
        dim=size.d_model,
        depth=size.n_layers,
        heads=size.n_heads,
        attn_dim_head=size.d_model // size.n_heads,
        attn_flash=True,  # PyTorch's fused attention, as the other two have
    )
    other = TransformerWrapper(num_tokens=size.vocab_size, max_seq_len=context, attn_layers=decoder, tie_embedding=True)
    models = {OURS: gpt2_from_hf(theirs), "transformers": theirs, "x-transformers": other}
    tokens = torch.randint(size.vocab_size, (2, PROMPT))
    with torch.no_grad():
        torch.testing.assert_close(models[OURS](tokens), theirs(tokens).logits, rtol=1e-4, atol=1e-4)
    return models


def training_step(model: nn.Module, batch: Tensor):
    """A function that takes one step on a batch (B, T + 1)."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    options = {"use_cache": False} if isinstance(model, GPT2LMHeadModel) else {}
    inputs, targets = batch[:, :-1], batch[:, 1:]

    def step() -> None:
        logits = model(inputs, **options)
        logits = getattr(logits, "logits", logits)
        F.cross_entropy(logits.flatten(end_dim=-2), targets.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def greedy(model: nn.Module, prompt: Tensor, new: int):
    """A function that continues a prompt and returns all tokens, by each library's own generation with its cache."""
    if isinstance(model, GPT2LMHeadModel):
        mask = torch.ones_like(prompt)
        return lambda: model.generate(prompt, attention_mask=mask, max_new_tokens=new, do_sample=False)
    if isinstance(model, TransformerWrapper):
        wrapped = AutoregressiveWrapper(model)
        return lambda: wrapped.generate(prompt, new, temperature=0.0, cache_kv=True)
    return lambda: generate(model, prompt, new, temperature=0)


def rows_of(size: Size, rounds: int) -> list[dict]:
    """The rows of one size: of training where it has a batch, and of writing."""
    rows = []
    if size.batch is not None:
        sequences, length = size.batch
        batch = torch.randint(size.vocab_size, (sequences, length + 1))
        name = f"{size.shape}, batch {sequences} × {length}"
        works = {library: training_step(model.train(), batch) for library, model in contenders(size).items()}
        rows += rows_of_task("Training step", name, works, rounds, sequences * length)
    prompt = torch.randint(size.vocab_size, (1, PROMPT))
    models = contenders(size)
    store_by_columns(models[OURS])
    works = {library: greedy(model.eval(), prompt, size.new) for library, model in models.items()}
    assert torch.equal(works[OURS](), works["transformers"]()), "the same weights wrote different tokens"
    return rows + rows_of_task("Writing, batch 1", size.shape, works, rounds, size.new)


def rows_of_task(task: str, name: str, works: dict[str, Callable[[], object]], rounds: int, tokens: int) -> list[dict]:
    """A row of speed and one of memory for each peer."""
    ours, *others = (peak_megabytes(lambda work=work: [work(), work()]) for work in works.values())
    peers = [Peer(library, work, library) for library, work in works.items() if library != OURS]
    rows = compare(task, name, Peer(OURS, works[OURS]), peers, rounds, tokens=tokens)
    for peer, peak in zip(peers, others, strict=True):
        rows.append(row(f"{task}: memory", name, peer, "MB", ours, peak, peak / ours, 1))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    started = time.process_time()
    write("gpt", started, [row for size in SIZES for row in rows_of(size, rounds)])


if __name__ == "__main__":
    main()
