"""A history as the files that TensorBoard reads, written without TensorBoard.

An event file is a row of records, and a record is an event as a protocol buffer between two checksums (TensorFlow,
tensorflow/core/lib/io/record_writer.h, and tensorflow/core/util/event.proto; the integers are little-endian):

    length       uint64         of the event, in bytes
    checksum     uint32         of the eight bytes before
    event        bytes          1: seconds (double)   2: step (int64)   5: {1: {1: name (string)  2: value (float)}}
    checksum     uint32         of the event

A checksum is a CRC-32C, turned by 15 bits and shifted by a constant. The first event says which version this is.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

POLYNOMIAL = 0x82F63B78
"""Castagnoli's, the lowest bit first (RFC 3720, appendix B.4)."""
VERSION = b"brain.Event:2"


def write_tensorboard(
    history: Iterable[Mapping[str, float]], folder: str | Path, *, name: str = "training", seconds: str = "seconds"
) -> Path:
    """Write a history as an event file: `tensorboard --logdir FOLDER` shows a curve for each of its names.

    Args:
        history: Entries with a `step` and any other numbers, such as `train` returns, or `Watch` keeps; its `log` file
            has one such entry a line. A number that is missing in an entry is missing in its curve.
        folder: Made if it is not there. TensorBoard takes each folder for a run, and all its files together.
        name: Of the file, for several in a folder; an older file of this name is replaced.
        seconds: The entry that tells the time since the start, where there is one; the step otherwise.

    Returns:
        The file.

    Raises:
        ValueError: If an entry has no step.

    Example:

        >>> import tempfile
        >>> write_tensorboard([{"step": 1, "loss": 3.5}], tempfile.mkdtemp()).name
        'events.out.tfevents.0.training'
    """
    folder = Path(folder)
    events = [_double(1, 0.0) + _bytes(3, VERSION)]
    for entry in history:
        if "step" not in entry:
            raise ValueError(f"history has an entry without a step, {dict(entry)}: its place on the curve is unknown")
        step = int(entry["step"])
        values = b"".join(
            _bytes(1, _bytes(1, key.encode()) + _float(2, value))
            for key, value in entry.items()
            if key not in ("step", seconds)
        )
        events.append(_double(1, entry.get(seconds, step)) + _integer(2, step) + _bytes(5, values))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"events.out.tfevents.0.{name}"
    file.write_bytes(b"".join(record for event in events for record in _record(event)))
    return file


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes, bit by bit."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ POLYNOMIAL * (remainder & 1)
    return remainder ^ 0xFFFFFFFF


def _record(event: bytes) -> Iterator[bytes]:
    length = struct.pack("<Q", len(event))
    yield from (length, _masked(length), event, _masked(event))


def _masked(data: bytes) -> bytes:
    checksum = crc32c(data)
    turned = (checksum >> 15 | checksum << 17) & 0xFFFFFFFF
    return struct.pack("<I", (turned + 0xA282EAD8) & 0xFFFFFFFF)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
