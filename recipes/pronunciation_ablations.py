"""What each part of the pronunciation recipe is worth: a smaller model, one epoch, one part changed at a time.

Fifteen minutes on one core. Every run sees each training word once; what is not changed is as in `pronunciation.py`.
"""

import functools
import json
import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from _cards import TRAINED, write_card
from pronunciation import ADAMW, BATCH_SIZE, DECAY, MODEL, MUON, SMOOTHING, encoded
from pronunciation_scores import pronounce, rates
from torch import Tensor

from transformer_lib.data import pronunciation
from transformer_lib.data.pronunciation import PHONEMES
from transformer_lib.models.transformer import transformer
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import Schedule, noam, trapezoid
from transformer_lib.training import BucketedPairs, MovingAverage, TrainConfig, pad_to_longest, train
from transformer_lib.training.losses import translation_loss

SMALL = replace(MODEL, d_model=96, n_layers=2, d_ff=384)
SEEDS = (0, 1)
EVERY = 8  # one validation word in so many is scored


def shuffled(pairs: list[tuple[list[int], list[int]]], generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of random lengths: what bucketing is compared with."""
    for batch in torch.randperm(len(pairs), generator=generator).split(BATCH_SIZE):
        sources, targets = zip(*(pairs[index] for index in batch.tolist()), strict=True)
        yield pad_to_longest(sources, PHONEMES.pad), pad_to_longest(targets, PHONEMES.pad)


def run(
    seed: int,
    *,
    bucketed: bool = True,
    smoothing: float = SMOOTHING,
    schedule: str = "trapezoid",
) -> dict[str, dict[str, float]]:
    """Train once; validation scores of the averaged weights by greedy and beam, and of the last weights."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    words = pronunciation.load()
    pairs = encoded(words.train)
    some = dict(list(words.validation.items())[::EVERY])
    model = transformer(SMALL, generator)
    buckets = BucketedPairs(pairs, generator, pad=PHONEMES.pad, batch_size=BATCH_SIZE)
    steps = -(-len(pairs) // BATCH_SIZE) if not bucketed else buckets.per_epoch
    schedules: dict[str, Schedule] = {
        "trapezoid": trapezoid(steps, warmup=40, cooldown=steps * 7 // 10),
        "noam": noam(40),
    }
    optimizer = muon_and_adamw(model, muon_lr=MUON, adamw_lr=ADAMW, betas=(0.9, 0.98), weight_decay=0.01)
    average = MovingAverage(optimizer, 1 - 10 * (1 - DECAY))  # a run of a tenth the length averages a tenth as far
    started = time.process_time()
    train(
        model,
        buckets if bucketed else shuffled(pairs, generator),
        TrainConfig(steps=steps, max_norm=1.0),
        loss=functools.partial(translation_loss, pad=PHONEMES.pad, smoothing=smoothing),
        optimizer=optimizer,
        schedule=schedules[schedule],
    )
    seconds = time.process_time() - started
    model.eval()
    results = {"last weights, greedy": rates(pronounce(model, some, beams=1), some)}
    with average.applied():
        results["greedy"] = rates(pronounce(model, some, beams=1), some)
        results["beams=4"] = rates(pronounce(model, some, beams=4), some)
    return {**results, "seconds": {"training": round(seconds, 1)}}


VARIANTS: dict[str, dict[str, object]] = {
    "the recipe": {},
    "random batches": {"bucketed": False},
    "no label smoothing": {"smoothing": 0.0},
    "the schedule of 2017": {"schedule": "noam"},
}


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    results: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in VARIANTS}
    folder = TRAINED / "pronunciation_ablations"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        for name, changes in VARIANTS.items():
            results[name].append(run(seed, **changes))  # type: ignore[arg-type]
            print(seed, name, results[name][-1], flush=True)
            (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_card(
        "pronunciation_ablations",
        chapter="13",
        command="python recipes/pronunciation_ablations.py",
        seeds=list(SEEDS),
        model={"d_model": SMALL.d_model, "layers": f"{SMALL.n_layers} + {SMALL.n_layers}", "epochs": 1},
        seconds=round(time.process_time() - started, 1),
    )


if __name__ == "__main__":
    main()
