"""One head and two before the same drawers, and sixteen narrow ones, at two lengths of training: a minute on one core.

The lookups of heads.py, asked for two things. Ten seeds for one head and for two, with the share of its attention that
each head gives to the two; five seeds for one head and for sixteen, trained three times as long.
"""

import json
import time

import torch
from _cards import TRAINED, write_card
from heads import STEPS, TASKS, Batch, Lookup, accuracies, lookups, tables, train_lookups
from torch import Tensor

from transformer_lib.inspection import record_attention

COMMAND = "python recipes/drawers.py"
LONGER_STEPS = 3 * STEPS
RUNS = [(n_heads, STEPS, 10) for n_heads in (1, 2)] + [(n_heads, LONGER_STEPS, 5) for n_heads in (1, 16)]
CONTENTS, ASKED = [2, 5, 7, 1, 0, 3, 6, 4], [2, 5]  # the drawers that the chapter draws; their names are 0 to 7


def looks(model: Lookup, inputs: Batch) -> Tensor:
    """The weights of each head of a lookup, (B, H, drawers)."""
    with torch.no_grad(), record_attention(model) as recorded:
        model(*inputs)
    return recorded["attention"][:, :, 0]


def shares(model: Lookup) -> list[list[float]]:
    """The mean weight that each head gives to each thing asked for, (H, 2), over 4,000 lookups."""
    inputs, _ = lookups(4000, 2, torch.Generator().manual_seed(0))
    names, _, asked = inputs
    places = (names[:, :, None] == asked[:, None]).float()  # (B, drawers, 2)
    return [[round(share, 3) for share in head] for head in (looks(model, inputs) @ places).mean(dim=0).tolist()]


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    runs, drawn = [], {}
    drawers = torch.arange(8)[None], torch.tensor([CONTENTS]), torch.tensor([ASKED])
    for task in ("two things", "two, then FFN"):
        wanted, feed_forward = TASKS[task]
        for n_heads, steps, seeds in RUNS:
            models = train_lookups(
                lambda n=n_heads, f=feed_forward: Lookup(*tables("learned"), n, learned=True, wanted=2, feed_forward=f),
                wanted,
                steps,
                seeds,
            )
            run = {"task": task, "heads": n_heads, "steps": steps, "accuracy": accuracies(models)}
            if n_heads <= 2:
                run["shares"] = [shares(model) for model in models]
            if task == "two things" and steps == STEPS:
                answers = models[0](*drawers)[0].argmax(dim=-1).tolist()
                drawn[n_heads] = {"weights": looks(models[0], drawers)[0].tolist(), "answers": answers}
            runs.append(run)
            print(run, round(time.process_time() - started, 1), flush=True)
    results = {"runs": runs, "contents": CONTENTS, "asked": ASKED, "drawn": drawn}
    write_card("drawers", command=COMMAND, seconds=round(time.process_time() - started, 1))
    (TRAINED / "drawers" / "results.json").write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
