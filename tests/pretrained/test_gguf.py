"""The reader of GGUF against blocks worked out by hand, and against every way to damage a file."""

import struct

import numpy as np
import pytest
import torch
from gguf_files import gguf, named, text, value_of
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.pretrained.gguf import GGUF

METADATA = {"name": "tiny", "layers": 2, "eps": 0.5, "tied": True, "words": ["a", "né", ""], "kinds": [1, 3], "no": []}


def block(form, numbers, d, m=0.0):
    """One block as the specification writes it, byte by byte."""
    if form == "Q8_0":
        return struct.pack("<e32b", d, *numbers)
    halves = bytes(numbers[i] | numbers[i + 16] << 4 for i in range(16))
    return (struct.pack("<e", d) if form == "Q4_0" else struct.pack("<ee", d, m)) + halves


def random_blocks(form, n):
    rng = np.random.default_rng(0)
    low, high = {"Q8_0": (-128, 128)}.get(form, (0, 16))
    rows = [(rng.integers(low, high, 32).tolist(), *np.float16(rng.normal(size=2)).tolist()) for _ in range(n)]
    offset = {"Q4_0": -8}.get(form, 0)
    weights = [[d * (q + offset) + (m if form == "Q4_1" else 0) for q in numbers] for numbers, d, m in rows]
    return b"".join(block(form, *row) for row in rows), torch.tensor(weights, dtype=torch.float64)


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "tiny.gguf").write_bytes(content)
        return tmp_path / "tiny.gguf"

    return write


def a_file():
    return gguf(
        METADATA, {"plain": np.arange(6.0).reshape(2, 3), "blocks": ((2, 64), "Q4_1", random_blocks("Q4_1", 4)[0])}
    )


def test_values_and_tensors_are_read(write):
    file = GGUF(write(a_file()))
    assert file.metadata == METADATA
    assert list(file) == ["plain", "blocks"] and len(file) == 2
    assert torch.equal(file["plain"], torch.arange(6.0).reshape(2, 3))
    assert [file.format(name) for name in file] == ["F32", "Q4_1"]
    with pytest.raises(KeyError):
        file["third"]


@pytest.mark.parametrize("form", ["Q4_0", "Q4_1", "Q8_0"])
def test_blocks_are_widened_as_the_specification_says(write, form):
    content, weights = random_blocks(form, 6)
    tensor = GGUF(write(gguf({}, {"w": ((3, 64), form, content)})))["w"]
    assert tensor.dtype == torch.float32 and tensor.shape == (3, 64)
    torch.testing.assert_close(tensor.double(), weights.reshape(3, 64), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("form", "dtype"), [("F16", torch.float16), ("BF16", torch.bfloat16), ("F32", torch.float32)])
def test_plain_formats(write, form, dtype):
    weights = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    content = weights.view(torch.uint8).numpy().tobytes()
    assert torch.equal(GGUF(write(gguf({}, {"w": ((3, 5), form, content)})))["w"], weights.float())


def test_a_tensor_has_memory_of_its_own(write):
    path = write(a_file())
    before = path.read_bytes()
    file = GGUF(path)
    file["plain"].zero_()
    assert file["plain"].sum() == 15 and path.read_bytes() == before


def test_another_alignment(write):
    file = gguf({"general.alignment": 64}, {"a": np.ones((1, 2)), "b": np.full((3,), 2.0)}, alignment=64)
    assert GGUF(write(file))["b"].tolist() == [2, 2, 2]


# --- what is no whole GGUF file ------------------------------------------------------------------------------------


def test_a_file_cut_short_anywhere_is_refused(write):
    whole = a_file()
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"tiny\.gguf.* a GGUF file must"):
            GGUF(write(whole[:end]))


@settings(max_examples=300)
@given(st.integers(0, len(a_file()) - 1), st.binary(min_size=1, max_size=9))
def test_an_altered_file_is_refused_or_read_whole(tmp_path_factory, at, noise):
    path = tmp_path_factory.getbasetemp() / "altered.gguf"
    whole = a_file()
    path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    try:
        file = GGUF(path)
    except ValueError as error:
        assert "altered.gguf" in str(error) and "must" in str(error)
    else:
        assert all(tensor.dtype == torch.float32 for tensor in file.values())


def header(n_tensors, n_values, rest):
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_values) + rest


def entry(name, shape, kind, start):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, start)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"begins with b'', and a GGUF file must begin with b'GGUF' and version 3"),
        (b"PK\3\4 a zip archive", r"begins with b'PK.*must begin with b'GGUF'"),
        (gguf({}, {}, version=2), r"begins with b'GGUF\\x02.*version 3"),
        (header(0, 2, named("a", 1) * 2), "has 'a' twice, .* must name each value once"),
        (header(2, 0, entry("w", (1,), 0, 0) * 2 + bytes(99)), "has 'w' twice, .* must name each tensor once"),
        (
            gguf({}, {"w": ((1, 256), 12, bytes(144))}),
            r"has 'w' in format 12, .* one of 0 \(F32\), 1 \(F16\), .*8 \(Q8_0\)",
        ),
        (gguf({}, {"w": ((2, 16), "Q4_0", bytes(18))}), r"has 'w' of shape \(2, 16\), .* whole blocks of 32"),
        (gguf({}, {"w": ((0,), "F32", b"")}), r"has 'w' of shape \(0,\)"),
        (header(1, 0, entry("w", (2**40, 2**40), 0, 0)), r"ends at byte \d+, inside 'w', which goes on to byte"),
        (header(1, 0, entry("w", (1,), 0, 2**64 - 4)), r"ends at byte \d+, inside 'w', which goes on to byte"),
        (header(1, 0, text("w") + struct.pack("<I", 2**32 - 1)), "has 'w' with 4294967295 dimensions, .* at most 4"),
        (header(1, 0, entry("w", (1,) * 300_000, 0, 0) + bytes(99)), "has 'w' with 300000 dimensions, .* at most 4"),
        (
            header(3, 0, entry("a", (8,), 0, 0) + entry("b", (8,), 0, 32) + entry("c", (8,), 0, 60) + bytes(200)),
            "has 'c' begin inside another tensor, .* must give each bytes of its own",
        ),
        (header(0, 2**63, b""), "ends at byte 24, inside a text at byte 24"),
        (header(0, 1, text("a") + struct.pack("<I", 4)), r"ends at byte \d+, inside a number at byte \d+"),
        (header(0, 1, text("a") + struct.pack("<I", 99)), "has a value of type 99"),
        (
            header(0, 1, text("a") + struct.pack("<IIQ", 9, 9, 1)),
            "has a value of type 9 .* must hold numbers, texts and",
        ),
        (header(0, 1, text("a") + struct.pack("<IIQ", 9, 8, 2**60)), "inside a text at byte 49"),
        (header(0, 1, struct.pack("<Q", 2) + b"\xff\xfe"), "has a text at byte 24 that is no UTF-8"),
        (gguf({"general.alignment": 0}, {}), "has general.alignment=0, .* must align tensors to a positive number"),
        (gguf({"general.alignment": "32"}, {}), "has general.alignment='32'"),
    ],
)
def test_what_a_file_contradicts_is_named(write, content, message):
    with pytest.raises(ValueError, match=message):
        GGUF(write(content))


def test_the_types_written_here_are_the_types_read(write):
    kinds = {"B": 0, "b": 1, "H": 2, "h": 3, "I": 4, "i": 5, "f": 6, "?": 7, "Q": 10, "q": 11, "d": 12}
    rest = b"".join(text(code) + struct.pack(f"<I{code}", kind, 1) for code, kind in kinds.items())
    assert GGUF(write(header(0, len(kinds), rest))).metadata == dict.fromkeys(kinds, 1)
    assert value_of(True)[0] == kinds["?"]
