import dataclasses
import importlib
import json
import math
import random
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.data import shakespeare
from transformer_lib.ladder import rungs
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import evaluate, load

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a recipe on three short texts, with a few of its settings changed."""
    rng = random.Random(0)
    splits = shakespeare.Splits(*("".join(rng.choices(("abc ", "abd ", "e\n"), k=n)) for n in (2000, 100, 100)))
    monkeypatch.setattr(shakespeare, "load", lambda: splits)
    monkeypatch.syspath_prepend(RECIPES)

    def run(name, **settings):
        for module in ("_cards", "_plays"):
            monkeypatch.setattr(importlib.import_module(module), "TRAINED", tmp_path)
        recipe = importlib.import_module(name)
        for setting, value in settings.items():
            monkeypatch.setattr(recipe, setting, value)
        recipe.main()
        return tmp_path

    threads = torch.get_num_threads()
    yield run
    torch.set_num_threads(threads)
    for name in ("_cards", "_plays", "neural_bigram", "mlp", "lstm", "cnn"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "settings", "overlap"),
    [
        ("neural_bigram", {"BATCH_SIZE": 4}, 0),
        ("mlp", {"CONTEXT_LENGTH": 3, "D_EMBEDDING": 4, "D_HIDDEN": 8, "BATCH_SIZE": 4}, 2),
    ],
)
def test_a_recipe_leaves_a_model_that_scores_what_its_card_says(name, settings, overlap, run):
    training = dataclasses.replace(importlib.import_module(name).TRAINING, steps=60, learning_rate=0.05, log_every=20)
    trained = run(name, TRAINING=training, **settings)

    card = json.loads((trained / name / "card.json").read_text())
    model = load(trained / name)
    tokenizer = CharacterTokenizer.load(trained / name / "tokenizer.json")
    test = torch.from_numpy(tokenizer.encode_array(shakespeare.load().test))
    bits = evaluate(model, test, length=50, overlap=overlap) / math.log(2)
    assert card["bits_per_character"]["test"] == pytest.approx(bits, abs=1e-5)
    assert bits < 1.6  # of log2(8) = 3 for a uniform guess
    assert card["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert (card["command"], card["chapter"], card["seed"]) == (f"python recipes/{name}.py", "04", 0)
    assert [rung.name for rung in rungs(trained)] == [card["rung"]]

    log = json.loads((trained / name / "log.json").read_text())
    assert [entry["step"] for entry in log] == [20, 40, 60]
    assert log[-1]["validation"] / math.log(2) == pytest.approx(card["bits_per_character"]["validation"])
    assert sorted(path.name for path in (trained / name).iterdir()) == [
        "card.json", "config.json", "log.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "settings", "bits"),
    [("lstm", {"SIZES": {"d_embedding": 8, "d_hidden": 16}}, 8), ("cnn", {}, None)],
)
def test_a_model_before_attention_is_scored_as_it_is_stored(name, settings, bits, run, tmp_path, monkeypatch):
    small = {"LENGTH": 24, "BATCH_SIZE": 4, "WARM_UP": 5, "BFLOAT16": False, "CHECKPOINTS": tmp_path / "checkpoints"}
    lstm = importlib.import_module("lstm")
    training = dataclasses.replace(lstm.TRAINING, steps=60, learning_rate=0.03, log_every=20, checkpoint_every=20)
    ways = {"windows": (24, 18), "carried": (60, 40)}
    for setting, value in {**small, "TRAINING": training, "WAYS": ways, "TRAINED": tmp_path}.items():
        monkeypatch.setattr(lstm, setting, value)
    if name == "cnn":
        ways = {"one pass": (60, 40)}
        settings = {"SIZES": {"d_model": 8, "kernel_size": 3, "n_layers": 3}, "WAYS": ways, "LEARNING_RATE": 0.03}
    trained = run(name, **settings)

    card = json.loads((trained / name / "card.json").read_text())
    tokenizer = CharacterTokenizer.load(trained / name / "tokenizer.json")
    splits = shakespeare.load()
    for way, scores in card["nats_by_way"].items():
        for split, nats in scores.items():
            tokens = torch.from_numpy(tokenizer.encode_array(getattr(splits, split)))
            length, overlap = ways[way]
            again = evaluate(load(trained / name), tokens, length=length, overlap=overlap, batch_size=32)
            assert again == pytest.approx(nats, abs=1e-6)
    best = min(card["nats_by_way"].values(), key=lambda scores: scores["validation"])
    assert card["bits_per_character"]["test"] == pytest.approx(best["test"] / math.log(2))
    assert card["bits_per_character"]["test"] < 1.8  # of log2(8) = 3 for a uniform guess
    assert [rung.name for rung in rungs(trained)] == [card["rung"]]
    assert rungs(trained, up_to=None)[0].chapter > "24"  # no chapter's ladder has it

    seconds = card["seconds"]
    again = run(name, **settings)  # finished already: taken up at its end, and scored again
    assert json.loads((again / name / "card.json").read_text())["bits_per_character"] == card["bits_per_character"]
    assert json.loads((again / name / "card.json").read_text())["seconds"] == pytest.approx(seconds)
