"""What training lowers: the mean of -ln p over the tokens to predict, in nats."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


def cross_entropy(
    logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"], *, ignore: int | None = None
) -> Float[Tensor, ""]:
    """Mean of -ln softmax(logits)[target] over the targets.

    Args:
        logits: Scores of the next token, with the vocabulary last.
        targets: int64, the tokens that did come next.
        ignore: A target that is not scored, such as padding; None scores all.

    Returns:
        Nats per scored token, a scalar.

    Raises:
        ValueError: If there is nothing to score.
    """
    scored = targets.numel() if ignore is None else int((targets != ignore).sum())
    if not scored:
        raise ValueError(f"targets of shape {tuple(targets.shape)} hold nothing to score: every one equals {ignore=}")
    ignore_index = -100 if ignore is None else ignore
    return F.cross_entropy(logits.flatten(end_dim=-2), targets.flatten(), ignore_index=ignore_index)


def next_token_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Float[Tensor, ""]:
    """Cross-entropy of a language model on (inputs, targets), both (B, T), the targets one token ahead."""
    inputs, targets = batch
    return cross_entropy(model(inputs), targets)
