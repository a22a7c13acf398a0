"""A GPT beside those of transformers and x-transformers: training steps, generation at batch 1, peak memory.

    python bench/gpt.py [--rounds 9]

Three minutes of one core. The GPT-2 of transformers and ours have the same weights, and the run stops unless their
logits are equal. x-transformers has no such import, and its attention has no biases: its decoder, and the GPT of ours
that is set beside it, are as wide, deep and many-headed, have none anywhere but in norms, and start at random. All
train with PyTorch's fused AdamW on the same batch, and write greedily.
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

from transformer_lib.architectures import LanguageModel
from transformer_lib.generation import generate
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.pretrained.hugging_face import gpt2_from_hf
from transformer_lib.runtime import fuse_projections, store_by_columns

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit.script, which it calls when imported
    from x_transformers import AutoregressiveWrapper, Decoder, TransformerWrapper

PROMPT = 16
Call = Callable[[], object]


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


def pairs(size: Size) -> dict[str, tuple[LanguageModel, nn.Module]]:
    """By the name of each peer: a model of ours, and theirs of equal size."""
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
    ours = gpt2_from_hf(theirs)
    tokens = torch.randint(size.vocab_size, (2, PROMPT))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-4, atol=1e-4)

    decoder = Decoder(
        dim=size.d_model,
        depth=size.n_layers,
        heads=size.n_heads,
        attn_dim_head=size.d_model // size.n_heads,
        attn_flash=True,  # PyTorch's fused attention, as the others have
        ff_no_bias=True,
    )
    other = TransformerWrapper(num_tokens=size.vocab_size, max_seq_len=context, attn_layers=decoder, tie_embedding=True)
    config = GPTConfig(
        vocab_size=size.vocab_size,
        context_length=context,
        d_model=size.d_model,
        n_layers=size.n_layers,
        n_heads=size.n_heads,
        d_ff=4 * size.d_model,
        bias=False,
    )
    return {"transformers": (ours, theirs), "x-transformers": (gpt(config), other)}


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
        for library, models in pairs(size).items():
            works = [training_step(model.train(), batch) for model in models]
            rows += rows_of_pair("Training step", name, library, works, rounds, sequences * length)
    prompt = torch.randint(size.vocab_size, (1, PROMPT))
    for library, models in pairs(size).items():
        fuse_projections(models[0])
        store_by_columns(models[0])
        works = [greedy(model.eval(), prompt, size.new) for model in models]
        if library == "transformers":
            assert torch.equal(*(work() for work in works)), "the same weights wrote different tokens"
        rows += rows_of_pair("Writing, batch 1", size.shape, library, works, rounds, size.new)
    return rows


def rows_of_pair(task: str, name: str, library: str, works: list[Call], rounds: int, tokens: int) -> list[dict]:
    """A row of speed and one of memory."""
    ours, theirs = (peak_megabytes(lambda work=work: [work(), work()]) for work in works)
    peer = Peer(library, works[1], library)
    rows = compare(task, name, Peer(OURS, works[0]), [peer], rounds, tokens=tokens)
    return [*rows, row(f"{task}: memory", name, peer, "MB", ours, theirs, theirs / ours, 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    started = time.process_time()
    write("gpt", started, [row for size in SIZES for row in rows_of(size, rounds)])


if __name__ == "__main__":
    main()
