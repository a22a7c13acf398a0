import json
import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from math import log

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import ANY_TEXTS, FRAGMENTS, mixed_texts
from tokenizers import models, normalizers, pre_tokenizers, trainers

from transformer_lib.data import shakespeare
from transformer_lib.tokenizers.basic_tokenize import basic_tokenize
from transformer_lib.tokenizers.wordpiece import (
    SPECIAL_TOKENS,
    WordPieceTokenizer,
    frequency,
    likelihood_gain,
    likelihood_ratio,
)

# Counts of words with a published answer: by likelihood "##gs" is merged first, by frequency "##ug".
HUGS = "hug " * 10 + "pug " * 5 + "pun " * 12 + "bun " * 4 + "hugs " * 5


@pytest.fixture(scope="module")
def scene():
    return shakespeare.plays()["Hamlet"][:30_000]


@pytest.fixture(scope="module")
def tokenizer(scene):
    """Return a vocabulary with something of every script: what a scene and the fragments give."""
    return WordPieceTokenizer.train([scene, *FRAGMENTS], 800, score=frequency)


@pytest.fixture(scope="module")
def rust(tokenizer):
    """Return the same vocabulary in the Rust library, its BERT steps put together by hand."""
    rust = tokenizers.Tokenizer(models.WordPiece(tokenizer.vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    rust.normalizer = normalizers.BertNormalizer()
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = tokenizers.decoders.WordPiece(cleanup=False)
    rust.add_special_tokens(list(SPECIAL_TOKENS))
    return rust


# words


def words_of_the_library(text, **options):
    normalized = normalizers.BertNormalizer(**options).normalize_str(text)
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalized)]


@pytest.mark.parametrize("lowercase", [True, False])
def test_words_are_those_of_the_library(lowercase):
    for text in mixed_texts(2000, lasting=True):
        assert basic_tokenize(text, lowercase=lowercase) == words_of_the_library(text, lowercase=lowercase)


def test_all_of_the_fifth_block_of_chinese_characters_stands_alone():
    """As in the code of the paper; the library leaves out the block's first 256, which no vocabulary of BERT's has."""
    assert basic_tokenize("a\U0002b820b") == ["a", "\U0002b820", "b"]
    assert words_of_the_library("a\U0002b820b") == ["a\U0002b820b"]


def test_what_words_are():
    assert basic_tokenize("Don't touch the Élan's $5\u200b!") == [
        "don",
        "'",
        "t",
        "touch",
        "the",
        "elan",
        "'",
        "s",
        "$",
        "5",
        "!",
    ]
    assert basic_tokenize("I ♥ 北京 東京タワー") == ["i", "♥", "北", "京", "東", "京", "タワー"]
    assert basic_tokenize("Élan", lowercase=False) == ["Élan"]
    assert basic_tokenize(" \t\n\x00\ufffd") == []


# training


def test_the_published_example():
    first = len(SPECIAL_TOKENS) + 14
    by_likelihood = list(WordPieceTokenizer.train(HUGS, 50).vocabulary)
    by_frequency = list(WordPieceTokenizer.train(HUGS, 50, score=frequency).vocabulary)
    assert (
        by_likelihood[:first] == by_frequency[:first] == [*SPECIAL_TOKENS, *"bghnpsu", *(f"##{c}" for c in "bghnpsu")]
    )
    assert by_likelihood[first] == "##gs"
    assert by_frequency[first : first + 3] == ["##ug", "##un", "hug"]


def slowly_trained(texts, n_merges, score, min_count):
    """Return the tokens that merging makes, every count and score taken anew at each step, in exact numbers."""
    words = Counter(word for text in texts for word in text.split())
    characters = sorted(set("".join(words)))
    tokens = [*SPECIAL_TOKENS, *characters, *("##" + c for c in characters)]
    cut = {word: [tokens.index(("##" if i else "") + c) for i, c in enumerate(word)] for word in words}
    for _ in range(n_merges):
        pairs, counts = Counter(), Counter()
        for word, ids in cut.items():
            counts.update(dict.fromkeys(ids, 0))
            for token in ids:
                counts[token] += words[word]
            for pair in pairwise(ids):
                pairs[pair] += words[word]
        if not (common := [pair for pair in pairs if pairs[pair] >= min_count]):
            break
        total = counts.total()
        left, right = min(
            common, key=lambda pair: (-score(pairs[pair], counts[pair[0]], counts[pair[1]], total), -pairs[pair], pair)
        )
        for ids in cut.values():
            for place in range(len(ids)):
                if ids[place : place + 2] == [left, right]:
                    ids[place : place + 2] = [len(tokens)]
        tokens.append(tokens[left] + tokens[right].removeprefix("##"))
    return tokens


SCORES = {
    likelihood_ratio: lambda pair, left, right, total: Fraction(pair, left * right),
    likelihood_gain: lambda pair, left, right, total: pair * log(total * pair / (left * right)),
    frequency: lambda pair, left, right, total: pair,
}


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=100)
@given(
    texts=st.lists(st.text("abc ", max_size=15), min_size=1, max_size=4),
    n_merges=st.integers(0, 12),
    min_count=st.integers(1, 3),
)
def test_each_merge_has_the_best_score_of_a_fresh_count(score, texts, n_merges, min_count):
    tokens = slowly_trained(texts, n_merges, SCORES[score], min_count)
    vocab_size = len(SPECIAL_TOKENS) + 2 * len(set("".join(texts)) - {" "}) + n_merges
    assert list(WordPieceTokenizer.train(texts, vocab_size, score=score, min_count=min_count).vocabulary) == tokens


def test_the_trainer_of_the_library_merges_the_commonest_pair(scene):
    """It is called WordPieceTrainer. Ties fall otherwise each time it runs, so any of the commonest pairs will do."""
    rust = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    rust.normalizer, rust.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    rust.train_from_iterator([scene], trainers.WordPieceTrainer(vocab_size=300, show_progress=False))
    merged = [token for token in sorted(rust.get_vocab(), key=rust.get_vocab().get) if len(token.strip("#")) > 1]
    assert len(merged) > 200

    words = Counter(basic_tokenize(scene))
    cut = {word: [word[0], *("##" + character for character in word[1:])] for word in words}
    for new in merged:
        counts = Counter()
        for word, tokens in cut.items():
            for pair in pairwise(tokens):
                counts[pair] += words[word]
        most = max(counts.values())
        commonest = [list(pair) for pair, count in counts.items() if count == most]
        [pair] = [pair for pair in commonest if pair[0] + pair[1].removeprefix("##") == new]
        for tokens in cut.values():
            for place in range(len(tokens)):
                if tokens[place : place + 2] == pair:
                    tokens[place : place + 2] = [new]


def test_training_says_nothing_unless_asked(capsys):
    WordPieceTokenizer.train(HUGS, 21)
    assert capsys.readouterr() == ("", "")
    WordPieceTokenizer.train(HUGS, 21, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_a_vocabulary_too_small_for_its_characters_is_refused():
    with pytest.raises(ValueError, match="vocab_size=18 must be at least 19: 5 special tokens and 7 characters"):
        WordPieceTokenizer.train(HUGS, 18)


# encoding and decoding


def test_ids_are_those_of_the_library(tokenizer, rust):
    for text in mixed_texts(2000, lasting=True):
        ids = tokenizer.encode(text)
        assert ids == rust.encode(text).ids
        assert tokenizer.decode(np.array(ids, dtype=np.int64)) == rust.decode(ids, skip_special_tokens=False)


def test_the_longest_token_that_fits_is_next():
    tokens = ["[UNK]", "un", "unk", "##k", "##ind", "##in", "##i", "##ness", "##n"]
    tokenizer = WordPieceTokenizer({token: i for i, token in enumerate(tokens)}, special_tokens=["[UNK]"])
    assert tokenizer.tokens(tokenizer.encode("Unkindness unkin unkid kind")) == [
        *("unk", "##ind", "##ness"),
        *("unk", "##in"),
        "[UNK]",
        "[UNK]",
    ]
    assert tokenizer.decode(tokenizer.encode("Unkindness, unkin")) == "unkindness [UNK] unkin"


def test_a_word_of_more_than_100_characters_is_unknown():
    tokenizer = WordPieceTokenizer({"[UNK]": 0, "a": 1, "##a": 2}, special_tokens=["[UNK]"])
    assert tokenizer.encode("a" * 100) == [1, *[2] * 99]
    assert tokenizer.encode("a" * 101) == [0]


@given(ANY_TEXTS)
def test_words_of_known_characters_are_never_unknown(text):
    """Wherever a character stood in training, it can start a word or go on with one."""
    tokenizer = WordPieceTokenizer.train(text, 5 + 8 * len(text))
    reversed_words = " ".join(word[::-1][:100] for word in basic_tokenize(text))
    assert "[UNK]" not in tokenizer.tokens(tokenizer.encode(reversed_words, parse_special=False))


def test_special_tokens_are_cut_out_first(tokenizer):
    cls, sep = tokenizer.special_tokens["[CLS]"], tokenizer.special_tokens["[SEP]"]
    assert (cls, sep) == (2, 3)
    to_be = tokenizer.encode("To be")
    assert tokenizer.encode("[CLS]To be[SEP]") == [cls, *to_be, sep]
    assert not {cls, sep} & set(tokenizer.encode("[CLS]To be[SEP]", parse_special=False))


def test_a_lone_surrogate_is_refused_at_its_place(tokenizer):
    with pytest.raises(ValueError, match=r"text\[6\]='\\udc00' must be a character"):
        tokenizer.encode("to be \udc00")


@pytest.mark.parametrize("token", [-1, 800])
def test_an_id_that_no_token_has_is_refused_at_its_place(tokenizer, token):
    with pytest.raises(ValueError, match=re.escape(f"ids[1]={token} must be one of the 800 token ids, 0 to 799")):
        tokenizer.decode([0, token])


def test_special_tokens_must_be_in_the_vocabulary():
    with pytest.raises(ValueError, match=re.escape("vocabulary must give the special token '[UNK]' an id")):
        WordPieceTokenizer({"a": 0}, special_tokens=[])


# files


def test_the_library_reads_what_save_writes(tmp_path, tokenizer):
    tokenizer.save(tmp_path / "tokenizer.json")
    rust = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    loaded = WordPieceTokenizer.load(tmp_path / "tokenizer.json")
    for text in mixed_texts(200, lasting=True):
        assert rust.encode(text).ids == loaded.encode(text) == tokenizer.encode(text)
    for name in ("vocabulary", "special_tokens", "unknown", "lowercase", "longest_word"):
        assert getattr(loaded, name) == getattr(tokenizer, name)


@pytest.mark.parametrize(
    ("part", "option", "value", "message"),
    [
        ("model", "type", "BPE", "must hold a WordPiece model, and holds BPE"),
        (
            "model",
            "continuing_subword_prefix",
            "@@",
            "has continuing_subword_prefix='@@' in its model, and it must be '##'",
        ),
        ("normalizer", "clean_text", False, "has clean_text=False in its normalizer, and it must be True"),
        ("normalizer", "strip_accents", False, "has strip_accents=False in its normalizer, and it must be True"),
        ("normalizer", "type", "Lowercase", "has type='Lowercase' in its normalizer, and it must be 'BertNormalizer'"),
        ("pre_tokenizer", "type", "Whitespace", "has type='Whitespace' in its pre_tokenizer"),
    ],
)
def test_a_file_that_asks_for_more_is_refused(tmp_path, tokenizer, part, option, value, message):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    file = json.loads(path.read_text())
    file[part][option] = value
    path.write_text(json.dumps(file))
    with pytest.raises(ValueError, match=re.escape(message)):
        WordPieceTokenizer.load(path)
