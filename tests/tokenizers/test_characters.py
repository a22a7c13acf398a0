import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.tokenizers.characters import CharacterTokenizer

# every code point, the lone surrogates too: a Python string can hold them
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), min_size=1)


@given(ANY_TEXT)
def test_decoding_undoes_encoding(text):
    tokenizer = CharacterTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocab_size == len(set(text))


@given(ANY_TEXT, st.data())
def test_the_array_holds_the_same_ids(text, data):
    tokenizer = CharacterTokenizer.train(text)
    other = data.draw(st.text(st.sampled_from(tokenizer.symbols)))
    ids = tokenizer.encode_array(other)
    assert ids.dtype == np.int64
    assert ids.tolist() == tokenizer.encode(other)
    assert tokenizer.decode(ids) == other


def test_ids_are_the_places_of_the_characters_in_sorted_order():
    tokenizer = CharacterTokenizer.train("banana 橙 bread")
    assert tokenizer.symbols == " abdenr橙"
    assert tokenizer.encode("bad") == [2, 1, 3]
    assert tokenizer.encode("") == [] and tokenizer.encode_array("").tolist() == []


@given(ANY_TEXT.filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text)))
def test_loading_undoes_saving(tmp_path_factory, text):
    tokenizer = CharacterTokenizer.train(text)
    path = tmp_path_factory.mktemp("saved") / "characters.json"
    tokenizer.save(path)
    assert CharacterTokenizer.load(path).symbols == tokenizer.symbols
    assert CharacterTokenizer.load(path).encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize("method", ["encode", "encode_array"])
@pytest.mark.parametrize(
    ("text", "position", "character"),
    [("an apple", 4, "p"), ("nab", 2, "b"), ("na€na", 2, "€"), ("\udcff", 0, "\udcff"), ("a😀b", 1, "😀")],
)
def test_an_unknown_character_is_named_with_its_position_and_a_remedy(method, text, position, character):
    tokenizer = CharacterTokenizer.train("a nan")
    start = re.escape(f"text[{position}]={character!r} (U+{ord(character):04X}) must be one of the 3 characters")
    with pytest.raises(ValueError, match=f"{start}.*train the tokenizer on a text that has it"):
        getattr(tokenizer, method)(text)


@pytest.mark.parametrize(("ids", "position"), [([0, 1, 3], 2), ([-1], 0), (np.array([2, 9]), 1)])
def test_an_id_outside_the_vocabulary_is_named(ids, position):
    with pytest.raises(ValueError, match=rf"ids\[{position}\]={ids[position]} must be between 0 and 2"):
        CharacterTokenizer.train("abc").decode(ids)


def test_an_empty_or_repeating_vocabulary_is_refused():
    with pytest.raises(ValueError, match="must hold at least one character"):
        CharacterTokenizer.train("")
    with pytest.raises(ValueError, match="must not repeat 'a'"):
        CharacterTokenizer("aba")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"type": "bytes", "symbols": "ab"}', '{"type": "characters", "symbols": 7}', "7"]
)
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.json' must be a file written by CharacterTokenizer\.save"):
        CharacterTokenizer.load(path)


def test_the_file_is_plain_json(tmp_path):
    CharacterTokenizer.train("橙a").save(tmp_path / "saved.json")
    assert json.loads((tmp_path / "saved.json").read_text(encoding="utf-8")) == {"type": "characters", "symbols": "a橙"}
