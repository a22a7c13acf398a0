"""A factor or an addend by which every number of an answer is off, and its name."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from transformer_lib.exercises.detectors.steps import NOTHING, quietly, real
from transformer_lib.exercises.recognizing import Candidate, Evidence
from transformer_lib.exercises.showing import number
from transformer_lib.exercises.values import plain

CONSTANTS = {
    "2": 2.0,
    "½": 0.5,
    "4": 4.0,
    "¼": 0.25,
    "3": 3.0,
    "⅓": 1 / 3,
    "8": 8.0,
    "⅛": 1 / 8,
    "√2": math.sqrt(2),
    "1/√2": math.sqrt(1 / 2),
    "1/100": 1 / 100,
    "1,000": 1000.0,
    "1/1,000": 1 / 1000,
    "1,024": 1024.0,
    "1/1,024": 1 / 1024,
}
OF_A_SIZE = {  # what can become a factor, where n is a size
    "{}": lambda n: n,
    "1 / {}": lambda n: 1 / n,
    "the square root of {}": math.sqrt,
    "1 / the square root of {}": lambda n: 1 / math.sqrt(n),
    "n / (n − 1), where n is {},": lambda n: n / (n - 1),
    "(n − 1) / n, where n is {},": lambda n: (n - 1) / n,
    "√(n / (n − 1)), where n is {},": lambda n: math.sqrt(n / (n - 1)),
    "√((n − 1) / n), where n is {},": lambda n: math.sqrt((n - 1) / n),
    "n / (n + 1), where n is {},": lambda n: n / (n + 1),
    "(n + 1) / n, where n is {},": lambda n: (n + 1) / n,
}


def fitted(seen: Evidence, *, named: bool = True) -> Iterator[Candidate]:
    """The candidate that is off by one factor, or by one addend, on every input that fails.

    Args:
        seen: what is known of the answer.
        named: whether the factor must be a constant that has a name, or come from the size of an argument.
    """
    wrong = set(seen.wrong)

    def result(i: int) -> Any:
        return seen.given[i] if i in wrong else seen.expected[i]

    pairs = [(quietly(real, seen.expected[i]), quietly(real, seen.given[i])) for i in seen.wrong]
    if any(ours is NOTHING or theirs is NOTHING or np.shape(ours) != np.shape(theirs) for ours, theirs in pairs):
        return
    factors = [_factor(np.ravel(ours), np.ravel(theirs)) for ours, theirs in pairs]
    if name := _name(seen, factors, named):
        yield Candidate(f"{name.rstrip(',')} times too much".replace("`", ""), _said(name), result)
    addends = [_addend(np.ravel(ours), np.ravel(theirs)) for ours, theirs in pairs]
    if len({math.copysign(1.0, one) for one in addends}) == 1 and (name := _name(seen, list(map(abs, addends)), named)):
        hint = f"Each of your numbers differs from what is expected by {name.rstrip(',')}. What is added, or left out?"
        yield Candidate("something added", hint, result)


def _said(name: str) -> str:
    told = f"Your numbers are {name} times what is expected, on every input that fails."
    if "n − 1" in name:
        return f"{told} It looks as if a variance were divided by the other of n and n − 1."
    if "`" in name and "root" not in name:
        return f"{told} Is it a sum where a mean is wanted, or a mean where a sum is?"
    return f"{told} Which factor is missing, is there twice, or stands on the wrong side of a fraction?"


def _factor(ours: np.ndarray, theirs: np.ndarray) -> float:
    """How many times larger all numbers are; NaN where it is not the same for all."""
    there = np.abs(ours) > 1e-9
    if not there.any() or not np.isfinite([ours, theirs]).all() or np.abs(theirs[~there]).max(initial=0.0) > 1e-6:
        return math.nan
    ratios = theirs[there] / ours[there]
    return float(ratios[0]) if np.allclose(ratios, ratios[0], rtol=1e-4) and abs(ratios[0]) > 1e-9 else math.nan


def _addend(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.size == 0 or not np.isfinite([ours, theirs]).all():
        return math.nan
    differences = theirs - ours
    return float(differences[0]) if np.allclose(differences, differences[0], rtol=1e-4) else math.nan


def _name(seen: Evidence, values: list[float], named: bool) -> str:
    """Name what has these values, one for each failure: a constant, or what an argument's size makes; "" if nothing."""
    if any(math.isnan(value) for value in values):
        return ""
    for name, constant in CONSTANTS.items():
        if np.allclose(values, constant, rtol=1e-4):
            return name
    if len(values) < 2:
        return ""
    measured = [sizes(dict(zip(seen.names, map(plain, seen.cases[i]), strict=True))) for i in seen.wrong]
    for size in measured[0]:
        lengths = [one.get(size, 1.0) for one in measured]
        if min(lengths) > 1:
            for name, of in OF_A_SIZE.items():
                if np.allclose(values, [of(n) for n in lengths], rtol=1e-4):
                    return name.format(size)
    return "" if named or not np.allclose(values, values[0], rtol=1e-4) else number(values[0])


def sizes(arguments: dict[str, Any]) -> dict[str, float]:
    """The numbers that arguments bring along, by what they are: lengths of axes, and numbers themselves."""
    found: dict[str, float] = {}
    for name, value in arguments.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[f"`{name}`"] = float(value)
        elif isinstance(value, np.ndarray):
            lengths = {f"`{name}.shape[{axis}]`": float(length) for axis, length in enumerate(value.shape)}
            found |= lengths if value.ndim > 1 else {f"the length of `{name}`": float(value.size)}
            found[f"the size of `{name}`"] = float(value.size)
        elif isinstance(value, str | list | tuple | dict | set):
            found[f"the length of `{name}`"] = float(len(value))
    return found
