"""Invariants of a model that is only read: the same text gets the same logits, alone or in company."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.architectures import LanguageModel
from transformer_lib.inspection.matching import Tolerance
from transformer_lib.inspection.probing import Forward, draw_tokens, in_evaluation


def assert_repeatable(model: Forward, tokens: Int[Tensor, "B T"] | None = None, *, seed: int = 0) -> None:
    """Check that in evaluation mode two passes over the same text give the same logits.

    Args:
        model: From tokens (B, T) to logits.
        tokens: The text; None draws one for a LanguageModel.
        seed: Of what is drawn.

    Raises:
        AssertionError: With the largest difference.
    """
    tokens = draw_tokens(model, 16, seed) if tokens is None else tokens
    with in_evaluation(model), torch.no_grad():
        first, second = model(tokens), model(tokens)
    if not torch.equal(first, second):
        gap = float((first - second).abs().max())
        raise AssertionError(
            f"in evaluation mode the logits of a text change by up to {gap:.3g} from one pass to the next. Likely "
            "cause: dropout that does not ask for the mode, such as a function that is called with dropout=p"
        )


def assert_rows_independent(model: Forward, tokens: Int[Tensor, "B T"] | None = None, *, seed: int = 0) -> None:
    """Check that a text has the same logits alone as in a batch.

    Args:
        model: From tokens (B, T) to logits.
        tokens: Several texts of one length; None draws three for a LanguageModel.
        seed: Of what is drawn.

    Raises:
        AssertionError: With the row, and the likely cause.
    """
    tokens = draw_tokens(model, 16, seed, rows=3) if tokens is None else tokens
    with in_evaluation(model), torch.no_grad():
        together = model(tokens)
        tolerance = Tolerance.of(together)
        for row, text in enumerate(tokens):
            if not tolerance.same(model(text[None])[0], together[row]):
                raise AssertionError(
                    f"row {row} has other logits alone than beside its batch. Likely cause: something is shared or "
                    "normalized over the batch, or an axis of the batch is taken for that of positions"
                )


def assert_tied(model: LanguageModel) -> None:
    """Check that the head of a model whose configuration says `tied` is its embedding, and not a copy.

    Args:
        model: A LanguageModel that a builder made.

    Raises:
        AssertionError: With the number of parameters too many.
    """
    config: Any = model.config
    head, tokens = model.head.weight, model.embedding.tokens.weight
    if config.tied and head is not tokens:
        same = "equal so far" if torch.equal(head, tokens) else "different already"
        raise AssertionError(
            f"the head and the embedding are two matrices, {same}: {head.numel():,} parameters more than the "
            "configuration says. Likely cause: one of them was replaced by a load or a move, and the other was not"
        )
