"""GGUF, the file of llama.cpp: a table of named values, a table of named tensors, and then their bytes.

The file is mapped into memory, and a tensor is read and widened to float32 when it is asked for. Nothing in it is run.

Source: the specification in the repository of ggml, docs/gguf.md, version 3 of the format.
"""

import mmap
import struct
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from transformer_lib.pretrained.gguf_formats import FORMATS, Format

_SCALARS = dict(enumerate(("<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<f4", "?"))) | {10: "<u8", 11: "<i8", 12: "<f8"}
_STRING, _ARRAY = 8, 9
_DIMENSIONS = 4  # the most that ggml has


class _Entry(NamedTuple):
    shape: tuple[int, ...]
    format: Format
    start: int


class GGUF(Mapping[str, Tensor]):
    """A file of metadata and tensors: a mapping from names to float32 tensors, each made when it is asked for.

    Args:
        path: The file.

    Attributes:
        metadata: The named values.

    Raises:
        ValueError: If it is no GGUF file of version 3, is cut short, contradicts itself, or has a format not read here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        with open(path, "rb") as file:
            if (magic := file.read(8)) != b"GGUF" + struct.pack("<I", 3):
                raise self._refusal(f"begins with {magic!r}", "begin with b'GGUF' and version 3")
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = len(magic)
        n_tensors, n_values = (int(self._scalar("<u8")) for _ in range(2))
        self.metadata: dict[str, Any] = {}
        for _ in range(n_values):
            name = self._string()
            if name in self.metadata:
                raise self._refusal(f"has {name!r} twice", "name each value once")
            self.metadata[name] = self._value(int(self._scalar("<u4")))
        self._entries: dict[str, _Entry] = {}
        for _ in range(n_tensors):
            name = self._string()
            if name in self._entries:
                raise self._refusal(f"has {name!r} twice", "name each tensor once")
            self._entries[name] = self._entry(name)
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise self._refusal(f"has general.alignment={alignment!r}", "align tensors to a positive number of bytes")
        data, before = -(-self._at // alignment) * alignment, 0
        for name, (shape, format, start) in sorted(self._entries.items(), key=lambda item: item[1].start):
            end = data + start + prod(shape) // format.weights * format.stored.itemsize
            if end > len(self._bytes):
                raise self._cut_short(f"{name!r}, which goes on to byte {end}")
            if data + start < before:  # a small file of one tensor under many names would fill the memory
                raise self._refusal(f"has {name!r} begin inside another tensor", "give each bytes of its own")
            self._entries[name], before = _Entry(shape, format, data + start), end

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor, in memory of its own."""
        shape, format, start = self._entries[name]
        stored = np.frombuffer(self._bytes, format.stored, prod(shape) // format.weights, start)
        return torch.from_numpy(format.widen(stored).reshape(shape))

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor, which is not read for it."""
        return self._entries[name].shape

    def format(self, name: str) -> str:
        """Return the name of the format that a tensor has in the file, such as Q4_1."""
        return self._entries[name].format.name

    def _entry(self, name: str) -> _Entry:
        if (dimensions := int(self._scalar("<u4"))) > _DIMENSIONS:
            raise self._refusal(f"has {name!r} with {dimensions} dimensions", f"have at most {_DIMENSIONS}")
        shape = tuple(int(n) for n in self._scalars("<u8", dimensions))[::-1]  # the file's begins inside
        kind, start = int(self._scalar("<u4")), int(self._scalar("<u8"))
        if kind not in FORMATS:
            known = ", ".join(f"{number} ({format.name})" for number, format in FORMATS.items())
            raise self._refusal(f"has {name!r} in format {kind}", f"have one of {known}: no other is read here")
        format = FORMATS[kind]
        if not shape or prod(shape) == 0 or shape[-1] % format.weights:
            raise self._refusal(f"has {name!r} of shape {shape}", f"have rows of whole blocks of {format.weights}")
        return _Entry(shape, format, start)

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _ARRAY:
            kind, n = int(self._scalar("<u4")), int(self._scalar("<u8"))
            if kind == _STRING:
                return self._strings(n)
            if kind in _SCALARS:
                return self._scalars(_SCALARS[kind], n)
        raise self._refusal(
            f"has a value of type {kind} before byte {self._at}", "hold numbers, texts and lists of them"
        )

    def _string(self) -> str:
        return self._strings(1)[0]

    def _strings(self, n: int) -> list[str]:
        strings: list[str] = []
        content, at = self._bytes, self._at
        for _ in range(n):
            start = at + 8
            end = start + int.from_bytes(content[at:start], "little")
            if end > len(content) or start > len(content):
                raise self._cut_short(f"a text at byte {at}")
            try:
                strings.append(str(content[start:end], "utf-8"))
            except UnicodeDecodeError as error:
                raise self._refusal(f"has a text at byte {at} that is no UTF-8", "write texts in UTF-8") from error
            at = end
        self._at = at
        return strings

    def _scalar(self, dtype: str) -> Any:
        return self._scalars(dtype, 1)[0]

    def _scalars(self, dtype: str, n: int) -> list[Any]:
        start = self._take(n * np.dtype(dtype).itemsize, "a number")
        return np.frombuffer(self._bytes, dtype, n, start).tolist()

    def _take(self, size: int, what: str) -> int:
        """Step over what is read next, and return where it begins."""
        start = self._at
        self._at += size
        if self._at > len(self._bytes):
            raise self._cut_short(f"{what} at byte {start}")
        return start

    def _cut_short(self, where: str) -> ValueError:
        return self._refusal(f"ends at byte {len(self._bytes)}, inside {where}", "be whole: fetch it again")

    def _refusal(self, found: str, rule: str) -> ValueError:
        return ValueError(f"path={self.path!r} {found}, and a GGUF file must {rule}")
