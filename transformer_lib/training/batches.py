"""Batches of a long text: windows from random places, each with the same window one token ahead."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor


def random_windows(
    tokens: Int[Tensor, " N"], length: int, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw windows of a text for ever, every start equally likely.

    Nothing is drawn before it is asked for, so the generator's state is the place in the data: restore it, and the
    same windows follow.

    Args:
        tokens: The text.
        length: Tokens in a window.
        batch_size: Windows in a batch.
        generator: The source of the random starts.

    Returns:
        An endless iterator of (inputs, targets), each (batch_size, length); the targets are one token ahead.

    Raises:
        ValueError: If a size is less than 1, or the text has no window and a token to follow it.
    """
    for name, size in (("length", length), ("batch_size", batch_size)):
        if size < 1:
            raise ValueError(f"{name}={size} must be at least 1")
    if length >= len(tokens):
        raise ValueError(
            f"length={length} must be less than the {len(tokens)} tokens of the text, for one to follow: shorten it"
        )
    offsets = torch.arange(length + 1)

    def draw() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            starts = torch.randint(len(tokens) - length, (batch_size, 1), generator=generator)
            windows = tokens[starts + offsets]
            yield windows[:, :-1], windows[:, 1:]

    return draw()
