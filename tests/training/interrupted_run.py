"""A short run that can kill its own process: `python interrupted_run.py CHECKPOINT FOLDER [STEP]`."""

import os
import signal
import sys

import torch

from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.training import TrainConfig, random_windows, save, train


def main(checkpoint, folder, kill_at=None):
    config = MLPConfig(vocab_size=6, context_length=3, d_embedding=4, d_hidden=8)
    model = mlp(config, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(6, (300,), generator=torch.Generator().manual_seed(2))

    def batches():
        for number, batch in enumerate(random_windows(tokens, 5, 3, generator)):
            if number == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    options = TrainConfig(steps=30, checkpoint_every=4)
    train(model, batches(), options, checkpoint=checkpoint, generators={"data": generator})
    save(model, folder, config)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
