"""Exercises that know the wrong answers people give.

An exercise is a reference, inputs, and mistakes. A mistake is a function like any other: its name names it, its
docstring is the hint it earns. An answer that agrees with the reference on every input is correct. A mistake that gives
the answer's results wherever these are wrong explains it; if none does, what can be seen in the numbers may (see
`detectors`). Otherwise the smallest input on which the answer differs is shown. The reference never is.

    @exercise("01.bigram_counts", inputs=token_sequences)
    def bigram_counts(tokens, vocab_size): ...

    @bigram_counts.mistake
    def rows_and_columns_swapped(tokens, vocab_size):
        \"\"\"Row i should say what follows token i. Yours says what comes before it.\"\"\"
        return bigram_counts(tokens, vocab_size).T

    @bigram_counts.mistake(distance={"two": 2, "three": 3})
    def not_the_next(tokens, vocab_size, *, distance):
        \"\"\"You count tokens that are {distance} places apart. Which token follows another one?\"\"\"
        ...
"""

import dataclasses
import functools
import inspect
import itertools
import textwrap
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from transformer_lib.exercises.attempts import Attempt, attempt, plain_or_opaque, validate_signature
from transformer_lib.exercises.comparing import Place, first_difference, holds, same
from transformer_lib.exercises.findings import Finding, Parting, recognize
from transformer_lib.exercises.forbidden import watched
from transformer_lib.exercises.guard import Ending, run_guarded
from transformer_lib.exercises.questions import Question
from transformer_lib.exercises.recognizing import Candidate, Evidence
from transformer_lib.exercises.showing import call_code, describe, show, show_call, show_pair
from transformer_lib.exercises.values import Opaque, Raised, plain
from transformer_lib.exercises.verdicts import WIDTH, Example, Status, Verdict, verdict

__all__ = ["Exercise", "Mistake", "Question", "exercise"]  # what a chapter's exercises are written with

MOST_PRINTED = 8  # lines
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
        compare: says of an expected and a given result, both as `plain` has them, whether they agree; the given one may
            be `Raised`. Default: equal by value, integers and shapes exactly, nested lists as arrays.
        forbidden: functions that an answer must not call, "torch.nn.functional.layer_norm".
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
    forbidden: Sequence[str] = ()
    mistakes: list[Mistake] = dataclasses.field(default_factory=list)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the reference."""
        return self.reference(*args, **kwargs)

    def mistake(self, wrong: Callable[..., Any] | None = None, /, **family: Any) -> Callable[..., Any]:
        """Add a mistake, named by the function's name, with its docstring as the hint; return the function.

        Args:
            wrong: a function with the reference's arguments, and besides, by keyword only, those of its family.
            family: for each of these arguments the values that it may have, as a list, or as a dict from what the hint
                calls them. The hint, and the function's name, may say `{argument}`.
        """
        if wrong is None:
            return functools.partial(self.mistake, **family)
        hint, parameters = inspect.getdoc(wrong), list(inspect.signature(wrong).parameters)
        if not hint:
            raise ValueError(f"{wrong.__name__} has no docstring: a mistake of {self.id} needs one, its hint")
        if parameters != [*self.parameters, *family]:
            raise ValueError(f"{wrong.__name__} takes {parameters}: a mistake of {self.id} takes {self.parameters}")
        name = wrong.__name__.strip("_").replace("_", " ")
        values = [of.items() if isinstance(of, dict) else [(str(one), one) for one in of] for of in family.values()]
        for member in itertools.product(*values):
            words = dict(zip(family, (word for word, _ in member), strict=True))
            called = functools.partial(wrong, **dict(zip(family, (value for _, value in member), strict=True)))
            self.mistakes.append(
                Mistake(
                    f"{name}: {', '.join(words.values())}" if words else name,
                    called if words else wrong,
                    hint.format(**words) if words else hint,
                )
            )
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

    @functools.cached_property
    def expected(self) -> list[Any]:
        """What the reference returns on each input."""
        return self._results(self.reference)

    def diagnose(self, answer: Any) -> Verdict:
        """Find out whether an answer is right, and if it is not, what was thought."""
        if answer is ... or answer is None:
            return self._say("unattempted", "not attempted yet.")
        if not callable(answer):
            return self._not_a_function(answer)
        expected = self.expected  # before the clock runs
        calls: list[Callable[[], Any]] = [functools.partial(validate_signature, answer, self.parameters)]
        calls += [functools.partial(attempt, answer, case) for case in self.cases]
        with watched(self.forbidden) as used:
            found, ending = run_guarded(calls, seconds=self.seconds)
        complaint, attempts = found[0] if found else "", found[1:]
        if ending is Ending.INTERRUPTED:
            return self._say("interrupted", "stopped.")
        if complaint:
            return self._say("unusable", complaint, hint=complaint)
        if used:
            hint = f"It calls {used[0]}, and to write what that does is the exercise."
            return self._say("forbidden", "not yet.", hint, hint=hint)
        results = [one.result for one in attempts]
        if len(results) == len(self.cases) and all(map(_is_stub, results)):
            return self._unattempted(attempts)
        seen = Evidence(self.cases, self.parameters, expected, results, self._agree, self.reference)
        if seen.wrong:
            return self._wrong(seen, attempts, answer)
        return self._correct(attempts) if len(results) == len(self.cases) else self._too_slow(len(results), ending)

    def _unattempted(self, attempts: list[Attempt]) -> Verdict:
        returns = ""
        if any(one.result is None for one in attempts):
            returns = (
                " (the function prints, and returns None)" if attempts[0].printed else " (the function returns None)"
            )
        return self._say("unattempted", f"not attempted yet{returns}.")

    def _correct(self, attempts: list[Attempt]) -> Verdict:
        edited = self._edited(attempts)
        seen = {"rights": len(attempts), "inputs": len(attempts), "printed": attempts[0].printed}
        if not edited:
            return self._say("correct", "correct.", **seen)
        hint = f"It changes {' and '.join(edited)} in place, though, and the caller may still need what was there."
        return self._say("edits", "the results are right.", hint, hint=hint, edited=edited, **seen)

    def _edited(self, attempts: list[Attempt]) -> tuple[str, ...]:
        return tuple(self.parameters[i] for i in sorted({i for one in attempts for i in one.edited}))

    def _wrong(self, seen: Evidence, attempts: list[Attempt], answer: Callable[..., Any]) -> Verdict:
        found = self._recognize(seen, answer)
        i = self._telling(seen, found.unexplained or seen.wrong)
        example, lines = self._example(seen, i)
        given, rights, printed = seen.given[i], len(seen.given) - len(seen.wrong), attempts[i].printed
        facts: dict[str, Any] = {"hint": found.hint, "example": example, "printed": printed}
        facts |= {"rights": rights, "inputs": len(self.cases), "edited": self._edited(attempts)}
        if found.name:
            shown = [] if found.foreseen and not found.unexplained else lines
            besides = "Besides, it is wrong in another way on this input:" if found.unexplained else ""
            texts = [found.hint, besides, *shown, _said(printed)]
            return self._say("mistake", f"{found.name}.", *texts, mistake=found.name, **facts)
        head = f"right on {rights} of {len(self.cases)} inputs." if rights else "not yet."
        advice = given.advice if isinstance(given, Opaque) else ""
        if isinstance(given, Raised) and not isinstance(seen.expected[i], Raised):
            status: Status = "raised"
            head += f" The smallest input on which it raises {given.kind}:"
        else:
            status = "different"
            head += " The smallest input on which it differs:"
        return self._say(status, head, *lines, advice, found.hint, self.hint, _said(printed), **facts)

    def _recognize(self, seen: Evidence, answer: Callable[..., Any]) -> Finding:
        known = [Candidate(one.name, one.hint, functools.partial(self._of, one)) for one in self.mistakes]
        return recognize(seen, known, functools.partial(self._part, answer))

    def _part(self, answer: Callable[..., Any], one: str, other: str) -> Parting | None:
        """Find an input on which two mistakes differ, and ask the answer; the smallest that it does not decide."""
        two = [mistake.wrong for name in (one, other) for mistake in self.mistakes if mistake.name == name]
        undecided = None
        for case in [*self._further_cases, *self.cases]:
            returns = [attempt(wrong, case).result for wrong in two]
            if self._agree(*returns):
                continue
            found, _ = run_guarded([functools.partial(attempt, answer, case)], seconds=self.seconds)
            shown = [k for k in (0, 1) if found and self._agree(returns[k], found[0].result)]
            call = _indented(show_call(self.name, dict(zip(self.parameters, plain(case), strict=True))))
            parting = Parting(call, (show(returns[0]), show(returns[1])), shown[0] if shown else None)
            if shown:
                return parting
            undecided = undecided or parting
        return undecided

    @functools.cached_property
    def _further_cases(self) -> list[tuple[Any, ...]]:
        """Inputs that answers are not judged by, from small to large: what other seeds draw."""
        drawn = [case for seed in range(1, 5) for case in self.inputs(np.random.default_rng(seed))]
        known = set(map(repr, map(plain, self.cases)))
        further: dict[str, tuple[Any, ...]] = {}
        for case in drawn:
            if repr(plain(case)) not in known:
                further.setdefault(repr(plain(case)), case)
        return sorted(further.values(), key=lambda case: _size(plain(case)))

    def _of(self, mistake: Mistake, i: int) -> Any:
        """What a mistake returns on input i."""
        if mistake.name not in self._answers:
            self._answers[mistake.name] = self._results(mistake.wrong)
        return self._answers[mistake.name][i]

    @functools.cached_property
    def _answers(self) -> dict[str, list[Any]]:
        return {}

    def _telling(self, seen: Evidence, among: Sequence[int]) -> int:
        """The smallest input that tells something: one on which not everything is the same number."""
        for i in among:
            arguments = plain(self.cases[i])
            if isinstance(seen.given[i], Raised) or _size(arguments) > 40:
                break
            if len(set(map(repr, _leaves(arguments)))) > 1 and any(_leaves(seen.expected[i])):
                return i
        return among[0]

    def _example(self, seen: Evidence, i: int) -> tuple[Example, list[str]]:
        """The call on input i with what it gives, as data and as paragraphs."""
        expected, given = seen.expected[i], seen.given[i]
        call, code = _indented(show_call(self.name, self._arguments(i))), call_code(self.name, self._arguments(i))
        if isinstance(given, Raised) and not isinstance(expected, Raised):
            error = f"{show(given)}\nin {given.line}" if given.line else show(given)
            return Example(code, show(expected), show(given)), [call, _indented(error)]
        at: Place | None = None
        if isinstance(expected, Raised):
            expected = Raised(expected.kind)
        else:
            at = first_difference(expected, given, rtol=self.rtol, atol=self.atol)
        ours, theirs = show_pair(expected, given, at or ())
        where = f", different at [{', '.join(map(show, at))}]" if at else ""
        pair = f"expected, {describe(expected)}:\n{_indented(ours)}\n"
        pair += f"yours, {describe(given)}{where}:\n{_indented(theirs)}"
        return Example(code, ours, theirs, at or ()), [call, _indented(pair)]

    def _arguments(self, i: int) -> dict[str, Any]:
        return dict(zip(self.parameters, plain(self.cases[i]), strict=True))

    def _too_slow(self, rights: int, ending: Ending) -> Verdict:
        head = (
            f"too slow. After {self.seconds:g} seconds it was still at work on input {rights + 1} of {len(self.cases)}"
        )
        head += f", the {rights} before having come out right:" if rights else ":"
        stuck = "It could not be stopped and goes on in the background: restart the kernel."
        hint = "Either a loop never ends, or there is a way with less work."
        call, still = _indented(show_call(self.name, self._arguments(rights))), stuck if ending is Ending.STUCK else ""
        return self._say("too slow", head, call, hint, still, hint=hint, rights=rights, inputs=len(self.cases))

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
        if isinstance(expected, Raised | Opaque) or isinstance(given, Opaque):
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


def _said(printed: str) -> str:
    """What an answer printed on the input that is shown, as a paragraph."""
    lines = [line[: WIDTH - 4] for line in printed.splitlines() if line.strip()]
    more = ["…"] if len(lines) > MOST_PRINTED else []
    return _indented("\n".join(["It prints:", *lines[:MOST_PRINTED], *more])) if lines else ""


def _leaves(value: Any) -> list[Any]:
    """The numbers and texts in a plain value."""
    if isinstance(value, np.ndarray):
        return value.ravel().tolist()
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return list(value) if isinstance(value, str | set) else [value]


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
