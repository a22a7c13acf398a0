"""Counting on: exact, whatever is read, and never ahead of itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.adaptive import AdaptiveKneserNey
from transformer_lib.counts import count_ngrams, lay_end_to_end
from transformer_lib.ngram import KneserNey, NGramModel


def counted(tokens, order, vocab_size):
    return AdaptiveKneserNey(count_ngrams(*lay_end_to_end(tokens, vocab_size), order, vocab_size))


def counted_again(train, before, text, order, vocab_size):
    """What each token costs a model that counts everything before it anew."""
    nats = []
    for i in range(len(text)):
        read = [part for part in (train, *before, text[:i]) if len(part)]
        model = NGramModel(order, vocab_size, KneserNey()).fit(read)
        nats.append(model.token_nll(text[: i + 1])[-1])
    return nats


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(2, 4), st.data())
def test_it_is_a_model_that_counts_everything_again_at_each_token(order, vocab_size, data):
    texts = st.lists(st.integers(0, vocab_size - 1), min_size=1, max_size=25)
    train, first, second = (data.draw(texts) for _ in range(3))
    model = counted(train, order, vocab_size)
    for text, before in ((first, []), (second, [first])):
        np.testing.assert_allclose(
            model.token_nll(text), counted_again(train, before, text, order, vocab_size), rtol=1e-9
        )
    expected = NGramModel(order, vocab_size, KneserNey()).fit([train, first, second])
    assert model.n_ngrams == sum(expected.using(KneserNey(), order=n).n_ngrams for n in range(1, order + 1))


def test_it_is_so_too_where_the_discounts_are_estimated():
    """A text long enough for n-grams that were counted four times."""
    rng = np.random.default_rng(0)
    train, text = (rng.choice(4, size=n, p=(0.5, 0.3, 0.15, 0.05)) for n in (400, 60))
    np.testing.assert_allclose(counted(train, 4, 4).token_nll(text), counted_again(train, [], text, 4, 4), rtol=1e-9)


def test_what_comes_later_changes_nothing_before_it():
    rng = np.random.default_rng(1)
    train, text = rng.integers(5, size=100), rng.integers(5, size=40)
    other = np.concatenate([text[:25], rng.integers(5, size=15)])
    here, there = (counted(train, 3, 5).token_nll(x) for x in (text, other))
    assert np.array_equal(here[:25], there[:25]) and not np.array_equal(here, there)


def test_what_it_reads_twice_it_knows_better():
    text = np.random.default_rng(2).integers(8, size=50)
    model = counted([0, 1, 2], 3, 8)
    first, second = model.token_nll(text).mean(), model.token_nll(text).mean()
    assert second < first / 2 < math.log(8)


def test_without_tables_there_is_nothing_to_start_from():
    with pytest.raises(ValueError, match="tables are empty: count the training text"):
        AdaptiveKneserNey([])
