"""Bugs of losses: means over the wrong things, and targets from the wrong place."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

Batch = tuple[Tensor, Tensor]


def loss_shifted_twice(model: Any, batch: Batch) -> Tensor:
    """Shift targets that the batches have shifted already: each position is asked for the token after the next.

    Source: https://github.com/huggingface/transformers/pull/47395.

    Args:
        model: From tokens to logits.
        batch: Inputs and targets, (B, T) each, the targets one token ahead.
    """
    inputs, targets = batch
    logits, targets = model(inputs)[:, :-1], targets[:, 1:]
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def loss_over_padding(model: Any, batch: Batch) -> Tensor:
    """Define what is to be ignored, and forget to hand it on: padding is scored.

    Source: https://github.com/lucidrains/DALLE-pytorch/issues/57.

    Args:
        model: From tokens to logits.
        batch: Inputs and targets, (B, T) each, padded.
    """
    inputs, targets = batch
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def cross_entropy_of_nothing(model: Any, batch: Batch, *, ignore: int) -> Tensor:
    """Take the mean over the targets that are scored, without asking whether there are any.

    Source: https://github.com/karpathy/nanochat/issues/590.

    Args:
        model: From tokens to logits.
        batch: Inputs and targets, (B, T) each.
        ignore: The target that is not scored.
    """
    inputs, targets = batch
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=ignore)


def masked_mean(model: Any, batch: Batch, *, ignore: int) -> Tensor:
    """The same mean by hand; where the built-in one has a gradient of 0 for nothing, this one has NaN.

    Constructed, after the same report.

    Args:
        model: From tokens to logits.
        batch: Inputs and targets, (B, T) each.
        ignore: The target that is not scored.
    """
    inputs, targets = batch
    scored = (targets != ignore).flatten()
    nats = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), reduction="none")
    return (nats * scored).sum() / scored.sum()


def backward_of_means(model: Any, parts: Sequence[Batch], *, ignore: int) -> None:
    """Accumulate the gradients of micro-batches, each a mean over its own number of tokens, as if these were equal.

    Source: https://github.com/meta-pytorch/torchtune/pull/1875.

    Args:
        model: Its gradients are accumulated.
        parts: The micro-batches.
        ignore: The target that is not scored.
    """
    for part in parts:
        (cross_entropy_of_nothing(model, part, ignore=ignore) / len(parts)).backward()


def backward_of_sums(model: Any, parts: Sequence[Batch], *, ignore: int) -> None:
    """The correct way, for comparison: count the tokens of all micro-batches first, and divide each sum by it.

    Args:
        model: Its gradients are accumulated.
        parts: The micro-batches.
        ignore: The target that is not scored.
    """
    total = sum(int((targets != ignore).sum()) for _, targets in parts)
    for inputs, targets in parts:
        logits = model(inputs).flatten(0, 1)
        (F.cross_entropy(logits, targets.flatten(), ignore_index=ignore, reduction="sum") / total).backward()
