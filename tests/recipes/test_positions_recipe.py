import importlib
import json
import random
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.data import shakespeare
from transformer_lib.exercises.positions import halves_to_neighbors
from transformer_lib.masks import causal_mask

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    rng = random.Random(0)
    splits = shakespeare.Splits(*("".join(rng.choices(("abc ", "abd ", "e\n"), k=500)) for _ in range(3)))
    monkeypatch.setattr(shakespeare, "load", lambda: splits)
    monkeypatch.syspath_prepend(RECIPES)
    monkeypatch.setattr(importlib.import_module("_cards"), "TRAINED", tmp_path)
    threads = torch.get_num_threads()
    yield importlib.import_module("positions")
    torch.set_num_threads(threads)
    for name in ("_cards", "_plays", "heads", "positions"):
        sys.modules.pop(name, None)


def test_what_is_echoed_stood_two_places_before(recipe):
    (letters,), expected = recipe.letters(7, 3, torch.Generator().manual_seed(0))
    assert (letters[:, 0] == recipe.LETTERS).all()  # begin, which is never asked for
    for place in range(3, 7):
        assert torch.equal(expected[:, place - 3], letters[:, place - 2])
    logits = recipe.Echo(recipe.decoder("rotary", 17, 7, 8, 2, 0), "causal")(letters)
    assert logits.shape == (*expected.shape, 17)


def test_the_kinds_differ_in_positions_alone(recipe):
    models = {kind: dict(recipe.decoder(kind, 9, 8, 16, 2, 0).named_parameters()) for kind in recipe.KINDS}
    assert models["learned"].keys() - models["none"].keys() == {"embedding.positions.table.weight"}
    assert models["none"].keys() == models["rotary"].keys() == models["sinusoidal"].keys()
    assert all(torch.equal(models["none"][name], models["rotary"][name]) for name in models["none"])


def test_the_other_layout_is_the_exercises(recipe):
    model = recipe.decoder("rotary", 9, 8, 16, 2, 0)
    before = model.blocks[0].attention.w_k.weight.clone()
    recipe.in_other_layout(model)
    assert torch.equal(model.blocks[0].attention.w_k.weight, halves_to_neighbors(before, 2))


def test_a_window_hides_what_is_far(recipe):
    models = [recipe.Echo(recipe.decoder("rotary", 17, 16, 8, 2, seed), "causal") for seed in range(2)]
    everything = causal_mask(recipe.LONGER * recipe.ECHO_LENGTH)
    assert recipe.echoed(models, "rotary") == recipe.echoed(models, "rotary", everything)
    near = recipe.sliding_window_mask(recipe.LONGER * recipe.ECHO_LENGTH, 2)
    assert recipe.echoed(models, "rotary") != recipe.echoed(models, "rotary", near)


def test_results_have_a_number_for_each_seed_and_block(recipe, monkeypatch, tmp_path):
    for name, value in {"ECHO_STEPS": 4, "PLAYS_STEPS": 2, "SCORED": 2, "SEEDS": 2}.items():
        monkeypatch.setattr(recipe, name, value)
    recipe.main()
    results = json.loads((tmp_path / "positions" / "results.json").read_text())
    for of in (*results["echo"].values(), results["half_time"]):
        assert {kind: [len(run) for run in runs] for kind, runs in of.items()} == {
            kind: [2 if kind == "learned" else 8] * 2 for kind in recipe.KINDS
        }
    assert {steps: [*of] for steps, of in results["two_heads"].items()} == {"2": ["rotary"], "4": [*recipe.KINDS[1:]]}
    unending = ("none", "sinusoidal", "rotary")
    for name, blocks in {"window": 8, "plays": 16, "plays_window": 16}.items():
        assert {kind: [len(run) for run in runs] for kind, runs in results[name].items()} == {
            kind: [blocks] * 2 for kind in unending
        }
    for narrow, wide, met in (("window", results["echo"]["causal"], 2), ("plays_window", results["plays"], 4)):
        for kind in unending:  # as far as the window reaches, it hides nothing
            torch.testing.assert_close(
                torch.tensor(results[narrow][kind])[:, :met], torch.tensor(wide[kind])[:, :met], atol=1e-3, rtol=0
            )
    assert len(results["layouts"]) == 2
    assert json.loads((tmp_path / "positions" / "card.json").read_text())["chapter"] == "10"
