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


def test_a_short_run_writes_a_model_and_its_card(recipe, monkeypatch, tmp_path):
    """What is stored is the average of the weights, in half precision."""
    text = translation.load()
    few = translation.Splits(text.train[::900], text.validation[:4], text.test[:4], ())
    monkeypatch.setattr(recipe.translation, "load", lambda: few)
    monkeypatch.setattr(recipe, "STEPS", 2)
    monkeypatch.setattr(recipe, "BALANCED", 100)
    recipe.main()
    card = json.loads((tmp_path / "translation" / "card.json").read_text(encoding="utf-8"))
    assert card["test_exact"] == card["validation_exact"] == 0 and card["seconds"] > 0
    stored = load(tmp_path / "translation")
    untrained = transformer(recipe.MODEL, torch.Generator().manual_seed(recipe.SEED))
    weight, before = stored.decoder[0].attention.w_q.weight, untrained.decoder[0].attention.w_q.weight
    assert torch.equal(weight.half().float(), weight)
    assert 0 < (weight - before).abs().max() < 0.01
