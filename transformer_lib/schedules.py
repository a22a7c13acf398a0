"""Learning-rate schedules: functions from the step to a factor of the learning rate.

Warm-up raises the factor in a straight line to 1 (Goyal et al. 2017, arXiv:1706.02677): (t + 1) / w at step t of w.
What comes after it gives the schedule its name, with n steps in all and m the floor:

    cosine      m + (1 - m) (1 + cos(pi (t - w) / (n - w))) / 2     Loshchilov and Hutter 2017, arXiv:1608.03983
    trapezoid   1, and over the last c steps m + (1 - m) (n - t) / c    Hägele et al. 2024, arXiv:2405.18392
    noam        sqrt(w / (t + 1))                                       Vaswani et al. 2017, section 5.3

A schedule has no state, so there is nothing to save or restore.
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
    _check_floor(floor)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = min((step - warmup) / (steps - warmup), 1.0)
        return floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2

    return factor


def trapezoid(steps: int, *, warmup: int = 0, cooldown: int, floor: float = 0.0) -> Schedule:
    """Rise in a straight line, stay, and fall in a straight line: also called warm-up, stable, decay.

    Until the cool-down begins nothing depends on the length of the run, so that one run serves for several lengths.

    Args:
        steps: Length of the run, in steps; after it the factor stays at the floor.
        warmup: Steps that rise, the last of them to 1; 0 starts at 1.
        cooldown: Steps that fall, the last of them one step short of the floor.
        floor: The factor at the end, between 0 and 1.

    Returns:
        A function from the step, counted from 0, to the factor of the learning rate.

    Raises:
        ValueError: If the warm-up and the cool-down do not fit into the run, or the floor is out of range.
    """
    if warmup < 0 or cooldown < 1 or warmup + cooldown > steps:
        raise ValueError(
            f"warmup={warmup} and cooldown={cooldown} must be at least 0 and 1, and together at most steps={steps}: "
            "shorten them"
        )
    _check_floor(floor)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        left = max(steps - step, 0) / cooldown
        return floor + (1 - floor) * min(left, 1.0)

    return factor


def noam(warmup: int) -> Schedule:
    """Rise in a straight line, then fall with the square root of the step, for ever.

    The paper writes the learning rate itself: d_model**-0.5 * min(n**-0.5, n * warmup**-1.5) at its step n = t + 1. Its
    peak, at n = warmup, is (d_model * warmup)**-0.5: train with this learning rate, which noam_peak returns, and
    this factor to follow the paper.

    Args:
        warmup: Steps that rise, the last of them to 1.

    Returns:
        A function from the step, counted from 0, to the factor of the learning rate.

    Raises:
        ValueError: If there is no warm-up: the fall is measured by its length.
    """
    if warmup < 1:
        raise ValueError(f"warmup={warmup} must be at least 1: it sets how fast the rate falls, too")
    return lambda step: min((step + 1) / warmup, (warmup / (step + 1)) ** 0.5)


def noam_peak(d_model: int, warmup: int) -> float:
    """Return the paper's highest learning rate, (d_model * warmup)**-0.5: 0.0007 for its base model.

    Args:
        d_model: Features, D.
        warmup: Steps to the peak.
    """
    return (d_model * warmup) ** -0.5


def _check_floor(floor: float) -> None:
    if not 0 <= floor <= 1:
        raise ValueError(f"floor={floor} must be between 0 and 1: it is a fraction of the learning rate")
