import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.data import translation
from transformer_lib.models.transformer import transformer
from transformer_lib.training import load

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(RECIPES)
    monkeypatch.setattr(importlib.import_module("_cards"), "TRAINED", tmp_path)
    threads = torch.get_num_threads()
    yield importlib.import_module("translation")
    torch.set_num_threads(threads)
    for name in ("_cards", "translation"):
        sys.modules.pop(name, None)


def test_exact_counts_whole_sentences(recipe):
    """The stored model, on some sentences that it gets right and as many whose English was changed."""
    model = load(RECIPES.parent / "trained" / "translation")
    pairs = [pair for pair in translation.load().test if pair.frame == "professions"][:20]
    wrong = [translation.Pair(p.chinese, p.english[:-1], p.frame, p.mood, p.combinations) for p in pairs]
    assert recipe.exact(model, pairs) == 1
    assert recipe.exact(model, wrong) == 0
    assert recipe.exact(model, [*pairs, *wrong], batch=7) == 0.5


@pytest.fixture
def small(recipe, monkeypatch):
    """Few sentences, few steps, one seed of each kind."""
    text = translation.load()
    short = [p for p in text.train if p.frame in ("states", "activities") and len(p.chinese) <= 4]
    few = translation.Splits((*text.train[::900], *short), text.validation[:4], text.test[:4], text.longer)
    monkeypatch.setattr(recipe.translation, "load", lambda: few)
    sizes = {"SEEDS": 1, "STEPS": 5, "SMALL_STEPS": 2, "BALANCED": 100, "SOME": 3}
    for name, size in sizes.items():
        monkeypatch.setattr(recipe, name, size)
    return few


def test_a_short_run_writes_a_model_its_results_and_its_card(recipe, small, tmp_path):
    """What is stored is the average of the weights, in half precision."""
    recipe.main()
    card = json.loads((tmp_path / "translation" / "card.json").read_text(encoding="utf-8"))
    assert card["test_exact"] == card["validation_exact"] == 0
    assert 0 < card["seconds"] < card["seconds_of_all_runs"]
    stored = load(tmp_path / "translation")
    untrained = transformer(recipe.MODEL, torch.Generator().manual_seed(0))
    weight, before = stored.decoder[0].attention.w_q.weight, untrained.decoder[0].attention.w_q.weight
    assert torch.equal(weight.half().float(), weight)
    assert 0 < (weight - before).abs().max() < 0.02
    results = json.loads((tmp_path / "translation" / "results.json").read_text(encoding="utf-8"))
    assert {name: [run["seed"] for run in runs] for name, runs in results.items()} == {
        "runs": [0],
        "open": [0],
    }
    [run] = results["runs"]
    assert len(run["exams"]) == 5 and all(paper["same"] for paper in run["exams"])
    assert len(run["article"]) == len(recipe.PEOPLE) * len((*recipe.AN, *recipe.A))


def test_hidden_characters_leave_no_trace(recipe):
    """With a noun hidden from the decoder and in the encoder, every noun of its length gives the same article."""
    model = load(RECIPES.parent / "trained" / "translation")
    one, other = ("工程师", "建筑师")
    hidden = [recipe.after(model, f"我是一名{job}", "I am", job, "encoder") for job in (one, other)]
    torch.testing.assert_close(*hidden)
    in_view = [recipe.after(model, f"我是一名{job}", "I am", job, "decoder") for job in (one, other)]
    assert (in_view[0] - in_view[1]).abs().max() > 0.01


def test_short_clauses_are_no_longer_than_any_in_training(recipe):
    text = translation.load()
    longest = max(len(p.chinese) for p in text.train), max(len(translation.words(p.english)) for p in text.train)
    for n in (2, 3):
        pairs = recipe.short_clauses(text, n, 20)
        assert len({pair.chinese for pair in pairs}) == 20
        for pair in pairs:
            assert pair.chinese.count("，") == pair.english.count(",") == n - 1
            assert len(pair.chinese) <= longest[0] and len(translation.words(pair.english)) <= longest[1]


def test_shifted_positions_are_put_back(recipe):
    model = load(RECIPES.parent / "trained" / "translation")
    pairs = [pair for pair in translation.load().test if pair.frame == "professions"][:4]
    found = recipe.at_offsets(model, pairs)
    assert found["both"].keys() == found["source"].keys() == found["target"].keys() == set(recipe.OFFSETS)
    assert {side[0] for side in found.values()} == {recipe.exact(model, pairs)}
    assert not isinstance(model.source_embedding.positions, recipe.Shifted)
