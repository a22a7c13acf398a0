"""Steps that may lie between what is expected and what is given, each with a name and what is said of it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from transformer_lib.exercises.comparing import as_array
from transformer_lib.exercises.values import plain

WILL_NOT = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError)


@dataclasses.dataclass(frozen=True)
class Step:
    """A change of a value; one that does not suit the value raises one of `WILL_NOT`."""

    name: str
    hint: str
    change: Callable[..., Any]


class _Nothing:
    """What a step makes of a value that it does not suit; no answer agrees with it."""


NOTHING = _Nothing()


def quietly(change: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a change makes of a value, as a plain value."""
    try:
        with np.errstate(all="ignore"):
            return plain(change(*arguments))
    except WILL_NOT:
        return NOTHING


def array(value: Any) -> np.ndarray:
    """A table or a list of numbers as an array."""
    found = as_array(value) if isinstance(value, list | tuple | np.ndarray) else None
    if found is None or found.ndim == 0:
        raise TypeError("no array")
    return np.asarray(found)


def real(value: Any) -> Any:
    """A number, or an array of numbers, as floats; truth values are no numbers here."""
    if isinstance(value, bool) or not isinstance(value, int | float | list | tuple | np.ndarray):
        raise TypeError("no number")
    if isinstance(value, int | float):
        return float(value)
    found = array(value)
    if found.dtype.kind not in "iuf":
        raise TypeError("no numbers")
    return found.astype(float)


def truth(value: Any) -> Any:
    """A truth value, or an array of them; 0 and 1 will do."""
    found = np.array(value) if isinstance(value, bool) else array(value)
    if found.dtype.kind != "b" and not np.isin(found, (0, 1)).all():
        raise TypeError("no truth values")
    return found.astype(bool)


def of_type(*types: type) -> Callable[[Any], Any]:
    """Return a function that lets only values of these types pass."""

    def passes(value: Any) -> Any:
        if not isinstance(value, types):
            raise TypeError(f"no {types[0].__name__}")
        return value

    return passes


text, items, table, pair = of_type(str), of_type(list, tuple), of_type(dict), of_type(tuple)
