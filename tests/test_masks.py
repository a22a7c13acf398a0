import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib import masks
from transformer_lib.masks import (
    CAUSAL,
    ResolvedMask,
    causal_mask,
    padding_mask,
    prefix_mask,
    resolve_mask,
    sliding_window_mask,
    validate_mask,
    validate_rows,
)

sizes = st.integers(1, 9)


def where(rule, *shape):
    """A mask written as one would say it, one entry at a time."""
    indices = torch.cartesian_prod(*(torch.arange(size) for size in shape)).reshape(-1, len(shape))
    return torch.tensor([rule(*index) for index in indices.tolist()]).reshape(shape)


@given(sizes, sizes)
def test_causal_sees_itself_and_the_past(T, past):
    assert torch.equal(causal_mask(T, T + past), where(lambda i, j: j <= i + past, T, T + past))
    assert torch.equal(causal_mask(T), where(lambda i, j: j <= i, T, T))


@given(sizes, sizes, sizes)
def test_sliding_window_sees_itself_and_the_nearest(T, window, past):
    expected = where(lambda i, j: i + past - window < j <= i + past, T, T + past)
    assert torch.equal(sliding_window_mask(T, window, T + past), expected)
    assert torch.equal(sliding_window_mask(T, T), causal_mask(T))


@given(st.lists(sizes, min_size=1, max_size=4), st.integers(0, 3))
def test_padding_hides_what_follows_each_length(lengths, more):
    S = max(lengths) + more
    mask = padding_mask(torch.tensor(lengths), S)
    assert mask.shape == (len(lengths), 1, 1, S)
    assert torch.equal(mask[:, 0, 0], where(lambda b, j: j < lengths[b], len(lengths), S))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(0, 3))
def test_prefix_is_seen_from_everywhere(prefixes, more):
    T = max(max(prefixes), 1) + more
    mask = prefix_mask(torch.tensor(prefixes), T)
    assert mask.shape == (len(prefixes), 1, T, T)
    assert torch.equal(mask[:, 0], where(lambda b, i, j: j <= i or j < prefixes[b], len(prefixes), T, T))


def test_true_means_may_attend_as_in_the_kernel():
    query, value = torch.zeros(1, 1, 2, 4), torch.tensor([[[[1.0, 0, 0, 0], [0, 1.0, 0, 0]]]])
    seen = torch.nn.functional.scaled_dot_product_attention(query, query, value, attn_mask=causal_mask(2))
    assert torch.equal(seen[0, 0, 0], value[0, 0, 0])


def test_a_row_left_empty_is_named():
    padded, windowed = padding_mask(torch.tensor([3, 2]), 3), sliding_window_mask(3, 1)
    with pytest.raises(ValueError, match=r"mask of shape \(2, 1, 3, 3\) leaves row \(1, 0, 2\) empty"):
        validate_rows(padded & windowed)
    validate_rows(padded & causal_mask(3))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: causal_mask(0), "T=0 must be at least 1"),
        (lambda: causal_mask(3, 2), "S=2 must be at least T=3"),
        (lambda: sliding_window_mask(3, 0), "window=0 must be at least 1"),
        (lambda: sliding_window_mask(3, 1, 2), "S=2 must be at least T=3"),
        (lambda: padding_mask(torch.tensor([0, 2]), 3), r"lengths=\[0, 2\] must be in 1..3"),
        (lambda: padding_mask(torch.tensor([4]), 3), r"lengths=\[4\] must be in 1..3"),
        (lambda: prefix_mask(torch.tensor([-1]), 3), r"prefix_lengths=\[-1\] must be in 0..3"),
        (lambda: prefix_mask(torch.tensor([4]), 3), r"prefix_lengths=\[4\] must be in 0..3"),
        (lambda: validate_mask(causal_mask(3), (1, 1, 3, 4)), r"\(3, 3\) must broadcast to the scores, \(1, 1, 3, 4\)"),
        (lambda: validate_mask(padding_mask(torch.tensor([1]), 3), (1, 3, 3)), r"\(1, 1, 1, 3\) must broadcast"),
    ],
)
def test_errors_name_what_is_wrong(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_float_mask_is_refused_rather_than_added_to_the_scores():
    with pytest.raises(TypeError, match=r"mask of torch.float32 must be torch.bool"):
        validate_mask(torch.ones(2, 2).tril(), (1, 1, 2, 2))


@pytest.mark.parametrize("inference", [False, True])
def test_a_mask_is_read_anew_each_time_and_nothing_is_written_onto_it(inference):
    with torch.inference_mode(inference):
        mask = causal_mask(3)
        for _ in range(2):
            validate_mask(mask, (1, 1, 3, 3))
        assert vars(mask) == {}
        with pytest.raises(ValueError, match="must broadcast"):
            validate_mask(mask, (1, 1, 3, 4))
        mask.view(9)[3:6] = False
        with pytest.raises(ValueError, match=r"leaves row \(1,\) empty"):
            validate_mask(mask, (1, 1, 3, 3))
        mask[1, 2] = True
        validate_mask(mask, (1, 1, 3, 3))


def test_three_dimensions_are_refused_even_where_the_batch_is_as_large_as_the_heads():
    mask = causal_mask(5).expand(2, 5, 5)
    with pytest.raises(ValueError, match=r"mask of shape \(2, 5, 5\) must be .* give \(B, 1, T, S\), mask\[:, None\]"):
        validate_mask(mask, (2, 2, 5, 5))
    validate_mask(mask[:, None], (2, 2, 5, 5))
    validate_mask(mask, (2, 5, 5))  # scores without heads


def test_a_resolved_mask_is_what_the_kernel_takes_and_is_not_looked_at_again(monkeypatch):
    assert resolve_mask(None, (1, 1, 3, 7)) == (None, False)
    assert resolve_mask(CAUSAL, (1, 1, 7, 7)) == (None, True)
    assert resolve_mask(CAUSAL, (1, 1, 1, 7)) == (None, False)
    chunk = resolve_mask(CAUSAL, (1, 1, 3, 7))
    assert torch.equal(chunk.tensor, causal_mask(3, 7)) and not chunk.is_causal
    given_ = causal_mask(3, 7)
    resolved = resolve_mask(given_, (1, 1, 3, 7))
    assert resolved.tensor is given_
    monkeypatch.setattr(masks, "validate_mask", None)
    assert resolve_mask(resolved, (1, 1, 3, 7)) is resolved


def test_where_there_are_no_values_none_are_asked_for():
    lengths = torch.tensor([0, 9], device="meta")
    mask = padding_mask(lengths, 3) & prefix_mask(lengths, 3)
    assert resolve_mask(mask, (2, 4, 3, 3)) == ResolvedMask(mask)
    with pytest.raises(ValueError, match="must broadcast"):
        resolve_mask(mask, (2, 4, 3, 5))


def test_the_causal_pattern_has_a_name():
    assert repr(CAUSAL) == "CAUSAL"
