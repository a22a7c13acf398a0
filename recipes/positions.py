"""Four ways to say where a token stands, on one task with and without a mask, then on the plays. Minutes on one core.

The task is an echo: say, at each place, which letter stood two places before. It is the same with a causal mask and
without one, and it cannot be done without order. Writes trained/positions/results.json, lists by seed and block of
places:

    echo[mask][positions]     share of right letters in each eight places, up to four times the length of training
    patient                   the same for the causal model without positions, trained for longer
    plays[positions]          bits per character in each 16 places, up to four times the length of training
    layouts                   bits per character of the rotary model, and with its weights in the other layout
"""

import json
import time

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from heads import train_together
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.ladder import bits_per_character
from transformer_lib.masks import CAUSAL
from transformer_lib.norms import RMSNorm
from transformer_lib.positions import LearnedPositions, Rotary, SinusoidalPositions
from transformer_lib.training import random_windows

KINDS = ("none", "sinusoidal", "learned", "rotary")
SEEDS = 3
LONGER = 4  # how many times the length of training is scored
LEARNING_RATE = 3e-3
LETTERS, BACK, ECHO_LENGTH, ECHO_BATCH, ECHO_STEPS = 16, 2, 16, 32, 300
PATIENT_STEPS = 500  # for the causal model without positions, which learns more slowly
PLAYS_LENGTH, PLAYS_BATCH, PLAYS_STEPS, SCORED = 64, 16, 300, 150
MASKS = {"causal": CAUSAL, "none": None}


def decoder(kind: str, vocab_size: int, length: int, d_model: int, n_heads: int, seed: int) -> LanguageModel:
    """Two layers, alike but for the way positions enter; PyTorch's own initial weights, N(0, 1) for embeddings."""
    torch.manual_seed(seed)
    tables = {"sinusoidal": lambda: SinusoidalPositions(d_model), "learned": lambda: LearnedPositions(length, d_model)}

    def block() -> Block:
        rotary = Rotary(d_model // n_heads) if kind == "rotary" else None
        attention = MultiHeadAttention(d_model, n_heads, bias=False, rotary=rotary)
        return Block(attention, FeedForward(d_model, 2 * d_model), lambda: PreNorm(RMSNorm(d_model)))

    return LanguageModel(
        Embedding(nn.Embedding(vocab_size, d_model), tables[kind]() if kind in tables else None),
        [block(), block()],
        RMSNorm(d_model),
        nn.Linear(d_model, vocab_size, bias=False),
    )


class Echo(nn.Module):
    """From letters (B, T) to the logits of what stood two places before, where something did."""

    def __init__(self, model: LanguageModel, mask: str) -> None:
        super().__init__()
        self.model, self.mask = model, mask

    def forward(self, letters: Tensor) -> Tensor:
        return self.model(letters, mask=MASKS[self.mask])[:, BACK + 1 :]


def letters(length: int, size: int, generator: torch.Generator) -> tuple[tuple[Tensor], Tensor]:
    """Random letters after a begin token, (size, length), and what is to be echoed."""
    drawn = torch.randint(LETTERS, (size, length), generator=generator)
    drawn[:, 0] = LETTERS
    return (drawn,), drawn[:, 1:-BACK]


def trained_apart(models: list[nn.Module], weights: dict[str, Tensor]) -> None:
    for i, model in enumerate(models):
        model.load_state_dict({name: value[i] for name, value in weights.items()})


@torch.no_grad()
def echo(kind: str, mask: str, steps: int) -> list[list[float]]:
    models: list[nn.Module] = [
        Echo(decoder(kind, LETTERS + 1, ECHO_LENGTH, 32, 2, seed), mask) for seed in range(SEEDS)
    ]
    with torch.enable_grad():
        weights = train_together(
            models, lambda generator: letters(ECHO_LENGTH, ECHO_BATCH, generator), steps, LEARNING_RATE
        )
    trained_apart(models, weights)
    length = ECHO_LENGTH * (1 if kind == "learned" else LONGER)
    (asked,), expected = letters(length, 300, torch.Generator().manual_seed(SEEDS))
    right = torch.stack([(model(asked).argmax(dim=-1) == expected).double().mean(dim=0) for model in models])
    return F.pad(right, (BACK + 1, 0), value=torch.nan).unflatten(1, (-1, 8)).nanmean(dim=2).tolist()


@torch.no_grad()
def play_bits(model: nn.Module, tokens: Tensor, length: int) -> list[float]:
    windows = tokens[: SCORED * (length + 1)].view(SCORED, length + 1)
    nats = F.cross_entropy(model(windows[:, :-1]).transpose(1, 2), windows[:, 1:], reduction="none")
    return [bits_per_character(float(part), 1, 1) for part in nats.mean(dim=0).unflatten(0, (-1, 16)).mean(dim=1)]


def plays(kind: str, tokens: dict[str, Tensor], vocab_size: int) -> tuple[list[list[float]], list[list[float]]]:
    """Bits by place of each seed's model; and over all places, as it is and in the other layout."""

    def windows(generator: torch.Generator) -> tuple[tuple[Tensor], Tensor]:
        inputs, targets = next(random_windows(tokens["train"], PLAYS_LENGTH, PLAYS_BATCH, generator))
        return (inputs,), targets

    models: list[nn.Module] = [decoder(kind, vocab_size, PLAYS_LENGTH, 64, 4, seed) for seed in range(SEEDS)]
    trained_apart(models, train_together(models, windows, PLAYS_STEPS, LEARNING_RATE))
    bits = [play_bits(model, tokens["validation"], LONGER * PLAYS_LENGTH) for model in models]
    layouts = []
    if kind == "rotary":
        for model in models:
            right = play_bits(model, tokens["validation"], PLAYS_LENGTH)
            in_other_layout(model)
            wrong = play_bits(model, tokens["validation"], PLAYS_LENGTH)
            layouts.append([sum(right) / len(right), sum(wrong) / len(wrong)])
    return bits, layouts


def in_other_layout(model: LanguageModel) -> None:
    """Reorder queries and keys from halves to neighbours, while the rotary goes on turning halves."""
    for block in model.blocks:
        for projection in (block.attention.w_q, block.attention.w_k):
            heads = projection.weight.data.unflatten(0, (block.attention.n_heads, 2, -1))
            projection.weight.data = heads.transpose(1, 2).flatten(0, 2)


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    results: dict = {
        "echo": {mask: {kind: echo(kind, mask, ECHO_STEPS) for kind in KINDS} for mask in MASKS},
        "plays": {},
    }
    results["patient"] = echo("none", "causal", PATIENT_STEPS)
    tokenizer, tokens = load_plays()
    for kind in ("none", "sinusoidal", "rotary"):  # a learned table has no rows beyond its length
        results["plays"][kind], results["layouts"] = plays(kind, tokens, tokenizer.vocab_size)
    write_card(
        "positions",
        chapter="10",
        command="python recipes/positions.py",
        seconds=round(time.process_time() - started),
        seed=f"0 to {SEEDS - 1}",
    )
    (TRAINED / "positions" / "results.json").write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
