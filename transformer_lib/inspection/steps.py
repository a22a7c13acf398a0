"""Invariants of one step of training: its loss is a number, and every parameter moves."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[Any, Any], Tensor]


def assert_finite_alone(model: nn.Module, batch: tuple[Tensor, ...], loss: Loss) -> None:
    """Check that every row of a batch, alone, has a finite loss, or is refused with a ValueError.

    A batch that is cut into micro-batches may leave one with nothing to score, whose mean is 0 / 0.

    Args:
        model: What the loss takes.
        batch: Tensors whose first axis counts rows.
        loss: From the model and a batch to a scalar.

    Raises:
        AssertionError: With the row.
    """
    for row in range(len(batch[0])):
        try:
            with torch.no_grad():
                value = float(loss(model, tuple(part[row : row + 1] for part in batch)))
        except ValueError:
            continue  # said aloud, and so no silent NaN
        if not torch.tensor(value).isfinite():
            raise AssertionError(
                f"row {row} alone has a loss of {value}. Likely cause: none of its targets is scored, and the mean of "
                "nothing is not a number"
            )


def assert_all_move(model: nn.Module, batch: Any, loss: Loss, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Check that one step of training changes every parameter, on a copy of the model and the optimizer.

    Weight decay is switched off in the copy: it moves what no gradient reaches.

    Args:
        model: What is trained; left as it is.
        batch: What the loss takes.
        loss: From the model and a batch to a scalar.
        optimizer: Of the model's parameters; left as it is. None takes AdamW.

    Raises:
        AssertionError: With the parameters that stay, and the likely cause for each kind.
    """
    trained, stepper = copy.deepcopy((model, optimizer))
    stepper = torch.optim.AdamW(trained.parameters(), 1e-3) if stepper is None else stepper
    for group in stepper.param_groups:
        group["weight_decay"] = 0.0
    stepper.zero_grad()
    with torch.enable_grad():
        value = loss(trained, batch)
    if value.requires_grad:
        value.backward()
    before = {name: parameter.detach().clone() for name, parameter in trained.named_parameters()}
    held = {id(parameter) for group in stepper.param_groups for parameter in group["params"]}
    arrived = {
        name: parameter.grad is not None and bool(parameter.grad.any())
        for name, parameter in trained.named_parameters()
    }
    stepper.step()
    still: dict[str, list[str]] = {}
    for name, parameter in trained.named_parameters():
        if torch.equal(before[name], parameter):
            still.setdefault(_why(parameter, held, arrived[name]), []).append(name)
    if still:
        said = "; ".join(f"{_some(names)}: {why}" for why, names in still.items())
        n = sum(map(len, still.values()))
        raise AssertionError(f"{n} of {len(before)} parameters do not move in a step. {said}")


def _why(parameter: Tensor, held: set[int], arrived: bool) -> str:
    if not parameter.requires_grad:
        return "frozen, as requires_grad is False"
    if not arrived:
        return "no gradient arrives, so the loss does not depend on them"
    if id(parameter) not in held:
        return "a gradient arrives, and the optimizer does not know them"
    return "a gradient arrives, and the step is lost: compare with another device or optimizer"


def _some(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
