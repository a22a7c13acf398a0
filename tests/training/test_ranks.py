"""A function on several processes: what it may use, what comes back, and what goes wrong."""

import numpy as np
import pytest
import torch
import torch.distributed as dist

from transformer_lib.training.ranks import on_ranks

SHIFT = 10


def helper(x):
    return x + SHIFT


def meet(x, factor=2):
    total = torch.tensor([float(dist.get_rank())])
    dist.all_reduce(total)
    return dist.get_rank(), dist.get_world_size(), helper(total) * factor, np.asarray(x) + 1, torch.get_num_threads()


def rank_one_fails():
    if dist.get_rank() == 1:
        raise KeyError("of rank one")
    dist.barrier()


def test_ranks_meet_and_results_come_in_order():
    """With globals, another function, a module, and a default."""
    for n in (1, 3):
        results = on_ranks(meet, n, [1, 2])
        assert [result[:2] for result in results] == [(rank, n) for rank in range(n)]
        for _, _, total, x, threads in results:
            assert total.tolist() == [2 * (sum(range(n)) + SHIFT)]
            assert x.tolist() == [2, 3]
            assert threads == 1


def test_a_function_of_a_notebook_travels_by_value():
    """Its module is not there for the ranks to import."""
    space = {"__name__": "__main__", "dist": dist, "np": np}
    exec("def inner(x):\n    return np.sqrt(x)\n\ndef outer(x):\n    return [inner(x) for _ in range(2)]\n", space)
    assert on_ranks(space["outer"], 2, 16.0) == [[4.0, 4.0]] * 2


def test_an_error_of_one_rank_is_shown():
    with pytest.raises(RuntimeError, match=r"(?s)rank 1: .*KeyError: 'of rank one'"):
        on_ranks(rank_one_fails, 2)


def test_bad_input():
    with pytest.raises(ValueError, match="n=0 must be at least 1"):
        on_ranks(meet, 0)
    outside = 3
    with pytest.raises(ValueError, match="uses outside of a function around it"):
        on_ranks(lambda: outside, 2)
