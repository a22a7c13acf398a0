"""The training loop, its losses and its checkpoints."""

from transformer_lib.training.batches import random_windows
from transformer_lib.training.checkpoints import load, save
from transformer_lib.training.evaluation import evaluate, token_nats
from transformer_lib.training.loop import History, TrainConfig, train
from transformer_lib.training.losses import cross_entropy, next_token_loss

__all__ = [
    "History",
    "TrainConfig",
    "cross_entropy",
    "evaluate",
    "load",
    "next_token_loss",
    "random_windows",
    "save",
    "token_nats",
    "train",
]
