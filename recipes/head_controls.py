"""Controls for the chapter on several heads, each an answer to a doubt: a minute on one core.

What one head gets right: how often each letter, and how often both where the two letters differ. Other learning rates:
one head with a network behind it, and two heads without. One layer: readers of repeats that have no layer below.
"""

import json
import time

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from heads import (
    BATCH,
    LEARNING_RATE,
    REPEAT_BATCH,
    REPEAT_LEARNING_RATE,
    REPEAT_STEPS,
    REPEATS,
    SEEDS,
    STEPS,
    Lookup,
    lookups,
    reader,
    repeats,
    tables,
    train_together,
)
from torch import nn

COMMAND = "python recipes/head_controls.py"
RATES = (2e-3, 1.5e-2)
RUNS = (  # heads, a network behind them, learning rate, seeds
    (1, False, LEARNING_RATE, 10),
    *((1, True, rate, SEEDS) for rate in RATES),
    *((2, False, rate, SEEDS) for rate in RATES),
)


def train_at(n_heads: int, feed_forward: bool, rate: float, seeds: int) -> list[Lookup]:
    """Train lookups of two things, as heads.py does, at a learning rate of their own."""
    models = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        models.append(Lookup(*tables("learned"), n_heads, learned=True, wanted=2, feed_forward=feed_forward))
    weights = train_together([*models], lambda generator: lookups(BATCH, 2, generator), STEPS, rate)
    for i, model in enumerate(models):
        model.load_state_dict({name: value[i] for name, value in weights.items()})
    return models


def shares_right(model: nn.Module) -> dict[str, float]:
    """Shares of right answers on new drawers: both letters, each letter, and both where the two differ."""
    inputs, targets = lookups(4000, 2, torch.Generator().manual_seed(SEEDS))
    with torch.no_grad():
        right = model(*inputs).argmax(-1) == targets
    both, differ = right.all(dim=1), targets[:, 0] != targets[:, 1]
    found = {"both": both, "each": right, "both, different": both[differ]}
    return {name: round(share.double().mean().item(), 4) for name, share in found.items()}


def repeats_read(model: nn.Module) -> dict[str, float]:
    """Loss and share of right guesses on new strings, where the next letter can be known."""
    (letters,), targets = repeats(256, torch.Generator().manual_seed(99))
    with torch.no_grad():
        logits = model(letters)
    known = targets >= 0
    right = (logits.argmax(-1) == targets)[known].double().mean().item()
    return {"nats": round(F.cross_entropy(logits.mT, targets).item(), 3), "right": round(right, 4)}


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    runs = []
    for n_heads, feed_forward, rate, seeds in RUNS:
        found = [shares_right(model) for model in train_at(n_heads, feed_forward, rate, seeds)]
        runs.append({"heads": n_heads, "FFN": feed_forward, "rate": rate, "found": found})
        print(runs[-1], round(time.process_time() - started, 1), flush=True)
    REPEATS["n_layers"] = 1
    readers = [reader(seed) for seed in range(SEEDS)]
    weights = train_together([*readers], lambda g: repeats(REPEAT_BATCH, g), REPEAT_STEPS, REPEAT_LEARNING_RATE)
    for i, model in enumerate(readers):
        model.load_state_dict({name: value[i] for name, value in weights.items()})
    one_layer = [repeats_read(model) for model in readers]
    print(one_layer, flush=True)
    write_card("head_controls", command=COMMAND, seconds=round(time.process_time() - started, 1))
    results = {"runs": runs, "one layer": one_layer}
    (TRAINED / "head_controls" / "results.json").write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
