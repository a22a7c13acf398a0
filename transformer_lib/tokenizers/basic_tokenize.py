"""The words that BERT sees: in lower case, without accents, and with each mark and each Chinese character alone.

Chinese writes no spaces, so each character of its script counts as a word. The rules are those of the code published
with the paper (Devlin et al. 2019), where they come before WordPiece.
"""

from collections.abc import Callable
from unicodedata import category, normalize

# The blocks of Chinese characters (汉字) that Unicode had in 2018; hiragana, katakana and hangul are not among them.
_CHINESE = (
    range(0x4E00, 0xA000),
    range(0x3400, 0x4DC0),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2B740),
    range(0x2B740, 0x2B820),
    range(0x2B820, 0x2CEB0),
    range(0xF900, 0xFB00),
    range(0x2F800, 0x2FA20),
)
# ASCII marks that Unicode calls symbols ("$", "+", "^") count as punctuation too.
_ASCII_MARKS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def basic_tokenize(text: str, *, lowercase: bool = True) -> list[str]:
    """Return the words of a text, in order.

    Args:
        text: any text.
        lowercase: write the words in lower case and without accents ("Élan" is "elan"), as uncased vocabularies want.
    """
    text = text.translate(_CLEAN)
    if lowercase:
        text = normalize("NFD", text).translate(_UNACCENTED)  # NFD writes "é" as "e" and an accent
    return text.translate(_APART).split()


class _Table(dict[int, str]):
    """A table for str.translate that works out what becomes of a character when it first meets it."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = self._rule(chr(code))
        return self[code]


def _clean(character: str) -> str:
    """Drop control and format characters, those for private use, and U+FFFD; every white space becomes a space."""
    if character in "\t\n\r" or category(character) in ("Zs", "Zl", "Zp"):
        return " "
    if character == "\ufffd" or category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    return f" {character} " if any(ord(character) in block for block in _CHINESE) else character


def _unaccented(character: str) -> str:
    # Each character by itself: the rule that makes a last sigma of a word "ς" does not apply.
    return "" if category(character) == "Mn" else character.lower()


def _apart(character: str) -> str:
    is_mark = character in _ASCII_MARKS or category(character).startswith("P")
    return f" {character} " if is_mark else character


_CLEAN, _UNACCENTED, _APART = _Table(_clean), _Table(_unaccented), _Table(_apart)
