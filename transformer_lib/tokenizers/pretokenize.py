"""The cut into pieces that comes before BPE: no token reaches across a cut.

Without it the commonest pairs of a text would join the end of one word to the start of the next ("e␠", "␠th"), and
"dog", "dog." and "dog!" would each earn tokens of their own. GPT-2 therefore cut text by a regular expression first
(Radford et al. 2019, section 2.2), and each later vocabulary is bound to the pattern it was trained with.

A pattern is a regular expression of the `regex` module (`re` has no \\p{L}, "any letter"), read from left to right: the
first alternative that matches is the next piece. A space belongs to the word after it.

Special tokens, which stand for no text ("<|endoftext|>"), are cut out before anything else.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest

import regex

# A contraction's end | letters | digits | other marks | white space, whose last character is left for the next word.
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# GPT-2's, with each digit a piece of its own, so that a number is read digit by digit.
GPT2_SINGLE_DIGITS = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"

# GPT-4's: contractions of either case; a word may begin with any one mark; digits by threes; line ends apart.
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)


_KNOWN = GPT2, GPT2_SINGLE_DIGITS, CL100K


def pretokenize(text: str, pattern: str = GPT2) -> list[str]:
    """Cut a text into the pieces that a pattern matches, one after the other; joined, they are the text.

    Args:
        text: Any text.
        pattern: A regular expression without capturing groups that matches all of it, piece by piece.

    Raises:
        ValueError: the pattern is no regular expression, leaves part of the text out, or takes longer than a second,
            and a second more for each 100,000 characters: a pattern from elsewhere may never end.

    Example:

        >>> pretokenize("It's two  words.")
        ['It', "'s", ' two', ' ', ' words', '.']
    """
    try:
        pieces = _compile(pattern).findall(text, timeout=None if pattern in _KNOWN else 1 + len(text) / 100_000)
    except TimeoutError:
        raise ValueError(
            f"pattern={pattern!r} takes too long on a text of {len(text)} characters: write it without alternatives "
            "that match alike, such as (?:a|aa)+"
        ) from None
    if sum(map(len, pieces)) != len(text):
        position = next(i for i, (a, b) in enumerate(zip_longest("".join(pieces), text)) if a != b)
        left_out = f"text[{position}]={text[position]!r}"
        raise ValueError(f"pattern={pattern!r} must match all of a text, and leaves out {left_out}")
    return pieces


def split_special_tokens(text: str, special_tokens: Iterable[str]) -> list[str]:
    """Cut a text before and after each special token in it, the longest where several begin; joined, it is the text.

    Args:
        text: Any text.
        special_tokens: The texts to cut at.
    """
    specials = tuple(sorted(special_tokens, key=len, reverse=True))
    return _any_of(specials).split(text) if specials else [text]


@lru_cache
def _any_of(strings: tuple[str, ...]) -> regex.Pattern:
    return regex.compile(f"({'|'.join(map(regex.escape, strings))})")


@lru_cache
def _compile(pattern: str) -> regex.Pattern:
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"pattern={pattern!r} must be a regular expression: {error}") from error
    if compiled.groups:
        raise ValueError(f"pattern={pattern!r} must have no capturing groups: write (?:…) for (…)")
    return compiled
