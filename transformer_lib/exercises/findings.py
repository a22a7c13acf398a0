"""What is said of a wrong answer: the thought behind it, two thoughts at once, or the question that parts two.

Foreseen mistakes are tried first, then what can be seen in the numbers (see `detectors`). Where two mistakes explain an
answer equally well, the exercise's inputs do not part them, and other inputs are drawn until one does: the answer is
called on it, and says itself which thought was whose. If it agrees with neither there, the reader is asked.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

from transformer_lib.exercises.detectors import advise, detect, detect_constant, detect_in_one, detect_mutant, situation
from transformer_lib.exercises.guard import run_guarded
from transformer_lib.exercises.recognizing import Candidate, Evidence, Explanation
from transformer_lib.exercises.values import Raised

SECONDS_TO_RECOGNIZE = 2.0  # changed references may loop forever


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was recognized in a wrong answer: its name, or "", what is said of it, and where it does not hold."""

    name: str
    hint: str
    foreseen: bool = False
    unexplained: Sequence[int] = ()


@dataclasses.dataclass(frozen=True)
class Parting:
    """An input on which two thoughts differ: the call, what each returns, and which of the two the answer shows."""

    call: str
    returns: tuple[str, str]
    shown: int | None = None


Part: TypeAlias = Callable[[str, str], Parting | None]


def recognize(seen: Evidence, known: Sequence[Candidate], part: Part) -> Finding:
    """Find the thought that explains an answer: a foreseen mistake, two of them, or what can be seen in it.

    Args:
        seen: the answer's results.
        known: the foreseen mistakes.
        part: from the names of two mistakes to an input on which they differ.
    """
    best = seen.best(known)
    if best and (len(best) == 1 or best[0].exact):
        return Finding(best[0].candidate.name, best[0].candidate.hint, foreseen=True)
    if best:
        return _either(best[0], best[1], part)
    for detector in (detect, detect_in_one, detect_mutant, detect_constant):
        detected, _ = run_guarded([functools.partial(detector, seen)], seconds=SECONDS_TO_RECOGNIZE)
        if detected and (one := detected[0]):
            return Finding(one.candidate.name, one.candidate.hint)
        if two := seen.pair(known):
            return _both(*two)
    if most := seen.most(known):
        return Finding(most.candidate.name, most.candidate.hint, foreseen=True, unexplained=most.unexplained)
    raised = next((seen.given[i] for i in seen.wrong if isinstance(seen.given[i], Raised)), None)
    return Finding("", (advise(raised) if raised else "") or situation(seen))


def _either(one: Explanation, other: Explanation, part: Part) -> Finding:
    """Two thoughts that explain the answer equally well: the one that it shows on an input that parts them, or both."""
    two = one.candidate, other.candidate
    parting = part(two[0].name, two[1].name)
    if parting and parting.shown is not None:
        return Finding(two[parting.shown].name, two[parting.shown].hint, foreseen=True)
    hint = f"Two thoughts lead to your results. {two[0].hint}\n\nOr else: {two[1].hint}"
    if parting:
        first, second = parting.returns
        hint += f"\n\nWhich is yours? On\n\n{parting.call}\n\nthe first returns {first}, and the second {second}."
    return Finding(f"{two[0].name}, or {two[1].name}", hint, foreseen=True)


def _both(one: Explanation, other: Explanation) -> Finding:
    """Two thoughts that explain the answer together."""
    hint = f"Two things at once. {one.candidate.hint}\n\nAnd besides: {other.candidate.hint}"
    return Finding(f"{one.candidate.name}, and {other.candidate.name}", hint, foreseen=True)
