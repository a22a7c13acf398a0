"""Event files, read back by a reader of this file's own, and checksums against published ones."""

import math
import struct

import pytest

from transformer_lib.training import write_tensorboard
from transformer_lib.training.tensorboard import crc32c

HISTORY = [
    {"step": 1, "loss": 3.5, "update_ratio/blocks.0.attention.w_q.weight": 0.01},
    {"step": 300, "loss": 2.25, "seconds": 4.5},
    {"step": 70_000, "loss": math.nan},
]


@pytest.mark.parametrize(
    ("data", "checksum"),
    [  # RFC 3720, appendix B.4, and the usual check value of nine digits
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_checksums_are_the_published_ones(data, checksum):
    assert crc32c(data) == checksum


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def fields(message):
    """The fields of a protocol buffer, as (number, content)."""
    at, found = 0, []
    while at < len(message):
        key, at = varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            content, at = varint(message, at)
        elif wire in (1, 5):
            size, form = (8, "<d") if wire == 1 else (4, "<f")
            content, at = struct.unpack(form, message[at : at + size])[0], at + size
        else:
            assert wire == 2
            length, at = varint(message, at)
            content, at = message[at : at + length], at + length
        found.append((number, content))
    return found


def records(data):
    at = 0
    while at < len(data):
        [length] = struct.unpack("<Q", data[at : at + 8])
        head, body = data[at : at + 8], data[at + 12 : at + 12 + length]
        for part, where in ((head, at + 8), (body, at + 12 + length)):
            [masked] = struct.unpack("<I", data[where : where + 4])
            turned = (masked - 0xA282EAD8) % 2**32
            assert ((turned >> 17) | (turned << 15)) % 2**32 == crc32c(part)
        yield fields(body)
        at += 16 + length


def test_what_is_written_is_read_back(tmp_path):
    file = write_tensorboard(HISTORY, tmp_path / "run", name="watch")
    assert file.name.startswith("events.out.tfevents.")  # what TensorBoard looks for
    version, *events = map(dict, records(file.read_bytes()))
    assert version[3] == b"brain.Event:2"
    assert [event[2] for event in events] == [1, 300, 70_000]
    assert [event[1] for event in events] == [1.0, 4.5, 70_000.0]  # seconds where there are any, the step elsewhere
    scalars = [{value[1].decode(): value[2] for _, content in fields(event[5]) for value in [dict(fields(content))]}
               for event in events]  # fmt: skip
    assert scalars[0]["loss"] == 3.5
    assert scalars[0]["update_ratio/blocks.0.attention.w_q.weight"] == pytest.approx(0.01)
    assert scalars[1] == {"loss": 2.25}
    assert math.isnan(scalars[2]["loss"])


def test_the_same_history_makes_the_same_file(tmp_path):
    first = write_tensorboard(HISTORY, tmp_path).read_bytes()
    assert write_tensorboard(HISTORY, tmp_path).read_bytes() == first


def test_an_entry_without_a_step_is_refused(tmp_path):
    with pytest.raises(ValueError, match="an entry without a step"):
        write_tensorboard([{"loss": 1.0}], tmp_path)
