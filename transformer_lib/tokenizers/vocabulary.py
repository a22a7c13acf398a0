"""A vocabulary of whole symbols: what a text is cut into already, such as words or phonemes, by the id of each.

Three marks come first, with the same ids in every vocabulary: padding 0, begin 1, end 2. What goes into an encoder
needs only the padding; a target is written between begin and end, the frame of the 2017 Transformer's decoder.
"""

import json
from collections.abc import Iterable
from operator import index
from pathlib import Path
from typing import SupportsIndex

PAD, BOS, EOS = 0, 1, 2
MARKS = ("<pad>", "<begin>", "<end>")


class Vocabulary:
    """Translate between sequences of symbols and their ids.

    Attributes:
        symbols: the text of each id, the three marks first.
        pad: the id that fills a batch, 0.
        bos: the id before a target's first symbol, 1.
        eos: the id after a target's last symbol, 2.

    Example:

        >>> vocabulary = Vocabulary.train([["I", "am"], ["you", "are"]])
        >>> vocabulary.encode(["you", "are"], add_special_tokens=True)
        [1, 6, 5, 2]
        >>> vocabulary.decode([1, 6, 5, 2, 0])
        ['you', 'are']
    """

    pad, bos, eos = PAD, BOS, EOS

    def __init__(self, symbols: Iterable[str]) -> None:
        """Give the symbols ids in their order, after the marks.

        Raises:
            ValueError: a symbol is given twice, or is one of the marks.
        """
        self.symbols = (*MARKS, *symbols)
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        if len(self._ids) < len(self.symbols):
            twice = next(s for i, s in enumerate(self.symbols) if self._ids[s] != i)
            raise ValueError(f"symbols must not repeat {twice!r}: give each once, and none of the marks {MARKS}")

    @classmethod
    def train(cls, sequences: Iterable[Iterable[str]]) -> "Vocabulary":
        """Learn the vocabulary of some sequences: their distinct symbols, sorted by code points."""
        return cls(sorted({symbol for sequence in sequences for symbol in sequence}))

    @property
    def vocab_size(self) -> int:
        """Return the number of ids V, the marks included."""
        return len(self.symbols)

    def encode(self, sequence: Iterable[str], *, add_special_tokens: bool = False) -> list[int]:
        """Return the id of each symbol.

        Args:
            sequence: the symbols.
            add_special_tokens: whether begin stands before them and end after them, as around a target.

        Raises:
            ValueError: a symbol is not in the vocabulary, or is a mark (marks are ids, never text).
        """
        ids = []
        for position, symbol in enumerate(sequence):
            token = self._ids.get(symbol, PAD)
            if token <= EOS:
                raise ValueError(
                    f"sequence[{position}]={symbol!r} must be one of the {self.vocab_size - len(MARKS)} symbols of the "
                    "vocabulary: train it on sequences that have it"
                )
            ids.append(token)
        return [BOS, *ids, EOS] if add_special_tokens else ids

    def decode(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """Return the symbols up to the first end; begin and padding stand for nothing.

        Raises:
            ValueError: an id is not between 0 and vocab_size - 1.
        """
        symbols = []
        for position, token in enumerate(map(index, ids)):
            if not 0 <= token < self.vocab_size:
                raise ValueError(
                    f"ids[{position}]={token} must be between 0 and {self.vocab_size - 1}: "
                    "was it made with another vocabulary?"
                )
            if token == EOS:
                break
            if token > EOS:
                symbols.append(self.symbols[token])
        return symbols

    def save(self, path: str | Path) -> None:
        """Write the symbols as JSON."""
        saved = {"type": "vocabulary", "symbols": self.symbols[len(MARKS) :]}
        Path(path).write_text(json.dumps(saved, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read what save wrote.

        Raises:
            ValueError: the file is not one that save wrote.
        """
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
            kind, symbols = saved["type"], saved["symbols"]
        except (ValueError, LookupError, TypeError):
            kind, symbols = None, None
        if kind != "vocabulary" or not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
            raise ValueError(f"path={str(path)!r} must hold a vocabulary: write it with Vocabulary.save")
        return cls(symbols)
