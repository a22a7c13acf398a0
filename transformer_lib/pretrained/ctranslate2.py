"""CTranslate2's model.bin: named tensors one after the other, then names that stand for another one.

    file    u32 version = 6, text what it is, u32 its revision, u32 n, n tensors, u32 m, m pairs of texts
    tensor  text name, u8 n of dimensions, u32 each, u8 type, u32 bytes, the numbers
    text    u16 length, its bytes, a zero byte that the length counts

The file is mapped into memory, and a tensor is read and widened to float32 when it is asked for. Nothing in it is run.

Source: the repository of OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py, which writes the file.
"""

import mmap
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

VERSION = 6
_DIMENSIONS = 4  # no layer has more
TYPES: dict[int, np.dtype] = {
    0: np.dtype("<f4"),
    1: np.dtype("i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}


class _Entry(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int


class CTranslate2(Mapping[str, Tensor]):
    """A file of tensors: a mapping from names to float32 tensors, each made when it is asked for.

    Args:
        path: The file.

    Attributes:
        kind: What it is, such as WhisperSpec.
        aliases: Names that stand for another tensor, by name.

    Raises:
        ValueError: If it is no such file of version 6, is cut short, contradicts itself, or has a type not read here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        with open(path, "rb") as file:
            if (version := file.read(4)) != VERSION.to_bytes(4, "little"):
                raise self._refusal(f"begins with {version!r}", f"begin with version {VERSION}")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = len(version)
        self.kind = self._text()
        self.revision = self._number(4)
        self._entries: dict[str, _Entry] = {}
        for _ in range(self._number(4)):
            name = self._text()
            if name in self._entries:
                raise self._refusal(f"has {name!r} twice", "name each tensor once")
            self._entries[name] = self._entry(name)
        self.aliases: dict[str, str] = {}
        for _ in range(self._number(4)):
            alias, name = self._text(), self._text()
            if alias in self.aliases.keys() | self._entries.keys() or name not in self._entries:
                raise self._refusal(f"has {alias!r} stand for {name!r}", "give a tensor it has another name")
            self.aliases[alias] = name
        if rest := len(self._bytes) - self._at:
            raise self._refusal(f"goes on for {rest} bytes after its end", "end there")

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor, in memory of its own."""
        shape, dtype, start = self._entries[name]
        numbers = np.frombuffer(self._bytes, dtype, prod(shape), start)
        return torch.from_numpy(numbers.astype(np.float32).reshape(shape))

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _entry(self, name: str) -> _Entry:
        if (dimensions := self._number(1)) > _DIMENSIONS:
            raise self._refusal(f"has {name!r} with {dimensions} dimensions", f"have at most {_DIMENSIONS}")
        shape = tuple(self._number(4) for _ in range(dimensions))
        kind, size = self._number(1), self._number(4)
        if kind not in TYPES:
            raise self._refusal(f"has {name!r} of type {kind}", f"have one of {list(TYPES)}: no other is read here")
        if size != prod(shape) * TYPES[kind].itemsize:
            raise self._refusal(f"has {name!r} of shape {shape} in {size} bytes", f"have {TYPES[kind]} numbers")
        return _Entry(shape, TYPES[kind], self._take(size, repr(name)))

    def _text(self) -> str:
        start = self._take(self._number(2), "a text")
        content = self._bytes[start : self._at]
        if content[-1:] != b"\0":
            raise self._refusal(f"has a text at byte {start} without an end", "end each with a zero byte")
        try:
            return content[:-1].decode()
        except UnicodeDecodeError as error:
            raise self._refusal(f"has a text at byte {start} that is no UTF-8", "write texts in UTF-8") from error

    def _number(self, size: int) -> int:
        start = self._take(size, "a number")
        return int.from_bytes(self._bytes[start : self._at], "little")

    def _take(self, size: int, what: str) -> int:
        """Step over what is read next, and return where it begins."""
        start = self._at
        self._at += size
        if self._at > len(self._bytes):
            raise self._refusal(
                f"ends at byte {len(self._bytes)}, inside {what} at {start}", "be whole: fetch it again"
            )
        return start

    def _refusal(self, found: str, rule: str) -> ValueError:
        return ValueError(f"path={self.path!r} {found}, and a model.bin of CTranslate2 must {rule}")
