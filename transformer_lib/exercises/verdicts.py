"""What is said about an answer."""

import dataclasses
import inspect
import textwrap
from typing import Literal, TypeAlias

WIDTH = 76  # a page of the book shows so many characters of output

Status: TypeAlias = Literal[
    "correct", "unattempted", "mistake", "different", "raised", "too slow", "unusable", "interrupted", "unknown"
]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was found out about an answer; as text, what the reader is told.

    Attributes:
        exercise: the exercise's id.
        status: "mistake" is a wrong answer that was foreseen, "different" one that was not.
        message: the whole text, wrapped.
        mistake: the name of the foreseen mistake, else None.
    """

    exercise: str
    status: Status
    message: str
    mistake: str | None = None

    def __str__(self) -> str:
        return self.message


def verdict(exercise: str, status: Status, head: str, *paragraphs: str, mistake: str | None = None) -> Verdict:
    """Return a verdict whose text is the exercise's id and the head, then the paragraphs that are not empty.

    Args:
        exercise: the exercise's id.
        status: what was found.
        head: what follows the id.
        paragraphs: prose, to be wrapped; one that begins with a space is shown as it is, between blank lines.
        mistake: the name of the foreseen mistake.
    """
    texts = [f"{exercise}: {head}", *filter(None, paragraphs)]
    gap = "\n\n" if any(text.startswith(" ") for text in texts) else "\n"
    return Verdict(exercise, status, gap.join(t if t.startswith(" ") else wrap(t) for t in texts), mistake)


def wrap(text: str) -> str:
    """Return prose with lines of at most `WIDTH` characters; a blank line begins a paragraph."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(textwrap.fill(p, WIDTH, break_long_words=False, break_on_hyphens=False) for p in paragraphs)
