"""What can be seen in a wrong answer of any exercise: a sign, a factor, an axis, a place too far.

A detector makes candidates (see `recognizing`) of what is expected: its transpose, its double, what the reference
returns when an argument is forgotten, or one of its operators is another. They count where they explain every
failure, as a foreseen mistake does. What is said is a fact about the reader's numbers; where the thought behind it is a
guess, it says "it looks as if".
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from transformer_lib.exercises.attempts import attempt
from transformer_lib.exercises.detectors.fitted import fitted
from transformer_lib.exercises.detectors.of_a_value import guesses
from transformer_lib.exercises.detectors.of_an_exception import advise
from transformer_lib.exercises.detectors.of_arguments import of_arguments
from transformer_lib.exercises.detectors.of_results import of_results
from transformer_lib.exercises.detectors.steps import NOTHING, quietly, real
from transformer_lib.exercises.detectors.where import situation
from transformer_lib.exercises.mutants import mutants
from transformer_lib.exercises.recognizing import ENOUGH, Candidate, Evidence, Explanation, weigh
from transformer_lib.exercises.showing import number
from transformer_lib.exercises.values import Opaque, Raised

__all__ = ["advise", "detect", "detect_constant", "detect_in_one", "detect_mutant", "guesses", "situation"]


def detect(seen: Evidence) -> Explanation | None:
    """Return the best of what can be seen in the results, and in the reference's on other arguments."""
    return _first(seen, of_results, fitted, of_arguments)


def detect_constant(seen: Evidence) -> Explanation | None:
    """Return the factor or the addend that all results share, even if nothing tells where it comes from."""
    return _first(seen, functools.partial(fitted, named=False))


def _first(seen: Evidence, *sources: Callable[[Evidence], Iterator[Candidate]]) -> Explanation | None:
    wrong = seen.wrong
    if _always_the_same(seen):
        return None
    for source in sources:
        found = [one for each in source(seen) if (one := seen.explain(each, strict=True, among=wrong))]
        if best := _best(found):
            return _with_numbers(best, seen)
    return None


def _always_the_same(seen: Evidence) -> bool:
    """Whether the answer returns one and the same wherever it is wrong, which agrees with many things by chance."""
    return len({repr(seen.given[i]) for i in seen.wrong}) == 1 and len(seen.wrong) > 2


def detect_in_one(seen: Evidence) -> Explanation | None:
    """Of several things that are returned, look into the only one that is wrong."""
    count = {len(value) if isinstance(value, tuple) else 0 for value in [*seen.expected, *seen.given]}
    if len(count) > 1 or min(count) < 2:
        return None
    n = min(count)
    parts = [_part(seen, k) for k in range(n)]
    wrong = [k for k, part in enumerate(parts) if part.wrong]
    if len(wrong) != 1 or not (found := detect(parts[wrong[0]])):
        return None
    hint = f"Of the {n} that you return, number {wrong[0] + 1} is wrong, and the rest right. {found.candidate.hint}"
    return dataclasses.replace(found, candidate=dataclasses.replace(found.candidate, hint=hint))


def _part(seen: Evidence, k: int) -> Evidence:
    one = seen.reference
    reference = (lambda *arguments: one(*arguments)[k]) if one else None
    expected, given = ([value[k] for value in values] for values in (seen.expected, seen.given))
    return dataclasses.replace(seen, expected=expected, given=given, reference=reference)


def detect_mutant(seen: Evidence) -> Explanation | None:
    """Return the change of one token of the reference that gives the reader's results, if there is one."""
    wrong = seen.wrong
    hopeless = any(isinstance(seen.given[i], Opaque | Raised) for i in wrong) or _always_the_same(seen)
    if seen.reference is None or hopeless or not _many_numbers(seen):
        return None
    telling = next((i for i in wrong if weigh(seen.expected[i], seen.given[i]) >= ENOUGH), wrong[0])
    found = []
    for said, mutant in mutants(seen.reference):
        hint = f"It looks as if one thing were different: yours are a solution's results in which {said}. Is it so?"
        candidate = Candidate(said.replace("`", ""), hint, functools.partial(_call, seen, mutant))
        if one := seen.explain(candidate, strict=True, among=sorted(wrong, key=lambda i: i != telling)):
            found.append(one)
    return _best(found)


def _many_numbers(seen: Evidence) -> bool:
    """Whether the wrong results hold more than one number, besides 0, that is not expected there.

    What has one alone, such as rows with a single 1, comes out of many a change.
    """
    found: set[float] = set()
    for i in seen.wrong:
        ours, theirs = quietly(real, seen.expected[i]), quietly(real, seen.given[i])
        if ours is NOTHING or theirs is NOTHING:
            return True
        numbers = np.ravel(theirs)
        if np.shape(ours) == np.shape(theirs):
            numbers = numbers[~np.isclose(numbers, np.ravel(ours))]
        found |= set(np.round(numbers[numbers != 0], 6).tolist())
    return len(found) > 1


def _call(seen: Evidence, function: Callable[..., Any], i: int) -> Any:
    result = attempt(function, seen.cases[i]).result
    return NOTHING if isinstance(result, Raised) and not isinstance(seen.expected[i], Raised) else result


def _best(found: list[Explanation]) -> Explanation | None:
    good = [one for one in found if one.convincing and one.weight >= ENOUGH and len(one.handled) <= len(one.explained)]
    return min(good, key=lambda one: one.rank, default=None)


def _with_numbers(one: Explanation, seen: Evidence) -> Explanation:
    """Fill a pair of the reader's numbers into what is said, the most telling one."""
    hint = one.candidate.hint
    if "{given}" in hint:
        i = max(one.explained, key=lambda i: weigh(seen.expected[i], seen.given[i]))
        ours, theirs = (np.ravel(np.array(value, float)) for value in (seen.expected[i], seen.given[i]))
        k = int(np.argmax(np.abs(theirs - ours))) if ours.shape == theirs.shape else 0
        hint = hint.replace("{given}", number(theirs[k].item())).replace("{expected}", number(ours[k].item()))
    return dataclasses.replace(one, candidate=dataclasses.replace(one.candidate, hint=hint))
