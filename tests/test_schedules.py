import itertools
import math

import pytest

from transformer_lib.schedules import constant, noam, noam_peak, trapezoid, warmup_cosine


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
    with pytest.raises(ValueError, match=f"floor={floor} must be between 0 and 1"):
        trapezoid(10, cooldown=1, floor=floor)


def test_a_trapezoid_by_hand():
    factor = trapezoid(10, warmup=4, cooldown=4, floor=0.2)
    assert [factor(t) for t in range(12)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2], abs=1e-12
    )
    assert trapezoid(1, cooldown=1)(0) == 1.0 and trapezoid(4, cooldown=4)(3) == 0.25


def test_before_the_cooldown_a_trapezoid_does_not_know_how_long_it_is():
    short, long = trapezoid(100, warmup=10, cooldown=20), trapezoid(300, warmup=10, cooldown=50)
    assert [short(t) for t in range(81)] == [long(t) for t in range(81)]
    assert short(81) < 1 == long(250) > long(251)


@pytest.mark.parametrize(("warmup", "cooldown"), [(-1, 2), (0, 0), (6, 5), (0, 11)])
def test_bad_trapezoid(warmup, cooldown):
    with pytest.raises(ValueError, match=f"warmup={warmup} and cooldown={cooldown} must be .* at most steps=10"):
        trapezoid(10, warmup=warmup, cooldown=cooldown)


@pytest.mark.parametrize(("d_model", "warmup"), [(512, 4000), (64, 10), (7, 1)])
def test_noam_is_the_papers_rate(d_model, warmup):
    """Equation 3 of the paper, whose steps are counted from 1."""
    factor, peak = noam(warmup), noam_peak(d_model, warmup)
    for n in [*range(1, 40), 3999, 4000, 4001, 100_000]:
        expected = d_model**-0.5 * min(n**-0.5, n * warmup**-1.5)
        assert peak * factor(n - 1) == pytest.approx(expected, rel=1e-12)
    assert factor(warmup - 1) == 1.0


def test_noam_by_hand():
    assert [noam(4)(t) for t in (0, 1, 3, 15, 63)] == [0.25, 0.5, 1.0, 0.5, 0.25]
    assert noam_peak(512, 4000) == pytest.approx(6.99e-4, rel=1e-3)
    with pytest.raises(ValueError, match="warmup=0 must be at least 1"):
        noam(0)
