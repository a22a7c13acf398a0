"""What is shown is short, stays within a line, has the difference in it, and is the same everywhere."""

import ast
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from transformer_lib.exercises.comparing import first_difference, same
from transformer_lib.exercises.showing import LINE, call_code, describe, number, show, show_call, show_pair
from transformer_lib.exercises.values import Raised, plain
from transformer_lib.exercises.verdicts import WIDTH


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (1.0, "1.0"),
        (1 / 3, "0.3333"),
        (2 / 3, "0.6667"),
        (0.1 + 0.2, "0.3"),
        (12345.678, "12345.7"),
        (1e-7, "1.000e-07"),
        (1e300, "1.000e+300"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (7, "7"),
        (10**50, "(an integer of 167 bits)"),
        (1 + 0.5j, "(1.0 + 0.5j)"),
    ],
)
def test_a_number_is_rounded(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        ("a 'b'", "\"a 'b'\""),
        ([], "[]"),
        ((1,), "(1,)"),
        ((), "()"),
        (set(), "set()"),
        ({"b", "a"}, "{'a', 'b'}"),
        ({"a": [1, 2.5]}, "{'a': [1, 2.5]}"),
        ([["a", "b"], ["c"]], "[['a', 'b'], ['c']]"),
        (np.arange(3), "[0, 1, 2]"),
        ([[1, 20], [300, 4]], "[[  1, 20],\n [300,  4]]"),
        (np.eye(2) / 3, "[[0.3333,    0.0],\n [   0.0, 0.3333]]"),
        (np.zeros((2, 0)), "(nothing in it)"),
        (torch.arange(3), "[0, 1, 2]"),
        (lambda: 0, "(a function)"),
        (Raised("ValueError", "no"), "ValueError: no"),
        (Raised("ValueError"), "ValueError"),
    ],
)
def test_a_value_is_shown(value, text):
    assert show(value if isinstance(value, Raised) else plain(value)) == text


def test_rounding_noise_is_not_shown():
    assert show(np.array([[1.0, 1e-17], [-1e-17, 1.0]])) == "[[1.0, 0.0],\n [0.0, 1.0]]"


@pytest.mark.parametrize(
    ("value", "at", "text"),
    [
        (list(range(100)), (), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …]"),
        (list(range(100)), (50,), "[…, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, …]"),
        (list(range(100)), (99,), "[…, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99]"),
        ("ab" * 100 + "c", (200,), "… 'bababababababababababababababababababababababababababababc'"),
    ],
)
def test_what_is_long_is_shown_around_a_place(value, at, text):
    shown = show(value, at)
    assert shown == text
    assert len(shown) <= LINE


def test_a_large_table_is_shown_around_a_place():
    lines = show(np.arange(40_000).reshape(200, 200), (100, 150)).splitlines()
    assert (lines[0], len(lines), lines[-1]) == ("[…,", 10, " …]")
    assert lines[5] == " […, 20146, 20147, 20148, 20149, 20150, 20151, 20152, 20153, …],"


def test_of_many_dimensions_the_slice_with_the_place_is_shown():
    assert show(np.arange(16).reshape(2, 2, 2, 2), (1, 0, 0, 1)) == "in [1, 0, :, :]:\n[[ 8,  9],\n [10, 11]]"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=9) | st.tuples(inner, inner)
    ),
    max_leaves=20,
) | npst.arrays(np.float64, npst.array_shapes(max_dims=3, max_side=3))


@settings(max_examples=30)
@given(values)
@example(np.full((20, 20), -1.234e-200))
@example({"x" * 100: {"y" * 100: ["z" * 100]}})
def test_lines_have_an_end(value):
    assert max(map(len, show(plain(value)).splitlines()), default=0) <= LINE


@settings(max_examples=30)
@given(values, values)
def test_what_differs_looks_different(left, right):
    left, right = plain(left), plain(right)
    at = first_difference(left, right)
    assume(at is not None)
    texts = show_pair(left, right, at)
    assert texts[0] != texts[1] or describe(left) != describe(right) or len(texts[0]) > LINE // 2


def test_digits_are_added_until_the_difference_shows():
    assert show_pair(1 / 3, 0.33334, ()) == ("0.3333333", "0.33334")
    assert show_pair([1.0, 2.0], [1.0, 2.5], (1,)) == ("[1.0, 2.0]", "[1.0, 2.5]")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "a float"),
        (3, "an int"),
        (None, "None"),
        ("abc", "a str of length 3"),
        ([1, 2], "a list of length 2"),
        ([[1, 2], [3, 4]], "a list of lists of shape (2, 2)"),
        (np.zeros((2, 3)), "an array of shape (2, 3)"),
        (torch.zeros(2, 3), "a tensor of shape (2, 3)"),
        ((torch.zeros(2), torch.zeros(2)), "a tuple of tensors of shape (2, 2)"),
        ([np.zeros(3)], "a list of arrays of shape (1, 3)"),
        ({"a": 1}, "a dict of length 1"),
        (lambda: 0, "a function"),
    ],
)
def test_a_kind_is_named(value, text):
    assert describe(plain(value)) == text


def test_a_call_can_be_pasted():
    assert show_call("f", {"x": plain(np.array([1.5, 2])), "n": 2}) == "f(np.array([1.5, 2.0]), 2)"
    assert show_call("f", {"x": plain(torch.tensor([1, 2]))}) == "f(torch.tensor([1, 2]))"
    assert eval(show_call("sorted", {"x": [3, 1]})) == [1, 3]


def test_a_call_of_some_lines_is_code():
    call = show_call("f", {"table": plain(np.zeros((2, 2), int)), "words": ["word"] * 12, "n": 2})
    assert call == (
        "table = np.array([[0, 0],\n"
        "                  [0, 0]])\n"
        "words = ['word', 'word', 'word', 'word', 'word', 'word', 'word',\n"
        "         'word', 'word', 'word', 'word', 'word']\n"
        "n = 2\n"
        "f(table, words, n)"
    )
    assert eval_last(call, f=lambda table, words, n: (table.shape, len(words), n)) == ((2, 2), 12, 2)


def eval_last(code, **names):
    """Run the lines of a code and return what the last one gives."""
    names |= {"np": np, "torch": torch}
    tree = ast.parse(code)
    exec(compile(ast.Module(tree.body[:-1], []), "code", "exec"), names)
    return eval(ast.unparse(tree.body[-1]), names)


@settings(max_examples=30)
@given(values, values)
@example(np.zeros((0, 3)), math.nan)
@example(np.arange(60).reshape(3, 4, 5), [[1, [2.5]], "a" * 100])
def test_every_call_is_complete_as_code(one, other):
    one, other = plain(one), plain(other)
    code = call_code("f", {"x": one, "y": other})
    again = plain(eval_last(code, f=lambda x, y: (x, y)))
    assert same(again, (one, other), rtol=1e-4)


def test_a_call_that_is_too_long_is_shown_in_part():
    call = show_call("f", {"table": plain(np.zeros((20, 2), int)), "words": ["word"] * 300, "n": 2})
    assert call == (
        "f(table, words, n), where\n"
        "table is an array of shape (20, 2):\n"
        "    [[0, 0],\n     [0, 0],\n     [0, 0],\n     [0, 0],\n     [0, 0],\n     [0, 0],\n     [0, 0],\n"
        "     [0, 0],\n     …]\n"
        "words is a list of length 300:\n"
        "    ['word', 'word', 'word', 'word', 'word', 'word', 'word', …]\n"
        "n = 2"
    )
    assert max(map(len, call.splitlines())) <= WIDTH - 4
