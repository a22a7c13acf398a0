"""Exercises that know the wrong answers people give.

An exercise is a reference, inputs, and mistakes. A mistake is a function like any other: its name names it, its
docstring is the hint it earns. An answer that agrees with the reference on every input is correct; one that agrees with
a mistake on every input has made that mistake; of any other, the smallest input on which it differs is shown. The
reference never is.

    @exercise("01.bigram_counts", inputs=token_sequences)
    def bigram_counts(tokens, vocab_size): ...

    @bigram_counts.mistake
    def rows_and_columns_swapped(tokens, vocab_size):
        \"\"\"Row i should say what follows token i. Yours says what comes before it.\"\"\"
        return bigram_counts(tokens, vocab_size).T

    dead_rows = Question("01.dead_rows", 2, hint="…", mistakes={5: "…", 0: "…", is_negative: "…"})
"""

import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from transformer_lib.exercises.attempts import Attempt, attempt, misfit, plain_or_opaque
from transformer_lib.exercises.guard import Ending, run_guarded
from transformer_lib.exercises.showing import describe, show_call, show_pair
from transformer_lib.exercises.values import Opaque, Raised, first_difference, plain, same
from transformer_lib.exercises.verdicts import Verdict, verdict

Inputs: TypeAlias = Callable[[np.random.Generator], Iterable[tuple[Any, ...]]]


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer people give: the function, value or test for values that it is, and the hint it earns."""

    name: str
    wrong: Any
    hint: str


def exercise(
    exercise_id: str,
    *,
    inputs: Inputs,
    hint: str = "",
    seconds: float = 5.0,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    compare: Callable[[Any, Any], bool] | None = None,
) -> Callable[[Callable[..., Any]], "Exercise"]:
    """Make the decorated function the reference of an exercise.

    Args:
        exercise_id: chapter and name, "01.bigram_counts".
        inputs: yields tuples of arguments, given a seeded NumPy generator; they are tried from the smallest on.
        hint: a remark for those whose answer differs in a way that was not foreseen.
        seconds: how long an answer may take for all inputs together.
        rtol: relative tolerance of numbers that are not both integers.
        atol: absolute tolerance of the same.
        compare: says of an expected and a given result, both plain values, whether they agree; default: equal by value.
    """
    if compare is None:
        compare = functools.partial(same, rtol=rtol, atol=atol)
    return lambda reference: Exercise(exercise_id, reference, inputs, hint, seconds, compare, rtol, atol)


@dataclasses.dataclass(frozen=True, eq=False)
class Exercise:
    """A function to be written by the reader. Made by `exercise`; calling it calls the reference."""

    id: str
    reference: Callable[..., Any]
    inputs: Inputs
    hint: str
    seconds: float
    compare: Callable[[Any, Any], bool]
    rtol: float
    atol: float
    mistakes: list[Mistake] = dataclasses.field(default_factory=list)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the reference."""
        return self.reference(*args, **kwargs)

    def mistake(self, wrong: Callable[..., Any]) -> Callable[..., Any]:
        """Add a mistake, named by the function's name, with its docstring as the hint; return the function."""
        hint, parameters = inspect.getdoc(wrong), list(inspect.signature(wrong).parameters)
        if not hint:
            raise ValueError(f"{wrong.__name__} has no docstring: a mistake of {self.id} needs one, its hint")
        if parameters != self.parameters:
            raise ValueError(f"{wrong.__name__} takes {parameters}: a mistake of {self.id} takes {self.parameters}")
        self.mistakes.append(Mistake(wrong.__name__.strip("_").replace("_", " "), wrong, hint))
        return wrong

    @property
    def name(self) -> str:
        """The function's name, as in the reader's stub."""
        return self.id.partition(".")[2]

    @functools.cached_property
    def parameters(self) -> list[str]:
        """The names of the function's arguments, as in the reader's stub."""
        return list(inspect.signature(self.reference).parameters)

    @functools.cached_property
    def cases(self) -> list[tuple[Any, ...]]:
        """The arguments of each call, from small to large."""
        cases = list(self.inputs(np.random.default_rng(0)))
        if not cases or not all(isinstance(case, tuple) and len(case) == len(self.parameters) for case in cases):
            raise ValueError(f"inputs of {self.id} must yield tuples of its arguments, {self.parameters}, at least one")
        return sorted(cases, key=lambda case: _size(plain(case)))

    def diagnose(self, answer: Any) -> Verdict:
        """Find out whether an answer is right, and if it is not, what was thought."""
        say = functools.partial(verdict, self.id)
        if answer is ... or answer is None:
            return say("unattempted", "not attempted yet.")
        call = f'check("{self.id}", {self.name})'
        if not callable(answer):
            given, ending = run_guarded([functools.partial(plain_or_opaque, answer)], seconds=self.seconds)
            what = describe(given[0]) if given else "something else"
            return say(
                "unusable",
                f"this exercise takes a function, and was given {what}: perhaps the result of calling {self.name}. "
                f"Pass the function itself, without brackets after its name: {call}",
            )
        calls: list[Callable[[], Any]] = [functools.partial(misfit, answer, self.parameters)]
        calls += [functools.partial(attempt, answer, case) for case in self.cases]
        found, ending = run_guarded(calls, seconds=self.seconds)
        complaint, attempts = (found[0] if found else ""), found[1:]
        if ending is Ending.INTERRUPTED:
            return say("interrupted", "stopped.")
        if complaint:
            return say("unusable", complaint)
        return self._judge(attempts, ending)

    def _judge(self, attempts: list[Attempt], ending: Ending) -> Verdict:
        say, results = functools.partial(verdict, self.id), [one.result for one in attempts]
        complete = len(attempts) == len(self.cases)
        if complete and all(_is_stub(result) for result in results):
            returns = " (the function returns None)" if None in results else ""
            return say("unattempted", f"not attempted yet{returns}.")
        expected = self._results(self.reference)
        wrong = [i for i, result in enumerate(results) if not self._agree(expected[i], result)]
        if complete and not wrong:
            edited = [self.parameters[i] for i in sorted({i for one in attempts for i in one.edited})]
            note = f"It changes {' and '.join(edited)} in place, though: the caller's own object." if edited else ""
            return say("correct", "correct.", note)
        if complete:
            for mistake in self.mistakes:
                if all(map(self._agree, self._results(mistake.wrong), results)):
                    return say("mistake", f"{mistake.name}.", mistake.hint, mistake=mistake.name)
        if wrong:
            return self._differs(wrong[0], expected[wrong[0]], results[wrong[0]])
        place = f"input {len(attempts) + 1} of {len(self.cases)}"
        before = f", the {len(attempts)} before having come out right" if attempts else ""
        stuck = "It could not be stopped and goes on in the background: restart the kernel."
        return say(
            "too slow",
            f"too slow. After {self.seconds:g} seconds it was still at work on {place}{before}:",
            self._call(len(attempts)),
            "Either a loop never ends, or there is a way with less work.",
            stuck if ending is Ending.STUCK else "",
        )

    def _differs(self, i: int, expected: Any, given: Any) -> Verdict:
        if isinstance(given, Raised) and not isinstance(expected, Raised):
            where = f"\nin {given.line}" if given.line else ""
            error = textwrap.indent(f"{given.kind}: {given.message}{where}", "    ")
            return verdict(self.id, "raised", f"it raises {given.kind} on this input:", self._call(i), error, self.hint)
        at = None if isinstance(expected, Raised) else first_difference(expected, given, rtol=self.rtol, atol=self.atol)
        shown = show_pair(expected, given, at or ())
        what = "should raise" if isinstance(expected, Raised) else "expected,"
        pair = f"{what} {describe(expected)}:\n{textwrap.indent(shown[0], '    ')}\n"
        pair += f"yours, {describe(given)}:\n{textwrap.indent(shown[1], '    ')}"
        advice = given.advice if isinstance(given, Opaque) else ""
        head = "not yet. The smallest input on which it differs:"
        return verdict(self.id, "different", head, self._call(i), textwrap.indent(pair, "    "), advice, self.hint)

    def _call(self, i: int) -> str:
        arguments = dict(zip(self.parameters, plain(self.cases[i]), strict=True))
        return textwrap.indent(show_call(self.name, arguments), "    ")

    def _results(self, function: Callable[..., Any]) -> list[Any]:
        return [attempt(function, case).result for case in self.cases]

    def _agree(self, expected: Any, given: Any) -> bool:
        if isinstance(expected, Raised | Opaque) or isinstance(given, Raised | Opaque):
            return type(expected) is type(given) and expected == given
        return self.compare(expected, given)


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
                return say("mistake", "not yet.", hint, mistake=getattr(wrong, "__name__", repr(wrong)))
        if _sort(value) != _sort(plain(self.answer)):
            return say("unusable", f"the answer is {_sort(plain(self.answer))}, and this is {describe(value)}.")
        return say("different", "not yet.", self.hint)

    def _is(self, wrong: Any, value: Any) -> bool:
        if not callable(wrong):
            return self._agree(wrong, value)
        try:
            return bool(wrong(value))
        except (TypeError, ValueError, AttributeError, LookupError):  # a test for numbers, given a text
            return False

    def _agree(self, expected: Any, value: Any) -> bool:
        if isinstance(expected, str) and isinstance(value, str):
            return expected.strip().casefold() == value.strip().casefold()
        return same(plain(expected), value, rtol=0.0 if isinstance(expected, int) else self.rtol, atol=0.0)


def _is_stub(result: Any) -> bool:
    return result is None or result is ... or (isinstance(result, Raised) and result.kind == "NotImplementedError")


def _size(value: Any) -> int:
    match value:
        case np.ndarray():
            return value.size
        case str() | bytes():
            return len(value)
        case list() | tuple() | set():
            return sum(map(_size, value))
        case dict():
            return sum(map(_size, value.values()))
        case _:
            return 1


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
