import math

import pytest
import torch
from comparisons import close
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.positions import (
    LearnedPositions,
    RopeScaling,
    Rotary,
    SinusoidalPositions,
    sinusoidal_positions,
)

even = st.integers(1, 8).map(lambda n: 2 * n)


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def heads(T, d_head, seed=0):
    return torch.randn(2, 3, T, d_head, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- sinusoidal ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("length", "d_model", "base"), [(1, 2, 10_000.0), (7, 6, 10_000.0), (300, 512, 100.0)])
def test_sinusoidal_equals_its_equation(length, d_model, base):
    expected = [
        [f(m / base ** (2 * i / d_model)) for i in range(d_model // 2) for f in (math.sin, math.cos)]
        for m in range(length)
    ]
    close(sinusoidal_positions(length, d_model, base=base), torch.tensor(expected))


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5), even)
def test_any_positions_are_rows_of_the_table(positions, d_model):
    table = sinusoidal_positions(max(positions) + 1, d_model)
    assert table.dtype == torch.float32
    assert torch.equal(SinusoidalPositions(d_model)(torch.tensor(positions)), table[positions])


@pytest.mark.usefixtures("float64")
def test_a_step_of_k_is_the_same_rotation_from_everywhere():
    table = sinusoidal_positions(50, 8)
    step = torch.linalg.lstsq(table[:43], table[7:50]).solution
    close(table[:43] @ step, table[7:50], atol=1e-9)


def test_sinusoidal_has_nothing_to_learn_or_to_store():
    assert SinusoidalPositions(8).state_dict() == {}


# --- learned -------------------------------------------------------------------------------------------------------


def test_learned_gives_the_rows_of_its_table():
    layer = LearnedPositions(5, 3)
    assert layer.context_length == 5
    assert torch.equal(layer(torch.tensor([[4, 0], [1, 1]])), layer.table.weight[torch.tensor([[4, 0], [1, 1]])])
    layer(torch.tensor([2])).sum().backward()
    assert layer.table.weight.grad.sum(dim=1).tolist() == [0, 0, 3, 0, 0]


# --- rotary --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 6), even, st.sampled_from([10_000.0, 100_000.0, 10.0]), st.integers(0, 900))
def test_rotary_turns_each_hand_as_a_complex_number(T, d_head, base, start):
    x, half = heads(T, d_head), d_head // 2
    positions = torch.arange(start, start + T)
    turned = torch.complex(x[..., :half], x[..., half:])
    for i in range(half):
        for t in range(T):
            turned[:, :, t, i] *= torch.polar(
                torch.tensor(1.0).double(), (start + t) / torch.tensor(base).double() ** (2 * i / d_head)
            )
    close(Rotary(d_head, base)(x, positions), torch.cat((turned.real, turned.imag), dim=-1), atol=1e-9)


@given(even, st.integers(0, 50), st.integers(0, 50), st.integers(-50, 2000))
def test_scores_depend_on_the_distance_alone(d_head, m, n, shift):
    rotary, q, k = Rotary(d_head), heads(1, d_head), heads(1, d_head, seed=1)
    shift = max(shift, -min(m, n))

    def score(m, n):
        return (rotary(q, torch.tensor([m])) * rotary(k, torch.tensor([n]))).sum(dim=-1)

    close(score(m, n), score(m + shift, n + shift), atol=1e-9)


def test_scores_do_depend_on_the_distance():
    rotary, q, k = Rotary(8), heads(1, 8), heads(1, 8, seed=1)
    scores = [(rotary(q, torch.tensor([m])) * k).sum() for m in range(20)]
    assert len({round(float(score), 6) for score in scores}) == 20


@given(even, st.integers(0, 5000))
def test_rotary_keeps_lengths_and_leaves_position_0(d_head, m):
    rotary, x = Rotary(d_head), heads(1, d_head)
    close(rotary(x, torch.tensor([m])).norm(dim=-1), x.norm(dim=-1))
    close(rotary(x, torch.tensor([0])), x)


def test_rotary_takes_positions_of_each_sequence():
    rotary, x = Rotary(4), heads(3, 4)
    positions = torch.tensor([[0, 1, 2], [5, 6, 9]])
    for row in range(2):
        close(rotary(x, positions)[row], rotary(x, positions[row])[row])


def test_rotary_gradients_and_dtype():
    rotary = Rotary(4)
    assert torch.autograd.gradcheck(lambda x: rotary(x, torch.arange(3)), heads(3, 4).requires_grad_())
    for dtype in (torch.float32, torch.bfloat16):
        assert rotary(heads(3, 4).to(dtype), torch.arange(3)).dtype == dtype


def test_rotary_keeps_nothing_of_what_it_was_given():
    rotary, x, positions = Rotary(4), heads(3, 4), torch.arange(3)
    before = dict(vars(rotary))
    with torch.inference_mode():
        turned = rotary(x, positions).clone()
    assert vars(rotary) == before
    weight = torch.ones(4, dtype=torch.float64, requires_grad=True)
    rotary(x * weight, positions).sum().backward()
    assert weight.grad is not None
    positions += 5
    close(rotary(x, positions), Rotary(4)(x, torch.arange(5, 8)))
    assert not torch.allclose(rotary(x, positions), turned)


def test_a_rotation_stands_for_its_positions_also_where_another_rotary_made_it():
    x, positions = heads(3, 4), torch.tensor([2, 5, 9])
    made = Rotary(4).rotation(positions, x.dtype)
    assert Rotary(4).rotation(made, x.dtype) is made
    for other in (Rotary(4), Rotary(4, 100.0), Rotary(4, scaling=RopeScaling(length=32))):
        assert torch.equal(other(x, made), other(x, positions))
    assert not torch.allclose(Rotary(4, 100.0)(x, made), Rotary(4)(x, made))


def test_scaling_slows_the_slow_pairs_and_leaves_the_fast_ones():
    turns = torch.tensor([100.0, 4.0, 2.5, 1.0, 0.01], dtype=torch.float64)  # in the 8,192 positions of before
    frequencies = turns * 2 * math.pi / 8192
    expected = torch.tensor([1, 1, (1 + 1 / 8) / 2, 1 / 8, 1 / 8], dtype=torch.float64)
    close(RopeScaling()(frequencies) / frequencies, expected)


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sinusoidal_positions(0, 4), "length=0 must be at least 1"),
        (lambda: sinusoidal_positions(2, 5), "d_model=5 must be positive and even"),
        (lambda: SinusoidalPositions(3), "d_model=3 must be positive and even"),
        (lambda: Rotary(5), "d_head=5 must be positive and even"),
        (
            lambda: Rotary(4, scaling=RopeScaling(low=4.0)),
            r"scaling=.*low=4.0.* must have a factor above 0 and 0 <= low",
        ),
        (lambda: LearnedPositions(0, 4), "context_length=0 must be at least 1"),
        (lambda: LearnedPositions(4, 2)(torch.arange(2, 6)), r"positions=2..5 must be in 0..3"),
    ],
)
def test_errors_name_what_is_wrong(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_print_shows_the_sizes():
    assert repr(Rotary(64, 100_000.0)) == "Rotary(d_head=64, base=100000)"
    assert "scaling=RopeScaling(factor=8.0, low=1.0" in repr(Rotary(64, 100_000.0, RopeScaling()))
