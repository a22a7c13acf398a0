"""Texts to tokenize: what people write, cut up and mixed, and whatever else Unicode has."""

import random
import sys
import unicodedata
from functools import cache

from hypothesis import strategies as st

FRAGMENTS = (
    "The quick brown fox", " jumps", " over", "it's", "I'LL", "don't we'd they've", "'s", "'ſ", "Élan naïve", "straße",
    "strawberry", " strawberry", "Strawberry", "unkindness", "GitHub", "camelCaseName", "SHOUT", "Ἀχιλλεύς", "İstanbul",
    "我是一名工程师", "注意力", "，", "。", "東京タワー", "한국어", "привет", "مرحبا", "नमस्ते", "ไทย", "ΟΔΥΣΣΕΥΣ", "豈",
    "🙂", "👩\u200d👩\u200d👧", "🇩🇪", "e\u0301", "\u0301", "\u200b", "\ufeff", "\ufffd", "\ue000", "ﬁ",
    "½", "Ⅷ", "٣", "2024", "3.14159", "1,000,000", "def f(x):\n    return x**2  # why?\n", "$%&/()=?", "...",
    " ", "  ", "     ", "\t", "\n", "\r\n", "\n\n\n", " \n ", "\xa0", "\u2003", "\u2028", "\u3000",
    "\0", "\x1c", "\x7f", "\x85", "<|endoftext|>", "<|", "|>", "[CLS]", "[MASK]", "[UNK]", "##ing",
)  # fmt: skip

# All there is to encode: every code point but the surrogates.
ANY_TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(FRAGMENTS)).map("".join)


def mixed_texts(n_texts: int, *, lasting: bool = False) -> list[str]:
    """Return every fragment, then texts of fragments and of random characters, the same ones each time.

    Every library brings its own version of Unicode. Most are newer than this Python's, so only characters that this
    Python knows are taken; for a library with old tables, only lasting ones, which are what they were in Unicode 3.2.
    """
    generator = random.Random(n_texts)
    characters = lasting_characters() if lasting else known_characters()

    def part():
        if generator.random() < 0.7:
            return generator.choice(FRAGMENTS)
        return "".join(generator.choices(characters, k=generator.randint(1, 8)))

    return [*FRAGMENTS, *("".join(part() for _ in range(generator.randint(1, 10))) for _ in range(n_texts))]


@cache
def known_characters() -> list[str]:
    return [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in ("Cs", "Cn")]


@cache
def lasting_characters() -> list[str]:
    return [c for c in known_characters() if unicodedata.ucd_3_2_0.category(c) == unicodedata.category(c)]
