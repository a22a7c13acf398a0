import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from transformer_lib.ngram import NGramModel

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("window_or_table")
    for name in ("_cards", "_plays", "mlp", "window_or_table"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("length", [1, 3])
def test_contexts_are_counted_as_a_reader_would(recipe, length):
    rng = np.random.default_rng(length)
    train, test = rng.integers(0, 4, size=200), rng.integers(0, 5, size=50)
    contexts = [tuple(train[t : t + length]) for t in range(len(train) - length)]
    expected = [-1] * length + [contexts.count(tuple(test[t - length : t])) for t in range(length, len(test))]
    assert recipe.times_seen(train, test, length).tolist() == expected


def test_bits_of_the_groups_average_to_those_of_the_text(recipe):
    nats = np.array([0.5, 1.0, 2.0, 4.0])
    here = np.array([True, False, True, False])
    bits = recipe.by_group(nats, {"here": here, "there": ~here})
    assert bits["here"] * np.log(2) == pytest.approx(1.25)
    assert bits["all"] == pytest.approx((bits["here"] + bits["there"]) / 2)


def test_a_table_keeps_the_n_grams_of_every_order(recipe):
    counted = NGramModel(3, 3).fit(np.array([0, 1, 0, 1, 2]))
    assert recipe.table_size(counted, 2) == 3 + 3  # 0 1 2; 01 10 12
    assert recipe.table_size(counted, 3) == 3 + 3 + 3  # 010 101 012
