"""Where an answer is wrong, if not why: on which inputs, and at which places of a table."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from transformer_lib.exercises.comparing import as_array
from transformer_lib.exercises.recognizing import Evidence
from transformer_lib.exercises.showing import show
from transformer_lib.exercises.values import Opaque, Raised, plain

FEWEST = 3  # inputs on either side; fewer may have a shape in common by chance


def situation(seen: Evidence) -> str:
    """Say what shape all inputs have on which the answer is right, and none on which it is wrong."""
    wrong = set(seen.wrong)
    right = {i for i in range(len(seen.given)) if i not in wrong}
    if len(right) >= 2 and (same := _the_same(seen)):
        return same
    if min(len(right), len(wrong)) >= FEWEST:
        shown = [dict(zip(seen.names, map(plain, case), strict=True)) for case in seen.cases[: len(seen.given)]]
        for said, holds in _conditions(shown[0]):
            if {i for i, arguments in enumerate(shown) if _holds(holds, arguments)} == right:
                return f"What the inputs show: yours is right on those {said}, and wrong on all others."
    return _place(seen)


def _the_same(seen: Evidence) -> str:
    """Say what the answer returns wherever it is wrong, if that is always the same."""
    results = {repr(seen.given[i]) for i in seen.wrong}
    if len(results) > 1 or len(seen.wrong) < 3 or isinstance(seen.given[seen.wrong[0]], Raised | Opaque):
        return ""
    text = show(seen.given[seen.wrong[0]])
    return f"Wherever yours is wrong, it returns {text}." if "\n" not in text else ""


Test: TypeAlias = Callable[[dict[str, Any]], bool]
Told: TypeAlias = list[tuple[str, Callable[..., Any]]]

OF_AN_ARRAY: Told = [  # shapes, on which code depends; what the numbers have in common is chance more often than not
    ("where `{}` is square", lambda x: x.ndim > 1 and x.shape[-1] == x.shape[-2]),
    ("where the first axis of `{}` has length 1", lambda x: x.shape[0] == 1),
    ("where the second axis of `{}` has length 1", lambda x: x.shape[1] == 1),
]
OF_A_SEQUENCE: Told = [("where `{}` has one item", lambda x: len(x) == 1)]
OF_A_SIZE: Told = [("where `{}` is 1", lambda x: x == 1)]


def _conditions(arguments: dict[str, Any]) -> Iterator[tuple[str, Test]]:
    for name, value in arguments.items():
        told: Told = []
        if isinstance(value, np.ndarray):
            told = OF_AN_ARRAY
        elif isinstance(value, str | list | tuple):
            told = OF_A_SEQUENCE
        elif isinstance(value, int) and name.startswith("n_"):  # a number of heads, or of blocks
            told = OF_A_SIZE
        for said, test in told:
            yield said.format(name), functools.partial(_of_one, name, test)
    for one, other in itertools.combinations(arguments, 2):
        if all(isinstance(arguments[name], np.ndarray | list | tuple | str) for name in (one, other)):
            yield f"where `{one}` and `{other}` have the same length", functools.partial(_as_long, one, other)


def _of_one(name: str, test: Callable[[Any], Any], arguments: dict[str, Any]) -> bool:
    return bool(test(arguments[name]))


def _as_long(one: str, other: str, arguments: dict[str, Any]) -> bool:
    return len(arguments[one]) == len(arguments[other])


def _holds(test: Test, arguments: dict[str, Any]) -> bool:
    try:
        return bool(test(arguments))
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return False


def _place(seen: Evidence) -> str:
    """Say in which part of a table all wrong numbers lie, where it is the same on every input that fails."""
    places: set[str] | None = None
    for i in seen.wrong:
        ours, theirs = (
            as_array(v) if isinstance(v, list | np.ndarray) else None for v in (seen.expected[i], seen.given[i])
        )
        if ours is None or theirs is None or ours.shape != theirs.shape or ours.ndim == 0 or ours.size < 3:
            return ""
        with np.errstate(all="ignore"):
            wrong = ~np.isclose(ours + 0.0, theirs + 0.0, rtol=1e-5, atol=1e-8, equal_nan=True)
        if wrong.all():
            return ""
        found = {said for said, region in _regions(ours) if not (wrong & ~region).any() and not region.all()}
        places = found if places is None else places & found
    return f"All of your wrong numbers lie {sorted(places, key=len)[0]}; the others are right." if places else ""


def _regions(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    if array.ndim == 1:
        index = np.arange(len(array))
        yield "at the first place", index == 0
        yield "at the last place", index == len(array) - 1
        return
    rows, columns = np.indices(array.shape)[-2:]
    yield "in the first row", rows == 0
    yield "in the last row", rows == array.shape[-2] - 1
    yield "in the first column", columns == 0
    yield "in the last column", columns == array.shape[-1] - 1
    if array.shape[-1] != array.shape[-2]:
        return
    yield "on the diagonal", rows == columns
    yield "above the diagonal", columns > rows
    yield "below the diagonal", columns < rows
