"""Equality of plain values: by value, whatever holds them, and where it ends."""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from transformer_lib.exercises.values import hashable

DUST = 1e-12  # what rounding leaves of an integer: 120.00000000000003
Place: TypeAlias = tuple[Any, ...]


def same(expected: Any, given: Any, *, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Say whether two plain values are equal: integers and shapes exactly, other numbers within a tolerance."""
    return first_difference(expected, given, rtol=rtol, atol=atol) is None


def first_difference(expected: Any, given: Any, *, rtol: float = 1e-5, atol: float = 1e-8) -> Place | None:
    """Return where two plain values first differ; an array with one number in it may stand for a number.

    Args:
        expected: the right value.
        given: the value to compare with it.
        rtol: how far numbers may be apart, as a share of the expected one, unless both are integers.
        atol: how far they may be apart besides.

    Returns:
        None where they are equal. Otherwise the indices and keys that lead to the first difference; () where it is the
        whole: another type, or another shape.
    """
    if isinstance(expected, int | float | complex) and isinstance(given, np.ndarray) and given.size == 1:
        given = given.item()
    match expected, given:
        case ((int() | float() | complex()), (int() | float() | complex())):
            return None if _close(expected, given, rtol, atol) else ()
        case ((np.ndarray() | list() | tuple()), (np.ndarray() | list() | tuple())):
            ours, theirs = as_array(expected), as_array(given)
            if ours is not None and theirs is not None:
                return _in_arrays(ours, theirs, rtol, atol)
            return _in_items(enumerate(zip(expected, given, strict=False)), rtol, atol) or _in_length(expected, given)
        case dict(), dict():
            missing = object()
            keys = {**expected, **given}
            return _in_items(((k, (expected.get(k, missing), given.get(k, missing))) for k in keys), rtol, atol)
        case (str(), str()) | (bytes(), bytes()):
            pairs = zip(expected, given, strict=False)
            place = next((i for i, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(expected), len(given)))
            return None if expected == given else (place,)
        case set(), (list() | tuple()):
            return None if len(given) == len(expected) and expected == set(filter(hashable, given)) else ()
        case _:
            return None if type(expected) is type(given) and expected == given else ()


def as_array(value: Any) -> np.ndarray | None:
    """Return an array or a rectangle of nested lists of numbers as an array, and None for anything else."""
    if isinstance(value, list | tuple):
        try:
            value = np.array(value)
        except (ValueError, OverflowError):  # ragged, or an integer beyond 64 bits among floats
            return None
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "biufc" else None


def holds(test: Callable[..., Any], *values: Any) -> bool:
    """Say whether these values pass a test; one that was not made for values of their kind is not passed."""
    try:
        return bool(test(*values))
    except (TypeError, ValueError, AttributeError, LookupError):
        return False


def _in_arrays(expected: np.ndarray, given: np.ndarray, rtol: float, atol: float) -> Place | None:
    if expected.shape != given.shape:
        return ()
    if expected.dtype.kind in "biu" and given.dtype.kind in "biu":
        wrong = expected != given
    else:
        with np.errstate(all="ignore"):
            wrong = ~np.isclose(given + 0.0, expected + 0.0, rtol=rtol, atol=atol, equal_nan=True)
    return tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.any() else None


def _in_items(items: Iterable[tuple[Any, tuple[Any, Any]]], rtol: float, atol: float) -> Place | None:
    for key, (expected, given) in items:
        place = first_difference(expected, given, rtol=rtol, atol=atol)
        if place is not None:
            return (key, *place)
    return None


def _in_length(expected: Any, given: Any) -> Place | None:
    return None if len(expected) == len(given) else (min(len(expected), len(given)),)


def _close(expected: int | float | complex, given: int | float | complex, rtol: float, atol: float) -> bool:
    if expected == given or (isinstance(expected, int) and isinstance(given, int)):
        return expected == given
    try:
        numbers = complex(expected), complex(given)
    except OverflowError:  # an integer that no float reaches
        return False
    if any(math.isnan(part) for number in numbers for part in (number.real, number.imag)):
        return all(number != number for number in numbers)
    difference = abs(numbers[1] - numbers[0])
    rtol = max(rtol, DUST) if isinstance(expected, int) else rtol
    return difference <= atol + rtol * abs(numbers[0]) and not math.isinf(difference)
