"""What is said about an answer."""

import dataclasses
import inspect
import textwrap
from typing import Literal, TypeAlias

WIDTH = 76  # a page of the book shows so many characters of output

Status: TypeAlias = Literal[
    "correct",
    "edits",
    "unattempted",
    "mistake",
    "different",
    "raised",
    "forbidden",
    "too slow",
    "unusable",
    "interrupted",
    "unknown",
]


@dataclasses.dataclass(frozen=True)
class Example:
    """A call on which an answer differs, as text that can be read and code that can be run.

    Attributes:
        call: the call, complete and runnable, whatever its length.
        expected: what the reference gives.
        given: what the answer gives, or what it raises.
        at: the indices and keys that lead to the first difference; empty where it is the whole.
    """

    call: str
    expected: str
    given: str
    at: tuple[object, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was found out about an answer, for a page, a notebook or a grader; as text, what the reader is told.

    Attributes:
        exercise: the exercise's id.
        status: "mistake" is a wrong answer whose thought was recognized, "different" one whose was not; "edits" is an
            answer that is right and changes an argument in place.
        message: the whole text, wrapped.
        mistake: the name of the recognized mistake, else None.
        hint: what is said about the thought, without the example.
        example: the smallest call that shows the difference, where one is shown.
        rights: on how many inputs the answer was right.
        inputs: how many inputs there are; 0 where the answer was not called.
        edited: the names of the arguments that it changes in place.
        printed: what the answer printed, shortened.
    """

    exercise: str
    status: Status
    message: str
    mistake: str | None = None
    hint: str = ""
    example: Example | None = None
    rights: int = 0
    inputs: int = 0
    edited: tuple[str, ...] = ()
    printed: str = ""

    def __str__(self) -> str:
        return self.message


def verdict(exercise: str, status: Status, head: str, *paragraphs: str, **seen: object) -> Verdict:
    """Return a verdict whose text is the exercise's id and the head, then the paragraphs that are not empty.

    Args:
        exercise: the exercise's id.
        status: what was found.
        head: what follows the id.
        paragraphs: prose, to be wrapped; one that begins with a space is shown as it is, between blank lines.
        seen: the other attributes of `Verdict`.
    """
    texts = [f"{exercise}: {head}", *filter(None, paragraphs)]
    gap = "\n\n" if any(text.startswith(" ") for text in texts) else "\n"
    message = gap.join(t if t.startswith(" ") else wrap(t) for t in texts)
    return Verdict(exercise, status, message, **seen)  # type: ignore[arg-type]


def wrap(text: str) -> str:
    """Return prose with lines of at most `WIDTH` characters; a blank line begins a paragraph."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(textwrap.fill(p, WIDTH, break_long_words=False, break_on_hyphens=False) for p in paragraphs)
