"""Learning-rate schedules: functions from the step to a factor of the learning rate.

Warm-up raises the factor in a straight line to 1 (Goyal et al. 2017, arXiv:1706.02677), and a half cosine lowers it
again (Loshchilov and Hutter 2017, arXiv:1608.03983):

    f(t) = (t + 1) / w                                  for t < w
    f(t) = m + (1 - m) (1 + cos(pi (t - w) / (n - w))) / 2      after

with w warm-up steps of n in all, and m the floor. A schedule has no state, so there is nothing to save or restore.
"""

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def constant(step: int) -> float:
    """Leave the learning rate alone."""
    return 1.0


def warmup_cosine(steps: int, *, warmup: int = 0, floor: float = 0.0) -> Schedule:
    """Rise in a straight line, then fall along a half cosine.

    Args:
        steps: Length of the run, in steps; after it the factor stays at the floor.
        warmup: Steps that rise, the last of them to 1; 0 starts at 1.
        floor: The factor at the end, between 0 and 1.

    Returns:
        A function from the step, counted from 0, to the factor of the learning rate.

    Raises:
        ValueError: If there is no step left after the warm-up, or the floor is out of range.
    """
    if not 0 <= warmup < steps:
        raise ValueError(f"warmup={warmup} must be at least 0 and less than steps={steps}: shorten it")
    if not 0 <= floor <= 1:
        raise ValueError(f"floor={floor} must be between 0 and 1: it is a fraction of the learning rate")

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = min((step - warmup) / (steps - warmup), 1.0)
        return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2

    return factor
