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
    yield importlib.import_module("mup")
    torch.set_num_threads(threads)
    for name in ("_cards", "_plays", "mup"):
        sys.modules.pop(name, None)


@pytest.fixture
def small(recipe, monkeypatch):
    text = torch.randint(9, (4000,), generator=torch.Generator().manual_seed(0))
    tokenizer = type("Tokenizer", (), {"vocab_size": 9})
    monkeypatch.setattr(recipe, "load_plays", lambda: (tokenizer, {"train": text, "validation": text}))
    for name, value in {"STEPS": 4, "WARM_UP": 1, "BATCH_SIZE": 2, "LENGTH": 8, "SCORED": 40, "SEEDS": (0,)}.items():
        monkeypatch.setattr(recipe, name, value)
    monkeypatch.setattr(recipe, "SIZES", recipe.SIZES | {"context_length": 8})
    return recipe, {"train": text, "validation": text}


def test_at_the_width_of_its_base_a_way_is_the_standard_form(small):
    recipe, tokens = small
    expected = recipe.trained(0, recipe.STANDARD, 64, 0.01, tokens, 9)
    found = recipe.trained(0, recipe.NARROW, 64, 0.01, tokens, 9)
    assert {**found, "seconds": 0} == {**expected, "way": recipe.NARROW, "seconds": 0}


def test_at_another_width_they_are_two(small):
    recipe, tokens = small
    runs = [recipe.trained(0, way, 128, 0.01, tokens, 9) for way in recipe.RATES]
    assert len({run["validation"] for run in runs}) == 3


def test_a_run_that_is_no_number_is_a_gap(small):
    recipe, tokens = small
    run = recipe.trained(0, recipe.STANDARD, 64, 1e30, tokens, 9)
    assert run["validation"] is None and run["training"] is None


def test_an_interrupted_sweep_goes_on_where_it_was(small, monkeypatch, tmp_path):
    recipe, _ = small
    rates = {recipe.STANDARD: {64: range(-7, -4)}, recipe.MUP: {128: range(-6, -5)}, recipe.NARROW: {}}
    monkeypatch.setattr(recipe, "RATES", rates)
    monkeypatch.setattr(recipe, "TRAINED", tmp_path)
    recipe.main()
    path = tmp_path / "mup" / "results.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    settings = [(run["way"], run["width"], run["rate"]) for run in whole["runs"]]
    assert sorted(settings) == sorted(
        [("muP", 128, 2.0**-6), *(("standard", 64, 2.0**power) for power in range(-7, -4))]
    )
    path.write_text(json.dumps(whole | {"runs": whole["runs"][:2]}), encoding="utf-8")
    recipe.main()
    again = json.loads(path.read_text(encoding="utf-8"))["runs"]
    for old, new in zip(whole["runs"], again, strict=True):
        assert {**old, "seconds": 0} == {**new, "seconds": 0}


def test_each_width_in_the_standard_form_is_also_trained_at_rates_that_are_good_for_the_narrowest(recipe):
    stored = json.loads((RECIPES.parent / "trained" / "mup" / "results.json").read_text(encoding="utf-8"))["runs"]
    means = {}
    for run in stored:
        if (run["way"], run["width"]) == (recipe.STANDARD, 64):
            means.setdefault(run["rate"], []).append(run["validation"])
    best = min(means, key=lambda rate: sum(means[rate]) / len(means[rate]))
    for width in recipe.WIDTHS:
        assert best in [2.0**power for power in recipe.RATES[recipe.STANDARD][width]]
