"""The training loop, its losses and its checkpoints."""

from transformer_lib.training.averaging import MovingAverage
from transformer_lib.training.batches import BucketedPairs, pad_to_longest, random_windows
from transformer_lib.training.checkpoints import load, save
from transformer_lib.training.evaluation import evaluate, token_nll
from transformer_lib.training.loop import History, TrainConfig, train
from transformer_lib.training.losses import (
    cross_entropy,
    in_bfloat16,
    masked_token_loss,
    next_token_loss,
    pre_training_loss,
    translation_loss,
)
from transformer_lib.training.masking import Lines, mask_tokens

__all__ = [
    "BucketedPairs",
    "History",
    "Lines",
    "MovingAverage",
    "TrainConfig",
    "cross_entropy",
    "evaluate",
    "in_bfloat16",
    "load",
    "mask_tokens",
    "masked_token_loss",
    "next_token_loss",
    "pad_to_longest",
    "pre_training_loss",
    "random_windows",
    "save",
    "token_nll",
    "train",
    "translation_loss",
]
