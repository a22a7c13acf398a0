"""The reader of CTranslate2's files against files written by hand, and every way to damage one."""

import struct

import numpy as np
import pytest
import torch
from ctranslate2_files import model_bin, tensor, text
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.pretrained.ctranslate2 import CTranslate2

TENSORS = {
    "half": np.arange(6, dtype="f2").reshape(2, 3) / 3,
    "single": np.array([1.5, -2.5], "f4"),
    "number": np.int16(-7),
    "bytes": np.array([[-128, 127]], "i1"),
    "whole": np.array([2**20], "i4"),
}


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "model.bin").write_bytes(content)
        return tmp_path / "model.bin"

    return write


def test_tensors_are_read(write):
    path = write(model_bin(TENSORS, aliases=[("other", "half")]))
    file = CTranslate2(path)
    assert (file.kind, file.revision, file.aliases) == ("WhisperSpec", 3, {"other": "half"})
    assert list(file) == list(TENSORS) and len(file) == 5
    for name, array in TENSORS.items():
        assert torch.equal(file[name], torch.tensor(array.astype("f4")))
    before = path.read_bytes()
    file["single"].zero_()
    assert path.read_bytes() == before and file["single"][0] == 1.5


def test_a_file_cut_short_anywhere_is_refused(write):
    whole = model_bin(TENSORS, aliases=[("other", "half")])
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"model\.bin.* a model\.bin of CTranslate2 must"):
            CTranslate2(write(whole[:end]))


@settings(max_examples=300)
@given(st.data())
def test_an_altered_file_is_refused_or_read_whole(tmp_path_factory, data):
    whole = model_bin(TENSORS)
    at = data.draw(st.integers(0, len(whole) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=5))
    path = tmp_path_factory.getbasetemp() / "altered.bin"
    path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    try:
        file = CTranslate2(path)
    except ValueError as error:
        assert "altered.bin" in str(error) and "must" in str(error)
    else:
        assert all(tensor.dtype == torch.float32 for tensor in file.values())


def header(n, rest):
    return struct.pack("<I", 6) + text("Spec") + struct.pack("<II", 1, n) + rest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"begins with b'', .* must begin with version 6"),
        (model_bin({}, version=7), r"begins with b'\\x07.* must begin with version 6"),
        (model_bin({}) + b"\0", "goes on for 1 bytes after its end, .* must end there"),
        (header(2, tensor("a", np.float32(1)) * 2), "has 'a' twice, .* must name each tensor once"),
        (header(1, tensor("a", np.float32(1), kind=9)), r"has 'a' of type 9, .* have one of \[0, 1, 2, 3, 4\]"),
        (
            header(1, tensor("a", np.float32(1), kind=4)),
            r"has 'a' of shape \(\) in 4 bytes, .* must have float16 numbers",
        ),
        (header(1, text("a") + bytes([200])), "has 'a' with 200 dimensions, .* at most 4"),
        (header(2**32 - 1, b""), "ends at byte 19, inside a number at 19"),
        (header(1, struct.pack("<H", 2) + b"ab"), "has a text at byte 21 without an end"),
        (header(1, struct.pack("<H", 0)), "has a text at byte 21 without an end"),
        (header(1, struct.pack("<H", 3) + b"\xff\xfe\0"), "has a text at byte 21 that is no UTF-8"),
        (model_bin({}, aliases=[("a", "b")]), "has 'a' stand for 'b', .* must give a tensor it has another name"),
        (model_bin({"a": np.float32(1)}, aliases=[("a", "a")]), "has 'a' stand for 'a'"),
    ],
)
def test_what_a_file_contradicts_is_named(write, content, message):
    with pytest.raises(ValueError, match=message):
        CTranslate2(write(content))
