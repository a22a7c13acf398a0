"""Scoring a held-out text: -ln p of every token, each exactly once.

The text is read in windows that may overlap. A token in the overlap is context only, since the window before has scored
it, so that no token but the first ones is predicted with less context than the overlap. The first token has no context,
and a model of the next token says nothing about it: it is charged ln V, a uniform guess, so that the score covers the
whole text as an n-gram's does.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.training.placement import device_of


def token_nll(
    model: nn.Module, tokens: Int[Tensor, " N"], *, length: int, overlap: int = 0, batch_size: int = 1
) -> Float[Tensor, " N"]:
    """Return -ln p of each token given the ones before it.

    Args:
        model: Causal, from tokens (B, T) to logits (B, T, V).
        tokens: The text to score.
        length: Tokens read at once, at most what the model can take.
        overlap: Tokens at the start of a window that are context only. With a model of finite memory, one less than
            its memory makes the scores those of a single pass.
        batch_size: Windows scored at once.

    Returns:
        float64 on the CPU, in nats.

    Raises:
        ValueError: If the text is empty, or the sizes do not fit each other.
    """
    scores = score_in_order(model, tokens, length=length, overlap=overlap, batch_size=batch_size)
    return torch.cat(list(scores))


def score_in_order(
    model: nn.Module, tokens: Int[Tensor, " N"], *, length: int, overlap: int, batch_size: int
) -> Iterator[Float[Tensor, " n"]]:
    """Yield the parts of what token_nll returns, one for each batch of windows, from the first token to the last.

    The model is asked for a batch when its scores are wanted, so it may change between two of them.

    Args:
        model: As in token_nll, like all that follow.
        tokens: The text.
        length: Tokens read at once.
        overlap: Tokens at the start of a window that are context only.
        batch_size: Windows scored at once.
    """
    if not len(tokens):
        raise ValueError("tokens are empty: there must be at least one to score")
    if not 0 <= overlap < length:
        raise ValueError(
            f"overlap={overlap} must be at least 0 and less than length={length}: each window must add one"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1")
    last = len(tokens) - 1
    device = device_of(model)
    tokens = tokens.to(device)
    starts = torch.arange(0, max(last - overlap, 1), length - overlap, device=device)
    offsets = torch.arange(min(length, max(last, 1)), device=device)
    positions = starts[:, None] + offsets
    scored = (positions < last) & ((starts[:, None] == 0) | (offsets >= overlap))

    for where, mask in zip(positions.split(batch_size), scored.split(batch_size), strict=True):
        was_training = model.training
        model.eval()
        with torch.inference_mode():
            logits = model(tokens[where.clamp(max=last)])  # past the end anything will do: causal, and not scored
            nats = F.cross_entropy(logits[mask], tokens[where[mask] + 1], reduction="none").cpu().double()
        model.train(was_training)
        if where[0, 0] == 0:  # not every device has float64
            nats = torch.cat([torch.tensor([math.log(logits.shape[-1])], dtype=torch.float64, device="cpu"), nats])
        yield nats


def evaluate(
    model: nn.Module, tokens: Int[Tensor, " N"], *, length: int, overlap: int = 0, batch_size: int = 1
) -> float:
    """Mean of -ln p over a text, in nats per token: see token_nll, which takes the same arguments."""
    return float(token_nll(model, tokens, length=length, overlap=overlap, batch_size=batch_size).mean())
