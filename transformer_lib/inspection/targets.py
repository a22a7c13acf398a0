"""What a loss asks for, read off its gradient: which token at which position, and with what weight.

The gradient of a weighted cross-entropy with respect to the logits of one position is

    dL / dlogits = w (softmax(logits) - onehot(target)),

positive everywhere but at the target. So the gradient says what was asked for, whatever the code that computed the loss
was meant to ask: a mask as it works is `dependency_mask`, and these are targets as they work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

NOTHING = -1


@dataclass
class Asked:
    """What one forward pass was asked for, once its backward pass has run.

    Attributes:
        tokens: What the model read, (B, T).
        targets: The token that each position was asked for, (B, T); -1 where none was.
        weights: What each position counts in the loss, (B, T); they sum to 1 where the loss is a mean.
        doubtful: Where the target was nearly certain already, so that its weight has few digits, (B, T).
    """

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"] = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.long))
    weights: Float[Tensor, "B T"] = field(default_factory=lambda: torch.empty(0, 0))
    doubtful: Bool[Tensor, "B T"] = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.bool), repr=False)

    def read(self, logits: Float[Tensor, "B T V"], gradient: Float[Tensor, "B T V"]) -> None:
        """Solve the equation above for the target and w."""
        gradient = gradient.detach().double()
        lowest, targets = gradient.min(dim=-1)
        p = logits.detach().double().softmax(dim=-1).gather(-1, targets[..., None]).squeeze(-1)
        asked = (lowest < 0) | gradient.isnan().any(dim=-1)
        self.targets = torch.where(asked, targets, NOTHING)
        self.weights = torch.where(asked, -lowest / (1 - p).clamp(min=1e-9), 0.0)
        self.doubtful = p > 0.9  # there 1 - p has few digits


@contextmanager
def record_targets(model: nn.Module) -> Iterator[list[Asked]]:
    """Keep what each forward pass is asked for, while the block is open.

        with record_targets(model) as asked:
            loss(model, batch).backward()
        asked[0].targets    # (B, T), of the first forward pass

    Args:
        model: From tokens (B, T) to logits (B, T, V). The loss must be a cross-entropy of these, without smoothing.

    Example:

        >>> from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
        >>> model = neural_bigram(NeuralBigramConfig(vocab_size=5))
        >>> with record_targets(model) as asked:
        ...     nn.functional.cross_entropy(model(torch.tensor([[0, 1, 2]]))[0, :2], torch.tensor([3, 4])).backward()
        >>> asked[0].targets.tolist(), [round(w, 3) for w in asked[0].weights[0].tolist()]
        ([[3, 4, -1]], [0.5, 0.5, 0.0])
    """
    records: list[Asked] = []

    def watch(_: nn.Module, args: tuple[Any, ...], logits: Tensor) -> None:
        if logits.requires_grad:
            record = Asked(args[0])
            records.append(record)
            logits.register_hook(lambda gradient: record.read(logits, gradient))

    handle = model.register_forward_hook(watch)
    try:
        yield records
    finally:
        handle.remove()


def assert_targets(model: nn.Module, backward: Callable[[], Any], *, ignore: int | None = None) -> None:
    """Check what one step of training asks for: the next token everywhere, and each with the same weight.

    Args:
        model: From tokens (B, T) to logits (B, T, V).
        backward: Runs all forward and backward passes of one step, such as `lambda: loss(model, batch).backward()`. The
            gradients that stood in the model stand there again afterwards.
        ignore: A token that nothing may be asked for, such as padding.

    Raises:
        AssertionError: With the position, the numbers, and the likely cause.
    """
    before = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in before:
        parameter.grad = None
    try:
        with record_targets(model) as records, torch.enable_grad():
            backward()
    finally:
        for parameter, gradient in before:
            parameter.grad = gradient
    records = [record for record in records if record.targets.numel()]
    if not records or not any((record.targets != NOTHING).any() for record in records):
        raise AssertionError(
            "no position is asked for anything. Likely cause: the model is frozen, or the loss does not depend on its "
            "logits"
        )
    for record in records:
        _assert_numbers(record)
        _assert_next(record, ignore)
    _assert_equal_weights(records)


def _assert_numbers(record: Asked) -> None:
    if not record.weights.isfinite().all():
        raise AssertionError(
            "the gradient of the logits is not a number. Likely cause: a mean over nothing, where all targets are "
            "ignored, or a logit that overflows"
        )


def _assert_next(record: Asked, ignore: int | None) -> None:
    if ignore is not None and (record.targets == ignore).any():
        n, of = int((record.targets == ignore).sum()), int((record.targets != NOTHING).sum())
        raise AssertionError(
            f"{n} of {of} scored positions are asked for token {ignore}, which is to be ignored. Likely cause: the "
            "loss is averaged over padding, and no ignore reached it"
        )
    T = record.tokens.shape[1]
    asked = record.targets != NOTHING
    after = {k: record.tokens.roll(-k, dims=1) for k in (1, 2, 0)}  # the token k places on
    inside = torch.arange(T, device=asked.device) < T - 1
    wrong = asked & inside & (record.targets != after[1])
    if ignore is not None:
        wrong &= after[1] != ignore
    if not wrong.any():
        return
    row, t = wrong.nonzero()[0].tolist()
    share = {
        k: float((record.targets == tokens)[:, : T - 2][asked[:, : T - 2]].double().mean())
        for k, tokens in after.items()
    }
    cause = "inputs and targets are of different texts, or out of order"
    if share[2] > 0.95:
        cause = "targets are shifted twice: once where batches are made, and again in the loss"
    elif share[0] > 0.95:
        cause = "targets are not shifted: each position is asked for what it reads"
    raise AssertionError(
        f"position {t} of row {row} is asked for token {int(record.targets[row, t])}, and the next one is "
        f"{int(after[1][row, t])} ({int(wrong.sum())} such positions). Likely cause: {cause}"
    )


def _assert_equal_weights(records: list[Asked]) -> None:
    weights = torch.cat([record.weights[record.targets != NOTHING] for record in records])
    sure = torch.cat([record.weights[(record.targets != NOTHING) & ~record.doubtful] for record in records])
    if not len(sure):
        return
    least, most, total = float(sure.min()), float(sure.max()), float(weights.sum())
    if most > least * 1.01:
        raise AssertionError(
            f"a scored token counts {least:.3g} in one place and {most:.3g} in another. Likely cause: a mean of means, "
            "over rows or micro-batches with different numbers of tokens"
        )
    if abs(total - 1) > 0.01:
        raise AssertionError(
            f"the weights of the {len(weights)} scored tokens sum to {total:.4g} and not to 1. Likely cause: "
            "micro-batches are summed without dividing, or the mean counts positions that are not scored"
        )
