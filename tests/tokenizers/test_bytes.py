import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sample_texts import ANY_TEXTS

from transformer_lib.tokenizers.bytes import PRINTABLE, BytesTokenizer

TOKENIZER = BytesTokenizer()


@given(ANY_TEXTS)
def test_ids_are_the_bytes_of_utf8(text):
    ids = TOKENIZER.encode(text)
    assert ids == list(text.encode("utf-8"))
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.decode(np.array(ids, dtype=np.int64)) == text
    assert TOKENIZER.decode_bytes(ids) == bytes(ids)


def test_there_are_256_tokens_whatever_the_script():
    assert TOKENIZER.vocab_size == 256
    assert TOKENIZER.encode("力") == [229, 138, 155]
    assert TOKENIZER.encode("") == [] and TOKENIZER.decode([]) == ""


@given(st.lists(st.integers(0, 255)))
@example([0xE5, 0x8A])  # a character that never ends
@example([0xE5, 0x41, 0x8A, 0x9B])  # and one that is broken off
def test_streamed_text_is_the_decoded_text(ids):
    assert "".join(TOKENIZER.stream(ids)) == TOKENIZER.decode(ids)


def test_a_stream_waits_for_the_last_byte_of_a_character():
    arrived, received = [], []

    def arriving(ids):
        for token in ids:
            arrived.append(token)
            yield token

    for part in TOKENIZER.stream(arriving(TOKENIZER.encode("a力b"))):
        received.append((part, len(arrived)))
    assert received == [("a", 1), ("力", 4), ("b", 5)]


def test_broken_utf8_is_decoded_as_asked():
    broken = [*TOKENIZER.encode("注意"), 229, 138]
    assert TOKENIZER.decode(broken) == "注意\ufffd"
    assert TOKENIZER.decode(broken, errors="ignore") == "注意"
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        TOKENIZER.decode(broken, errors="strict")


@pytest.mark.parametrize("text", ["ab\ud800c", "ab\udfff", "ab\udc00\ud800"])
def test_a_lone_surrogate_is_refused_at_its_place(text):
    with pytest.raises(ValueError, match=r"text\[2\]='\\ud.*' must be a character, and is a lone surrogate"):
        TOKENIZER.encode(text)


@pytest.mark.parametrize("token", [-1, 256, 10**30])
def test_an_id_that_no_token_has_is_refused_at_its_place(token):
    with pytest.raises(ValueError, match=re.escape(f"ids[1]={token} must be one of the 256 token ids, 0 to 255")):
        TOKENIZER.decode([65, token])


def test_ids_must_be_integers():
    with pytest.raises(TypeError, match="ids"):
        TOKENIZER.decode(np.array([65.0]))


def test_bytes_that_print_stand_for_themselves():
    assert sorted(PRINTABLE) == list(range(256))
    assert len(set(PRINTABLE.values())) == 256 and all(character.isprintable() for character in PRINTABLE.values())
    assert [PRINTABLE[byte] for byte in b" \nA~"] == ["Ġ", "Ċ", "A", "~"]


def test_loading_undoes_saving(tmp_path):
    TOKENIZER.save(tmp_path / "bytes.json")
    assert BytesTokenizer.load(tmp_path / "bytes.json").encode("力") == TOKENIZER.encode("力")


@pytest.mark.parametrize("content", ["", "[]", '{"type": "characters"}'])
def test_a_file_that_save_did_not_write_is_refused(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(ValueError, match=r"other.json' must be a file written by BytesTokenizer.save"):
        BytesTokenizer.load(tmp_path / "other.json")
