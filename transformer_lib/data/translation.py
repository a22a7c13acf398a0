"""Chinese and English sentences, translations of one another: what `grammar` makes, split by combinations.

A combination is a subject and what is said of it: (我, 工程师), (她, 茶), (桌子上, 书). A split by sentences would be
easy, since 我想当工程师 all but gives away 我是一名工程师. Here the combination decides: if it is held out, all its
sentences are, in every frame, mood and tense. Its parts occur in training, each in the same frames and moods with other
partners, but the two never in one clause. So whoever translates 我是一名工程师 ("I am an engineer.") has put together
what was never seen together.

The MD5 of the combination, its parts joined by a space, read as a number, leaves a remainder by 20: with 4 it is for
testing ((我, 工程师) has it), with 5 for validation, with any other for training. A sentence of two clauses joins two
of the same set. That makes 58,933 sentences of 1,826 combinations to train on, 3,693 of 105 for validation and 3,343 of
107 for testing, written with 247 characters and 313 English words and marks; the longest to train on has 16
characters, or 15 words and marks.

`Splits.longer` has sentences of three and of four clauses of the training set: nothing in them is new but the length,
in characters and in words more than that of any sentence to train on.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np

from transformer_lib.data.grammar import STATEMENT, Pair, joined, sentences
from transformer_lib.tokenizers.vocabulary import Vocabulary

__all__ = ["Pair", "Splits", "balanced", "characters", "detokenise", "load", "split_of", "vocabularies", "words"]

JOINED_FRAMES = ("professions", "possessions", "likings", "states", "activities", "whereabouts")
JOINED_CHARACTERS, JOINED_WORDS = 7, 6  # the longest clause that is joined
LONGER = 500  # sentences of three clauses, and of four


@dataclass(frozen=True)
class Splits:
    """The pairs to train on, to choose by and to be measured on; and longer ones, of the parts of the training set."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...]
    longer: tuple[Pair, ...]


@cache
def load() -> Splits:
    """Return the corpus, made anew by the grammar: the same on every machine."""
    sets: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
    for pair in sentences():
        (combination,) = pair.combinations
        sets[split_of(combination)].append(pair)
    clauses = {name: _clauses(pairs) for name, pairs in sets.items()}
    for name, pairs in sets.items():
        pairs.extend(_joined(clauses[name], 2))
    longest = max(len(pair.chinese) for pair in sets["train"]), max(len(words(pair.english)) for pair in sets["train"])
    longer: list[Pair] = []
    for n in (3, 4):
        made = _joined(clauses["train"], n)
        made = (p for p in made if len(p.chinese) > longest[0] and len(words(p.english)) > longest[1])
        longer += islice(made, LONGER)
    return Splits(**{name: tuple(pairs) for name, pairs in sets.items()}, longer=tuple(longer))


@cache
def split_of(combination: tuple[str, str]) -> str:
    """Return the set that a combination belongs to: train, validation or test."""
    digest = hashlib.md5(" ".join(combination).encode(), usedforsecurity=False).hexdigest()
    return {4: "test", 5: "validation"}.get(int(digest, 16) % 20, "train")


def balanced(pairs: Sequence[Pair], count: int, generator: np.random.Generator) -> list[Pair]:
    """Draw pairs with replacement so that every frame, and every mood of a frame, is as frequent as any other.

    Drawn evenly, one sentence in five would be about a past action and one in two hundred about a nationality, and what
    is rare is learned last. Here a frame is drawn first, then one of its moods, then one of its pairs.

    Args:
        pairs: what to draw from.
        count: how many to draw.
        generator: the source of randomness, np.random.default_rng(seed) for a repeatable draw.
    """
    if not pairs:
        raise ValueError("pairs=() must hold at least one pair to draw from")
    groups: dict[str, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        groups[pair.frame][pair.mood].append(pair)
    frames = [list(moods.values()) for moods in groups.values()]
    drawn = []
    for frame, mood, place in generator.random((count, 3)):
        moods = frames[int(frame * len(frames))]
        group = moods[int(mood * len(moods))]
        drawn.append(group[int(place * len(group))])
    return drawn


def characters(chinese: str) -> list[str]:
    """Return the tokens of a Chinese sentence: its characters."""
    return list(chinese)


def words(english: str) -> list[str]:
    """Return the tokens of an English sentence: its words, and the punctuation by itself."""
    return re.findall(r"\w+|[^\w\s]", english)


def detokenise(tokens: Iterable[str]) -> str:
    """Return the English sentence of some tokens: spaces between them, but none before punctuation."""
    return re.sub(r" (?=[.,?])", "", " ".join(tokens))


@cache
def vocabularies() -> tuple[Vocabulary, Vocabulary]:
    """Return the vocabularies of the training set: of Chinese characters, and of English words."""
    train = load().train
    return Vocabulary.train(pair.chinese for pair in train), Vocabulary.train(words(pair.english) for pair in train)


def _clauses(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the short statements, in an order that follows from their text alone."""
    short = [
        pair
        for pair in pairs
        if pair.frame in JOINED_FRAMES
        and pair.mood == STATEMENT
        and pair.chinese[0] not in "今昨明上下"
        and len(pair.chinese) <= JOINED_CHARACTERS
        and len(words(pair.english)) <= JOINED_WORDS + 1
    ]
    return sorted(short, key=lambda pair: hashlib.md5(pair.chinese.encode(), usedforsecurity=False).digest())


def _joined(clauses: Sequence[Pair], n: int) -> Iterator[Pair]:
    """Yield each clause with the n-1 that follow it, if they are about different subjects."""
    frame = f"{('two', 'three', 'four')[n - 2]} clauses"
    for start in range(len(clauses) - n + 1):
        several = clauses[start : start + n]
        if len({pair.combinations[0][0] for pair in several}) == n:
            yield joined(several, frame)
