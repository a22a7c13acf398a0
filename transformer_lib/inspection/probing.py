"""What probes have in common: evaluation mode for a while, tokens to try, and draws that are the same everywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Int
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel

Forward = Callable[[Tensor], Tensor]


@contextmanager
def in_evaluation(model: Forward) -> Iterator[None]:
    """Without dropout for a while; each part of the model is put back into the mode it was in."""
    modes = {part: part.training for part in model.modules()} if isinstance(model, nn.Module) else {}
    try:
        for part in modes:
            part.training = False
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def draw_tokens(model: object, length: int, seed: int, *, rows: int = 1) -> Int[Tensor, "B T"]:
    """Random tokens of a LanguageModel's vocabulary, as many as fit, where the model is.

    Args:
        model: A LanguageModel.
        length: The most tokens in a row.
        seed: Of the draw.
        rows: B.
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model is a {type(model).__name__}: give inputs as well, only a LanguageModel's can be drawn")
    if model.context_length is not None:
        length = min(length, model.context_length)
    drawn = torch.randint(model.vocab_size, (rows, length), generator=seeded(seed), device="cpu")
    return drawn.to(model.embedding.tokens.weight.device)


def seeded(seed: int) -> torch.Generator:
    """Draws on the CPU, so that the same seed draws the same numbers whatever the device."""
    return torch.Generator("cpu").manual_seed(seed)
