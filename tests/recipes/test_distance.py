import importlib
import math
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def distance(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("distance")
    for name in ("_cards", "_plays", "distance"):
        sys.modules.pop(name, None)


class Cyclic(nn.Module):
    """Spends 1 bit on a character that has fewer than 4 before it, and 2 bits on the others."""

    def forward(self, tokens):
        log_p = torch.full((*tokens.shape, 4), math.log(1 / 4))
        log_p[:, :3] = torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]).log()
        return log_p


def test_costs_are_sorted_by_what_stands_before_a_character(distance, monkeypatch):
    monkeypatch.setattr(distance, "WINDOWS", {"x": 8})
    tokens = torch.zeros(50, dtype=torch.long)
    assert distance.by_context("x", Cyclic(), tokens) == {"1": [1, 0], "2": [1, 0], "4": [2, 0], "8": [2, 0]}


def test_the_answer_is_the_symbol_at_the_beginning(distance):
    sequences, symbols = distance.draw(5, 40, torch.Generator().manual_seed(0))
    assert sequences.shape == (40, 7)
    assert torch.equal(sequences[:, 0], symbols) and symbols.max() < distance.SYMBOLS
    assert (sequences[:, 1:-1] >= distance.SYMBOLS).all()  # noise never looks like a symbol
    assert sequences[:, -1].unique().tolist() == [distance.SYMBOLS + distance.NOISE]


def test_the_open_gates_are_the_forget_gates(distance):
    closed, opened = (distance.small(kind, torch.Generator().manual_seed(0)) for kind in ("LSTM", "LSTM, gates open"))
    for name, parameter in closed.named_parameters():
        other = opened.get_parameter(name)
        if name == "lstm.bias_ih_l0":
            i, f, g, o = (other - parameter).chunk(4)
            assert (f == distance.OPEN - 1).all() and not torch.cat((i, g, o)).any()
        else:
            assert torch.equal(other, parameter)


@pytest.mark.parametrize("kind", ["GPT", "CNN", "LSTM", "LSTM, gates open"])
def test_each_kind_learns_a_short_distance(kind, distance):
    found = distance.learn(kind, 2, seed=0)
    assert found["accuracy"] >= distance.ENOUGH and found["steps"] < distance.STEPS


def test_the_cnn_of_the_test_cannot_answer_beyond_its_context(distance):
    model = distance.small("CNN", torch.Generator().manual_seed(0))
    reach = model.config.context_length - 2  # the symbol and the question mark are not noise
    assert {reach, reach + 1} <= set(distance.DISTANCES)
    for d, differs in ((reach, True), (reach + 1, False)):
        sequence = distance.draw(d, 1, torch.Generator().manual_seed(0))[0]
        other = sequence.clone()
        other[0, 0] = (other[0, 0] + 1) % distance.SYMBOLS
        assert (model(sequence)[0, -1] != model(other)[0, -1]).any() == differs
