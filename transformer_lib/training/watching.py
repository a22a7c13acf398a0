"""Watching a run: how long the gradient is, and how far each step moves the weights.

At step t, with the gradients g of all weights together and one matrix W,

    gradient norm   |g| = sqrt(sum of g^2), before anything clips it
    update ratio    |W_(t+1) - W_t| / |W_t|        (Frobenius norms: the share of itself by which the matrix moves)

Pascanu, Mikolov and Bengio (2013, arXiv:1211.5063, section 3.2) propose to watch the first, and to clip by what it
usually is. Neither changes the run: the numbers are read by hooks on the weights and on the optimizer.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Watch:
    """Writes down the norm of the gradient and the update ratio of each matrix, at each step of an optimizer.

    Args:
        model: Its trained parameters are watched.
        optimizer: What steps them. Its weights are copied before each step, so watching takes memory for one copy.
        every: Steps from one entry to the next.

    Attributes:
        history: An entry for each watched step: `step` (counted from 1, as `train` counts them), `gradient_norm`, and
            `update_ratio/NAME` for each matrix; a matrix of zeros has the ratio nan.

    Raises:
        ValueError: If `every` is less than 1, or nothing of the model is trained.

    Example:

        >>> layer = nn.Linear(2, 1, bias=False)
        >>> nn.init.ones_(layer.weight).tolist()
        [[1.0, 1.0]]
        >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        >>> watch = Watch(layer, optimizer)
        >>> layer(torch.tensor([3.0, 4.0])).backward()  # the gradient is (3, 4)
        >>> optimizer.step()
        >>> {name: round(value, 3) for name, value in watch.history[0].items()}
        {'step': 1, 'gradient_norm': 5.0, 'update_ratio/weight': 0.354}
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, *, every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"every={every} must be at least 1: it is counted in steps")
        named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        if not named:
            raise ValueError("model has no parameter that is trained, so there is nothing to watch")
        self.history: list[dict[str, float]] = []
        self._every, self._steps = every, 0
        self._squares: dict[int, Tensor] = {}
        self._matrices = {name: weight for name, weight in named.items() if weight.ndim > 1}
        self._before: dict[str, Tensor] = {}
        self._hooks = [weight.register_post_accumulate_grad_hook(self._measure) for weight in named.values()]
        self._hooks.append(optimizer.register_step_pre_hook(self._keep))
        self._hooks.append(optimizer.register_step_post_hook(self._write))

    def stop(self) -> None:
        """Watch no longer; the history stays."""
        for hook in self._hooks:
            hook.remove()

    def _due(self) -> bool:
        return (self._steps + 1) % self._every == 0

    def _measure(self, weight: Tensor) -> None:
        """Take the gradient as `backward` leaves it: of several batches, the last call finds their sum."""
        if self._due() and weight.grad is not None:
            self._squares[id(weight)] = weight.grad.detach().square().sum()

    @torch.no_grad()
    def _keep(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self._due():
            self._before = {name: weight.detach().clone() for name, weight in self._matrices.items()}

    @torch.no_grad()
    def _write(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if self._due():
            norm = float(sum(self._squares.values())) ** 0.5
            entry: dict[str, float] = {"step": self._steps + 1, "gradient_norm": norm}
            for name, before in self._before.items():
                moved, size = (self._matrices[name] - before).norm(), before.norm()
                entry[f"update_ratio/{name}"] = float(moved / size) if size else float("nan")
            self.history.append(entry)
            self._squares, self._before = {}, {}
        self._steps += 1
