import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def heads(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("heads")
    for name in ("_cards", "heads"):
        sys.modules.pop(name, None)


def test_a_sliced_map_is_a_linear_layer_with_a_block_diagonal_weight(heads):
    sliced, whole = heads.BlockDiagonal(8, 2), nn.Linear(8, 8)
    with torch.no_grad():
        whole.weight.copy_(torch.block_diag(*sliced.blocks.mT))
        whole.bias.copy_(sliced.bias.normal_())
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(sliced(x), whole(x))


def test_models_trained_together_end_where_each_would_alone(heads):
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(heads.Lookup(*heads.tables("learned"), 2, learned=True, wanted=2))

    def train(these):
        return heads.train_together(these, lambda generator: heads.lookups(8, 2, generator), 6, 1e-3)

    together, alone = train(models), train(models[:1])
    for name, weight in alone.items():
        assert not torch.equal(weight[0], models[0].get_parameter(name))
        torch.testing.assert_close(together[name][0], weight[0], rtol=1e-4, atol=1e-5)


def test_a_lookup_asks_for_what_is_there(heads):
    (names, contents, asked), targets = heads.lookups(20, 2, torch.Generator().manual_seed(0))
    for i in range(20):
        there = dict(zip(names[i].tolist(), contents[i].tolist(), strict=True))
        assert sorted(there) == list(range(heads.ITEMS))
        assert asked[i, 0] != asked[i, 1]
        assert targets[i].tolist() == [there[name] for name in asked[i].tolist()]


def test_repeats_ask_only_for_letters_that_stood_one_round_before(heads):
    (text,), targets = heads.repeats(50, torch.Generator().manual_seed(0))
    for letters, wanted in zip(text.tolist(), targets.tolist(), strict=True):
        period = next(t for t, target in enumerate(wanted) if target != -100)
        assert heads.REPEATS["shortest"] <= period <= heads.REPEATS["longest"]
        assert letters[period:] == letters[:-period]
        assert wanted[period:-1] == letters[period + 1 :]
        assert wanted[period:] == letters[1 : len(wanted) - period + 1]
