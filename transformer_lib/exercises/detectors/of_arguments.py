"""What the reference returns on other arguments: one forgotten, inverted, cut short, or exchanged with another."""

import copy
import functools
import itertools
from collections.abc import Iterator
from typing import Any

from transformer_lib.exercises.attempts import attempt
from transformer_lib.exercises.detectors.steps import NOTHING, WILL_NOT, Step
from transformer_lib.exercises.recognizing import Candidate, Evidence
from transformer_lib.exercises.values import Raised

ARGUMENTS = [
    Step("is forgotten", "{} is 1, whatever it was. Is it used in yours?", lambda a: _scalar(a) * 0 + 1),
    Step(
        "is inverted",
        "1/{0} stands for {0}. Is something divided that should be multiplied, or the other way round?",
        lambda a: 1 / _scalar(a),
    ),
    Step("is forgotten", "{} is 0, whatever it was. Is it used in yours?", lambda a: _scalar(a) * 0),
    Step("is None", "{} is None, whatever it was. Is it used in yours?", lambda a: None),
    Step("is one more", "{} is 1 more than it is. Is an end counted once too often?", lambda a: _whole(a) + 1),
    Step("is one less", "{} is 1 less than it is. Is an end left out?", lambda a: _whole(a) - 1),
    Step("has the other sign", "{} has the opposite sign.", lambda a: -a),
    Step("is squared", "{0} is squared, or counts twice.", lambda a: a * a),
    Step("is a root", "the square root of {0} stands for {0}.", lambda a: _scalar(a) ** 0.5),
    Step("is doubled", "{} is twice as large.", lambda a: 2 * _number(a)),
    Step("is halved", "{} is half as large.", lambda a: _number(a) / 2),
    Step("is taken from 1", "1 − {0} stands for {0}.", lambda a: 1 - _scalar(a)),
    Step("is turned around", "{}'s True and False are exchanged. What does True stand for here?", lambda a: ~_mask(a)),
    Step("is all True", "{} lets everything through. Is it used in yours?", lambda a: _mask(a) | True),
    Step("is transposed", "the last two axes of {} are exchanged.", lambda a: a.swapaxes(-1, -2)),
    Step("is reversed", "{} runs backward.", lambda a: _reversed(a)),
    Step("loses its first", "the first of {} is not there.", lambda a: _sequence(a)[1:]),
    Step("loses its last", "the last of {} is not there. Is the end left out?", lambda a: _sequence(a)[:-1]),
    Step("is a set", "each thing in {} counts once.", lambda a: list(dict.fromkeys(_sequence(a)))),
    Step("is sorted", "{} is sorted first.", lambda a: sorted(a)),
    Step("is in small letters", "{} is in small letters.", lambda a: a.lower()),
    Step(
        "is whole",
        "the numbers of {} are cut to whole ones. Is there an array of integers?",
        lambda a: _cut_to_whole(a),
    ),
]


def _scalar(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool | str | list | tuple | dict | set):
        raise TypeError("no number")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("no integer")
    return value


def _mask(value: Any) -> Any:
    if "bool" not in str(getattr(value, "dtype", "")):
        raise TypeError("no mask")
    return value


def _sequence(value: Any) -> Any:
    if not hasattr(value, "__len__") or not hasattr(value, "__getitem__") or isinstance(value, dict):
        raise TypeError("no sequence")
    return value


def _reversed(value: Any) -> Any:
    return value.flip(0) if hasattr(value, "flip") else _sequence(value)[::-1]


def _cut_to_whole(value: Any) -> Any:
    if "float" not in str(getattr(value, "dtype", "")):
        raise TypeError("no floats")
    whole = value // 1
    if not (whole != 0).any():
        raise ValueError("nothing but zeros is left")
    return whole


def of_arguments(seen: Evidence) -> Iterator[Candidate]:
    """The candidates that are the reference's results on other arguments."""
    if seen.reference is None:
        return
    for k, name in enumerate(seen.names):
        values = {repr(seen.cases[i][k]) for i in seen.wrong}
        for step in ARGUMENTS if len(values) > 1 else ():  # one value alone can be its own square, or its double
            hint = f"Your results come out where {step.hint.format(f'`{name}`')}"
            yield Candidate(f"{name} {step.name}", hint, functools.partial(_with_changed, seen, k, step))
    for k, m in itertools.combinations(range(len(seen.names)), 2):
        hint = f"Your results come out where `{seen.names[k]}` and `{seen.names[m]}` are exchanged. Which is which?"
        name = f"{seen.names[k]} and {seen.names[m]} exchanged"
        yield Candidate(name, hint, functools.partial(_with_exchanged, seen, k, m))


def _with_changed(seen: Evidence, k: int, step: Step, i: int) -> Any:
    arguments = list(copy.deepcopy(seen.cases[i]))
    try:
        arguments[k] = step.change(arguments[k])
    except WILL_NOT:
        return NOTHING
    return _called(seen, arguments)


def _with_exchanged(seen: Evidence, k: int, m: int, i: int) -> Any:
    arguments = list(seen.cases[i])
    arguments[k], arguments[m] = arguments[m], arguments[k]
    return _called(seen, arguments)


def _called(seen: Evidence, arguments: list[Any]) -> Any:
    """What the reference returns; an exception is nothing that an answer could have meant."""
    assert seen.reference is not None
    result = attempt(seen.reference, tuple(arguments)).result
    return NOTHING if isinstance(result, Raised) else result
