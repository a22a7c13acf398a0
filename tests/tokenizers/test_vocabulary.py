import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.tokenizers.vocabulary import MARKS, Vocabulary

SEQUENCES = [["I", "am", "."], ["am", "我"]]


@pytest.fixture
def vocabulary():
    return Vocabulary.train(SEQUENCES)


def test_marks_come_first_and_symbols_follow_sorted(vocabulary):
    assert vocabulary.symbols == ("<pad>", "<begin>", "<end>", ".", "I", "am", "我")
    assert (vocabulary.pad, vocabulary.bos, vocabulary.eos) == (0, 1, 2)
    assert vocabulary.vocab_size == 7


def test_encode_and_frame(vocabulary):
    assert vocabulary.encode(["I", "am", "."]) == [4, 5, 3]
    assert vocabulary.encode(["I", "am", "."], add_special_tokens=True) == [1, 4, 5, 3, 2]
    assert vocabulary.encode([], add_special_tokens=True) == [1, 2]


def test_decode_stops_at_the_end_and_skips_padding(vocabulary):
    assert vocabulary.decode(np.array([1, 0, 4, 5, 2, 3, 2, 0])) == ["I", "am"]


@given(st.lists(st.lists(st.text(min_size=1).filter(lambda s: s not in MARKS))))
def test_decoding_undoes_encoding(sequences):
    vocabulary = Vocabulary.train(sequences)
    for sequence in sequences:
        assert vocabulary.decode(vocabulary.encode(sequence)) == sequence
        assert vocabulary.decode(vocabulary.encode(sequence, add_special_tokens=True)) == sequence


def test_save_and_load(vocabulary, tmp_path):
    vocabulary.save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json").symbols == vocabulary.symbols
    assert json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))["symbols"] == [".", "I", "am", "我"]


@pytest.mark.parametrize("content", ["", "[]", '{"type": "characters", "symbols": "ab"}', '{"type": "vocabulary"}'])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "v.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"v\.json' must hold a vocabulary"):
        Vocabulary.load(tmp_path / "v.json")


@pytest.mark.parametrize("symbol", ["you", *MARKS])
def test_an_unknown_symbol_is_named_with_its_place(vocabulary, symbol):
    with pytest.raises(ValueError, match=rf"sequence\[1\]='{symbol}' must be one of the 4 symbols"):
        vocabulary.encode(["I", symbol])


@pytest.mark.parametrize("token", [-1, 7])
def test_an_id_out_of_range_is_named_with_its_place(vocabulary, token):
    with pytest.raises(ValueError, match=rf"ids\[1\]={token} must be between 0 and 6"):
        vocabulary.decode([4, token])


@pytest.mark.parametrize("symbols", [["a", "b", "a"], ["a", "<end>"]])
def test_a_repeated_symbol_is_refused(symbols):
    with pytest.raises(ValueError, match=r"must not repeat '(a|<end>)'"):
        Vocabulary(symbols)
