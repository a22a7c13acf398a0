import importlib
import sys
from pathlib import Path

import pytest
import torch

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def drawers(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("drawers")
    for name in ("_cards", "heads", "drawers"):
        sys.modules.pop(name, None)


def lookup(drawers, n_heads):
    torch.manual_seed(0)
    return drawers.Lookup(*drawers.tables("learned"), n_heads, learned=True, wanted=2)


def test_a_head_without_queries_shares_evenly(drawers):
    model = lookup(drawers, 2)
    torch.nn.init.zeros_(model.attention.w_q.weight)
    assert drawers.shares(model) == [[0.125, 0.125], [0.125, 0.125]]


def test_shares_are_those_of_the_things_asked_for(drawers):
    """A query that is the vector of the drawer in its second question, and keys that are drawers, find the second."""
    model = lookup(drawers, 1)
    with torch.no_grad():
        model.names.copy_(100 * torch.eye(8, 32))
        model.contents.zero_()
        model.asked.zero_()
        model.asked[1].copy_(model.names)
        for part in (model.attention.w_q, model.attention.w_k):
            torch.nn.init.eye_(part.weight)
            torch.nn.init.zeros_(part.bias)
    assert drawers.shares(model) == [[0.0, 1.0]]


def test_models_keep_the_order_of_their_seeds(drawers):
    def make():
        return drawers.Lookup(*drawers.tables("learned"), 1, learned=True, wanted=2)

    two, one = (drawers.train_lookups(make, 2, steps=3, seeds=seeds) for seeds in (2, 1))
    torch.testing.assert_close(two[0].names, one[0].names, rtol=1e-4, atol=1e-5)
    assert not torch.equal(two[0].names, two[1].names)
