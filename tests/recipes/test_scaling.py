import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(RECIPES)
    monkeypatch.setattr(importlib.import_module("_cards"), "TRAINED", tmp_path)
    threads = torch.get_num_threads()
    yield importlib.import_module("scaling")
    torch.set_num_threads(threads)
    for name in ("_cards", "scaling"):
        sys.modules.pop(name, None)


def lookup(recipe, way, d_k=16):
    return recipe.Lookup(d_k, way, torch.Generator().manual_seed(0))


def test_ways_of_dividing_differ_by_what_they_divide_by_alone(recipe):
    undivided = lookup(recipe, "1").scores()
    torch.testing.assert_close(lookup(recipe, "√d_k").scores(), undivided / 4)
    torch.testing.assert_close(lookup(recipe, "in W_q").scores(), undivided / 4)
    torch.testing.assert_close(lookup(recipe, "d_k").scores(), undivided / 16)
    torch.testing.assert_close(lookup(recipe, "additive").scores(), lookup(recipe, "additive, large v").scores() / 4)


@pytest.mark.parametrize("way", ["1", "√d_k", "in W_q", "additive"])
def test_a_model_reads_the_values_by_softmax_of_its_scores(recipe, way):
    generator = torch.Generator().manual_seed(1)
    model, partner = lookup(recipe, way), torch.randperm(recipe.NAMES, generator=generator)
    question, keys, values, _ = recipe.examples(8, partner, generator)
    weights = model.scores()[question].gather(1, keys).softmax(dim=1)
    expected = torch.einsum("bs,bsd->bd", weights, model.values[values]) @ model.head.T
    torch.testing.assert_close(model(question, keys, values), expected)


def test_the_answer_is_the_value_beside_the_key_that_is_asked_for(recipe):
    generator = torch.Generator().manual_seed(2)
    partner = torch.randperm(recipe.NAMES, generator=generator)
    for question, keys, values, answer in zip(*recipe.examples(50, partner, generator), strict=True):
        [place] = (partner[keys] == question).nonzero()[:, 0].tolist()
        assert values[place] == answer


def test_the_seeds_of_a_setting_train_together_as_they_would_alone(recipe, monkeypatch):
    monkeypatch.setattr(recipe, "EVERY", 5)
    together = recipe.train(8, "√d_k", 3e-3, steps=5)
    monkeypatch.setattr(recipe, "SEEDS", 1)
    [alone] = recipe.train(8, "√d_k", 3e-3, steps=5)
    assert together[0]["accuracy"] == alone["accuracy"]
    assert together[0]["scores"][1] == pytest.approx(alone["scores"][1], abs=2e-3)


def test_the_recipe_writes_every_run(recipe, monkeypatch, tmp_path):
    settings = {"NARROW": (4,), "WIDE": 8, "RATES": (1e-3,), "SEEDS": 2, "STEPS": 2, "EVERY": 1, "TRAINED": tmp_path}
    for name, value in {**settings, "LONGER": 3, "PATIENT_RATES": (1e-3,)}.items():
        monkeypatch.setattr(recipe, name, value)
    recipe.main()
    results = json.loads((tmp_path / "scaling" / "results.json").read_text(encoding="utf-8"))
    assert [(run["d_k"], run["way"], run["seed"]) for run in results["runs"]] == [
        (d_k, way, seed)
        for d_k, ways in ((8, (*recipe.DOT, *recipe.ADDITIVE)), (4, ("1", "√d_k")))
        for way in ways
        for seed in (0, 1)
    ]
    assert {len(run["accuracy"]) for run in results["runs"]} == {3}
    assert {len(run["accuracy"]) for run in results["longer"]} == {4}
    assert json.loads((tmp_path / "scaling" / "card.json").read_text())["command"] == "python recipes/scaling.py"
