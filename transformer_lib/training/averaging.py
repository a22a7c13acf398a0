"""A moving average of the weights: where training has been of late, without the noise of its last steps.

After step t, with weights w_1 … w_t behind it and decay d,

    average_t = sum_i d^(t-i) w_i / sum_i d^(t-i)          (about the last 1 / (1 - d) steps)

Vaswani et al. (2017, section 6.1) average the last 5 or 20 checkpoints to the same end; this mean needs none but the
last, and every step counts. It is computed as average += (w_t - average) (1 - d) / (1 - d^t), with no start at 0 or
elsewhere to forget.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class MovingAverage:
    """Averages the weights that an optimizer trains, after each of its steps.

    The average is kept in the optimizer's state, beside its momenta, so that it is saved and restored with them: a run
    that is taken up from a checkpoint goes on with the average, too. Make it right after the optimizer.

    Args:
        optimizer: Its parameters are averaged from its next step on.
        decay: d, the share of the old average that is kept.

    Raises:
        ValueError: If the decay is out of range.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} must be at least 0 and less than 1: at 1 no step would count")
        self._optimizer = optimizer
        for group in optimizer.param_groups:
            group["average_decay"], group["averaged"] = decay, 0
        optimizer.register_step_post_hook(self._update)

    @torch.no_grad()
    def _update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        for group in optimizer.param_groups:
            group["averaged"] += 1
            decay = group["average_decay"]
            share = (1 - decay) / (1 - decay ** group["averaged"])
            for parameter in group["params"]:
                if (average := self._average(parameter)) is not None:
                    average.lerp_(parameter, share)
                elif parameter.grad is not None:  # what never had a gradient has not moved, and has no state yet
                    optimizer.state[parameter]["average"] = parameter.detach().clone()

    def _average(self, parameter: Tensor) -> Tensor | None:
        return self._optimizer.state.get(parameter, {}).get("average")

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the place of the weights, to evaluate or save it; on leaving, the weights come back."""
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        averaged = [parameter for parameter in parameters if self._average(parameter) is not None]
        weights = [parameter.detach().clone() for parameter in averaged]
        with torch.no_grad():
            for parameter in averaged:
                parameter.copy_(self._average(parameter))
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, weight in zip(averaged, weights, strict=True):
                    parameter.copy_(weight)
