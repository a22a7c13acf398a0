"""Where an answer is wrong, if not why: on which inputs, and at which places of a table."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from transformer_lib.exercises.comparing import as_array
from transformer_lib.exercises.recognizing import Evidence
from transformer_lib.exercises.showing import show
from transformer_lib.exercises.values import Opaque, Raised, plain


def situation(seen: Evidence) -> str:
    """Say what all inputs have in common on which the answer is wrong, and none on which it is right."""
    wrong = set(seen.wrong)
    right = [i for i in range(len(seen.given)) if i not in wrong]
    if len(right) < 2:
        return _place(seen)
    shown = [dict(zip(seen.names, map(plain, case), strict=True)) for case in seen.cases]
    if same := _the_same(seen):
        return same
    for said, holds in [*_conditions(shown[0]), *_values(shown, right)]:
        held = {i for i in range(len(seen.given)) if _holds(holds, shown[i])}
        if held == set(right):
            return f"Yours is right {said}, and wrong on every other input."
    return _place(seen)


def _the_same(seen: Evidence) -> str:
    """Say what the answer returns wherever it is wrong, if that is always the same."""
    results = {repr(seen.given[i]) for i in seen.wrong}
    if len(results) > 1 or len(seen.wrong) < 3 or isinstance(seen.given[seen.wrong[0]], Raised | Opaque):
        return ""
    text = show(seen.given[seen.wrong[0]])
    return f"Wherever yours is wrong, it returns {text}." if "\n" not in text else ""


def _values(shown: list[dict[str, Any]], right: list[int]) -> Iterator[tuple[str, Callable[[dict[str, Any]], bool]]]:
    """That an argument has the one value that it has wherever the answer is right."""
    for name, value in shown[right[0]].items():
        if isinstance(value, int | float | str):
            yield f"where `{name}` is {show(value)}", lambda a, n=name, v=value: a[n] == v


def _conditions(arguments: dict[str, Any]) -> Iterator[tuple[str, Callable[[dict[str, Any]], bool]]]:
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            yield f"where `{name}` is square", lambda a, n=name: len(set(a[n].shape[-2:])) == 1 and a[n].ndim > 1
            for axis in range(value.ndim):
                yield f"where `{name}.shape[{axis}]` is 1", lambda a, n=name, x=axis: a[n].shape[x] == 1
            yield f"where no row of `{name}` is all 0", lambda a, n=name: a[n].ndim > 1 and bool(a[n].any(-1).all())
            yield f"where nothing in `{name}` is negative", lambda a, n=name: bool((a[n] >= 0).all())
            yield f"where no number in `{name}` is 0", lambda a, n=name: bool((a[n] != 0).all())
            if "bool" in str(value.dtype):
                yield f"where every row of `{name}` has a True", lambda a, n=name: bool(a[n].any(-1).all())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"where `{name}` is 1", lambda a, n=name: a[n] == 1
            yield f"where `{name}` is not 0", lambda a, n=name: a[n] != 0
            yield f"where `{name}` is even", lambda a, n=name: a[n] % 2 == 0
            yield f"where `{name}` is at least 1", lambda a, n=name: a[n] >= 1
        elif isinstance(value, str | list | tuple):
            yield f"where `{name}` is not empty", lambda a, n=name: len(a[n]) > 0
            yield f"where `{name}` has one item", lambda a, n=name: len(a[n]) == 1
            yield f"where nothing in `{name}` comes twice", lambda a, n=name: len(set(a[n])) == len(a[n])
    names = [name for name, value in arguments.items() if isinstance(value, np.ndarray | list | tuple | str)]
    for one, other in itertools.combinations(names, 2):
        yield f"where `{one}` and `{other}` have the same length", lambda a, n=one, m=other: len(a[n]) == len(a[m])
    numbers = [name for name, value in arguments.items() if isinstance(value, int | float)]
    for one, other in itertools.combinations(numbers, 2):
        yield f"where `{one}` and `{other}` are the same", lambda a, n=one, m=other: a[n] == a[m]


def _holds(test: Callable[[dict[str, Any]], bool], arguments: dict[str, Any]) -> bool:
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
    yield "on the diagonal", rows == columns
    yield "above the diagonal", columns > rows
    yield "below the diagonal", columns < rows
