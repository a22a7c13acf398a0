"""What each part of the pronunciation recipe is worth: a smaller model, half an epoch, one part changed at a time.

Fifteen minutes on one core. Every run draws as many pairs; what is not changed is as in `pronunciation.py`.
"""

import functools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from _cards import TRAINED, write_card
from pronunciation import ADAMW, BATCH_SIZE, MODEL, MUON, SMOOTHING, encoded
from pronunciation_scores import pronounce, rates
from torch import Tensor

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.data import pronunciation
from transformer_lib.data.pronunciation import PHONEMES
from transformer_lib.models.rotary_transformer import rotary_transformer
from transformer_lib.models.transformer import transformer
from transformer_lib.optimizers import decay_groups, muon_and_adamw
from transformer_lib.schedules import noam, trapezoid
from transformer_lib.training import BucketedPairs, MovingAverage, TrainConfig, pad_to_longest, train
from transformer_lib.training.losses import translation_loss

SMALL = replace(MODEL, d_model=96, n_layers=2, d_ff=384)
SEEDS = (0, 1)
EPOCHS = 0.5
EVERY = 8  # one validation word in so many is scored
DECAY = 0.98  # a shorter run averages less far


@dataclass(frozen=True)
class Variant:
    """The recipe, with whatever a variant changes."""

    build: Callable[..., EncoderDecoder] = rotary_transformer
    batch_size: int = BATCH_SIZE
    bucketed: bool = True
    smoothing: float = SMOOTHING
    matrices: str = "muon"
    schedule: str = "trapezoid"


VARIANTS = {
    "the recipe": Variant(),
    "post-norm, sinusoidal, ReLU": Variant(build=transformer),
    "the schedule of 2017": Variant(schedule="noam"),
    "AdamW for the matrices too": Variant(matrices="adamw"),
    "batches of 256": Variant(batch_size=2 * BATCH_SIZE),
    "batches of random lengths": Variant(bucketed=False),
    "no label smoothing": Variant(smoothing=0.0),
}


def shuffled(
    pairs: list[tuple[list[int], list[int]]], size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of random lengths: what bucketing is compared with."""
    for batch in torch.randperm(len(pairs), generator=generator).split(size):
        sources, targets = zip(*(pairs[index] for index in batch.tolist()), strict=True)
        yield pad_to_longest(sources, PHONEMES.pad), pad_to_longest(targets, PHONEMES.pad)


def run(seed: int, variant: Variant) -> dict[str, dict[str, float]]:
    """Train once; validation scores of the averaged weights by greedy and beam, and of the last weights."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    words = pronunciation.load()
    pairs = encoded(words.train)
    some = dict(list(words.validation.items())[::EVERY])
    model = variant.build(SMALL, generator)
    size = variant.batch_size
    buckets = BucketedPairs(pairs, generator, pad=PHONEMES.pad, batch_size=size)
    steps = round(EPOCHS * len(pairs) / size)
    if variant.matrices == "muon":
        optimizer = muon_and_adamw(model, muon_lr=MUON, adamw_lr=ADAMW, betas=(0.9, 0.98), weight_decay=0.01)
    else:
        optimizer = torch.optim.AdamW(decay_groups(model, 0.01), ADAMW, betas=(0.9, 0.98))
    average = MovingAverage(optimizer, DECAY)
    warmup = steps // 10
    schedule = trapezoid(steps, warmup=warmup, cooldown=steps * 7 // 10)
    started = time.process_time()
    train(
        model,
        buckets if variant.bucketed else shuffled(pairs, size, generator),
        TrainConfig(steps=steps, max_norm=1.0),
        loss=functools.partial(translation_loss, pad=PHONEMES.pad, smoothing=variant.smoothing),
        optimizer=optimizer,
        schedule=noam(warmup) if variant.schedule == "noam" else schedule,
    )
    seconds = time.process_time() - started
    model.eval()
    results = {"last weights, greedy": rates(pronounce(model, some, beams=1), some)}
    with average.applied():
        results["greedy"] = rates(pronounce(model, some, beams=1), some)
        results["beams=4"] = rates(pronounce(model, some, beams=4), some)
    return {**results, "seconds": {"training": round(seconds, 1)}}


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    results: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in VARIANTS}
    folder = TRAINED / "pronunciation_ablations"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        for name, variant in VARIANTS.items():
            results[name].append(run(seed, variant))
            print(seed, name, results[name][-1], flush=True)
            (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_card(
        "pronunciation_ablations",
        chapter="13",
        command="python recipes/pronunciation_ablations.py",
        seeds=list(SEEDS),
        model={"d_model": SMALL.d_model, "layers": f"{SMALL.n_layers} + {SMALL.n_layers}", "epochs": EPOCHS},
        seconds=round(time.process_time() - started, 1),
    )


if __name__ == "__main__":
    main()
