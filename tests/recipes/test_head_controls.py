import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def controls(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("head_controls")
    for name in ("_cards", "heads", "head_controls"):
        sys.modules.pop(name, None)


class OneDrawer(nn.Module):
    """Reads the first drawer that it is asked about, and gives its letter as both answers."""

    def forward(self, names, contents, asked):
        place = (names == asked[:, :1]).int().argmax(dim=1)
        letter = contents.gather(1, place[:, None])
        return nn.functional.one_hot(letter.expand(-1, 2), 8).float()


def test_reading_one_drawer_is_right_about_both_letters_in_one_case_of_eight(controls):
    found = controls.shares_right(OneDrawer())
    assert abs(found["both"] - 1 / 8) < 0.02
    assert found["each"] == pytest.approx((1 + found["both"]) / 2, abs=1e-3)
    assert found["both, different"] == 0


def test_a_reader_that_always_says_the_same_is_right_by_chance(controls):
    class Same(nn.Module):
        def forward(self, letters):
            return nn.functional.one_hot(torch.zeros_like(letters), 26).float()

    found = controls.repeats_read(Same())
    assert abs(found["right"] - 1 / 26) < 0.02
