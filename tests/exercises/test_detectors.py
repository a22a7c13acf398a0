"""What can be seen in a wrong answer of any exercise is seen, and nothing is seen in what agrees by chance."""

import math

import numpy as np
import pytest
import torch

from transformer_lib.exercises.detectors import advise, guesses
from transformer_lib.exercises.engine import Question, exercise
from transformer_lib.exercises.recognizing import Candidate, Evidence
from transformer_lib.exercises.values import Raised


@exercise(
    "01.table",
    inputs=lambda generator: [(generator.normal(size=s) * 7, k) for s, k in (((2, 2), 2), ((2, 3), 3), ((4, 3), 5))],
)
def table(x, k):
    return k * x - x.mean(axis=1, keepdims=True) ** 2


@exercise("01.bits", inputs=lambda generator: [(generator.uniform(1, 9, size=n),) for n in (2, 5, 7)])
def bits(p):
    return np.mean(np.log2(p) ** 3)


@exercise("01.mask", inputs=lambda generator: [(n, w) for n in (3, 5, 8) for w in (1, 2)])
def mask(n, w):
    there = np.arange(n)[:, None] - np.arange(n)
    return (there >= 0) & (there <= w)


@exercise("01.spread", inputs=lambda generator: [(generator.normal(size=n),) for n in (3, 4, 9)])
def spread(x):
    return np.var(x)


@exercise("01.words", inputs=lambda generator: [("The sun is up".split(),), ("The end".split(),), ("A b c D".split(),)])
def words(texts):
    return [text.lower() for text in texts][::-1]


@exercise("01.two", inputs=lambda generator: [(generator.normal(size=n),) for n in (3, 4, 9)])
def two(x):
    return x.mean(), np.outer(x, x**2)


SEEN = [
    (table, lambda x, k: table(x, k).T, "rows and columns exchanged"),
    (table, lambda x, k: -table(x, k), "the other sign"),
    (table, lambda x, k: table(x, k)[None], "an axis of length 1"),
    (table, lambda x, k: table(x, k).ravel(), "flat"),
    (table, lambda x, k: table(x, k).T.reshape(x.shape), "cut in another order"),
    (table, lambda x, k: np.roll(table(x, k), 1, axis=1), "one place too late"),
    (table, lambda x, k: table(x, k)[1:], "the first left out"),
    (table, lambda x, k: table(x, k)[:, :-1], "the last left out"),
    (table, lambda x, k: np.vstack([table(x, k), x[:1]]), "one too many at the end"),
    (table, lambda x, k: table(x, k).sum(axis=0), "summed"),
    (table, lambda x, k: table(x, k).mean(axis=1), "averaged"),
    (table, lambda x, k: table(x, k).astype(int), "cut to an integer"),
    (table, lambda x, k: table(x, k) * 2, "2 times too much"),
    (table, lambda x, k: table(x, k) * x.shape[1], "x.shape[1] times too much"),
    (table, lambda x, k: table(x, k) / math.sqrt(x.shape[1]), "1 / the square root of x.shape[1] times too much"),
    (table, lambda x, k: table(x, k + 1), "k is one more"),
    (table, lambda x, k: table(x, 1), "k is forgotten"),
    (table, lambda x, k: table(x, 1 / k), "k is inverted"),
    (table, lambda x, k: k * x + x.mean(axis=1, keepdims=True) ** 2, "- is +"),
    (table, lambda x, k: k * x - x.mean(keepdims=True) ** 2, "axis is left out"),
    (table, lambda x, k: np.where(x < 0, np.nan, table(x, k)), "not a number"),
    (bits, lambda p: np.mean(np.log2(p) ** 3) * math.log(2), "the natural logarithm"),
    (bits, lambda p: np.mean(np.log(p) ** 3), "log2 is log"),
    (bits, lambda p: bits(p) * 0.77, "0.77 times too much"),
    (bits, lambda p: 1 / bits(p), "the inverse"),
    (bits, lambda p: 1 - bits(p), "the complement"),
    (bits, lambda p: 100 * bits(p), "a percentage"),
    (bits, lambda p: np.sum(np.log2(p) ** 3), "the length of p times too much"),
    (mask, lambda n, w: ~mask(n, w), "true and false exchanged"),
    (mask, lambda n, w: np.where(mask(n, w), 0.0, -np.inf), "0 and minus infinity"),
    (mask, lambda n, w: mask(n, w).T, "rows and columns exchanged"),
    (mask, lambda n, w: mask(n, w - 1), "w is one less"),
    (spread, lambda x: np.var(x, ddof=1), "n / (n − 1), where n is the length of x times too much"),
    (words, lambda texts: [text.lower() for text in texts], "in reverse order"),
    (words, lambda texts: "".join(words(texts)), "joined to one"),
    (two, lambda x: two(x)[::-1], "the other one first"),
    (two, lambda x: (x.mean(), np.outer(x, x**2).T), "rows and columns exchanged"),
]  # fmt: skip


@pytest.mark.parametrize(("of", "answer", "name"), SEEN, ids=[f"{of.id} {name}" for of, _, name in SEEN])
def test_what_is_seen(of, answer, name):
    verdict = of.diagnose(answer)
    assert verdict.mistake == name
    assert verdict.status == "mistake"
    assert verdict.example


def test_it_is_said_in_the_readers_own_numbers():
    verdict = spread.diagnose(lambda x: np.sqrt(np.var(x)))
    assert verdict.mistake == "a root too many"
    assert f"Your {np.sqrt(np.var(spread.cases[0][0])):.4f}" in verdict.hint or "Your " in verdict.hint


@pytest.mark.parametrize(
    ("of", "answer", "told"),
    [
        (
            mask,
            lambda n, w: mask(n, w) ^ (np.arange(n)[:, None] == n - 1),
            "All of your wrong numbers lie in the last row",
        ),
        (mask, lambda n, w: mask(n, 1), ""),
        (table, lambda x, k: table(x, k) + (len(x) != x.shape[1]) * x**3, ""),
    ],
)
def test_where_it_is_wrong(of, answer, told):
    assert told in of.diagnose(answer).hint


def test_a_coincidence_is_no_thought():
    """Constants, and numbers drawn by chance, are not taken for anything."""
    for of in (table, bits, mask, spread):
        for answer in (lambda *a: 0, lambda *a: 1.0, lambda *a: np.random.rand(), lambda *a: "no", lambda *a: [2, 1]):
            assert of.diagnose(answer).mistake is None


@exercise("01.shares", inputs=lambda generator: [(generator.dirichlet(np.ones(n)),) for n in (3, 20, 40)])
def shares(p):
    return p**2 / np.sum(p**2)


def test_zeros_alone_are_not_cut_to_whole_numbers():
    assert shares.diagnose(lambda p: np.zeros(len(p))).mistake is None
    assert shares.diagnose(lambda p: np.full(len(p), 1 / len(p))).mistake is None


SHAPES = [(2, 2), (2, 3), (3, 3), (4, 2), (4, 4), (5, 3)]


@exercise("01.shaped", inputs=lambda generator: [(generator.normal(size=s), k) for k, s in enumerate(SHAPES)])
def shaped(x, n):
    return x**3 - n


def test_a_shape_that_both_sides_bear_out_is_told_and_a_number_is_not():
    told = "What the inputs show: yours is right on those where `x` is square, and wrong on all others."
    square = shaped.diagnose(lambda x, n: shaped(x, n) + (len(x) != x.shape[1]) * np.sin(9 * x))
    assert square.hint == told
    even = shaped.diagnose(lambda x, n: shaped(x, n) + (n % 2) * np.sin(9 * x))
    assert "even" not in even.hint
    two = shaped.diagnose(lambda x, n: shaped(x, n) + (len(x) != x.shape[1] or n == 0) * np.sin(9 * x))
    assert two.hint == ""


@exercise("01.ahead", inputs=lambda generator: [(generator.dirichlet(np.ones(n)), 0.9) for n in (4, 5, 6, 7, 8)])
def ahead(probabilities, p):
    before = (probabilities * (probabilities > probabilities[:, None])).sum(axis=1)
    kept = probabilities * (before < p)
    return kept / kept.sum()


def test_one_number_alone_is_no_changed_name():
    assert ahead.diagnose(lambda probabilities, p: np.eye(len(probabilities))[probabilities.argmax()]).mistake is None


def test_two_thoughts_at_once_are_two():
    """Each has a share that the other leaves right; one that explains all alone needs no other."""
    right, wrong = [1.5, 2.5, 3.5, 4.5], [7.1, 7.2, 7.3, 7.4]
    seen = Evidence([(i,) for i in range(4)], ["x"], right, wrong, lambda one, other: one == other)

    def one(results):
        return Candidate(str(results), "", lambda i: results[i])

    first, second = one([7.1, 7.2, 3.5, 4.5]), one([1.5, 2.5, 7.3, 7.4])
    assert seen.pair([first, second])
    assert not seen.pair([first, one([8.1, 8.2, 7.3, 7.4])])
    assert not seen.pair([first, one(wrong)])


def test_an_exception_earns_advice():
    assert "`np.array(…)`" in advise(Raised("AttributeError", "'list' object has no attribute 'shape'"))
    assert "`np` is not defined" in advise(Raised("NameError", "name 'np' is not defined"))
    assert advise(Raised("ValueError", "something else")) == ""


def test_guesses_of_a_value_are_not_the_value_and_none_is_made_of_a_small_one():
    assert guesses(3) == guesses(True) == guesses("word") == guesses(0) == []
    for answer in (24, 0.7, 120, 3.14, -5.5):
        assert all(abs(value - answer) > 1e-3 for _, _, value in guesses(answer))
    assert {name for name, _, value in guesses(24) if value == 25} == {"one too many"}


def test_a_tensor_of_one_number_is_a_number():
    assert Question("01.half", 0.5, hint="", mistakes={}).diagnose(torch.tensor([0.5])).status == "correct"
    assert spread.diagnose(lambda x: np.array([np.var(x)])).status == "correct"
