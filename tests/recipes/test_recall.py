import importlib
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recall(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("recall")
    for name in ("_cards", "heads", "recall"):
        sys.modules.pop(name, None)


def test_a_question_has_one_right_answer(recall):
    (names, values, asked), targets = recall.draw(7, 30, torch.Generator().manual_seed(0))
    for i in range(30):
        told = dict(zip(names[i].tolist(), values[i].tolist(), strict=True))
        assert len(told) == 7
        assert targets[i] == told[asked[i].item()]


def test_linear_attention_is_what_reading_the_items_one_by_one_leaves(recall):
    q, k, v = torch.randn(3, 2, 1, 5, 4, dtype=torch.float64)
    for row in range(2):
        state, size = torch.zeros(4, 4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        for key, value in zip(F.elu(k[row, 0]) + 1, v[row, 0], strict=True):
            state, size = state + torch.outer(key, value), size + key
        for query, out in zip(F.elu(q[row, 0]) + 1, recall.linear_attention(q, k, v)[row, 0], strict=True):
            torch.testing.assert_close(out, query @ state / (query @ size))


def test_squared_attention_weighs_by_squares_of_the_scores(recall):
    q, k, v = torch.randn(3, 2, 1, 5, 4, dtype=torch.float64)
    weights = (q @ k.mT) ** 2
    want = weights / weights.sum(dim=-1, keepdim=True) @ v
    torch.testing.assert_close(recall.squared_attention(q, k, v), want)


def test_a_model_attends_as_its_kind_says(recall):
    (names, values, asked), _ = recall.draw(3, 2, torch.Generator().manual_seed(0))
    kinds = {kind: recall.Recall(kind, 8) for kind in ("softmax", "linear", "squared")}
    for model in kinds.values():  # the weights are the same in number and in shape
        model.load_state_dict(kinds["softmax"].state_dict())
    outs = {kind: model(names, values, asked) for kind, model in kinds.items()}
    assert not torch.allclose(outs["softmax"], outs["linear"])
    assert not torch.allclose(outs["squared"], outs["linear"])
    order = torch.tensor([2, 0, 1])  # neither knows the order of the items
    for kind, out in outs.items():
        torch.testing.assert_close(kinds[kind](names[:, order], values[:, order], asked), out)
