"""Four ways to say where a token stands, on one task with and without a mask, then on the plays. Minutes on one core.

The task is an echo: say, at each place, which letter stood two places before. It is the same with a causal mask and
without one, and it cannot be done without order. Writes trained/positions/results.json, lists by seed and block of
places:

    echo[mask][positions]     share of right letters in each eight places, up to four times the length of training
    half_time[positions]      the same for causal models with half of the steps
    two_heads[steps][positions]  the same without a mask and with two heads in place of four
    window[positions]         the same models as echo["causal"], shown only distances that they met in training
    keys[shown]               the causal rotary models, shown few keys and most of them far, or a window of twice 16
    plays[positions]          bits per character in each 16 places, up to four times the length of training
    plays_window[positions]   the same models, shown only distances that they met in training
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
from transformer_lib.masks import CAUSAL, Mask, sliding_window_mask
from transformer_lib.norms import RMSNorm
from transformer_lib.positions import LearnedPositions, Rotary, SinusoidalPositions
from transformer_lib.training import random_windows

KINDS = ("none", "sinusoidal", "learned", "rotary")
SEEDS = 3
LONGER = 4  # how many times the length of training is scored
LEARNING_RATE = 3e-3
LETTERS, BACK, ECHO_LENGTH, ECHO_BATCH, ECHO_STEPS, ECHO_HEADS = 16, 2, 16, 32, 600, 4
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


def trained_echo(kind: str, mask: str, *, steps: int, n_heads: int = ECHO_HEADS) -> list[Echo]:
    models = [Echo(decoder(kind, LETTERS + 1, ECHO_LENGTH, 32, n_heads, seed), mask) for seed in range(SEEDS)]
    weights = train_together(
        [*models], lambda generator: letters(ECHO_LENGTH, ECHO_BATCH, generator), steps, LEARNING_RATE
    )
    trained_apart([*models], weights)
    return models


@torch.no_grad()
def echoed(models: list[Echo], kind: str, mask: Mask = None) -> list[list[float]]:
    """Share of right letters by seed and eight places; `mask` replaces the one that the models were trained with."""
    length = ECHO_LENGTH * (1 if kind == "learned" else LONGER)
    (asked,), expected = letters(length, 300, torch.Generator().manual_seed(SEEDS))
    answers = [model(asked) if mask is None else model.model(asked, mask=mask)[:, BACK + 1 :] for model in models]
    right = torch.stack([(answer.argmax(dim=-1) == expected).double().mean(dim=0) for answer in answers])
    return F.pad(right, (BACK + 1, 0), value=torch.nan).unflatten(1, (-1, 8)).nanmean(dim=2).tolist()


def other_windows() -> dict[str, Tensor]:
    """As few keys as in the window, but most of them the farthest; and twice the window."""
    length = LONGER * ECHO_LENGTH
    near = sliding_window_mask(length, BACK + 1)
    first = torch.arange(length) < ECHO_LENGTH - (BACK + 1)
    past = torch.ones(length, length, dtype=torch.bool).tril()
    return {"few": (near | first) & past, "double": sliding_window_mask(length, 2 * ECHO_LENGTH)}


def echo(kind: str, mask: str, *, steps: int, n_heads: int = ECHO_HEADS) -> list[list[float]]:
    return echoed(trained_echo(kind, mask, steps=steps, n_heads=n_heads), kind)


@torch.no_grad()
def play_bits(model: LanguageModel, tokens: Tensor, length: int, mask: Mask = CAUSAL) -> list[float]:
    windows = tokens[: SCORED * (length + 1)].view(SCORED, length + 1)
    logits = model(windows[:, :-1], mask=mask)
    nats = F.cross_entropy(logits.transpose(1, 2), windows[:, 1:], reduction="none")
    return [bits_per_character(float(part), 1, 1) for part in nats.mean(dim=0).unflatten(0, (-1, 16)).mean(dim=1)]


def trained_on_plays(kind: str, tokens: Tensor, vocab_size: int) -> list[LanguageModel]:
    def windows(generator: torch.Generator) -> tuple[tuple[Tensor], Tensor]:
        inputs, targets = next(random_windows(tokens, PLAYS_LENGTH, PLAYS_BATCH, generator))
        return (inputs,), targets

    models = [decoder(kind, vocab_size, PLAYS_LENGTH, 64, 4, seed) for seed in range(SEEDS)]
    trained_apart([*models], train_together([*models], windows, PLAYS_STEPS, LEARNING_RATE))
    return models


def in_both_layouts(model: LanguageModel, tokens: Tensor) -> list[float]:
    """Bits over all places, as the model is and in the other layout, in which it stays."""
    right = play_bits(model, tokens, PLAYS_LENGTH)
    in_other_layout(model)
    wrong = play_bits(model, tokens, PLAYS_LENGTH)
    return [sum(right) / len(right), sum(wrong) / len(wrong)]


def in_other_layout(model: LanguageModel) -> None:
    """Reorder queries and keys from halves to neighbours, while the rotary goes on turning halves."""
    for block in model.blocks:
        for projection in (block.attention.w_q, block.attention.w_k):
            heads = projection.weight.data.unflatten(0, (block.attention.n_heads, 2, -1))
            projection.weight.data = heads.transpose(1, 2).flatten(0, 2)


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    results: dict = {"echo": {mask: {} for mask in MASKS}, "window": {}, "keys": {}, "plays": {}, "plays_window": {}}
    near = sliding_window_mask(LONGER * ECHO_LENGTH, ECHO_LENGTH)
    for mask in MASKS:
        for kind in KINDS:
            models = trained_echo(kind, mask, steps=ECHO_STEPS)
            results["echo"][mask][kind] = echoed(models, kind)
            if mask == "causal" and kind != "learned":  # a learned table has no rows beyond its length
                results["window"][kind] = echoed(models, kind, near)
            if mask == "causal" and kind == "rotary":
                results["keys"] = {name: echoed(models, kind, shown) for name, shown in other_windows().items()}
    results["half_time"] = {kind: echo(kind, "causal", steps=ECHO_STEPS // 2) for kind in KINDS}
    results["two_heads"] = {
        steps: {kind: echo(kind, "none", steps=steps, n_heads=2) for kind in kinds}
        for steps, kinds in {ECHO_STEPS // 2: ["rotary"], ECHO_STEPS: KINDS[1:]}.items()
    }
    tokenizer, tokens = load_plays()
    held_out, near = tokens["validation"], sliding_window_mask(LONGER * PLAYS_LENGTH, PLAYS_LENGTH)
    for kind in ("none", "sinusoidal", "rotary"):
        language_models = trained_on_plays(kind, tokens["train"], tokenizer.vocab_size)
        far = LONGER * PLAYS_LENGTH
        results["plays"][kind] = [play_bits(model, held_out, far) for model in language_models]
        results["plays_window"][kind] = [play_bits(model, held_out, far, near) for model in language_models]
    results["layouts"] = [in_both_layouts(model, held_out) for model in language_models]
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
