import numpy as np
import pytest

from transformer_lib.scaling_laws import PUBLISHED_REPEATS, ScalingLaw, fit_repeats, fit_scaling_law

LAW = ScalingLaw(E=1.5, A=60.0, alpha=0.4, B=500.0, beta=0.45)
SIZES, READS = (x.ravel() for x in np.meshgrid([6e4, 1.4e5, 2.7e5, 6.7e5], [5e5, 1e6, 2e6, 4e6]))


def test_the_law_is_its_three_terms():
    assert LAW.loss(1e5, 1e6) == pytest.approx(1.5 + 60 * 1e5**-0.4 + 500 * 1e6**-0.45)


def test_a_law_is_found_again_in_what_it_makes():
    found = fit_scaling_law(SIZES, READS, LAW.loss(SIZES, READS))
    for name in ("E", "A", "alpha", "B", "beta"):
        assert getattr(found, name) == pytest.approx(getattr(LAW, name), rel=1e-4)


def test_noise_of_a_hundredth_moves_a_forecast_ten_times_as_far_by_a_few_hundredths():
    rng = np.random.default_rng(0)
    told = [
        float(fit_scaling_law(SIZES, READS, LAW.loss(SIZES, READS) + rng.normal(scale=0.01, size=16)).loss(6e6, 4e7))
        for _ in range(5)
    ]
    assert np.abs(np.array(told) - LAW.loss(6e6, 4e7)).max() < 0.15


def test_no_term_is_negative_even_where_that_would_fit_best():
    found = fit_scaling_law(SIZES, READS, LAW.loss(SIZES, READS) - 1.6)
    assert found.E == 0 and found.A >= 0 and found.B >= 0


def test_the_best_size_wastes_no_operation():
    """Of all N and D with the same product, the best size for its D has the least loss."""
    read = 1e7
    best = float(LAW.best_size(read))
    for factor in (0.8, 0.95, 1.05, 1.25):
        assert LAW.loss(best, read) < LAW.loss(best * factor, read / factor)


def test_repeating_costs_nothing_the_first_time_and_ends_in_a_limit():
    law = ScalingLaw(**{**vars(LAW), "repeats": 15.0, "excess": np.inf})
    assert law.loss(1e5, 1e6, 1e6) == pytest.approx(LAW.loss(1e5, 1e6))
    assert law.loss(1e5, 4e6, 1e6) == pytest.approx(float(LAW.loss(1e5, 4e6)), abs=0.02)  # four readings: as if new
    limit = float(LAW.loss(1e5, 16e6))  # a text and 15 more of it
    assert law.loss(1e5, 1e9, 1e6) == pytest.approx(limit)
    assert float(LAW.loss(1e5, 1e9)) < limit - 0.1


def test_parameters_beyond_the_best_size_of_the_text_count_less():
    law = ScalingLaw(**{**vars(LAW), "repeats": PUBLISHED_REPEATS[0], "excess": PUBLISHED_REPEATS[1]})
    small, large = 0.5 * float(LAW.best_size(1e6)), 40 * float(LAW.best_size(1e6))
    assert law.loss(small, 1e6, 1e6) == pytest.approx(float(LAW.loss(small, 1e6)))
    assert law.loss(large, 1e6, 1e6) > LAW.loss(large, 1e6)
    assert law.loss(large, 1e6, 1e6) > LAW.loss(7 * float(LAW.best_size(1e6)), 1e6)


def test_what_repeating_is_worth_is_found_again():
    law = ScalingLaw(**{**vars(LAW), "repeats": 4.0, "excess": 2.0})
    sizes, reads = (x.ravel() for x in np.meshgrid([1e5, 1e6], [5e5, 1e6, 4e6]))
    found = fit_repeats(LAW, sizes, reads, np.full(6, 2.5e5), law.loss(sizes, reads, 2.5e5))
    assert (found.repeats, found.excess) == (4.0, 2.0)
    assert found.E == LAW.E


@pytest.mark.parametrize(
    ("sizes", "reads", "name"), [([1, 2, 1], [1, 2, 3], "parameters"), ([1, 2, 3], [5] * 3, "read")]
)
def test_two_sizes_or_lengths_make_no_law(sizes, reads, name):
    with pytest.raises(ValueError, match=f"{name}=.* must have at least 3 different values"):
        fit_scaling_law(sizes, reads, [3, 2, 1])
