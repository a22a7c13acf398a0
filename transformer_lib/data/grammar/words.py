"""Words in both languages: a Chinese word has one form, and an English one all the forms that it takes."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Subject:
    """Who a sentence is about: the Chinese, the English as a subject and as an object, person and number."""

    chinese: str
    english: str
    as_object: str
    person: int
    plural: bool

    @cached_property
    def third_singular(self) -> bool:
        """Return whether a present verb takes its s."""
        return self.person == 3 and not self.plural

    @cached_property
    def be(self) -> str:
        """Return the present of `be`."""
        return "is" if self.third_singular else "am" if (self.person, self.plural) == (1, False) else "are"

    @cached_property
    def were(self) -> str:
        """Return the past of `be`."""
        return "were" if self.plural or self.person == 2 else "was"

    @cached_property
    def do(self) -> str:
        """Return the present of the auxiliary `do`."""
        return "does" if self.third_singular else "do"


@dataclass(frozen=True)
class Verb:
    """A verb: the Chinese, and the English infinitive, third person, past and -ing form."""

    chinese: str
    base: str
    third: str
    past: str
    ing: str

    def present(self, subject: Subject) -> str:
        """Return the form of the present that agrees with a subject."""
        return self.third if subject.third_singular else self.base


@dataclass(frozen=True)
class Noun:
    """A thing: the Chinese and its measure word, what is counted in English, what it is a measure of, its adjectives.

    A countable noun is counted itself (`book`, of nothing); a mass noun is counted in something (`cup`, of `tea`).
    """

    chinese: str
    measure: str
    singular: str
    plural: str
    mass: str = ""
    adjectives: str = ""

    @property
    def generic(self) -> str:
        """Return the thing in general: books, tea."""
        return self.mass or self.plural


@dataclass(frozen=True)
class Place:
    """A place: the Chinese, and the English of being there and, if one goes there by 去, of going there."""

    chinese: str
    at: str
    to: str = ""


@dataclass(frozen=True)
class Activity:
    """Something to do: the Chinese, and the English infinitive and -ing form."""

    chinese: str
    base: str
    ing: str
