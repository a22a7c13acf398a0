"""The training loop, its losses and its checkpoints."""

from transformer_lib.training.averaging import MovingAverage
from transformer_lib.training.batches import BucketedPairs, pad_to_longest, random_windows
from transformer_lib.training.checkpoints import Resumable, load_checkpoint, save_checkpoint
from transformer_lib.training.dynamic import dynamic_evaluate, dynamic_token_nll, gradient_rms
from transformer_lib.training.evaluation import evaluate, token_nll
from transformer_lib.training.loop import History, TrainConfig, train
from transformer_lib.training.losses import (
    cross_entropy,
    masked_token_loss,
    next_token_loss,
    pre_training_loss,
    translation_loss,
)
from transformer_lib.training.masking import mask_tokens
from transformer_lib.training.passages import PassageSampler
from transformer_lib.training.placement import autocast
from transformer_lib.training.saving import load, save
from transformer_lib.training.tensorboard import write_tensorboard
from transformer_lib.training.watching import Watch

__all__ = [
    "BucketedPairs",
    "History",
    "MovingAverage",
    "PassageSampler",
    "Resumable",
    "TrainConfig",
    "Watch",
    "autocast",
    "cross_entropy",
    "dynamic_evaluate",
    "dynamic_token_nll",
    "evaluate",
    "gradient_rms",
    "load",
    "load_checkpoint",
    "mask_tokens",
    "masked_token_loss",
    "next_token_loss",
    "pad_to_longest",
    "pre_training_loss",
    "random_windows",
    "save",
    "save_checkpoint",
    "token_nll",
    "train",
    "translation_loss",
    "write_tensorboard",
]
