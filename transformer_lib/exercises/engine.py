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
"""

import dataclasses
import functools
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from transformer_lib.exercises.attempts import Attempt, attempt, plain_or_opaque, validate_signature
from transformer_lib.exercises.comparing import Place, first_difference, holds, same
from transformer_lib.exercises.guard import Ending, run_guarded
from transformer_lib.exercises.questions import Question
from transformer_lib.exercises.showing import describe, show, show_call, show_pair
from transformer_lib.exercises.values import Opaque, Raised, plain
from transformer_lib.exercises.verdicts import Status, Verdict, verdict

__all__ = ["Exercise", "Mistake", "Question", "exercise"]  # what a chapter's exercises are written with

Inputs: TypeAlias = Callable[[np.random.Generator], Iterable[tuple[Any, ...]]]


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A wrong answer people give, as a function, and the hint it earns."""

    name: str
    wrong: Callable[..., Any]
    hint: str


@dataclasses.dataclass(frozen=True, eq=False)
class Exercise:
    """A function for the reader to write; `exercise` makes one of a reference.

    Attributes:
        id: chapter and name, "01.bigram_counts".
        reference: a right answer; calling the exercise calls it.
        inputs: yields tuples of arguments, given a seeded NumPy generator; they are tried from the smallest on.
        hint: a remark for those whose answer is wrong in a way that was not foreseen.
        seconds: how long an answer may take for all inputs together.
        rtol: relative tolerance of numbers, unless both are integers.
        atol: absolute tolerance of the same.
        compare: says of an expected and a given result, both as `plain` has them, whether they agree. Default: equal by
            value, integers and shapes exactly, nested lists as arrays.
        mistakes: what people answer instead; added by `mistake`.
    """

    id: str
    reference: Callable[..., Any]
    inputs: Inputs
    hint: str = ""
    seconds: float = 5.0
    rtol: float = 1e-5
    atol: float = 1e-8
    compare: Callable[[Any, Any], bool] | None = None
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
        if answer is ... or answer is None:
            return self._say("unattempted", "not attempted yet.")
        if not callable(answer):
            return self._not_a_function(answer)
        calls: list[Callable[[], Any]] = [functools.partial(validate_signature, answer, self.parameters)]
        calls += [functools.partial(attempt, answer, case) for case in self.cases]
        found, ending = run_guarded(calls, seconds=self.seconds)
        complaint, attempts = found[0] if found else "", found[1:]
        if ending is Ending.INTERRUPTED:
            return self._say("interrupted", "stopped.")
        if complaint:
            return self._say("unusable", complaint)

        results = [one.result for one in attempts]
        complete = len(results) == len(self.cases)
        if complete and all(map(_is_stub, results)):
            returns = " (the function returns None)" if None in results else ""
            return self._say("unattempted", f"not attempted yet{returns}.")
        expected = self._results(self.reference)
        wrong = [i for i, result in enumerate(results) if not self._agree(expected[i], result)]
        if wrong and complete:
            for mistake in self.mistakes:
                if all(map(self._agree, self._results(mistake.wrong), results)):
                    return self._say("mistake", f"{mistake.name}.", mistake.hint, mistake=mistake.name, hint=mistake.hint)
        if wrong:
            rights = len(results) - len(wrong)
            head = f"right on {rights} of {len(self.cases)} inputs." if rights else "not yet."
            return self._unforeseen(head, wrong[0], expected[wrong[0]], results[wrong[0]])
        return self._correct(attempts) if complete else self._too_slow(len(results), ending)

    def _correct(self, attempts: list[Attempt]) -> Verdict:
        edited = [self.parameters[i] for i in sorted({i for one in attempts for i in one.edited})]
        note = f"It changes {' and '.join(edited)} in place, though, and the caller may still need what was there."
        return self._say("correct", "correct.", note if edited else "")

    def _unforeseen(self, head: str, i: int, expected: Any, given: Any) -> Verdict:
        if isinstance(given, Raised) and not isinstance(expected, Raised):
            head += f" The smallest input on which it raises {given.kind}:"
            error = f"{show(given)}\nin {given.line}" if given.line else show(given)
            return self._say("raised", head, self._call(i), _indented(error), self.hint)
        at: Place | None = None
        if isinstance(expected, Raised):
            expected = Raised(expected.kind)
        else:
            at = first_difference(expected, given, rtol=self.rtol, atol=self.atol)
        ours, theirs = map(_indented, show_pair(expected, given, at or ()))
        where = f", different at [{', '.join(map(show, at))}]" if at else ""
        pair = f"expected, {describe(expected)}:\n{ours}\nyours, {describe(given)}{where}:\n{theirs}"
        advice = given.advice if isinstance(given, Opaque) else ""
        head += " The smallest input on which it differs:"
        return self._say("different", head, self._call(i), _indented(pair), advice, self.hint)

    def _too_slow(self, rights: int, ending: Ending) -> Verdict:
        head = (
            f"too slow. After {self.seconds:g} seconds it was still at work on input {rights + 1} of {len(self.cases)}"
        )
        head += f", the {rights} before having come out right:" if rights else ":"
        stuck = "It could not be stopped and goes on in the background: restart the kernel."
        advice = "Either a loop never ends, or there is a way with less work."
        return self._say("too slow", head, self._call(rights), advice, stuck if ending is Ending.STUCK else "")

    def _not_a_function(self, answer: Any) -> Verdict:
        given, _ = run_guarded([functools.partial(plain_or_opaque, answer)], seconds=self.seconds)
        what = describe(given[0]) if given else "something else"
        return self._say(
            "unusable",
            f"this exercise takes a function, and was given {what}: perhaps the result of calling "
            f'{self.name}. Pass the function itself, without brackets after its name: check("{self.id}", {self.name})',
        )

    def _say(self, status: Status, head: str, *paragraphs: str, **seen: object) -> Verdict:
        return verdict(self.id, status, head, *paragraphs, **seen)

    def _call(self, i: int) -> str:
        return _indented(show_call(self.name, dict(zip(self.parameters, plain(self.cases[i]), strict=True))))

    def _results(self, function: Callable[..., Any]) -> list[Any]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return [attempt(function, case).result for case in self.cases]

    def _agree(self, expected: Any, given: Any) -> bool:
        if isinstance(expected, Raised | Opaque) or isinstance(given, Raised | Opaque):
            return type(expected) is type(given) and expected == given
        if self.compare is not None:
            return holds(self.compare, expected, given)
        return same(expected, given, rtol=self.rtol, atol=self.atol)


def exercise(exercise_id: str, *, inputs: Inputs, **options: Any) -> Callable[[Callable[..., Any]], Exercise]:
    """Make the decorated function the reference of an exercise.

    Args:
        exercise_id: chapter and name, "01.bigram_counts".
        inputs: yields tuples of arguments, given a seeded NumPy generator.
        options: other attributes of `Exercise`.
    """
    return lambda reference: Exercise(exercise_id, reference, inputs, **options)


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")


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
