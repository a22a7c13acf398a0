"""The training loop, its losses and its checkpoints."""

from transformer_lib.training.averaging import MovingAverage
from transformer_lib.training.batches import BucketedPairs, pad_to_longest, random_windows
from transformer_lib.training.checkpoints import load, save
from transformer_lib.training.evaluation import evaluate, token_nats
from transformer_lib.training.loop import History, TrainConfig, train
from transformer_lib.training.losses import cross_entropy, in_bfloat16, next_token_loss, translation_loss

__all__ = [
    "BucketedPairs",
    "History",
    "MovingAverage",
    "TrainConfig",
    "cross_entropy",
    "evaluate",
    "in_bfloat16",
    "load",
    "next_token_loss",
    "pad_to_longest",
    "random_windows",
    "save",
    "token_nats",
    "train",
    "translation_loss",
]
