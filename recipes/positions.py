"""Four ways to say where a token stands, on one task with and without a mask, then on the plays. Minutes on one core.

The task is an echo: say, at each place, which letter stood two places before. It is the same with a causal mask and
without one, and it cannot be done without order. Writes trained/positions/results.json, lists by seed and block of
places:

    echo[mask][positions]     share of right letters in each eight places, up to four times the length of training
    plays[positions]          bits per character in each 16 places, up to four times the length of training
    layouts                   bits per character of the rotary model, and with its weights in the other layout
"""

import itertools
import json
import time
from collections.abc import Iterator

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.ladder import bits_per_character
from transformer_lib.norms import RMSNorm
from transformer_lib.positions import LearnedPositions, Rotary, SinusoidalPositions
from transformer_lib.schedules import warmup_cosine
from transformer_lib.training import TrainConfig, random_windows, train

KINDS = ("none", "sinusoidal", "learned", "rotary")
LETTERS, BACK, ECHO_LENGTH, ECHO_SEEDS = 16, 2, 16, 3
PLAYS_LENGTH, PLAYS_SEEDS, SCORED = 64, 3, 200
LONGER = 4  # how many times the length of training is scored
ECHO = TrainConfig(steps=500, learning_rate=3e-3, max_norm=1.0)
PLAYS = TrainConfig(steps=400, learning_rate=3e-3, max_norm=1.0)


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


def sequences(length: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random letters after a begin token, (size, length), for ever."""
    while True:
        letters = torch.randint(LETTERS, (size, length), generator=generator)
        letters[:, 0] = LETTERS
        yield letters


def echo(kind: str, causal: bool, seed: int) -> list[float]:
    model = decoder(kind, LETTERS + 1, ECHO_LENGTH, 32, 2, seed)
    mask = None if causal else torch.ones(1, 1, dtype=torch.bool)

    def answers(model: nn.Module, letters: Tensor) -> tuple[Tensor, Tensor]:
        return model(letters, mask=mask)[:, BACK + 1 :], letters[:, 1:-BACK]

    def loss(model: nn.Module, letters: Tensor) -> Tensor:
        logits, targets = answers(model, letters)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    generator = torch.Generator().manual_seed(seed)
    schedule = warmup_cosine(ECHO.steps, warmup=ECHO.steps // 20)
    train(model, sequences(ECHO_LENGTH, 32, generator), ECHO, loss=loss, schedule=schedule)
    length = ECHO_LENGTH * (1 if kind == "learned" else LONGER)
    with torch.no_grad():
        logits, targets = answers(model, next(sequences(length, 300, generator)))
    right = F.pad((logits.argmax(dim=-1) == targets).double().mean(dim=0), (BACK + 1, 0), value=torch.nan)
    return right.unflatten(0, (-1, 8)).nanmean(dim=1).tolist()


def play_bits(model: LanguageModel, tokens: Tensor, length: int) -> list[float]:
    windows = tokens[: SCORED * (length + 1)].view(SCORED, length + 1)
    with torch.no_grad():
        nats = F.cross_entropy(model(windows[:, :-1]).transpose(1, 2), windows[:, 1:], reduction="none")
    return [bits_per_character(float(part), 1, 1) for part in nats.mean(dim=0).unflatten(0, (-1, 16)).mean(dim=1)]


def in_other_layout(model: LanguageModel) -> None:
    """Reorder queries and keys from halves to neighbours, while the rotary goes on turning halves."""
    for block in model.blocks:
        for projection in (block.attention.w_q, block.attention.w_k):
            heads = projection.weight.data.unflatten(0, (block.attention.n_heads, 2, -1))
            projection.weight.data = heads.transpose(1, 2).flatten(0, 2)


def run_echo() -> dict[str, dict[str, list]]:
    results: dict[str, dict[str, list]] = {}
    for mask in ("causal", "none"):
        results[mask] = {}
        for kind in KINDS:
            results[mask][kind] = runs = [echo(kind, mask == "causal", seed) for seed in range(ECHO_SEEDS)]
            print(
                f"echo, mask {mask}, positions {kind}: {[f'{run[1]:.2f} … {run[-1]:.2f}' for run in runs]}", flush=True
            )
    return results


def run_plays() -> tuple[dict[str, list], list]:
    tokenizer, tokens = load_plays()
    results: dict[str, list] = {kind: [] for kind in KINDS}
    layouts = []
    for kind, seed in itertools.product(KINDS, range(PLAYS_SEEDS)):
        model = decoder(kind, tokenizer.vocab_size, PLAYS_LENGTH, 64, 4, seed)
        generator = torch.Generator().manual_seed(seed)
        schedule = warmup_cosine(PLAYS.steps, warmup=PLAYS.steps // 20)
        train(model, random_windows(tokens["train"], PLAYS_LENGTH, 16, generator), PLAYS, schedule=schedule)
        length = PLAYS_LENGTH * (1 if kind == "learned" else LONGER)
        results[kind].append(play_bits(model, tokens["validation"], length))
        print(f"plays, {kind}: {[round(value, 2) for value in results[kind][-1]]}", flush=True)
        if kind == "rotary":
            right = play_bits(model, tokens["validation"], PLAYS_LENGTH)
            in_other_layout(model)
            wrong = play_bits(model, tokens["validation"], PLAYS_LENGTH)
            layouts.append([sum(right) / len(right), sum(wrong) / len(wrong)])
    return results, layouts


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    plays, layouts = run_plays()
    results = {"echo": run_echo(), "plays": plays, "layouts": layouts}
    write_card(
        "positions",
        chapter="10",
        command="python recipes/positions.py",
        seconds=round(time.process_time() - started),
        seed=f"0 to {ECHO_SEEDS - 1} (echo), 0 to {PLAYS_SEEDS - 1} (plays)",
    )
    (TRAINED / "positions" / "results.json").write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
