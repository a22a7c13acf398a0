"""A character tokenizer: every distinct character of a text is a token.

The vocabulary is the sorted set of the characters seen in training, so the same text always gives the same ids.
Encoding and decoding are exact inverses: decode(encode(text)) == text for every text written with those characters.
"""

import json
from collections.abc import Iterable
from operator import index
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from jaxtyping import Int, UInt32


class CharacterTokenizer:
    """Translate between text and token ids, one character a token.

    Attributes:
        symbols: the vocabulary as one string, in the order of the ids: symbols[id] is the character of token id.

    Example:

        >>> tokenizer = CharacterTokenizer.train("hello")
        >>> tokenizer.encode("hole")
        [1, 3, 2, 0]
        >>> tokenizer.decode([0, 1])
        'eh'
    """

    def __init__(self, symbols: str) -> None:
        if not symbols:
            raise ValueError("symbols='' must hold at least one character: train on a text that is not empty")
        repeated = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if repeated:
            raise ValueError(f"symbols={symbols!r} must not repeat {repeated[0]!r}: give each character once")
        self.symbols = symbols
        self._ids = {symbol: token for token, symbol in enumerate(symbols)}
        code_points = _code_points(symbols)
        # Indexed by code point, so that one NumPy lookup encodes a whole corpus; -1 marks what was never seen.
        self._table = np.full(int(code_points.max()) + 1, -1, dtype=np.int64)
        self._table[code_points] = np.arange(len(symbols))

    @classmethod
    def train(cls, text: str) -> "CharacterTokenizer":
        """Learn the vocabulary: the distinct characters of the text, sorted by code point."""
        return cls("".join(sorted(set(text))))

    @property
    def vocab_size(self) -> int:
        """Return the number of tokens V."""
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of the text, one per character.

        Raises:
            ValueError: a character was not in the training text.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            raise self._unknown(text) from None

    def encode_array(self, text: str) -> Int[np.ndarray, " T"]:
        """Return the same ids as encode, as an array (int64): the fast way for a whole corpus.

        Raises:
            ValueError: a character was not in the training text.
        """
        code_points = _code_points(text)
        if code_points.size and code_points.max() >= len(self._table):
            raise self._unknown(text)
        ids = self._table[code_points]
        if ids.size and ids.min() < 0:
            raise self._unknown(text)
        return ids

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """Return the text of the token ids (a list of integers, or a 1-D array of them).

        Raises:
            ValueError: an id is not between 0 and vocab_size - 1.
        """
        characters = []
        for position, token in enumerate(map(index, ids)):
            if not 0 <= token < self.vocab_size:
                raise ValueError(
                    f"ids[{position}]={token} must be between 0 and {self.vocab_size - 1}: "
                    "was it made by another tokenizer?"
                )
            characters.append(self.symbols[token])
        return "".join(characters)

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON."""
        Path(path).write_text(json.dumps({"type": "characters", "symbols": self.symbols}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "CharacterTokenizer":
        """Read a vocabulary that save wrote.

        Raises:
            ValueError: the file is not one that save wrote.
        """
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
            kind, symbols = saved["type"], saved["symbols"]
        except (ValueError, LookupError, TypeError):
            kind, symbols = None, ""
        if kind != "characters" or not isinstance(symbols, str):
            raise ValueError(f"path={str(path)!r} must be a file written by CharacterTokenizer.save")
        return cls(symbols)

    def _unknown(self, text: str) -> ValueError:
        """Describe the first character of the text that has no id."""
        position, character = next((i, c) for i, c in enumerate(text) if c not in self._ids)
        return ValueError(
            f"text[{position}]={character!r} (U+{ord(character):04X}) must be one of the {self.vocab_size} characters "
            "seen in training: remove it, or train the tokenizer on a text that has it"
        )


def _code_points(text: str) -> UInt32[np.ndarray, " T"]:
    # surrogatepass: a lone surrogate is reported as an unknown character, not as an encoding error
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
