"""Tensors renamed and turned, there and back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.pretrained.renaming import (
    SHARED,
    STACKED_WITHOUT_KEYS,
    neighbours_to_halves,
)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_pairs_of_neighbours_become_pairs_of_halves(n_heads, half, width):
    rows = torch.arange(n_heads * 2 * half * width).reshape(n_heads * 2 * half, width)
    transform = neighbours_to_halves(n_heads)
    (turned,) = transform.from_theirs(rows, 1)
    for head, there in enumerate(turned.chunk(n_heads)):
        here = rows[head * 2 * half : (head + 1) * 2 * half]
        for i in range(half):
            assert torch.equal(there[i], here[2 * i]) and torch.equal(there[i + half], here[2 * i + 1])
    assert torch.equal(transform.to_theirs((turned,)), rows)


def test_biases_of_keys_are_left_out_if_they_are_none():
    q, k, v = torch.tensor([1.0, 2.0]), torch.zeros(2), torch.tensor([3.0, 4.0])
    for parts in ((q, k, v), (k, v)):
        ours = STACKED_WITHOUT_KEYS.from_theirs(torch.cat(parts), len(parts) - 1)
        assert [x.tolist() for x in ours] == [x.tolist() for x in parts if x is not k]
        assert torch.equal(STACKED_WITHOUT_KEYS.to_theirs(ours), torch.cat(parts))
    with pytest.raises(ValueError, match="the keys have a bias, and here they have none"):
        STACKED_WITHOUT_KEYS.from_theirs(torch.cat((q, v, v)), 2)


def test_one_tensor_in_several_places():
    x = torch.ones(2)
    assert SHARED.from_theirs(x, 3) == (x, x, x) and SHARED.to_theirs((x, x)) is x
