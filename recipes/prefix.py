"""The stored GPT tuned as a prefix decoder, and for comparison as what it is: a quarter of an hour on one core.

Both begin with the weights in trained/gpt, read the same windows of the training plays in the same order, and are
scored on the same characters: those after a prefix, which one may look at whole and the other from left to right.

Each mask has a learning rate of its own, the better of RATES on the validation plays with the first seed. After a
warm-up the rate stays, so that one run gives the scores of every length: at each milestone the moving average of the
weights is scored. An interrupted run of the recipe goes on after the last training done.
"""

import copy
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import LanguageModel
from transformer_lib.models.prefix_lm import PrefixLM
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.training import MovingAverage, TrainConfig, autocast, load, random_windows, train

SEEDS = (0, 1, 2)
MILESTONES, BATCH_SIZE = (40, 80, 160, 320), 16
RATES = (2e-3, 5e-4)  # Muon's; that of recipes/gpt.py is 0.02
ADAMW_SHARE = 0.2  # AdamW's rate, as a share of Muon's, as in recipes/gpt.py
WARM_UP, AVERAGE = 10, 0.97
MASKS = ("prefix", "causal")
TUNED_FROM, TUNED_TO = 0.25, 0.75  # prefixes, as shares of the context
SCORED = 0.5  # the prefix of the windows that are scored, as a share of the context
WINDOWS = {"validation": 300, "test": 600}  # that are scored, evenly spread over the text
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "prefix.json"

Batch = tuple[Tensor, Tensor, Tensor]
Row = dict[str, object]


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


@torch.no_grad()
def scores(model: LanguageModel, tokens: dict[str, Tensor], split: str, mask: str) -> Tensor:
    """(windows, characters after the prefix) in nats."""
    length, text = model.context_length, tokens[split]
    starts = torch.arange(0, len(text) - length, max(length, len(text) // WINDOWS[split]))[: WINDOWS[split]]
    inputs, targets = (text[starts[:, None] + torch.arange(first, first + length)] for first in (0, 1))
    lengths = torch.full((len(starts),), round(SCORED * length))
    batches = zip(inputs.split(32), targets.split(32), lengths.split(32), strict=True)
    parts = [suffix_nats(model, batch, mask) for batch in batches]
    return torch.cat([nats[:, scored[0]] for nats, scored in parts]).double()


def summary(nats: Tensor) -> Row:
    """The mean over all characters, over each window, and at each distance from the prefix."""
    return {
        "nats": round(float(nats.mean()), 5),
        "by_distance": [round(x, 4) for x in nats.mean(dim=0).tolist()],
        "by_window": [round(x, 5) for x in nats.mean(dim=1).tolist()],
    }


def tune(model: LanguageModel, tokens: dict[str, Tensor], mask: str, rate: float, seed: int) -> Row:
    """Tune a copy of the model under a mask; its loss on the validation plays at each milestone, and on the test."""
    started, tuned, curve = time.process_time(), copy.deepcopy(model), []
    batches = windows(tokens["train"], tuned.context_length, torch.Generator().manual_seed(seed))
    optimizer = muon_and_adamw(tuned, muon_lr=rate, adamw_lr=ADAMW_SHARE * rate, weight_decay=0.01)
    average = MovingAverage(optimizer, AVERAGE)

    def loss(model: torch.nn.Module, batch: Batch) -> Tensor:
        nats, scored = suffix_nats(model, batch, mask)  # type: ignore[arg-type]
        return nats[scored].mean()

    for before, after in itertools.pairwise((0, *MILESTONES)):
        config = TrainConfig(steps=after - before, max_norm=1.0, log_every=after)
        schedule = lambda step, before=before: min(1.0, (before + step + 1) / WARM_UP)  # noqa: E731
        with sdpa_kernel(SDPBackend.MATH):  # see recipes/gpt.py
            train(tuned, batches, config, loss=autocast(loss), optimizer=optimizer, schedule=schedule)
        with average.applied():
            curve.append(round(float(scores(tuned.eval(), tokens, "validation", mask).mean()), 5))
            tuned.train()
            if after == MILESTONES[-1]:
                final = summary(scores(tuned.eval(), tokens, "test", mask))
    row = {"tuned": mask, "rate": rate, "seed": seed, "validation": curve, **final}
    return {**row, "seconds": round(time.process_time() - started, 1)}


def main() -> None:
    torch.set_num_threads(1)
    _, tokens = load_plays()
    stored = load(TRAINED / "gpt").eval()
    settings = {"milestones": list(MILESTONES), "batch_size": BATCH_SIZE, "windows": WINDOWS}
    record = json.loads(CHECKPOINT.read_text()) if CHECKPOINT.exists() else {"settings": settings, "runs": []}
    if record["settings"] != settings:
        raise ValueError(f"{CHECKPOINT} is of a run with other settings: move it away to begin anew")
    done: list[Row] = record["runs"]

    def run(mask: str, rate: float, seed: int) -> Row:
        """A training, or what is written down of it."""
        for row in done:
            if (row["tuned"], row["rate"], row["seed"]) == (mask, rate, seed):
                return row
        done.append(tune(stored, tokens, mask, rate, seed))
        CHECKPOINT.parent.mkdir(exist_ok=True)
        CHECKPOINT.write_text(json.dumps(record))
        print(mask, rate, seed, done[-1]["validation"], done[-1]["nats"], flush=True)
        return done[-1]

    best: dict[str, float] = {}
    for mask in MASKS:
        tried = {rate: run(mask, rate, SEEDS[0])["validation"][-1] for rate in RATES}  # type: ignore[index]
        best[mask] = min(tried, key=tried.__getitem__)
    for mask, seed in itertools.product(MASKS, SEEDS):
        run(mask, best[mask], seed)

    untuned: dict[str, Row] = {}
    for mask in MASKS:
        validation = scores(stored, tokens, "validation", mask)
        row = {"tuned": "no", "mask": mask, "validation": [round(float(validation.mean()), 5)]}
        untuned[mask] = {**row, **summary(scores(stored, tokens, "test", mask))}

    def compared(row: Row, causal: Row) -> Row:
        """The difference from a causal run and its standard error over the windows, in place of every window."""
        gap = torch.tensor(row["by_window"]).double() - torch.tensor(causal["by_window"]).double()
        kept = {key: value for key, value in row.items() if key != "by_window"}
        error = float(gap.std() / len(gap) ** 0.5)
        return {**kept, "above_causal": round(float(gap.mean()), 5), "above_causal_se": round(error, 5)}

    runs = [compared(row, untuned["causal"]) for row in untuned.values()]
    done.sort(key=lambda row: (row["tuned"], row["rate"], row["seed"]))  # whatever order they were done in
    runs += [compared(row, run("causal", best["causal"], row["seed"])) for row in done]  # type: ignore[arg-type]
    write_card(
        "prefix",
        chapter="14a",
        command="python recipes/prefix.py",
        seeds=list(SEEDS),
        steps=MILESTONES[-1],
        batch_size=BATCH_SIZE,
        seconds=round(sum(row["seconds"] for row in done), 1),  # type: ignore[misc]
    )
    facts = {"context_length": stored.context_length, "milestones": MILESTONES, "rates": best, "runs": runs}
    text = json.dumps(facts).replace('{"tuned"', '\n{"tuned"')
    (TRAINED / "prefix" / "results.json").write_text(text + "\n", encoding="utf-8")
    CHECKPOINT.unlink()


if __name__ == "__main__":
    main()
