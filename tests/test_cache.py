import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.cache import KVCache


def keys(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 3))
def test_holds_what_was_appended_in_order(chunks, spare):
    T = sum(chunks)
    k, v = keys(2, 3, T, 4), keys(2, 3, T, 5, seed=1)  # values may be wider than keys
    cache, end = KVCache(T + spare), 0
    for part in chunks:
        got = cache.append(k[:, :, end : end + part], v[:, :, end : end + part])
        end += part
        assert cache.length == end
        assert torch.equal(got[0], k[:, :, :end]) and torch.equal(got[1], v[:, :, :end])
        assert torch.equal(cache.read()[0], got[0])


def test_an_append_that_does_not_fit_changes_nothing():
    cache = KVCache(3)
    cache.append(keys(1, 1, 2, 4), keys(1, 1, 2, 4))
    with pytest.raises(ValueError, match=r"KVCache\(capacity=3\) holds 2 positions and cannot take 2 more"):
        cache.append(keys(1, 1, 2, 4), keys(1, 1, 2, 4))
    with pytest.raises(ValueError, match=r"k of \(B, G\)=\(2, 1\) does not fit a cache of \(1, 1\)"):
        cache.append(keys(2, 1, 1, 4), keys(2, 1, 1, 4))
    assert cache.length == 2
    assert torch.equal(cache.read()[0], keys(1, 1, 2, 4))


@pytest.mark.parametrize("rows", [[2, 2, 0, 1], [1, 2, 0], [0, 1, 2], [2, 0], [1], [0, 0, 1, 1, 2, 2]])
def test_reorder_moves_rows_and_copies_them(rows):
    """To as many rows, to fewer and to more, and again after more was appended."""
    cache = KVCache(4)
    k, v, rows = keys(3, 2, 2, 4), keys(3, 2, 2, 5, seed=1), torch.tensor(rows)
    cache.reorder(rows)  # nothing to move yet
    cache.append(k, v)
    cache.reorder(rows)
    assert torch.equal(cache.read()[0], k[rows]) and torch.equal(cache.read()[1], v[rows])
    n = len(rows)
    k2, v2, back = keys(n, 2, 1, 4, seed=2), keys(n, 2, 1, 5, seed=3), torch.arange(n).flip(0)
    cache.append(k2, v2)
    cache.reorder(back)
    assert torch.equal(cache.read()[0], torch.cat((k[rows], k2), dim=2)[back])
    assert torch.equal(cache.read()[1], torch.cat((v[rows], v2), dim=2)[back])


def test_reorder_leaves_rows_that_stay_where_they_are():
    cache = KVCache(4)
    held = cache.append(keys(3, 2, 2, 4), keys(3, 2, 2, 4))[0]
    cache.reorder(torch.arange(3))
    assert cache.read()[0].data_ptr() == held.data_ptr()


def test_errors():
    with pytest.raises(ValueError, match="capacity=0 must be at least 1"):
        KVCache(0)
    with pytest.raises(ValueError, match="this KVCache is empty"):
        KVCache(1).read()
