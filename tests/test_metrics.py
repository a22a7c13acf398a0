from collections import deque
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.metrics import ErrorRates, edit_distance, error_rates

texts = st.text("abc", max_size=7)


def by_recursion(a, b):
    """The definition from the other end, without a table: drop a first symbol of either, or of both."""

    @cache
    def distance(i, j):
        if i == len(a) or j == len(b):
            return len(a) - i + len(b) - j
        if a[i] == b[j]:
            return distance(i + 1, j + 1)
        return 1 + min(distance(i + 1, j), distance(i, j + 1), distance(i + 1, j + 1))

    return distance(0, 0)


def by_search(a, b, alphabet="abc"):
    """The definition itself: the fewest edits that lead from a to b, every way tried, breadth first."""
    seen, queue = {a}, deque([(a, 0)])
    while queue:
        text, edits = queue.popleft()
        if text == b:
            return edits
        for i in range(len(text) + 1):
            changed = [text[:i] + symbol + text[i:] for symbol in alphabet] + [text[:i] + text[i + 1 :]]
            changed += [text[:i] + symbol + text[i + 1 :] for symbol in alphabet if i < len(text)]
            for other in changed:
                if other not in seen and len(other) <= max(len(a), len(b)):
                    seen.add(other)
                    queue.append((other, edits + 1))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("kitten", "sitting", 3),
        ("sunday", "saturday", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("", "", 0),
        ("ab", "ba", 2),  # a swap is two edits here
        ("intention", "execution", 5),
        (["R", "EH", "D"], ("R", "IY", "D"), 1),
    ],
)
def test_known_distances(a, b, expected):
    assert edit_distance(a, b) == expected


@given(texts, texts)
def test_equal_to_the_recursive_definition(a, b):
    assert edit_distance(a, b) == by_recursion(a, b)


@given(st.text("abc", max_size=3), st.text("abc", max_size=3))
def test_equal_to_a_search_through_all_edits(a, b):
    assert edit_distance(a, b) == by_search(a, b)


@given(texts, texts, texts)
def test_it_is_a_metric(a, b, c):
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


@given(texts, texts)
def test_it_lies_between_the_difference_of_lengths_and_the_longer_length(a, b):
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_error_rates_by_hand():
    outputs = [["R", "IY", "D"], ["K", "AE"], ["D", "AO", "G", "Z"]]
    references = [
        [("R", "EH", "D"), ("R", "IY", "D")],  # right by the second
        [("K", "AE", "T")],  # one missing of three
        [("D", "AA", "G"), ("D", "AO", "G")],  # one too many; two edits from the first
    ]
    rates = error_rates(outputs, references)
    assert rates == ErrorRates(edits=2, reference_symbols=9, wrong=2, outputs=3)
    assert rates.symbol_error_rate == pytest.approx(2 / 9)
    assert rates.sequence_error_rate == pytest.approx(2 / 3)


def test_rates_are_of_the_corpus_not_means_of_means():
    rates = error_rates(["a", "bbbbbbbbb"], [["b"], ["bbbbbbbbb"]])
    assert rates.symbol_error_rate == pytest.approx(1 / 10)  # not (1/1 + 0/9) / 2


def test_of_references_equally_near_the_shortest_counts():
    assert error_rates(["ab"], [["abc", "a"]]).reference_symbols == 1


def test_more_edits_than_symbols_give_a_rate_above_one():
    assert error_rates(["aaaa"], [["b"]]).symbol_error_rate == 4


@pytest.mark.parametrize(
    ("outputs", "references", "message"),
    [
        (["a"], [], r"len\(references\)=0 must be len\(outputs\)=1"),
        (["a", "b"], [["a"], []], r"references\[1\] must hold at least one"),
        ([], [], "references of 0 outputs hold no symbol"),
        (["a"], [[""]], "references of 1 outputs hold no symbol"),
    ],
)
def test_what_cannot_be_scored_is_refused(outputs, references, message):
    with pytest.raises(ValueError, match=message):
        error_rates(outputs, references)
