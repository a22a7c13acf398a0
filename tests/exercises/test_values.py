"""Copies are plain, and equality is by value: whatever a reader returns, and however wild it is."""

import collections
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from transformer_lib.exercises.comparing import first_difference, same
from transformer_lib.exercises.values import LONGEST, Opaque, Raised, TensorCopy, plain

numbers = st.booleans() | st.integers() | st.floats()
nested = st.recursive(
    st.none() | numbers | st.text() | npst.arrays(np.float64, npst.array_shapes(min_side=0, max_dims=2, max_side=3)),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@settings(max_examples=30)
@given(nested)
def test_a_copy_equals_its_original_and_itself(value):
    assert same(plain(value), plain(value), rtol=0, atol=0)
    assert same(plain(plain(value)), plain(value), rtol=0, atol=0)


@settings(max_examples=30)
@given(npst.arrays(np.float64, npst.array_shapes(max_dims=3), elements=st.floats(-1e6, 1e6)), st.data())
def test_the_first_difference_is_the_first(array, data):
    i = data.draw(st.integers(0, array.size - 1))
    j = data.draw(st.integers(i, array.size - 1))
    changed = array.copy()
    changed.flat[[i, j]] += 1 + abs(changed.flat[[i, j]])
    place = tuple(int(k) for k in np.unravel_index(i, array.shape))
    assert first_difference(array, changed) == place
    assert first_difference(array.tolist(), changed) == place
    assert first_difference(array, torch.tensor(changed).numpy()) == place


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(2.5), 2.5),
        (Fraction(1, 4), 0.25),
        (Fraction(6, 2), 3),
        (Decimal("0.1"), 0.1),
        (Decimal("Infinity"), math.inf),
        (Decimal(7), 7),
        (torch.tensor(2.5), 2.5),
        (range(3), [0, 1, 2]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.namedtuple("Pair", "x y")(1, np.int8(2)), (1, 2)),
        ({np.int64(1): np.float64(2)}, {1: 2.0}),
        (np.array(["a", "b"]), ["a", "b"]),
        ({(1, 2): [3]}, {(1, 2): [3]}),
    ],
)
def test_what_stands_for_a_plain_value_becomes_one(value, copy):
    assert plain(value) == copy
    assert type(plain(value)) is type(copy)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        (True, 1),
        ([1, 2], (1, 2)),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        ([0.1 + 0.2], [0.3]),
        (math.nan, math.nan),
        ([math.nan, math.inf], np.array([math.nan, math.inf])),
        ({"a": [1.0]}, {"a": np.array([1])}),
        ({1, 2}, [2, 1]),
        (10**400, 10**400),
        (1 + 2j, 1 + 2j),
        (120, 120.00000000000003),
        (3, np.array([3])),
        (0.5, np.array([[0.5]])),
    ],
)
def test_equal_by_value(left, right):
    assert same(left, right)
    assert same(right, left) or isinstance(left, set) or isinstance(right, np.ndarray)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1_000_000, 1_000_001),
        ([1_000_000], [1_000_001]),
        (1.0, 1.001),
        (1.0, math.inf),
        (math.inf, -math.inf),
        (math.nan, 0.0),
        (10**400, 1.0),
        (3, [3]),
        (3, np.array([3, 3])),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros((1, 3)), np.zeros(3)),
        ([1, 2], [1, 2, 3]),
        (["a"], ["a", "b"]),
        ([], [0]),
        ("1", 1),
        (None, 0),
        (None, ...),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {"b": 1}),
        ({1, 2}, {1, 3}),
        ({1, 2}, [1, 1]),
        ("abc", "abd"),
        ("abc", "ab"),
        ([[1], [2, 3]], np.array([1, 2])),
    ],
)
def test_different(left, right):
    assert not same(left, right)
    assert not same(right, left)


def test_a_difference_is_found_inside_what_contains_it():
    assert first_difference({"a": 1, "b": [1, {"c": "xyz"}]}, {"a": 1, "b": [1, {"c": "xyw"}]}) == ("b", 1, "c", 2)
    assert first_difference([[1], [2, 3]], [[1], [2, 4]]) == (1, 1)
    assert first_difference(["a", "b"], ["a"]) == (1,)
    assert first_difference([1, 2], [[1, 2]]) == ()


def test_a_tensor_is_copied_whatever_its_kind():
    for tensor in (
        torch.ones(2, requires_grad=True),
        torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.nn.Parameter(torch.ones(2)),
    ):
        copy = plain(tensor)
        assert isinstance(copy, TensorCopy)
        assert same([1, 1], copy)


def test_a_copy_of_an_array_is_its_own():
    array = np.zeros(3)
    copy = plain(array)
    array += 1
    assert same(copy, [0, 0, 0])


def test_no_plain_copy_says_what_it_is_and_what_to_do():
    assert plain(x for x in "ab") == Opaque(
        "a generator", "Nothing in it is computed until somebody asks: list(…) around it does."
    )
    assert plain(map(str, [])).kind == "a map iterator"
    assert plain(len) == plain(lambda: 0) == Opaque("a function")
    assert plain(Opaque).kind == "a class"

    async def answer():
        return 1

    assert plain(answer()).kind == "a coroutine"
    assert plain([0] * (LONGEST + 1)).kind == f"a list of length {LONGEST + 1}, too large to look into"
    assert plain("x" * (LONGEST + 1)).kind == f"a str of length {LONGEST + 1}, too large to look into"


def test_a_list_that_contains_itself_has_an_end():
    snake = []
    snake.append(snake)
    assert "too large" in str(plain(snake))


def test_exceptions_are_equal_by_kind():
    assert Raised("ValueError", "one", "line 1") == Raised("ValueError", "two", "line 2")
    assert Raised("ValueError") != Raised("TypeError")
