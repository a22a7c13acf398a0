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
    """Check that one step of training changes every parameter; weights, gradients and optimizer are put back.

    Weight decay is switched off for the step: it moves what no gradient reaches.

    Args:
        model: What is trained.
        batch: What the loss takes.
        loss: From the model and a batch to a scalar.
        optimizer: Of the model's parameters; None takes AdamW.

    Raises:
        AssertionError: With the parameters that stay, and the likely cause for each kind.
    """
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3) if optimizer is None else optimizer
    state = copy.deepcopy(optimizer.state_dict())
    named = dict(model.named_parameters())
    before = {name: (parameter.detach().clone(), parameter.grad) for name, parameter in named.items()}
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    still: dict[str, list[str]] = {}
    try:
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.0
        for parameter in named.values():
            parameter.grad = None
        with torch.enable_grad():
            value = loss(model, batch)
        if value.requires_grad:
            value.backward()
        arrived = {name: p.grad is not None and bool(p.grad.any()) for name, p in named.items()}
        optimizer.step()
        for name, parameter in named.items():
            if torch.equal(before[name][0], parameter):
                still.setdefault(_why(parameter, held, arrived[name]), []).append(name)
    finally:
        for name, parameter in named.items():
            parameter.data.copy_(before[name][0])
            parameter.grad = before[name][1]
        optimizer.load_state_dict(state)
    if still:
        said = "; ".join(f"{_some(names)}: {why}" for why, names in still.items())
        n = sum(map(len, still.values()))
        raise AssertionError(f"{n} of {len(named)} parameters do not move in a step. {said}")


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
