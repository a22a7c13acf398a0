import json
import re
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sample_texts import ANY_TEXTS, FRAGMENTS, mixed_texts
from tokenizers import models, pre_tokenizers, trainers

from transformer_lib.data import shakespeare
from transformer_lib.tokenizers.bpe import BYTES, BPETokenizer, merge_by_rank
from transformer_lib.tokenizers.pretokenize import CL100K, GPT2, GPT2_SINGLE_DIGITS, pretokenize
from transformer_lib.tokenizers.tokenizer_json import from_printable

DIGITS = pre_tokenizers.Digits(individual_digits=True)
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False)
SPLIT = pre_tokenizers.Split(tokenizers.Regex(CL100K), "isolated")
BYTES_ONLY = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

# Few letters, so that pairs tie, overlap ("aaa") and meet across merges.
CROWDED = st.lists(st.text("ab ", max_size=12), min_size=1, max_size=4)


def trained_by_the_library(texts, vocab_size):
    """Return a byte-level BPE that the Rust library trained."""
    rust = tokenizers.Tokenizer(models.BPE())
    rust.pre_tokenizer = BYTE_LEVEL
    rust.decoder = tokenizers.decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    rust.train_from_iterator(texts, trainer)
    return rust


def merges_of(rust):
    return [tuple(map(from_printable, merge)) for merge in json.loads(rust.to_str())["model"]["merges"]]


@pytest.fixture(scope="module")
def hamlet():
    return shakespeare.plays()["Hamlet"]


@pytest.fixture(scope="module")
def tokenizer(hamlet):
    return BPETokenizer.train(hamlet, 1500, special_tokens=["<|endoftext|>", "<|end|>"])


@pytest.fixture(scope="module")
def rust(hamlet):
    return trained_by_the_library([hamlet], 1498)


# training


def test_the_merges_of_a_play_are_those_of_the_library(hamlet, tokenizer, rust):
    assert merges_of(rust) == tokenizer.merges
    assert {from_printable(token): i for token, i in rust.get_vocab().items()} == tokenizer.vocabulary
    assert rust.encode(hamlet).ids == tokenizer.encode(hamlet)


@settings(max_examples=200)
@given(CROWDED, st.integers(0, 12))
@example(["aaaaaaa aaaa"], 4)
def test_the_merges_of_crowded_texts_are_those_of_the_library(texts, n_merges):
    ours = BPETokenizer.train(texts, 256 + n_merges)
    assert ours.merges == merges_of(trained_by_the_library(texts, 256 + n_merges))


@settings(max_examples=200)
@given(CROWDED, st.integers(0, 12))
def test_each_merge_is_the_commonest_pair_of_a_fresh_count(texts, n_merges):
    words = [
        list(map(BYTES.index, (bytes([b]) for b in piece.encode()))) for text in texts for piece in pretokenize(text)
    ]
    tokens = list(BYTES)
    for _ in range(n_merges):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts:
            break
        left, right = min(counts, key=lambda pair: (-counts[pair], pair))
        for word in words:
            for place in range(len(word)):
                if word[place : place + 2] == [left, right]:
                    word[place : place + 2] = [len(tokens)]
        tokens.append(tokens[left] + tokens[right])
    assert list(BPETokenizer.train(texts, 256 + n_merges).vocabulary) == tokens


def test_no_merge_reaches_across_a_cut(tokenizer):
    assert all(len(pretokenize(token.decode(errors="replace"))) == 1 for token in tokenizer.vocabulary)


def test_a_text_that_runs_out_of_pairs_gives_a_smaller_vocabulary():
    tokenizer = BPETokenizer.train("abab", 300)
    assert tokenizer.merges == [(b"a", b"b"), (b"ab", b"ab")]
    assert tokenizer.vocab_size == 258


def test_training_says_nothing_unless_asked(capsys):
    BPETokenizer.train("to be or not to be", 260)
    assert capsys.readouterr() == ("", "")
    BPETokenizer.train("to be or not to be", 260, progress=True)
    assert "4/4" in capsys.readouterr().err


def test_a_vocabulary_too_small_for_its_bytes_is_refused():
    with pytest.raises(ValueError, match="vocab_size=257 must be at least 258: 256 bytes and 2 special tokens"):
        BPETokenizer.train("abc", 257, special_tokens=["<a>", "<b>"])


# encoding and decoding


@settings(max_examples=300)
@given(ANY_TEXTS)
def test_decoding_undoes_encoding(tokenizer, text):
    for parse_special in (True, False):
        ids = tokenizer.encode(text, parse_special=parse_special)
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode(np.array(ids, dtype=np.int64)) == text
        assert "".join(tokenizer.stream(ids)) == text


def test_ids_are_those_of_the_library(tokenizer, rust):
    for text in mixed_texts(2000):
        assert rust.encode(text).ids == tokenizer.encode(text, parse_special=False)


PIECES = st.lists(st.sampled_from([b"a", b"b", b"ab", b"ba", b"aa"]), min_size=2, max_size=2, unique=False).map(tuple)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=8, unique=True), st.text("ab", max_size=12))
def test_the_queue_merges_as_the_definition_does(merges, word):
    """Any merges will do, even those that training never makes: of tokens that are made later, or not at all."""
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    tokens = [bytes([byte]) for byte in word.encode()]
    while found := [(ranks[pair], place) for place, pair in enumerate(pairwise(tokens)) if pair in ranks]:
        _, place = min(found)
        tokens[place : place + 2] = [tokens[place] + tokens[place + 1]]
    assert merge_by_rank([bytes([byte]) for byte in word.encode()], ranks) == tokens


@pytest.mark.parametrize("piece", [" " * 50_000, "ab" * 25_000, "the" * 20_000])
def test_a_piece_without_end_is_encoded_all_the_same(tokenizer, rust, piece):
    assert rust.encode(piece).ids == tokenizer.encode(piece)


@pytest.mark.parametrize("word", ["strawberry", " unkindness", "注意力", "aaaaaaa", "a", ""])
def test_steps_go_from_bytes_to_tokens_one_merge_at_a_time(tokenizer, word):
    steps = list(tokenizer.steps(word))
    assert steps[0] == [bytes([byte]) for byte in word.encode()]
    assert [tokenizer.vocabulary[token] for token in steps[-1]] == tokenizer.encode(word)
    for before, after in pairwise(steps):
        assert len(after) == len(before) - 1
        assert b"".join(after) == word.encode()
    merged = [(set(pairwise(before)) & set(tokenizer.merges)) for before in steps]
    assert all(merged[:-1]) and not merged[-1]


def test_steps_of_two_words_are_refused(tokenizer):
    with pytest.raises(
        ValueError, match=re.escape("word='to be' must be one piece, and pattern cuts it into ['to', ' be']")
    ):
        list(tokenizer.steps("to be"))


def test_a_lone_surrogate_is_refused_at_its_place(tokenizer):
    with pytest.raises(ValueError, match=r"text\[6\]='\\udc00' must be a character"):
        tokenizer.encode("to be \udc00")


def test_bytes_are_no_text(tokenizer):
    with pytest.raises(TypeError):
        tokenizer.encode(b"to be")


@pytest.mark.parametrize("token", [-1, 1500])
def test_an_id_that_no_token_has_is_refused_at_its_place(tokenizer, token):
    with pytest.raises(ValueError, match=re.escape(f"ids[2]={token} must be one of the 1500 token ids, 0 to 1499")):
        tokenizer.decode([0, 1, token])


def test_a_byte_that_a_vocabulary_lacks_is_refused():
    tokenizer = BPETokenizer([(b"a", b"b")], vocabulary={b"a": 0, b"b": 1, b"ab": 2})
    assert tokenizer.encode("aab") == [0, 2]
    with pytest.raises(ValueError, match="text has 'abc', whose byte 0x63 has no token in this vocabulary"):
        tokenizer.encode("abc")


# special tokens


def test_special_tokens_are_cut_out_first(tokenizer):
    end_of_text, end = tokenizer.special_tokens["<|endoftext|>"], tokenizer.special_tokens["<|end|>"]
    assert (end_of_text, end) == (1498, 1499)
    to_be = tokenizer.encode("To be")
    assert tokenizer.encode("To be<|endoftext|>To be<|end|>") == [*to_be, end_of_text, *to_be, end]
    assert tokenizer.decode([*to_be, end_of_text]) == "To be<|endoftext|>"


def test_the_longest_special_token_wins():
    tokenizer = BPETokenizer([], special_tokens={"<a": 256, "<a>": 257})
    assert tokenizer.encode("<a><a") == [257, 256]


def test_text_from_outside_cannot_write_a_special_token(tokenizer):
    text = "To be<|endoftext|>"
    ids = tokenizer.encode(text, parse_special=False)
    assert not set(ids) & set(tokenizer.special_tokens.values())
    assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("special_tokens", [{"": 300}, {"<a>": 255}, {"<a>": 300, "<b>": 300}, {"a": 300}])
def test_special_tokens_share_nothing_with_others(special_tokens):
    with pytest.raises(ValueError, match="must be texts with ids of their own"):
        BPETokenizer([], special_tokens=special_tokens)


def test_merges_must_be_in_the_vocabulary():
    with pytest.raises(ValueError, match=re.escape("merges has (b'a', b'b'), and vocabulary must give b'ab' an id")):
        BPETokenizer([(b"a", b"b")], vocabulary={b"a": 0, b"b": 1})


# cutting into pieces


@pytest.mark.parametrize("pattern", [GPT2, GPT2_SINGLE_DIGITS, CL100K])
@given(text=ANY_TEXTS)
def test_the_pieces_are_the_text(pattern, text):
    assert "".join(pretokenize(text, pattern)) == text


def test_what_the_patterns_cut():
    text = "I'LL see 2024  cats\n\n"
    assert pretokenize(text, GPT2) == ["I", "'", "LL", " see", " 2024", " ", " cats", "\n\n"]
    assert pretokenize(text, GPT2_SINGLE_DIGITS) == ["I", "'", "LL", " see", " ", *"2024", " ", " cats", "\n\n"]
    assert pretokenize(text, CL100K) == ["I", "'LL", " see", " ", "202", "4", " ", " cats", "\n\n"]


def test_digits_stand_alone_where_the_library_has_them_so():
    rust = pre_tokenizers.Sequence([DIGITS, BYTE_LEVEL])
    for text in mixed_texts(2000):
        pieces = [from_printable(piece).decode() for piece, _ in rust.pre_tokenize_str(text)]
        assert pretokenize(text, GPT2_SINGLE_DIGITS) == pieces


def test_a_pattern_must_match_all_of_a_text():
    with pytest.raises(ValueError, match=r"pattern='\[a-z\]\+' must match all of a text, and leaves out text\[2\]='!'"):
        pretokenize("to!be", "[a-z]+")
    with pytest.raises(ValueError, match=r"leaves out text\[2\]='!'"):
        pretokenize("to!", "[a-z]+")
    with pytest.raises(ValueError, match=r"pattern='\(' must be a regular expression"):
        pretokenize("to", "(")
    with pytest.raises(ValueError, match="must have no capturing groups"):
        pretokenize("to", "(to)")


# files


@pytest.fixture(scope="module")
def saved(tmp_path_factory, tokenizer):
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    tokenizer.save(path)
    return tokenizers.Tokenizer.from_file(str(path))


def test_the_library_reads_what_save_writes(saved, tokenizer):
    for text in mixed_texts(500):
        ids = tokenizer.encode(text)
        assert saved.encode(text).ids == ids
        assert saved.decode(ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("pattern", [GPT2, GPT2_SINGLE_DIGITS, CL100K])
def test_loading_undoes_saving(tmp_path, pattern):
    tokenizer = BPETokenizer.train(" ".join(FRAGMENTS), 400, pattern=pattern, special_tokens=["<|endoftext|>"])
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = BPETokenizer.load(tmp_path / "tokenizer.json")
    for name in ("merges", "vocabulary", "special_tokens", "pattern"):
        assert getattr(loaded, name) == getattr(tokenizer, name)


@pytest.mark.parametrize(
    "steps", [[BYTE_LEVEL], [DIGITS, BYTE_LEVEL], [SPLIT, BYTES_ONLY]], ids=["GPT-2", "SmolLM2", "Llama 3"]
)
def test_files_of_the_library_give_the_same_ids(tmp_path, hamlet, steps):
    rust = trained_by_the_library([hamlet, "in 2024, " * 99], 1000)  # so that digits would merge where they may
    rust.pre_tokenizer = pre_tokenizers.Sequence(steps)
    rust.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    rust.save(str(tmp_path / "tokenizer.json"))
    ours = BPETokenizer.load(tmp_path / "tokenizer.json")
    for text in (*mixed_texts(100), "<|im_start|>user\nTo be 2024<|im_end|>\n"):
        assert ours.encode(text) == rust.encode(text).ids
        assert ours.decode(ours.encode(text)) == text
    assert ours.special_tokens == {"<|im_start|>": 1000, "<|im_end|>": 1001}


def spoilt(**changes):
    """Return how to spoil a file: each change names a part by its path, with dots."""

    def spoil(file):
        for path, value in changes.items():
            *parents, last = path.split("__")
            part = file
            for parent in parents:
                part = part[int(parent) if parent.isdigit() else parent]
            part[last] = value
        return file

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoilt(model__type="Unigram"), "must hold a BPE model, and holds Unigram"),
        (spoilt(model__dropout=0.1), "has dropout=0.1 in its model, and it must be None"),
        (spoilt(model__byte_fallback=True), "has byte_fallback=True in its model"),
        (spoilt(model__ignore_merges=True), "has ignore_merges=True in its model"),
        (spoilt(model__end_of_word_suffix="</w>"), "has end_of_word_suffix='</w>' in its model"),
        (spoilt(normalizer={"type": "NFC"}), "has normalizer={'type': 'NFC'} in its file, and it must be None"),
        (spoilt(added_tokens__0__lstrip=True), "has lstrip=True in its added token '<|endoftext|>'"),
        (spoilt(pre_tokenizer=None), "must cut text with ByteLevel"),
        (spoilt(pre_tokenizer={"type": "Whitespace"}), "must cut text with ByteLevel"),
        (spoilt(pre_tokenizer__pretokenizers__1__add_prefix_space=True), "without a prefix space"),
        (spoilt(pre_tokenizer__pretokenizers__0__behavior="Removed"), "must cut text with ByteLevel"),
        (spoilt(model__merges=[["a", "一"]]), "must be written in GPT-2's byte alphabet"),
        (lambda file: {"model": {}}, "must be a tokenizer.json, with a model, its type and vocab"),
        (lambda file: [], "must be a tokenizer.json"),
        (spoilt(model__vocab=[]), "must be a tokenizer.json"),
        (spoilt(added_tokens=[7]), "must be a tokenizer.json"),
        (spoilt(normalizer="NFC"), "must be a tokenizer.json"),
        (spoilt(model__merges=[["a"]]), "has ['a'] among its merges, and each must be two tokens"),
        (spoilt(model__vocab={"a": "1"}), "gives 'a' the id '1', which must be in 0..2147483647"),
        (spoilt(model__vocab={"a": -1}), "gives 'a' the id -1, which"),
        (spoilt(model__vocab={"a": 10**30}), f"gives 'a' the id {10**30}, which"),
        (spoilt(model__vocab={"a": True}), "gives 'a' the id True, which"),
        (spoilt(added_tokens__0__id=2**40), "the id 1099511627776, which"),
    ],
)
def test_a_file_that_asks_for_more_is_refused(tmp_path, tokenizer, spoil, message):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=re.escape(message)):
        BPETokenizer.load(path)


def test_json_that_is_nested_too_deep_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match=r"must be a tokenizer\.json"):
        BPETokenizer.load(tmp_path / "tokenizer.json")


def test_a_pattern_that_never_ends_is_refused_in_time():
    started = time.perf_counter()
    with pytest.raises(ValueError, match=r"pattern='\(\?:a\|aa\)\+\$' takes too long on a text of 61 characters"):
        pretokenize("a" * 60 + "b", "(?:a|aa)+$")
    assert time.perf_counter() - started < 10
