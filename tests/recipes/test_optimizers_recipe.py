import importlib
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.optimizers import hidden_matrices

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("optimizers")
    for name in ("_cards", "_plays", "optimizers"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("matrices", ["AdamW", "Muon"])
def test_only_the_hidden_matrices_change_their_optimizer(recipe, matrices):
    model = recipe.new_model(11, seed=0)
    first, rest = recipe.optimizer_of(model, matrices, 0.5).optimizers
    assert type(first).__name__ == matrices and type(rest).__name__ == "AdamW"
    assert {id(p) for p in first.param_groups[0]["params"]} == {id(p) for p in hidden_matrices(model)}
    assert (first.param_groups[0]["lr"], rest.param_groups[0]["lr"]) == (0.5, recipe.REST)
    assert sum(len(group["params"]) for one in (first, rest) for group in one.param_groups) == len(
        list(model.parameters())
    )


def test_both_begin_with_the_same_weights_and_read_the_same_text(recipe):
    one, other = (recipe.new_model(11, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    tokens = torch.arange(1000) % 11
    for a, b in zip(next(recipe.batches_of(tokens, 3)), next(recipe.batches_of(tokens, 3)), strict=True):
        assert torch.equal(a, b)


def test_the_best_rate_is_that_of_the_lowest_mean(recipe):
    runs = [
        {"matrices": "Muon", "rate": rate, "validation": score}
        for rate, scores in zip(recipe.RATES["Muon"], ((3, 3), (1, 4), (2, 2), (5, 1)), strict=True)
        for score in scores
    ]
    assert recipe.best_rate(runs, "Muon") == recipe.RATES["Muon"][2]
