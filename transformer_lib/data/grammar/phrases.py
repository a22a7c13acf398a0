"""Phrases in both languages: so many of a thing, a thing of some kind, this thing and those."""

from collections.abc import Iterator
from dataclasses import dataclass

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


def counted(noun: Noun, quantities: str) -> Iterator[Phrase]:
    """Yield so many of a thing: 一本书 a book, 两杯茶 two cups of tea, 些 for 一些书 some books."""
    of = f" of {noun.mass}" if noun.mass else ""
    for number in quantities:
        if number == "些":
            yield Phrase(f"一些{noun.chinese}", f"some {noun.generic}")
        else:
            many = {"两": "two", "三": "three", "四": "four"}.get(number)
            words = f"{many} {noun.plural}" if many else article(noun.singular)
            yield Phrase(f"{number}{noun.measure}{noun.chinese}", words + of)


def described(noun: Noun, quantities: str) -> Iterator[Phrase]:
    """Yield so many of a thing with each of its adjectives: 一本旧书 an old book."""
    for adjective in noun.adjectives:
        english = ATTRIBUTES[adjective]
        for number in quantities:
            words = article(f"{english} {noun.singular}") if number == "一" else f"two {english} {noun.plural}"
            yield Phrase(f"{number}{noun.measure}{adjective}{noun.chinese}", words)


def pointed_at(noun: Noun) -> Iterator[tuple[Phrase, bool]]:
    """Yield this and those things, and whether they are several: 这本书 this book, 那两杯茶 those two cups of tea."""
    of = f" of {noun.mass}" if noun.mass else ""
    for word, one, several in (("这", "this", "these"), ("那", "that", "those")):
        yield Phrase(f"{word}{noun.measure}{noun.chinese}", f"{one} {noun.singular}{of}"), False
        yield Phrase(f"{word}两{noun.measure}{noun.chinese}", f"{several} two {noun.plural}{of}"), True
        if not noun.mass:
            yield Phrase(f"{word}些{noun.chinese}", f"{several} {noun.plural}"), True
