import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from transformer_lib.sampling import (
    filter_min_p,
    filter_top_k,
    filter_top_p,
    next_token_probabilities,
    penalize_repetition,
    sample_next,
)

INF = math.inf
NO_IDS = torch.zeros(0, 0, dtype=torch.long)  # what the reference filters take and ignore


def same(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)


@st.composite
def logit_rows(draw, dtypes=(np.float32, np.float64)):
    """Rows of random logits; half the time from five values only, so that ties are everywhere."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 12)))
    dtype = draw(st.sampled_from(dtypes))
    values = draw(st.sampled_from([st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), st.floats(-30, 30, width=32)]))
    return torch.from_numpy(draw(arrays(dtype, shape, elements=values)))


# --- against the processors of transformers, bit for bit -----------------------------------------------------------


@given(logit_rows(), st.integers(1, 15))
def test_top_k_equals_reference(logits, k):
    same(filter_top_k(logits, k), TopKLogitsWarper(k)(NO_IDS, logits))


@given(logit_rows(), st.one_of(st.floats(0.001, 1.0), st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9, 1.0])))
def test_top_p_equals_reference(logits, p):
    same(filter_top_p(logits, p), TopPLogitsWarper(p)(NO_IDS, logits))


@given(logit_rows(), st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, math.exp(-1), math.exp(-2.5), 1.0])))
def test_min_p_equals_reference(logits, p):
    same(filter_min_p(logits, p), MinPLogitsWarper(p)(NO_IDS, logits))


@given(logit_rows(), st.floats(0.1, 5.0), st.data())
def test_repetition_penalty_equals_reference(logits, penalty, data):
    rows, vocab_size = logits.shape
    ids = data.draw(arrays(np.int64, (rows, data.draw(st.integers(1, 8))), elements=st.integers(0, vocab_size - 1)))
    ids = torch.from_numpy(ids)
    same(penalize_repetition(logits, ids, penalty), RepetitionPenaltyLogitsProcessor(penalty)(ids, logits))


@given(logit_rows(dtypes=(np.float64,)), st.floats(0.05, 20.0))
def test_temperature_equals_reference(logits, temperature):
    expected = TemperatureLogitsWarper(temperature)(NO_IDS, logits).softmax(dim=-1)
    torch.testing.assert_close(next_token_probabilities(logits, temperature=temperature), expected)


def test_the_pipeline_equals_the_reference_one_in_its_order():
    logits = 3 * torch.randn(200, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = logits
    for warper in (TemperatureLogitsWarper(1.7), TopKLogitsWarper(20), TopPLogitsWarper(0.9), MinPLogitsWarper(0.08)):
        expected = warper(NO_IDS, expected)
    actual = next_token_probabilities(logits, temperature=1.7, top_k=20, top_p=0.9, min_p=0.08)
    torch.testing.assert_close(actual, expected.softmax(dim=-1))
    assert (actual > 0).sum(dim=-1).unique().numel() > 3  # the knobs do bite, differently from row to row


# --- worked by hand ----------------------------------------------------------------------------------------------


def test_top_k_keeps_all_ties_of_the_kth():
    same(filter_top_k(torch.tensor([1.0, 3.0, 2.0, 2.0, 0.0]), 2), torch.tensor([-INF, 3.0, 2.0, 2.0, -INF]))


def test_top_p_keeps_the_token_that_crosses():
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64).log()
    for p, kept in [(0.4, 1), (0.51, 2), (0.79, 2), (0.81, 3), (0.96, 4), (1.0, 4), (1e-9, 1)]:
        assert filter_top_p(logits, p).isfinite().tolist() == [True] * kept + [False] * (4 - kept), p


def test_top_p_keeps_a_token_even_where_1_minus_p_rounds_to_1():
    logits = torch.tensor([0.0, 2.0, 1.0], dtype=torch.float32)
    assert filter_top_p(logits, 1e-9).isfinite().tolist() == [False, True, False]


def test_top_p_splits_ties_keeping_the_later_ids():
    same(filter_top_p(torch.zeros(4), 0.5), torch.tensor([-INF, -INF, 0.0, 0.0]))


def test_min_p_is_a_fraction_of_the_largest():
    logits = torch.tensor([0.6, 0.31, 0.06, 0.03], dtype=torch.float64).log()
    assert filter_min_p(logits, 0.5).isfinite().tolist() == [True, True, False, False]
    assert filter_min_p(logits, 0.09).isfinite().tolist() == [True, True, True, False]


def test_repetition_penalty_pushes_down_on_both_sides_of_zero_once():
    logits = torch.tensor([4.0, -4.0, 1.0])
    same(penalize_repetition(logits, torch.tensor([0, 1, 0, 0]), 2.0), torch.tensor([2.0, -8.0, 1.0]))
    same(penalize_repetition(logits, torch.tensor([], dtype=torch.long), 2.0), logits)


def test_filters_leave_their_input_alone_and_skip_what_is_already_removed():
    logits = torch.tensor([2.0, -INF, 1.0, 0.0])
    before = logits.clone()
    for out in (filter_top_k(logits, 2), filter_top_p(logits, 0.8), filter_min_p(logits, 0.3)):
        assert out.isfinite().tolist() == [True, False, True, False]
    penalize_repetition(logits, torch.tensor([0]), 3.0)
    sample_next(logits, temperature=0.5, top_k=2, top_p=0.9, min_p=0.1)
    same(logits, before)


# --- sampling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knobs", [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.8}, {"min_p": 0.3}])
def test_frequencies_match_the_stated_distribution(knobs):
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0, 0.5], dtype=torch.float64)
    expected = next_token_probabilities(logits, **knobs).numpy()
    draws = sample_next(logits.expand(20_000, 5), **knobs, generator=torch.Generator().manual_seed(7))
    observed = np.bincount(draws.numpy(), minlength=5)
    assert (observed[expected == 0] == 0).all()
    kept = expected > 0
    assert stats.chisquare(observed[kept], 20_000 * expected[kept]).pvalue > 0.001


def test_temperature_zero_is_greedy_first_among_ties_and_draws_nothing():
    logits = torch.tensor([[0.0, 5.0, 5.0], [1.0, 0.0, -1.0]])
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    ids = sample_next(logits, temperature=0, top_k=1, top_p=0.1, generator=generator)
    assert ids.tolist() == [1, 0] and ids.dtype == torch.int64
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("temperature", [1e-3, 1e-12, 1e-45])
def test_a_tiny_temperature_is_greedy_too_and_never_overflows(temperature):
    assert sample_next(torch.tensor([900.0, 901.0, -900.0]), temperature=temperature).item() == 1


def test_one_generator_one_stream_and_shapes():
    logits = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    first, again = (sample_next(logits, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert first.shape == (4,) and torch.equal(first, again)
    assert sample_next(logits[0]).shape == ()


# --- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, -3])
def test_bad_k(k):
    with pytest.raises(ValueError, match=f"top_k={k} must be at least 1"):
        filter_top_k(torch.zeros(3), k)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, math.nan])
def test_bad_p(p):
    with pytest.raises(ValueError, match=f"top_p={p} must be above 0 and at most 1"):
        filter_top_p(torch.zeros(3), p)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_bad_min_p(p):
    with pytest.raises(ValueError, match=f"min_p={p} must be between 0 and 1"):
        filter_min_p(torch.zeros(3), p)


@pytest.mark.parametrize("penalty", [0.0, -1.0, INF, math.nan])
def test_bad_penalty(penalty):
    with pytest.raises(ValueError, match=f"penalty={penalty} must be above 0"):
        penalize_repetition(torch.zeros(3), torch.tensor([0]), penalty)


@pytest.mark.parametrize("bad", [-1, 3])
def test_penalized_ids_outside_the_vocabulary(bad):
    with pytest.raises(ValueError, match=r"ids must be in 0\.\.2"):
        penalize_repetition(torch.zeros(3), torch.tensor([bad]), 2.0)


@pytest.mark.parametrize("temperature", [-1.0, INF, math.nan])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match=f"temperature={temperature} must be at least 0"):
        sample_next(torch.zeros(3), temperature=temperature)


@pytest.mark.parametrize("row", [[math.nan, 0.0], [INF, 0.0], [-INF, -INF]])
@pytest.mark.parametrize("temperature", [0, 1.0])
def test_logits_that_are_no_distribution(row, temperature):
    with pytest.raises(ValueError, match=r"NaN or \+inf, or a row of -inf only"):
        sample_next(torch.tensor([[0.0, 0.0], row]), temperature=temperature)
