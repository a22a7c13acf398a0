"""Loss spikes made on purpose: a rate that is right and one four times as high, with and without clipping and warm-up.

The GPT of recipes/training_well.py on the same plays, five seeds, 160 steps each, watched at every step: three minutes
on one core, resumed if interrupted. Where the loss jumps, the batch is scored again with the weights of one step
before, and the batch before it with the new weights: was it the batch, or the weights?
"""

import copy
import json
import math
import statistics
import time
from itertools import islice, product

import torch
from _cards import TRAINED, write_card
from training_well import Laboratory, Setting, batches_of, new_model, optimizer_of, schedule_of

from transformer_lib.training import TrainConfig, Watch, next_token_loss, train

COMMAND = "python recipes/spikes.py"
SEEDS, STEPS, WARM_UP = range(5), 160, 0.1
RATES = (8e-3, 3.2e-2)
BEFORE, JUMP = 8, 0.3  # a spike is so many bits above the median of so many steps before
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
    watch, weights = Watch(model, optimizer), []
    optimizer.register_step_pre_hook(lambda *_: weights.append(copy.deepcopy(model.state_dict())))
    batches = list(islice(batches_of(laboratory.tokens["train"], setting, STEPS, seed), STEPS))
    history = train(
        model,
        batches,
        TrainConfig(steps=STEPS, max_norm=max_norm, log_every=1),
        optimizer=optimizer,
        schedule=schedule_of(setting, STEPS),
    )
    ratios = [
        statistics.median(value for name, value in entry.items() if name.startswith("update_ratio/"))
        for entry in watch.history
    ]
    loss, validation = [entry["loss"] / math.log(2) for entry in history], laboratory.bits(model, "validation")

    @torch.no_grad()
    def bits(batch: int, step: int) -> float:
        model.load_state_dict(weights[step])
        return float(next_token_loss(model, batches[batch])) / math.log(2)

    spikes = []
    for step in range(BEFORE, STEPS):
        usual = statistics.median(loss[step - BEFORE : step])
        if loss[step] > usual + JUMP:
            found = {"usual": usual, "loss": loss[step]}
            found |= {"batch_with_weights_before": bits(step, step - 1), "batch_before": bits(step - 1, step)}
            spikes.append({"step": step} | {name: round(value, 3) for name, value in found.items()})
    return {
        "rate": rate,
        "guards": guards,
        "seed": seed,
        "spikes": spikes,
        "loss": rounded(loss),
        "gradient_norm": rounded([entry["gradient_norm"] for entry in watch.history]),
        "update_ratio": rounded(ratios),
        "validation": validation,
    }


def main() -> None:
    torch.set_num_threads(1)
    file = TRAINED / "spikes" / "results.json"
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.exists() else []
    done = {(run["rate"], run["guards"], run["seed"]) for run in runs}
    laboratory = Laboratory()
    for setting in product(RATES, GUARDS, SEEDS):
        if setting in done:
            continue
        started = time.process_time()
        runs.append(watched(laboratory, *setting))
        runs[-1]["seconds"] = round(time.process_time() - started, 1)
        print(*setting, runs[-1]["validation"], runs[-1]["spikes"], flush=True)
        text = json.dumps({"steps": STEPS, "runs": runs}).replace('{"rate"', '\n{"rate"')
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    seconds = round(sum(run["seconds"] for run in runs))
    write_card("spikes", chapter="18", command=COMMAND, seeds=list(SEEDS), steps=STEPS, seconds=seconds)


if __name__ == "__main__":
    main()
