"""Which thought explains an answer.

A candidate is a thought as what it would return on every input. It explains an answer that gives its results wherever
the answer is wrong. Where the answer is right although the candidate is wrong, an edge case was handled. Both may hold
within one result, number by number. One number that agrees may be a coincidence; how much an agreement says is weighed.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from transformer_lib.exercises.comparing import as_array, same
from transformer_lib.exercises.values import Opaque, Raised, plain

Agree: TypeAlias = Callable[[Any, Any], bool]
ENOUGH = 2.0


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A thought: its name, what is said to those who had it, and what it returns on input i."""

    name: str
    hint: str
    result: Callable[[int], Any]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """How far a candidate explains an answer.

    Attributes:
        candidate: the thought.
        explained: the inputs on which the answer is wrong in the candidate's way.
        in_part: those of them on which some of the candidate's wrong numbers are right in the answer.
        unexplained: the inputs on which the answer is wrong in another way.
        handled: the inputs on which the candidate is wrong and the answer is right.
        weight: how much the agreement says; a number such as 6.93 says more than 0 or True.
    """

    candidate: Candidate
    explained: tuple[int, ...]
    in_part: tuple[int, ...]
    unexplained: tuple[int, ...]
    handled: tuple[int, ...]
    weight: float

    @property
    def exact(self) -> bool:
        """Whether the answer and the candidate agree on every input."""
        return not (self.in_part or self.unexplained or self.handled)

    @property
    def convincing(self) -> bool:
        """Whether every failure is explained, by more than a coincidence."""
        enough = self.weight >= ENOUGH and len(self.handled) <= 2 * len(self.explained)
        return bool(self.explained) and not self.unexplained and (self.exact or enough)

    @property
    def rank(self) -> tuple[int, ...]:
        """Small for the best explanation."""
        return len(self.unexplained), len(self.in_part), len(self.handled)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of an answer: results by input, as `plain` has them.

    Attributes:
        cases: the arguments of each call.
        names: the names of the arguments.
        expected: what the reference returns.
        given: what the answer returns, on as many of the inputs as it got through.
        agree: says whether two results are the same.
        reference: the reference, for what it returns on other arguments.
    """

    cases: Sequence[tuple[Any, ...]]
    names: Sequence[str]
    expected: Sequence[Any]
    given: Sequence[Any]
    agree: Agree
    reference: Callable[..., Any] | None = None

    @property
    def wrong(self) -> list[int]:
        """The inputs on which the answer is wrong."""
        return [i for i, result in enumerate(self.given) if not self.agree(self.expected[i], result)]

    def explain(self, candidate: Candidate, *, strict: bool = False, among: Sequence[int] = ()) -> Explanation | None:
        """Say how far a candidate explains the answer.

        Args:
            candidate: the thought.
            strict: give up, with None, at the first failure that it does not explain.
            among: the inputs that fail, if they are known already.
        """
        wrong = among or self.wrong
        explained, in_part, unexplained, handled, weight = [], [], [], [], 0.0
        for i in [*wrong, *(i for i in range(len(self.given)) if i not in wrong)]:
            theirs = candidate.result(i)
            if i not in wrong:
                if not self.agree(self.expected[i], theirs):
                    handled.append(i)
            elif self.agree(theirs, self.given[i]):
                explained.append(i)
                chosen = isinstance(theirs, int | float | str) and self._is_an_argument(i, theirs)
                weight += min(0.5, weigh(self.expected[i], theirs)) if chosen else weigh(self.expected[i], theirs)
            elif part := _in_part(self.expected[i], theirs, self.given[i]):
                explained.append(i)
                in_part.append(i)
                weight += part
            else:
                unexplained.append(i)
            if strict and (unexplained or in_part):
                return None
        return Explanation(candidate, tuple(explained), tuple(in_part), tuple(unexplained), tuple(handled), weight)

    def _is_an_argument(self, i: int, value: Any) -> bool:
        """Whether a value is one of several that an argument offers, so that chance may have chosen it."""
        offered = [plain(argument) for argument in self.cases[i]]
        offered = [one.ravel().tolist() if isinstance(one, np.ndarray) else one for one in offered]
        return any(value in [item for item in one if isinstance(item, type(value))] for one in offered if _is_list(one))

    def best(self, candidates: Iterable[Candidate]) -> list[Explanation]:
        """The candidates that explain every failure, and of these the best; more than one where none is better."""
        wrong = self.wrong
        found = [one for each in candidates if (one := self.explain(each, among=wrong)) and one.convincing]
        least = min((one.rank for one in found), default=())
        return [one for one in found if one.rank == least]

    def pair(self, candidates: Iterable[Candidate]) -> tuple[Explanation, Explanation] | None:
        """Two thoughts that explain together what neither explains alone, each with a share of its own."""
        wrong = self.wrong
        found = [one for each in candidates if (one := self.explain(each, among=wrong)) and one.explained]
        pairs = [
            (one, other)
            for k, one in enumerate(found)
            for other in found[k + 1 :]
            if one.unexplained
            and other.unexplained
            and set(one.explained) | set(other.explained) == set(wrong)
            and self._apart(one, other)
            and all(each.weight >= ENOUGH and len(each.handled) <= len(each.explained) for each in (one, other))
        ]
        return min(pairs, key=lambda two: sum(len(one.in_part) + len(one.handled) for one in two), default=None)

    def _apart(self, one: Explanation, other: Explanation) -> bool:
        """Whether two thoughts are two: where an answer shows one of them alone, the other would mostly do no harm.

        A thought that would do harm there is not in the answer. It is a likeness of the other one.
        """
        for this, that in ((one, other), (other, one)):
            alone = set(that.explained) - set(this.explained)
            harmless = sum(self.agree(self.expected[i], this.candidate.result(i)) for i in alone)
            if 2 * harmless < len(alone):
                return False
        return one.candidate.name.partition(":")[0] != other.candidate.name.partition(":")[0]

    def most(self, candidates: Iterable[Candidate]) -> Explanation | None:
        """The candidate that explains most failures, where these are two of three at least and the rest are few."""
        wrong = self.wrong
        found = [one for each in candidates if (one := self.explain(each, among=wrong)) and one.explained]
        good = [
            one
            for one in found
            if one.weight >= 2 * ENOUGH
            and 2 * len(one.unexplained) <= len(one.explained)
            and len(one.handled) <= len(one.explained)
        ]
        return min(good, key=lambda one: one.rank, default=None)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def weigh(expected: Any, theirs: Any, most: float = 6.0) -> float:
    """Say how much it means that somebody returns what is not expected: little for one True, much for one 6.93."""
    if isinstance(theirs, Raised | Opaque):
        return 1.0
    if isinstance(theirs, str | bytes):
        return 0.0 if isinstance(expected, str | bytes) and theirs == expected else min(most, 0.5 * len(theirs))
    if isinstance(theirs, dict):
        known = expected if isinstance(expected, dict) else {}
        return min(most, sum(weigh(known.get(key), value) for key, value in theirs.items()))
    array = as_array(theirs if isinstance(theirs, list | tuple | np.ndarray) else [theirs])
    ours = as_array(expected if isinstance(expected, list | tuple | np.ndarray) else [expected])
    if array is None:
        if isinstance(theirs, list | tuple):
            pairs = zip(theirs, [*expected, *theirs] if isinstance(expected, list | tuple) else theirs, strict=False)
            return min(most, 0.5 + sum(weigh(ours, one) for one, ours in pairs if not same(ours, one)))
        return 0.5
    differs = ~_close(array, ours) if ours is not None and ours.shape == array.shape else np.ones(array.shape, bool)
    return min(most, float(np.sum(_telling(array[differs]))) + 0.5 * (ours is None or ours.shape != array.shape))


def _telling(numbers: np.ndarray) -> np.ndarray:
    """A weight for each number: 2 where it is not simple, else ½ or 1, and next to nothing where it is 0."""
    if numbers.dtype.kind == "b":
        return np.full(numbers.shape, 0.25)
    with np.errstate(all="ignore"):
        simple = ~np.isfinite(numbers) | (np.abs(numbers * 12 - np.round(np.real(numbers) * 12)) < 1e-6)
    weights = np.where(simple, np.where(np.abs(numbers) > 20, 1.0, 0.5), 2.0)
    return np.where(np.abs(numbers) < 1e-12, 0.1, weights)


def _close(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.isclose(one + 0.0, other + 0.0, rtol=1e-5, atol=1e-8, equal_nan=True)


def _in_part(expected: Any, theirs: Any, given: Any) -> float:
    """How much it says that every wrong number of a result is the candidate's; 0 where it is not so.

    The answer may be right where the candidate is wrong, but not nearly everywhere.
    """
    arrays = [as_array(value) for value in (expected, theirs, given)]
    if any(array is None for array in arrays):
        return 0.0
    ours, hers, yours = (np.asarray(array) for array in arrays)
    if not ours.shape == hers.shape == yours.shape:
        return 0.0
    wrong, foreseen = ~_close(ours, yours), ~_close(ours, hers)
    least = 0.6 if ours.dtype.kind == "b" else 0.3
    if not wrong.any() or not _close(hers, yours)[wrong].all() or wrong.sum() < least * foreseen.sum():
        return 0.0
    return min(6.0, float(np.sum(_telling(hers[wrong]))))
