"""The recipe of chapter 17b: its requests are as its docstring says, and what is stored fits them."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.architectures import LanguageModel
from transformer_lib.cache import BlockTables
from transformer_lib.serving import serve

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def serving(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("serving")
    for module in ("_cards", "serving"):
        sys.modules.pop(module, None)


class Blind(LanguageModel):
    """Stands in for a model: every next token is 0, so that a schedule takes no arithmetic."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.blocks = torch.nn.ModuleList()

    def forward(self, tokens, **_):
        return torch.zeros(len(tokens), 1, 1)


def test_requests_are_drawn_as_stated(serving):
    ids = list(range(1000))
    requests = serving.ask(ids, 4000, torch.Generator().manual_seed(0))
    lengths = [len(request.prompt) for request in requests]
    new = torch.tensor([float(request.n_new) for request in requests])
    assert {*lengths} == set(range(4, 17)) and new.min() == 1 and new.max() == serving.LONGEST
    assert abs(new.mean() - serving.MEAN) < 1.5  # the cut at 100 takes a little
    assert all(request.prompt == ids[request.prompt[0] :][: len(request.prompt)] for request in requests)


@pytest.mark.parametrize("seed", range(3))
def test_passes_that_are_stored_are_those_of_the_schedule(serving, seed):
    run = json.loads((serving.TRAINED / "serving" / "results.json").read_text())["runs"][seed]
    tokens = [0] * 1000  # a schedule depends on lengths alone; the places in the plays do not matter
    requests = serving.ask(tokens, serving.REQUESTS, torch.Generator().manual_seed(seed))
    assert run["characters"] == sum(request.n_new for request in requests)
    for way, (n_blocks, size, most, static) in serving.WAYS.items():
        _, log = serve(Blind(), requests, BlockTables(n_blocks, size), most, static=static)
        assert len(log) == run[way]["passes"]
