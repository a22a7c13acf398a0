"""Counts of any order against dictionaries, samples against the distribution they claim, and what is refused."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from transformer_lib.ngram import AddK, JelinekMercer, KneserNey, NGramModel, Unsmoothed

TOY = [[0, 2, 3], [0, 2, 4], [1, 2, 3]]  # I love oranges, I love grapes, you love oranges
SMOOTHINGS = [Unsmoothed(), AddK(0.1), JelinekMercer(), KneserNey()]


def occurrences(sequences, n):
    return Counter(tuple(s[i : i + n]) for s in sequences for i in range(len(s) - n + 1))


def random_tokens(seed, length, vocab_size):
    return np.random.default_rng(seed).integers(0, vocab_size, size=length).tolist()


# --- counts ------------------------------------------------------------------------------------------------------


def test_the_toy_table():
    model = NGramModel(2, 5).fit(TOY)
    expected = [[0, 0, 2, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 2, 1], [0] * 5, [0] * 5]
    assert [model.counts([token]).tolist() for token in range(5)] == expected
    assert model.probabilities([2]) == pytest.approx([0, 0, 0, 2 / 3, 1 / 3])
    assert model.counts([]).tolist() == [2, 1, 3, 2, 1]
    assert (model.n_contexts, model.n_ngrams) == (3, 4)


@st.composite
def texts(draw):
    vocab_size = draw(st.integers(1, 5))
    token = st.integers(0, vocab_size - 1)
    sequences = draw(st.lists(st.lists(token, max_size=25), min_size=1, max_size=4).filter(any))
    return vocab_size, sequences, draw(st.lists(token, max_size=7))


@given(texts(), st.integers(1, 6))
def test_counts_are_those_of_a_dictionary(text, order):
    vocab_size, sequences, context = text
    model = NGramModel(order, vocab_size).fit(sequences)
    used = tuple(context[max(0, len(context) - order + 1) :])
    seen = occurrences(sequences, len(used) + 1)
    assert model.counts(context).tolist() == [seen[(*used, token)] for token in range(vocab_size)]
    top = occurrences(sequences, order)
    assert model.n_ngrams == len(top)
    assert model.n_contexts == len({ngram[:-1] for ngram in top})


@pytest.mark.parametrize(("vocab_size", "order"), [(50_257, 8), (2**40, 3), (2**58, 3)])
def test_large_vocabularies_do_not_overflow(vocab_size, order):
    """50257^8 is near 2^125, and 2^58 leaves no bits for a position: both would collide if codes were not chained."""
    assert vocab_size**order > 2**63
    tokens = [vocab_size - 1 - token for token in random_tokens(0, 8, 2)] * 3 + [0, vocab_size - 1]
    model = NGramModel(order, vocab_size).fit(tokens)
    assert model.n_ngrams == len(occurrences([tokens], order))
    expected = []
    for i in range(len(tokens)):
        n = min(i + 1, order)
        seen, context = occurrences([tokens], n), tuple(tokens[i - n + 1 : i])
        total = sum(count for ngram, count in seen.items() if ngram[:-1] == context)
        expected.append(math.log(total / seen[tuple(tokens[i - n + 1 : i + 1])]))
    assert model.token_nll(tokens) == pytest.approx(expected, abs=1e-12)
    assert model.token_nll([1] * 3).tolist() == [math.inf] * 3


def test_a_vocabulary_beyond_64_bits_is_refused():
    with pytest.raises(ValueError, match=r"vocab_size=\d+ is too large: 3 contexts of 1 tokens"):
        NGramModel(2, 2**61).fit([0, 1, 2])


def test_memory_grows_with_what_was_seen():
    text = random_tokens(0, 500, 20)
    memory = NGramModel(4, 20).fit(text).memory_bytes
    assert NGramModel(4, 10**6).fit(text).memory_bytes == memory
    assert NGramModel(4, 20).fit([text] * 3).memory_bytes == memory
    assert NGramModel(4, 20).fit(text[:250]).memory_bytes < 0.6 * memory


def test_fitting_again_starts_afresh():
    model = NGramModel(3, 4, KneserNey()).fit([0, 1, 2, 3] * 5)
    again = model.fit(random_tokens(0, 50, 4))
    assert again is model
    fresh = NGramModel(3, 4, KneserNey()).fit(random_tokens(0, 50, 4))
    np.testing.assert_array_equal(model.probabilities([1, 2]), fresh.probabilities([1, 2]))


@pytest.mark.parametrize("smoothing", SMOOTHINGS, ids=repr)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_using_equals_a_fresh_fit(smoothing, order):
    text, held_out = random_tokens(0, 200, 4), random_tokens(1, 100, 4)
    counted = NGramModel(4, 4).fit(text)
    fresh = NGramModel(order, 4, smoothing).fit(text)
    np.testing.assert_array_equal(counted.using(smoothing, order=order).token_nll(held_out), fresh.token_nll(held_out))
    assert counted.smoothing == Unsmoothed() and counted.order == 4


# --- sequences and inputs ----------------------------------------------------------------------------------------


def test_contexts_never_cross_sequences():
    apart = NGramModel(2, 4).fit([[0, 1], [2, 3]])
    assert apart.counts([1]).sum() == 0
    assert NGramModel(2, 4).fit([0, 1, 2, 3]).counts([1]).tolist() == [0, 0, 1, 0]
    assert apart.token_nll([[0, 1], [2, 3]]).tolist() == pytest.approx([math.log(4), 0, math.log(4), 0])
    assert apart.token_nll([0, 1, 2, 3]).tolist() == pytest.approx([math.log(4), 0, math.inf, 0])


@pytest.mark.parametrize("smoothing", SMOOTHINGS, ids=repr)
def test_the_first_tokens_are_read_by_the_lower_orders(smoothing):
    model = NGramModel(4, 3, smoothing).fit(random_tokens(0, 300, 3))
    tokens = random_tokens(1, 6, 3)
    expected = [-math.log(model.probabilities(tokens[:i])[token]) for i, token in enumerate(tokens)]
    assert model.token_nll(tokens) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(model.probabilities(tokens), model.probabilities(tokens[-3:]))


def torch_tensor(tokens):
    return pytest.importorskip("torch").tensor(tokens)


@pytest.mark.parametrize(
    "kind",
    [tuple, np.array, lambda t: np.array(t, dtype=np.int32), lambda t: np.array(t, dtype=np.uint8), torch_tensor],
    ids=["tuple", "int64", "int32", "uint8", "torch"],
)
def test_integers_may_come_in_any_container(kind):
    tokens = random_tokens(0, 60, 3)
    expected = NGramModel(3, 3, KneserNey()).fit(tokens)
    model = NGramModel(3, 3, KneserNey()).fit(kind(tokens))
    assert model.nats_per_token(kind(tokens)) == expected.nats_per_token(tokens)
    np.testing.assert_array_equal(model.probabilities(kind([1, 2])), expected.probabilities([1, 2]))
    np.testing.assert_array_equal(model.counts(kind([1, 2])), expected.counts([1, 2]))
    assert NGramModel(2, 3).fit([kind([0, 1]), kind([1, 2])]).counts([1]).tolist() == [0, 0, 1]


@pytest.mark.parametrize("empty", [[], (), [[], []], np.zeros(0, dtype=int), np.zeros(0)])
def test_no_tokens_are_refused(empty):
    model = NGramModel(2, 5, JelinekMercer()).fit(TOY)
    for ask in (model.fit, model.fit_weights, model.token_nll, model.nats_per_token):
        with pytest.raises(ValueError, match="tokens is empty: pass at least one token"):
            ask(empty)


# --- impossible events -------------------------------------------------------------------------------------------


def test_unsmoothed_scores_what_it_never_saw_as_impossible():
    model = NGramModel(2, 5).fit(TOY)
    assert model.nats_per_token([0, 2, 3]) == pytest.approx(-math.log(2 / 9 * 1 * 2 / 3) / 3)
    assert model.token_nll([0, 3, 0]).tolist()[1:] == [math.inf, math.inf]  # never seen; after a dead end
    assert model.nats_per_token([0, 3]) == math.inf


def test_no_distribution_after_a_dead_end():
    model = NGramModel(2, 5).fit(TOY)
    with pytest.raises(ValueError, match=r"context=\[3\] was never followed by a token.*AddK.*shorter context"):
        model.probabilities([0, 2, 3])
    with pytest.raises(ValueError, match=r"context=\[1, 4\]"):
        NGramModel(3, 5).fit(TOY).probabilities([0, 1, 4])


# --- sampling ----------------------------------------------------------------------------------------------------


def test_samples_repeat_with_their_generator():
    model = NGramModel(3, 6, KneserNey()).fit(random_tokens(0, 300, 6))
    first, again, other = (model.sample(40, generator=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 40 and all(type(token) is int for token in first)
    assert model.sample(5) != model.sample(5) or model.sample(5) != model.sample(5)


@pytest.mark.parametrize("smoothing", [Unsmoothed(), KneserNey()], ids=repr)
def test_sampled_tokens_follow_the_distribution(smoothing):
    model = NGramModel(2, 3, smoothing).fit([0, 1, 0, 2, 0, 0, 1, 1, 2, 2, 0, 1, 2, 0, 1, 0])
    sample = model.sample(1500, prompt=[1], generator=np.random.default_rng(0))
    pairs = Counter(zip([1, *sample], sample, strict=False))
    for context in range(3):
        p = model.probabilities([context])
        observed = np.array([pairs[context, token] for token in range(3)])
        possible = p > 0
        assert observed[~possible].sum() == 0
        assert chisquare(observed[possible], p[possible] * observed.sum()).pvalue > 1e-3


def test_the_prompt_is_the_context_and_not_the_result():
    model = NGramModel(3, 4).fit([0, 1, 2, 3] * 3)
    assert model.sample(6, prompt=[3, 0]) == [1, 2, 3, 0, 1, 2]
    assert model.sample(0, prompt=[3, 0]) == []
    assert NGramModel(1, 2).fit([1, 1]).sample(3, prompt=[0]) == [1, 1, 1]


def test_a_sample_ends_at_a_dead_end():
    model = NGramModel(2, 5).fit(TOY)
    for seed in range(5):
        sample = model.sample(10, prompt=[0], generator=np.random.default_rng(seed))
        assert sample in ([2, 3], [2, 4])
    with pytest.raises(ValueError, match=r"context=\[3\] was never followed"):
        model.sample(10, prompt=[3])


# --- errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "vocab_size", "match"), [(0, 5, "order=0 must be at least 1"), (2, 0, "vocab_size=0 must")]
)
def test_refused_sizes(order, vocab_size, match):
    with pytest.raises(ValueError, match=match):
        NGramModel(order, vocab_size)


@pytest.mark.parametrize(
    ("tokens", "error", "match"),
    [
        ([0, 5], ValueError, r"tokens\[1\]=5 must be at least 0 and below vocab_size=5"),
        ([[0], [1, 2, -1]], ValueError, r"tokens\[2\]=-1 must be"),
        ([0.0, 1.0], TypeError, "dtype float64: it must hold integers"),
        ([True, False], TypeError, "dtype bool"),
        ("abc", ValueError, r"shape \(\): it must be one sequence"),
        (["a", "b"], TypeError, "a tokenizer makes them from text"),
        (np.zeros((2, 3), dtype=int), ValueError, r"shape \(2, 3\): it must be one sequence, or a list"),
        ([[[0]]], ValueError, r"shape \(1, 1\)"),
    ],
)
def test_refused_tokens(tokens, error, match):
    with pytest.raises(error, match=match):
        NGramModel(2, 5).fit(tokens)


def test_a_context_is_checked_like_any_tokens():
    model = NGramModel(2, 5, KneserNey()).fit(TOY)
    for ask in (model.probabilities, model.counts, lambda context: model.sample(1, prompt=context)):
        with pytest.raises(ValueError, match=r"tokens\[1\]=9 must be"):
            ask([0, 9])


def test_refused_before_fitting():
    model = NGramModel(2, 5)
    for ask in (model.counts, model.probabilities, model.token_nll, model.using):
        with pytest.raises(RuntimeError, match="counted nothing yet: call"):
            ask(Unsmoothed() if ask == model.using else [0])
    with pytest.raises(RuntimeError, match="counted nothing yet"):
        _ = model.n_ngrams


def test_refused_requests():
    model = NGramModel(2, 5).fit(TOY)
    with pytest.raises(ValueError, match="order=3 must be at most 2"):
        model.using(KneserNey(), order=3)
    with pytest.raises(ValueError, match="n_tokens=-1 must be at least 0"):
        model.sample(-1)
    with pytest.raises(TypeError, match="smoothing"):
        NGramModel(2, 5, KneserNey)
