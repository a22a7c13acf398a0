"""A short run with all that has a state, in processes to be killed: `python interrupted_run.py FOLDER`.

Each line of the input starts a process that goes on with the run. It writes a line for each batch that it begins, with
its number and the steps done, and one at the end, where it waits for another line. When it is gone, a line says so.
"""

import functools
import os
import sys
from pathlib import Path

import torch

from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import noam
from transformer_lib.training import BucketedPairs, MovingAverage, TrainConfig, save, train, translation_loss

STEPS = 40
PAD, BEGIN, END = 0, 1, 2
PAIRS = [([3 + k % 5] * (1 + k % 4), [BEGIN, *[3 + k % 7] * (k % 6), END]) for k in range(50)]
HELD_OUT = torch.tensor([[3, 3, 4]]), torch.tensor([[BEGIN, 3, 5, END]])


def main(folder, report):
    config = TransformerConfig(vocab_size=10, d_model=8, n_layers=1, n_heads=2, d_ff=16, dropout=0.2)
    model = transformer(config, torch.Generator().manual_seed(0))
    optimizer = muon_and_adamw(model, weight_decay=0.1)
    average = MovingAverage(optimizer, 0.9)
    pairs = BucketedPairs(PAIRS, torch.Generator().manual_seed(1), pad=PAD, max_tokens=60)
    torch.manual_seed(2)  # of the dropout
    compute = functools.partial(translation_loss, pad=PAD, smoothing=0.1)

    def loss(model, batch):
        report(int(optimizer.param_groups[0]["averaged"]))  # the steps done so far
        return compute(model, batch)

    def validate(model):
        model.eval()
        with average.applied(), torch.no_grad():
            value = compute(model, HELD_OUT).item()
        model.train()
        return value

    train(
        model,
        pairs,
        TrainConfig(steps=STEPS, accumulate=2, max_norm=1.0, log_every=3, checkpoint_every=4),
        loss=loss,
        optimizer=optimizer,
        schedule=noam(10),
        validate=validate,
        checkpoint=folder / "checkpoint",
        log=folder / "log",
        generators={},
    )
    save(model, folder / "model")
    with average.applied():
        save(model, folder / "average")


if __name__ == "__main__":
    torch.optim.AdamW([torch.zeros(1)])  # loads what the first optimizer loads, once for all processes
    for _ in sys.stdin:
        if process := os.fork():
            os.waitpid(process, 0)
            print(process, "gone", flush=True)
        else:
            main(Path(sys.argv[1]), lambda done: print(os.getpid(), done, flush=True))
            print(os.getpid(), STEPS, flush=True)
            os.read(sys.stdin.fileno(), 1)
            os._exit(0)
