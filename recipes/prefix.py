"""The stored GPT tuned as a prefix decoder, and for comparison as what it is: a few minutes on one core.

Both begin with the weights in trained/gpt, read the same windows of the training plays in the same order, and are
scored on the same characters: those after a prefix, which one may look at whole and the other from left to right.
"""

import copy
import json
import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import LanguageModel
from transformer_lib.models.prefix_lm import PrefixLM
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, autocast, load, random_windows, train

SEEDS = (0, 1, 2)
STEPS, BATCH_SIZE = 120, 32
MUON_RATE, ADAMW_RATE = 4e-3, 8e-4  # a fifth of those of recipes/gpt.py
WARM_UP = 10
MASKS = ("causal", "prefix")
TUNED_FROM, TUNED_TO = 0.25, 0.75  # prefixes, as shares of the context
SCORED = 0.5  # the prefix of the windows that are scored, as a share of the context
WINDOWS = 600  # that are scored, evenly spread over the text

Batch = tuple[Tensor, Tensor, Tensor]


def suffix_nats(model: LanguageModel, batch: Batch, mask: str) -> tuple[Tensor, Tensor]:
    """-ln p of each target (B, T), and which stand after the prefix: its last position predicts the first of them."""
    inputs, targets, lengths = batch
    logits = PrefixLM(model)(inputs, lengths) if mask == "prefix" else model(inputs)
    nats = F.cross_entropy(logits.mT, targets, reduction="none")
    return nats, torch.arange(inputs.shape[1]) >= lengths[:, None] - 1


def windows(tokens: Tensor, length: int, generator: torch.Generator) -> Iterator[Batch]:
    """Windows of the text, each with a prefix of a length of its own."""
    low, high = round(TUNED_FROM * length), round(TUNED_TO * length)
    for inputs, targets in random_windows(tokens, length, BATCH_SIZE, generator):
        yield inputs, targets, torch.randint(low, high + 1, (BATCH_SIZE,), generator=generator)


def tune(model: LanguageModel, tokens: Tensor, mask: str, seed: int) -> LanguageModel:
    """A copy of the model, tuned under a mask."""
    tuned = copy.deepcopy(model)

    def loss(model: torch.nn.Module, batch: Batch) -> Tensor:
        nats, scored = suffix_nats(model, batch, mask)  # type: ignore[arg-type]
        return nats[scored].mean()

    with sdpa_kernel(SDPBackend.MATH):  # see recipes/gpt.py
        train(
            tuned,
            windows(tokens, tuned.context_length, torch.Generator().manual_seed(seed)),
            TrainConfig(steps=STEPS, max_norm=1.0),
            loss=autocast(loss),
            optimizer=muon_and_adamw(tuned, muon_lr=MUON_RATE, adamw_lr=ADAMW_RATE, weight_decay=0.01),
            schedule=trapezoid(STEPS, warmup=WARM_UP, cooldown=STEPS - WARM_UP),
            progress=True,
        )
    return tuned.eval()


@torch.no_grad()
def scores(model: LanguageModel, tokens: Tensor, mask: str) -> Tensor:
    """(windows, characters after the prefix) in nats."""
    length = model.context_length
    starts = torch.arange(0, len(tokens) - length, max(length, len(tokens) // WINDOWS))
    inputs, targets = (tokens[starts[:, None] + torch.arange(first, first + length)] for first in (0, 1))
    lengths = torch.full((len(starts),), round(SCORED * length))
    batches = zip(inputs.split(32), targets.split(32), lengths.split(32), strict=True)
    parts = [suffix_nats(model, batch, mask) for batch in batches]
    return torch.cat([nats[:, scored[0]] for nats, scored in parts])


def summary(nats: Tensor) -> dict[str, object]:
    """Mean and standard error over the windows, and the mean at each distance from the prefix."""
    by_window = nats.double().mean(dim=1)
    return {
        "nats": round(float(by_window.mean()), 5),
        "standard_error": round(float(by_window.std() / len(nats) ** 0.5), 5),
        "by_distance": [round(x, 4) for x in nats.double().mean(dim=0).tolist()],
    }


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    _, tokens = load_plays()
    stored = load(TRAINED / "gpt")
    results: list[dict[str, object]] = []

    def note(model: LanguageModel, tuned: str, seed: int | None) -> None:
        """Score a model under both masks; what the masks or tunings differ by has a standard error of its own."""
        for mask in MASKS:
            for split in ("validation", "test"):
                nats = scores(model, tokens[split], mask)
                row = {"tuned": tuned, "seed": seed, "mask": mask, "split": split, **summary(nats)}
                reference = causal.setdefault((split, seed if tuned != "no" else None), nats)
                gap = (nats - reference).double().mean(dim=1)
                row["above_causal"] = round(float(gap.mean()), 5)
                row["above_causal_se"] = round(float(gap.std() / len(gap) ** 0.5), 5)
                results.append(row)
                print({name: value for name, value in row.items() if name != "by_distance"}, flush=True)

    causal: dict[tuple[str, int | None], Tensor] = {}  # of each tuning, the causal model's under its own mask
    note(stored, "no", None)
    for seed in SEEDS:
        for mask in MASKS:
            note(tune(stored, tokens["train"], mask, seed), mask, seed)

    write_card(
        "prefix",
        chapter="14",
        command="python recipes/prefix.py",
        seeds=list(SEEDS),
        steps=STEPS,
        batch_size=BATCH_SIZE,
        seconds=round(time.process_time() - started, 1),
    )
    text = json.dumps({"context_length": stored.context_length, "runs": results})
    text = text.replace('{"tuned"', '\n{"tuned"')
    (TRAINED / "prefix" / "results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
