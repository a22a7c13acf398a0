"""What is expected, changed as a whole: another sign, another order, an axis summed; and what is left to be done."""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from transformer_lib.exercises.comparing import as_array
from transformer_lib.exercises.detectors.steps import (
    NOTHING,
    Step,
    array,
    items,
    pair,
    quietly,
    real,
    table,
    text,
    truth,
)
from transformer_lib.exercises.recognizing import Candidate, Evidence
from transformer_lib.exercises.values import Opaque, Raised

WHOLE = [
    Step(
        "true and false exchanged",
        "Every True of yours should be False, and every False True. What does True stand for here?",
        lambda e: ~truth(e),
    ),
    Step(
        "the other sign",
        "Your numbers have the right size and the opposite sign. Which of two things is subtracted from which?",
        lambda e: -real(e),
    ),
    Step(
        "the complement",
        "Yours is 1 minus what is expected: the share of the opposite. Which of the two does the exercise ask for?",
        lambda e: 1 - real(e),
    ),
    Step(
        "the inverse",
        "Yours is 1 divided by what is expected. What is to be divided by what?",
        lambda e: 1 / real(e),
    ),
    Step(
        "a percentage",
        "Your numbers are 100 times too large: they look like percentages, where fractions are expected.",
        lambda e: 100 * real(e),
    ),
    Step(
        "the natural logarithm",
        "Your {given} is {expected} times ln 2: nats, where bits are expected. Which base has your logarithm?",
        lambda e: real(e) * math.log(2),
    ),
    Step(
        "the logarithm to base 2",
        "Your {given} is {expected} divided by ln 2: bits, where nats are expected. Which base has your logarithm?",
        lambda e: real(e) / math.log(2),
    ),
    Step(
        "the logarithm to base 10",
        "Your {given} is {expected} divided by ln 10: your logarithm is one to base 10.",
        lambda e: real(e) / math.log(10),
    ),
    Step(
        "squared",
        "Your {given} is the square of {expected}. Is a square root missing, or is something multiplied by itself?",
        lambda e: real(e) ** 2,
    ),
    Step(
        "a root too many",
        "Your {given} is the square root of {expected}. Is there a root that does not belong?",
        lambda e: np.sqrt(real(e)),
    ),
    Step(
        "a logarithm too many",
        "Your {given} is the logarithm of {expected}. Is a last exponential missing?",
        lambda e: np.log(real(e)),
    ),
    Step(
        "an exponential too many",
        "Your {given} is e to the power of {expected}. Is an exponential one too many?",
        lambda e: np.exp(real(e)),
    ),
    Step(
        "no sign",
        "Yours has no minus signs, where some are expected. What takes them away?",
        lambda e: np.abs(real(e)),
    ),
    Step(
        "cut to an integer",
        "Your {given} is {expected} cut to a whole number. Where does yours turn to integers: in a `//`, an `int`, or "
        "an array of integers that is written to?",
        lambda e: np.trunc(real(e)),
    ),
    Step(
        "rounded",
        "Your {given} is {expected} rounded to a whole number. Should it be?",
        lambda e: np.round(real(e)),
    ),
    Step("rounded down", "Your {given} is {expected} rounded down. Should it be?", lambda e: np.floor(real(e))),
    Step("rounded up", "Your {given} is {expected} rounded up. Should it be?", lambda e: np.ceil(real(e))),
    Step(
        "one too many",
        "Each of your numbers is 1 too large. Is an end counted that should not be, or does a count begin at 1 that "
        "should begin at 0?",
        lambda e: real(e) + 1,
    ),
    Step(
        "one too few",
        "Each of your numbers is 1 too small. Is an end left out that should be counted, or does a count begin at 0 "
        "that should begin at 1?",
        lambda e: real(e) - 1,
    ),
    Step(
        "nothing below zero",
        "Yours is 0 wherever what is expected is negative. What keeps it from going below?",
        lambda e: np.maximum(real(e), 0),
    ),
    Step(
        "the sum",
        "Yours is the sum of what is expected: one number, where there should be one for each place.",
        lambda e: real(array(e)).sum(),
    ),
    Step(
        "the mean",
        "Yours is the mean of what is expected: one number, where there should be one for each place.",
        lambda e: real(array(e)).mean(),
    ),
    Step(
        "flat",
        "All of your numbers are right and in order, in one long row. Which shape is expected?",
        lambda e: array(e).ravel(),
    ),
    Step(
        "the positions of the largest",
        "Yours are the positions of the largest numbers. Are the numbers themselves asked for?",
        lambda e: array(e).argmax(-1),
    ),
    Step(
        "whether any",
        "Yours says whether there is any. One answer for each place is expected.",
        lambda e: truth(array(e)).any(),
    ),
    Step(
        "the other one first",
        "What you return is right, and in the reverse order. Which comes first?",
        lambda e: pair(e)[::-1],
    ),
    Step(
        "0 and minus infinity",
        "Yours has 0 where True is expected, and minus infinity where False is: a mask to be added to scores. Here it "
        "is asked for as True and False.",
        lambda e: np.where(truth(array(e)), 0.0, -np.inf),
    ),
    Step(
        "joined to one", "Yours is right but joined to one text. One for each is expected.", lambda e: "".join(items(e))
    ),
    Step("backward", "Your text is right, and runs backward.", lambda e: text(e)[::-1]),
    Step("other capitals", "Your text is right but for small and capital letters.", lambda e: text(e).lower()),
    Step("no spaces", "Your text is right but for its spaces.", lambda e: text(e).replace(" ", "")),
    Step("cut at the ends", "Your text is right but for the white space at its ends.", lambda e: text(e).strip()),
    Step(
        "keys and values exchanged",
        "The keys of your dictionary should be its values, and the values its keys.",
        lambda e: {value: key for key, value in table(e).items()},
    ),
    Step(
        "nothing twice",
        "Yours holds each thing once; what occurs twice should be there twice.",
        lambda e: list(dict.fromkeys(items(e))),
    ),
]


TO_WHOLE_NUMBERS = {"cut to an integer", "rounded", "rounded down", "rounded up"}  # zeros alone may be any thought's


def shift(value: Any, axis: int, by: int) -> Any:
    """Move everything on along an axis; what falls off the end comes around to the beginning."""
    if isinstance(value, str):
        return value[-by:] + value[:-by]
    if isinstance(value, list | tuple) and as_array(value) is None:
        return [*value[-by:], *value[:-by]]
    return np.roll(array(value), by, axis)


def cut(value: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    """Take a slice along an axis."""
    part = slice(start, stop, step)
    if isinstance(value, str) or (isinstance(value, list | tuple) and as_array(value) is None):
        return value[part]
    return array(value)[(slice(None),) * axis + (part,)]


def share(value: Any, axis: int) -> Any:
    """Divide by the sum along an axis."""
    numbers = real(array(value))
    return numbers / numbers.sum(axis, keepdims=True)


def softmax(value: Any, axis: int) -> Any:
    """Take the softmax along an axis."""
    numbers = real(array(value))
    powers = np.exp(numbers - numbers.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


ALONG = [  # of what is expected, along an axis, which is {axis}
    Step(
        "one place too late",
        "Yours is right, but moved on by one place {axis}, and the last has come around to the beginning.",
        lambda e, axis: shift(e, axis, 1),
    ),
    Step(
        "one place too early",
        "Yours is right, but moved back by one place {axis}, and the first has come around to the end.",
        lambda e, axis: shift(e, axis, -1),
    ),
    Step(
        "the first left out",
        "The first one {axis} is missing in yours; the rest is right. Where should it begin?",
        lambda e, axis: cut(e, axis, 1, None),
    ),
    Step(
        "the last left out",
        "The last one {axis} is missing in yours; the rest is right. Where should it end?",
        lambda e, axis: cut(e, axis, None, -1),
    ),
    Step(
        "in reverse order",
        "Yours is right, and runs backward {axis}. Which comes first?",
        lambda e, axis: cut(e, axis, None, None, -1),
    ),
    Step(
        "in order of size",
        "Yours are the right numbers in order of their size {axis}. Which order is expected?",
        lambda e, axis: np.sort(array(e), axis),
    ),
    Step(
        "a running sum",
        "Yours is the running sum of what is expected, {axis}.",
        lambda e, axis: np.cumsum(real(array(e)), axis),
    ),
    Step(
        "summed",
        "Yours is what is expected, summed {axis}. Over which axis should the sum run?",
        lambda e, axis: real(array(e)).sum(axis),
    ),
    Step(
        "averaged",
        "Yours is what is expected, averaged {axis}. Over which axis should the mean run?",
        lambda e, axis: real(array(e)).mean(axis),
    ),
    Step("made to sum to 1", "Yours is what is expected, divided so that it sums to 1 {axis}.", share),
    Step("softmax taken once more", "Yours is the softmax of what is expected, {axis}.", softmax),
]

REST = [  # that makes a reader's result right
    Step(
        "one for each",
        "The last of yours is right. You return one for each place; one in all is asked for.",
        lambda g: items(g)[-1],
    ),
    Step("not yet joined", "Your pieces are right. They are to be joined to one text.", lambda g: "".join(items(g))),
    Step("not yet joined", "Your words are right. They are to be joined to one text.", lambda g: " ".join(items(g))),
]

REST_ALONG = [
    Step("not yet divided", "Yours is in the right proportions {axis}, and does not sum to 1.", share),
    Step("softmax missing", "Yours becomes right by a softmax {axis}: these are the scores before it.", softmax),
    Step(
        "not yet summed",
        "Yours becomes right when it is summed {axis}. That step is left.",
        lambda g, axis: real(array(g)).sum(axis),
    ),
    Step(
        "not yet averaged",
        "Yours becomes right when it is averaged {axis}. That step is left.",
        lambda g, axis: real(array(g)).mean(axis),
    ),
    Step(
        "one too many at the beginning",
        "Yours is right but for the first one {axis}, which is one too many.",
        lambda g, axis: cut(g, axis, 1, None),
    ),
    Step(
        "one too many at the end",
        "Yours is right but for the last one {axis}, which is one too many.",
        lambda g, axis: cut(g, axis, None, -1),
    ),
]


def of_results(seen: Evidence) -> Iterator[Candidate]:
    """The candidates that are made of what is expected, or of the reader's results and one step more."""
    first = max(seen.wrong, key=lambda i: axes_of(seen.given[i]))
    if any(isinstance(seen.given[i], Raised | Opaque) for i in seen.wrong):
        return
    ours, theirs = axes_of(seen.expected[first]), axes_of(seen.given[first])
    length_1 = (
        "Your numbers are right, and the shape is not: an axis of length 1 is too many, or missing, as `keepdim` makes "
        "it. Which shape does the exercise ask for?"
    )
    yield Candidate("an axis of length 1", length_1, lambda i: _squeezed_alike(seen.expected[i], seen.given[i]))
    zeros = all(_nothing_but_zeros(seen.given[i]) for i in seen.wrong)
    for step in [*WHOLE, *_orders(ours), *_along(ALONG, ours)]:
        if zeros and step.name in TO_WHOLE_NUMBERS:
            continue
        yield Candidate(step.name, step.hint, functools.partial(_changed, seen, step))
    for step in [*REST, *_along(REST_ALONG, theirs)]:
        yield Candidate(step.name, step.hint, functools.partial(_finished, seen, step))
    nothing_finite = (
        "Yours is right wherever it is a number. NaN comes from 0 / 0, from ∞ − ∞ and from 0 · ∞, and infinity from an "
        "exponential, or a quotient, that is too large. Which of them happens on this input?"
    )
    yield Candidate("not a number", nothing_finite, lambda i: _unless_finite(seen.expected[i], seen.given[i]))


def _nothing_but_zeros(value: Any) -> bool:
    numbers = quietly(real, value)
    return numbers is not NOTHING and not np.any(numbers)


def axes_of(value: Any) -> int:
    """How many axes a value has; one of a list or a text of what are no numbers."""
    found = as_array(value) if isinstance(value, list | tuple | np.ndarray) else None
    return found.ndim if found is not None else isinstance(value, list | tuple | str)


def _along(steps: list[Step], axes: int) -> Iterator[Step]:
    names = {1: ["in the list"], 2: ["within each column", "within each row"]}
    for axis, name in enumerate(names.get(axes, [f"along axis {axis}" for axis in range(axes)])):
        for step in steps:
            yield Step(step.name, step.hint.replace("{axis}", name), functools.partial(step.change, axis=axis))


def _orders(axes: int) -> Iterator[Step]:
    """Axes that have changed places; and an array that was cut anew where its axes should have."""
    if not 2 <= axes <= 4:
        return
    name, what = ("rows and columns exchanged", "rows and columns") if axes == 2 else ("axes exchanged", "axes {}")
    exchanged = f"Your numbers are right, with {what} exchanged. What should each axis stand for?"
    reshaped = (
        "Your numbers lie in other places: it looks as if an array were reshaped where its axes should change places, "
        "or the other way round. On paper, which number should come second?"
    )
    for order in itertools.permutations(range(axes)):
        moved = [str(axis) for axis in range(axes) if order[axis] != axis]
        if moved:
            swap = functools.partial(_transposed, order=order)
            yield Step(name, exchanged.format(" and ".join(moved)), swap)
            yield Step("cut in another order", reshaped, functools.partial(_recut, order=order))


def _transposed(value: Any, order: tuple[int, ...]) -> np.ndarray:
    return array(value).transpose(order)


def _recut(value: Any, order: tuple[int, ...]) -> np.ndarray:
    return array(value).transpose(order).reshape(array(value).shape)


def _changed(seen: Evidence, step: Step, i: int) -> Any:
    return quietly(step.change, seen.expected[i])


def _finished(seen: Evidence, step: Step, i: int) -> Any:
    """The reader's own result, where this step makes it right."""
    right = seen.agree(seen.expected[i], quietly(step.change, seen.given[i]))
    return seen.given[i] if right else seen.expected[i]


def _squeezed_alike(expected: Any, given: Any) -> Any:
    """What is expected in the reader's shape, where that differs by axes of length 1."""
    ours, theirs = quietly(array, expected), quietly(array, given)
    if ours is NOTHING or theirs is NOTHING or ours.squeeze().shape != theirs.squeeze().shape:
        return expected
    return ours.reshape(theirs.shape)


def _unless_finite(expected: Any, given: Any) -> Any:
    """What is expected, but not a number where the reader's result is none."""
    ours, theirs = quietly(real, expected), quietly(real, given)
    if ours is NOTHING or theirs is NOTHING or np.shape(ours) != np.shape(theirs):
        return NOTHING
    there = np.isfinite(theirs) | ~np.isfinite(ours)
    return NOTHING if np.all(there) else np.where(there, ours, theirs)
