"""Exercises whose answer is a value: a number, a text, a list.

dead_rows = Question("01.dead_rows", 2, hint="…", mistakes={5: "…", 0: "…", is_negative: "…"})
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from transformer_lib.exercises.attempts import plain_or_opaque
from transformer_lib.exercises.comparing import holds, same
from transformer_lib.exercises.detectors import guesses
from transformer_lib.exercises.guard import Ending, run_guarded
from transformer_lib.exercises.showing import describe
from transformer_lib.exercises.values import Opaque, plain
from transformer_lib.exercises.verdicts import Verdict, verdict

EXACT, GUESS = 1e-9, 2e-3  # relative tolerances
MISTAKE = 0.6  # what a mistake has of the tolerance of the answer


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """A value to be found by the reader.

    Attributes:
        id: chapter and name, "01.dead_rows".
        answer: the right value; an integer must be hit exactly, a float to within `rtol`, a text but for its case.
        hint: for those whose wrong answer was not foreseen; it must not give the answer away.
        mistakes: wrong values, or functions that say of a value whether it is this mistake, with the hint each earns.
        rtol: relative tolerance where the answer is not an integer; a mistake has less.
    """

    id: str
    answer: Any
    hint: str
    mistakes: Mapping[Any, str]
    rtol: float = 5e-3

    def diagnose(self, answer: Any) -> Verdict:
        """Find out whether a value is right, and if it is not, what was thought."""
        say = functools.partial(verdict, self.id)
        if answer is ... or answer is None:
            return say("unattempted", "not attempted yet.")
        given, ending = run_guarded([functools.partial(plain_or_opaque, answer)], seconds=5.0)
        if ending is Ending.INTERRUPTED:
            return say("interrupted", "stopped.")
        value = given[0] if given else Opaque("something that takes too long to read")
        if self._right(value):
            return say("correct", "correct.")
        if mistake := self._mistake(value):
            name, hint = mistake
            return say("mistake", "not yet.", hint, mistake=name, hint=hint)
        if _sort(value) != _sort(plain(self.answer)):
            told = f"the answer is {_sort(plain(self.answer))}, and this is {describe(value)}."
            return say("unusable", told, hint=told)
        for name, hint, guess in guesses(self.answer):
            if self._agree(guess, value, GUESS):
                return say("mistake", "not yet.", hint, self.hint, mistake=name, hint=hint)
        return say("different", "not yet.", self.hint)

    def _right(self, value: Any) -> bool:
        """Whether a value is right, and not a foreseen mistake to the digit."""
        if not self._agree(self.answer, value, self.rtol):
            return False
        return self._agree(self.answer, value, EXACT) or not any(
            self._agree(wrong, value, EXACT) for wrong in self.mistakes if not callable(wrong)
        )

    def _mistake(self, value: Any) -> tuple[str, str] | None:
        """The name and the hint of the mistake that a value is; of two within the tolerance the nearer one."""
        values, tests = ([one for one in self.mistakes if callable(one) is kind] for kind in (False, True))
        near = [wrong for wrong in values if self._agree(wrong, value, MISTAKE * self.rtol)]
        met = [test for test in tests if holds(test, value)]
        if near:
            wrong = min(near, key=lambda wrong: _distance(wrong, value))
            return repr(wrong), self.mistakes[wrong]
        return (met[0].__name__, self.mistakes[met[0]]) if met else None

    def _agree(self, expected: Any, value: Any, rtol: float) -> bool:
        if isinstance(expected, str) and isinstance(value, str):
            return expected.strip().casefold() == value.strip().casefold()
        return same(plain(expected), value, rtol=0.0 if isinstance(expected, int) else rtol, atol=0.0)


def _distance(wrong: Any, value: Any) -> float:
    return abs(value - wrong) if isinstance(wrong, int | float) and isinstance(value, int | float) else 0.0


def _sort(value: Any) -> str:
    match value:
        case bool():
            return "True or False"
        case int() | float() | complex():
            return "a number"
        case str():
            return "a text"
        case list() | tuple() | set() | np.ndarray():
            return "a list"
        case _:
            return describe(value)
