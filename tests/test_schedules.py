import itertools
import math

import pytest

from transformer_lib.schedules import constant, warmup_cosine


def test_worked_by_hand():
    factor = warmup_cosine(14, warmup=4, floor=0.2)
    assert [factor(t) for t in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert factor(4) == 1.0
    assert factor(9) == pytest.approx(0.6)  # half way down
    assert factor(14) == factor(1000) == pytest.approx(0.2)
    assert [constant(t) for t in (0, 7)] == [1.0, 1.0]


def test_after_the_warmup_it_only_falls_and_steepest_in_the_middle():
    factor = warmup_cosine(100)
    values = [factor(t) for t in range(101)]
    drops = [a - b for a, b in itertools.pairwise(values)]
    assert values[0] == 1.0 and min(drops) > 0
    assert max(drops) == pytest.approx(math.pi / 2 / 100, rel=1e-3)
    assert drops.index(max(drops)) in (49, 50)


@pytest.mark.parametrize("warmup", [-1, 10, 11])
def test_bad_warmup(warmup):
    with pytest.raises(ValueError, match=f"warmup={warmup} must be at least 0 and less than steps=10"):
        warmup_cosine(10, warmup=warmup)


@pytest.mark.parametrize("floor", [-0.1, 1.1])
def test_bad_floor(floor):
    with pytest.raises(ValueError, match=f"floor={floor} must be between 0 and 1"):
        warmup_cosine(10, floor=floor)
