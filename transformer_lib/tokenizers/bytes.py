"""Tokens that are byte strings, and the smallest such vocabulary: the 256 bytes themselves.

Text becomes bytes by UTF-8 (RFC 3629): one byte for an ASCII character, two to four for any other. So 256 tokens write
every text there is, and none is ever unknown. What it costs is length: three tokens for most Chinese characters.
"""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from operator import index
from pathlib import Path
from typing import SupportsIndex

# Each byte as one character that prints, in GPT-2's order; vocabulary files are written in this alphabet. Bytes that
# print in Latin-1 stand for themselves and come first; the others borrow the characters from U+0100 on: a space is "Ġ".
_PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTING]
PRINTABLE = {byte: chr(byte) for byte in _PRINTING} | {byte: chr(0x100 + i) for i, byte in enumerate(_OTHERS)}


class ByteLevelTokenizer:
    """Decode ids whose tokens are byte strings; a subclass says which tokens there are, and how text is cut into them.

    A token need not be a whole character. That is why decoding joins the bytes of all tokens first, and why text that
    is shown while it is being generated goes through `stream`.
    """

    def __init__(self, bytes_of: Mapping[int, bytes]) -> None:
        self._bytes_of = dict(bytes_of)

    @property
    def vocab_size(self) -> int:
        """Return the number of rows V an embedding of these tokens needs: one more than the largest id."""
        return max(self._bytes_of) + 1

    def token_bytes(self, token: SupportsIndex) -> bytes:
        """Return the byte string of one token id.

        Raises:
            ValueError: no token has this id.
        """
        return self.decode_bytes([token])

    def decode_bytes(self, ids: Iterable[SupportsIndex]) -> bytes:
        """Return the bytes of the token ids, joined; not always whole characters.

        Raises:
            ValueError: no token has one of these ids.
        """
        numbers = [index(token) for token in ids]
        try:
            return b"".join([self._bytes_of[number] for number in numbers])
        except KeyError:
            position = next(i for i, number in enumerate(numbers) if number not in self._bytes_of)
            raise ValueError(
                f"ids[{position}]={numbers[position]} must be one of the {len(self._bytes_of)} token ids, "
                f"0 to {self.vocab_size - 1}: was it made by another tokenizer?"
            ) from None

    def decode(self, ids: Iterable[SupportsIndex], *, errors: str = "replace") -> str:
        """Return the text of the token ids; decode(encode(text)) == text for every text.

        Args:
            ids: token ids (a list, or a 1-D integer array).
            errors: what to do with bytes that are no UTF-8, as a model may well generate: "replace" puts U+FFFD in
                their place, "strict" raises UnicodeDecodeError, "ignore" drops them.
        """
        return self.decode_bytes(ids).decode("utf-8", errors)

    def stream(self, ids: Iterable[SupportsIndex]) -> Iterator[str]:
        """Yield the text of the ids as they arrive, each character as soon as its last byte is there.

        Joined, the parts are decode(ids). Bytes that cannot become a character are yielded as U+FFFD.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for token in ids:
            if text := decoder.decode(self.token_bytes(token)):
                yield text
        if rest := decoder.decode(b"", final=True):
            yield rest


class BytesTokenizer(ByteLevelTokenizer):
    """Translate between text and the bytes of its UTF-8, one byte a token: the id is the byte's value, 0 to 255."""

    def __init__(self) -> None:
        super().__init__({byte: bytes([byte]) for byte in range(256)})

    def encode(self, text: str) -> list[int]:
        """Return the token ids of the text, one for each byte of its UTF-8.

        Raises:
            ValueError: the text holds a lone surrogate, which has no UTF-8.
        """
        return list(utf8(text))

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as JSON: its type is all there is to know."""
        Path(path).write_text(json.dumps({"type": "bytes"}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "BytesTokenizer":
        """Read a tokenizer that save wrote.

        Raises:
            ValueError: the file is not one that save wrote.
        """
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            saved = None
        if saved != {"type": "bytes"}:
            raise ValueError(f"path={str(path)!r} must be a file written by BytesTokenizer.save")
        return cls()


def utf8(text: str) -> bytes:
    """Return the UTF-8 bytes of a text.

    Raises:
        TypeError: text is not a str.
        ValueError: the text holds a lone surrogate: half of a UTF-16 pair, no character, without UTF-8.
    """
    if not isinstance(text, str):
        raise TypeError(f"text of type {type(text).__name__} must be str: decode bytes to text first")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text[{error.start}]={text[error.start]!r} must be a character, and is a lone surrogate, half of one: "
            "read the text with its right encoding, or replace the surrogate"
        ) from None
