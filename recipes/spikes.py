"""Loss spikes made on purpose: a rate that is right and one four times as high, with and without clipping and warm-up.

The GPT of recipes/training_well.py on the same plays, five seeds, 160 steps each, watched at every step: two minutes on
one core.
"""

import json
import math
import statistics
import time
from itertools import product

import torch
from _cards import TRAINED, write_card
from training_well import Laboratory, Setting, batches_of, new_model, optimizer_of, schedule_of

from transformer_lib.training import TrainConfig, Watch, train

COMMAND = "python recipes/spikes.py"
SEEDS, STEPS, WARM_UP = range(5), 160, 0.1
RATES = (8e-3, 3.2e-2)
GUARDS = {  # name -> the longest gradient, the share of the run that warms up
    "both": (1.0, WARM_UP),
    "no clipping": (None, WARM_UP),
    "no warm-up": (1.0, 0.0),
    "neither": (None, 0.0),
}


def rounded(values: list[float]) -> list[float]:
    return [float(f"{value:.3g}") for value in values]


def watched(laboratory: Laboratory, rate: float, guards: str, seed: int) -> dict:
    max_norm, warmup = GUARDS[guards]
    setting = Setting(rate=rate, max_norm=max_norm, warmup=warmup, schedule="constant")
    model = new_model(setting, laboratory.vocab_size, seed)
    optimizer = optimizer_of(model, setting)
    watch = Watch(model, optimizer)
    history = train(
        model,
        batches_of(laboratory.tokens["train"], setting, STEPS, seed),
        TrainConfig(steps=STEPS, max_norm=max_norm, log_every=1),
        optimizer=optimizer,
        schedule=schedule_of(setting, STEPS),
    )
    ratios = [
        statistics.median(value for name, value in entry.items() if name.startswith("update_ratio/"))
        for entry in watch.history
    ]
    return {
        "rate": rate,
        "guards": guards,
        "seed": seed,
        "loss": rounded([entry["loss"] / math.log(2) for entry in history]),
        "gradient_norm": rounded([entry["gradient_norm"] for entry in watch.history]),
        "update_ratio": rounded(ratios),
        "validation": laboratory.bits(model, "validation"),
    }


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    laboratory, runs = Laboratory(), []
    for rate, guards, seed in product(RATES, GUARDS, SEEDS):
        runs.append(watched(laboratory, rate, guards, seed))
        print(rate, guards, seed, runs[-1]["validation"], max(runs[-1]["gradient_norm"]), flush=True)
    seconds = round(time.process_time() - started, 1)
    write_card("spikes", chapter="18", command=COMMAND, seeds=list(SEEDS), steps=STEPS, seconds=seconds)
    text = json.dumps({"steps": STEPS, "runs": runs}).replace('{"rate"', '\n{"rate"')
    (TRAINED / "spikes" / "results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
