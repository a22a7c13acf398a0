import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def load_recipe(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(RECIPES)
    monkeypatch.setattr(importlib.import_module("_cards"), "TRAINED", tmp_path)
    yield importlib.import_module
    for name in ("_cards", "scaling_law", "forecast"):
        sys.modules.pop(name, None)


@pytest.fixture
def recipe(load_recipe, monkeypatch, tmp_path):
    recipe = load_recipe("scaling_law")
    small = {"VOCAB_SIZE": 11, "CONTEXT_LENGTH": 8, "BATCH_SIZE": 2, "WARM_UP": 2, "OVERLAP": 4}
    for name, value in (small | {"CHECKPOINTS": tmp_path / "checkpoints"}).items():
        monkeypatch.setattr(recipe, name, value)
    return recipe


@pytest.fixture
def plays():
    text = torch.randint(11, (600,), generator=torch.Generator().manual_seed(0))
    tokens = {"train": text, "validation": text[:100], "test": text[:50]}
    return tokens, {split: 2 * len(part) for split, part in tokens.items()}


def test_a_branch_is_what_a_run_of_its_length_alone_would_be(recipe, plays):
    sizes = {"d_model": 8, "n_layers": 1, "n_heads": 2}
    together, alone = [], []
    recipe.branches(recipe.Trunk(**sizes, lengths=(8, 16)), *plays, together)
    trunk = recipe.Trunk(**sizes, lengths=(16,))
    path = recipe.CHECKPOINTS / "alone.safetensors"
    schedule = recipe.trapezoid(16, warmup=recipe.WARM_UP, cooldown=4)
    model, _ = recipe.grown(trunk, 16, schedule, plays[0]["train"], path)
    alone = recipe.bits(model, plays[0]["validation"], plays[1]["validation"])
    assert [run["steps"] for run in together] == [8, 16]
    assert together[1]["validation"] == alone


def test_what_is_done_is_not_done_again(recipe, plays):
    trunk, done = recipe.Trunk(d_model=8, n_layers=1, n_heads=2, lengths=(8,)), []
    recipe.branches(trunk, *plays, done)
    before = [dict(run) for run in done]
    recipe.branches(trunk, *plays, done)
    assert done == before


def test_a_share_of_the_plays_is_all_that_its_trunk_sees(recipe, plays):
    done = []
    recipe.branches(recipe.Trunk(d_model=8, n_layers=1, n_heads=2, lengths=(8,), share=1 / 16), *plays, done)
    assert done[0]["tokens_of_text"] == round(600 / 16)


def runs_of(law, sizes, lengths) -> dict:
    runs = [
        {
            "parameters": n,
            "tokens_seen": d,
            "seed": 0,
            "share": 1,
            "dropout": 0,
            "validation": float(law.loss(n, 2 * d)),
        }
        for n in sizes
        for d in lengths
    ]
    return {"characters_per_token": 2.0, "tokens_of_plays": 2_000_000, "runs": runs}


def test_a_forecast_of_runs_that_follow_a_law_is_the_law_and_the_harder_plays(load_recipe):
    forecast = load_recipe("forecast")
    law = forecast.ScalingLaw(E=1.4, A=60.0, alpha=0.4, B=500.0, beta=0.45)
    forecaster = forecast.Forecaster(runs_of(law, (6e4, 2e5, 6e5), (2e5, 4e5, 8e5)), [], [0.05])
    bits, low, high = forecaster.forecast(2e5, 1e6)  # read once, and no more parameters than that much text is for
    assert bits == pytest.approx(float(law.loss(2e5, 1e6)) + 0.05, abs=0.02)
    assert low <= bits <= high
    far = forecaster.draws(5e6, 4e7)
    assert np.median(far["as new"]) == pytest.approx(float(law.loss(5e6, 4e7)), abs=0.02)
    assert np.median(far["published"]) > np.median(far["repeats alone"]) > np.median(far["as new"])


def test_of_several_rates_the_best_counts(load_recipe):
    forecast = load_recipe("forecast")
    law = forecast.ScalingLaw(E=1.4, A=60.0, alpha=0.4, B=500.0, beta=0.45)
    results = runs_of(law, (6e4, 2e5, 6e5), (2e5, 4e5, 8e5))
    worse = [run | {"validation": run["validation"] + 1} for run in results["runs"]]
    both = results | {"runs": worse + results["runs"]}
    assert forecast.Forecaster(both, [], [0.0]).runs == forecast.Forecaster(results, [], [0.0]).runs


def test_a_forecast_that_is_there_stays(load_recipe, tmp_path, monkeypatch):
    forecast = load_recipe("forecast")
    law = forecast.ScalingLaw(E=1.4, A=60.0, alpha=0.4, B=500.0, beta=0.45)
    monkeypatch.setattr(forecast, "FOLDER", tmp_path)
    forecaster = forecast.Forecaster(runs_of(law, (6e4, 2e5, 6e5), (2e5, 4e5, 8e5)), [], [0.05])
    monkeypatch.setattr(forecast, "load", lambda: forecaster)
    old = [{"made": "earlier"}]
    (tmp_path / "forecast.json").write_text(json.dumps(old), encoding="utf-8")
    forecast.main()
    kept, new = json.loads((tmp_path / "forecast.json").read_text(encoding="utf-8"))
    assert kept == old[0] and new["test"]["low"] <= new["test"]["bits"] <= new["test"]["high"]
