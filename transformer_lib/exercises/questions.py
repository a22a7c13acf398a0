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
from transformer_lib.exercises.guard import Ending, run_guarded
from transformer_lib.exercises.showing import describe
from transformer_lib.exercises.values import Opaque, plain
from transformer_lib.exercises.verdicts import Verdict, verdict


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """A value to be found by the reader.

    Attributes:
        id: chapter and name, "01.dead_rows".
        answer: the right value; an integer must be hit exactly, a float to within `rtol`, a text but for its case.
        hint: for those whose wrong answer was not foreseen; it must not give the answer away.
        mistakes: wrong values, or functions that say of a value whether it is this mistake, with the hint each earns.
        rtol: relative tolerance where the answer, or a mistake, is not an integer.
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
        if self._agree(self.answer, value):
            return say("correct", "correct.")
        for wrong, hint in self.mistakes.items():
            if self._is(wrong, value):
                return say("mistake", "not yet.", hint, mistake=getattr(wrong, "__name__", repr(wrong)), hint=hint)
        if _sort(value) != _sort(plain(self.answer)):
            return say("unusable", f"the answer is {_sort(plain(self.answer))}, and this is {describe(value)}.")
        return say("different", "not yet.", self.hint)

    def _is(self, wrong: Any, value: Any) -> bool:
        if not callable(wrong):
            return self._agree(wrong, value)
        return holds(wrong, value)

    def _agree(self, expected: Any, value: Any) -> bool:
        if isinstance(expected, str) and isinstance(value, str):
            return expected.strip().casefold() == value.strip().casefold()
        return same(plain(expected), value, rtol=0.0 if isinstance(expected, int) else self.rtol, atol=0.0)


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
