"""Phrases in both languages: so many of a thing, a thing of some kind, this thing and those."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from transformer_lib.data.grammar.lexicon import ATTRIBUTES
from transformer_lib.data.grammar.words import Noun


@dataclass(frozen=True)
class Phrase:
    """Part of a sentence in both languages."""

    chinese: str
    english: str


def article(word: str) -> str:
    """Return the word after a or an; its first letter decides, which is right for every word of the lexicon."""
    return f"{'an' if word[0] in 'aeiouAEIOU' else 'a'} {word}"


@cache
def counted(noun: Noun, quantities: str) -> tuple[Phrase, ...]:
    """Return so many of a thing: 一本书 a book, 两杯茶 two cups of tea, and by 些 一些书 some books."""
    many = {"两": f"two {noun.plural}", "三": f"three {noun.plural}", "四": f"four {noun.plural}"}
    of = f" of {noun.mass}" if noun.mass else ""
    return tuple(
        Phrase(f"一些{noun.chinese}", f"some {noun.generic}")
        if number == "些"
        else Phrase(f"{number}{noun.measure}{noun.chinese}", many.get(number, article(noun.singular)) + of)
        for number in quantities
    )


@cache
def described(noun: Noun, quantities: str) -> tuple[Phrase, ...]:
    """Return one or two of a thing with each of its adjectives: 一本旧书 an old book."""
    return tuple(
        Phrase(
            f"{number}{noun.measure}{adjective}{noun.chinese}",
            article(f"{ATTRIBUTES[adjective]} {noun.singular}")
            if number == "一"
            else f"two {ATTRIBUTES[adjective]} {noun.plural}",
        )
        for adjective, number in product(noun.adjectives, quantities)
    )


def pointed_at(noun: Noun) -> Iterator[tuple[Phrase, bool]]:
    """Yield this and those things, and whether they are several: 这本书 this book, 那两杯茶 those two cups of tea."""
    of = f" of {noun.mass}" if noun.mass else ""
    for word, one, several in (("这", "this", "these"), ("那", "that", "those")):
        yield Phrase(f"{word}{noun.measure}{noun.chinese}", f"{one} {noun.singular}{of}"), False
        yield Phrase(f"{word}两{noun.measure}{noun.chinese}", f"{several} two {noun.plural}{of}"), True
        if not noun.mass:
            yield Phrase(f"{word}些{noun.chinese}", f"{several} {noun.plural}"), True
