"""What the frames are made of: clauses in three moods, and several clauses in one sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from transformer_lib.data.grammar.lexicon import NAMES, PRONOUNS
from transformer_lib.data.grammar.words import Subject

STATEMENT, NEGATION, QUESTION = "statement", "negation", "question"


@dataclass(frozen=True)
class Pair:
    """A Chinese sentence and its English translation.

    Attributes:
        chinese: without a full stop or question mark: 吗 tells a question.
        english: with one.
        frame: the rule that made it: "professions", "past actions", …
        mood: "statement", "negation" or "question".
        combinations: the parts that meet in it, as (subject, what is said of it) in Chinese: ("我", "工程师").
    """

    chinese: str
    english: str
    frame: str
    mood: str
    combinations: tuple[tuple[str, str], ...]


class Meeting:
    """Writes the sentences of one frame in which a subject meets a content."""

    def __init__(self, frame: str, subject: Subject, content: str, *, head: str = "") -> None:
        self._frame, self._subject = frame, subject
        self.combinations = ((head or subject.chinese, content),)

    def _pair(self, mood: str, chinese: str, english: str) -> Pair:
        return Pair(chinese, english[0].upper() + english[1:], self._frame, mood, self.combinations)

    def statement(self, chinese: str, predicate: str) -> Pair:
        """Return subject and predicate."""
        return self._pair(STATEMENT, chinese, f"{self._subject.english} {predicate}.")

    def negation(self, chinese: str, auxiliary: str, rest: str) -> Pair:
        """Return it with `not` after the auxiliary."""
        negative = "cannot" if auxiliary == "can" else f"{auxiliary} not"
        return self._pair(NEGATION, chinese, f"{self._subject.english} {negative} {rest}.")

    def question(self, chinese: str, auxiliary: str, rest: str) -> Iterator[Pair]:
        """Yield it with the auxiliary in front; nothing for I and we, since nobody asks what he himself likes."""
        if self._subject.person != 1:
            yield self._pair(QUESTION, f"{chinese}吗", f"{auxiliary} {self._subject.english} {rest}?")

    def moods(self, chinese: str, negative: str, auxiliary: str, rest: str, finite: str = "") -> Iterator[Pair]:
        """Yield all three. Without an auxiliary of its own a verb is finite in the statement and has do elsewhere."""
        yield self.statement(chinese, finite or f"{auxiliary} {rest}")
        yield self.negation(negative, auxiliary, rest)
        yield from self.question(chinese, auxiliary, rest)


def people_apart() -> list[tuple[Subject, Subject]]:
    """Return who can do something to whom: people who are not, and do not hold, one another."""
    people = (*PRONOUNS, *NAMES)
    return [(s, o) for s, o in product(people, people) if s.as_object != o.as_object and not s.person == o.person < 3]


def joined(clauses: Sequence[Pair], frame: str) -> Pair:
    """Return statements as one sentence: Chinese sets commas between them, English an `and` before the last too."""
    *first, last = [_mid_sentence(pair.english.removesuffix(".")) for pair in clauses]
    english = f"{', '.join(first)}, and {last}."
    return Pair(
        "，".join(pair.chinese for pair in clauses),
        english[0].upper() + english[1:],
        frame,
        STATEMENT,
        tuple(combination for pair in clauses for combination in pair.combinations),
    )


def _mid_sentence(english: str) -> str:
    proper = english.startswith(("I ", *(name.english for name in NAMES)))
    return english if proper else english[0].lower() + english[1:]
