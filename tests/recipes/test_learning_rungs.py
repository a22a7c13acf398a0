"""The recipes of models that learn while they read: what they write on their cards is what the library measures."""

import importlib
import json
import math
import random
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from transformer_lib.data import shakespeare
from transformer_lib.ladder import rungs
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.ngram import KneserNey, NGramModel
from transformer_lib.tokenizers.bpe import BPETokenizer
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import dynamic_token_nll, gradient_rms, load, random_windows, save

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    rng = random.Random(0)
    splits = shakespeare.Splits(*("".join(rng.choices(("abc ", "abd ", "e\n"), k=n)) for n in (300, 60, 60)))
    monkeypatch.setattr(shakespeare, "load", lambda: splits)
    monkeypatch.syspath_prepend(RECIPES)

    def imported(name):
        module = importlib.import_module(name)
        for part in ("_cards", name):
            if hasattr(sys.modules[part], "TRAINED"):
                monkeypatch.setattr(sys.modules[part], "TRAINED", tmp_path)
        return module

    threads = torch.get_num_threads()
    yield imported
    torch.set_num_threads(threads)
    for name in ("_cards", "adaptive", "dynamic"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["gpt", "gpt_best"])
def test_dynamic_evaluation_is_counted_by_the_character(name, recipe, monkeypatch, tmp_path):
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train) if name == "gpt" else BPETokenizer.train(text.train, 262)
    size = {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 16, "context_length": 16}
    model = gpt(GPTConfig(vocab_size=tokenizer.vocab_size, **size), torch.Generator().manual_seed(0))
    save(model, tmp_path / name, bits=8)
    tokenizer.save(tmp_path / name / "tokenizer.json")
    fixed = {"rung": "X", "chapter": "14", "command": "make", "parameters": 5, "bits_per_character": {"test": 9.0}}
    (tmp_path / name / "card.json").write_text(json.dumps(fixed))
    module = recipe("dynamic")
    monkeypatch.setattr(module, "RATES", (1e-3, 1e-2))
    module.main(name)

    card = json.loads((tmp_path / f"dynamic_{name}" / "card.json").read_text())
    tokens = {split: torch.tensor(tokenizer.encode(getattr(text, split))) for split in ("train", "test")}
    model = load(tmp_path / name)
    windows = random_windows(tokens["train"], 16, 1, torch.Generator().manual_seed(module.SEED))
    rms = gradient_rms(model, islice(windows, module.WINDOWS))
    nats = dynamic_token_nll(model, tokens["test"], rate=card["rate"], rms=rms, length=16, overlap=12, batch_size=4)
    assert card["bits_per_character"]["test"] == pytest.approx(float(nats.sum()) / math.log(2) / len(text.test))
    assert card["rate"] == 1e-2 == min(module.RATES, key=lambda rate: card["validation"]["by_rate"][str(rate)])
    assert card["validation"]["by_rate"]["0.01"] < card["validation"]["by_rate"]["0.0"]
    best = rungs(tmp_path)[-1]
    assert (best.name, best.chapter, best.learns_while_reading) == ("X, dynamic evaluation", "18", True)
    assert [rung.name for rung in rungs(tmp_path, up_to="17c")] == ["X"]


def test_the_table_that_counts_on_ends_with_all_that_it_read(recipe, monkeypatch, tmp_path):
    text = shakespeare.load()
    module = recipe("adaptive")
    monkeypatch.setattr(module, "ORDERS", (2, 3, 4))
    module.main()
    card = json.loads((tmp_path / "adaptive" / "card.json").read_text())
    tokenizer = CharacterTokenizer.train(text.train)
    train, test = (tokenizer.encode_array(part) for part in (text.train, text.test))
    order, vocab_size = card["order"], tokenizer.vocab_size
    read = NGramModel(order, vocab_size, KneserNey()).fit([train, test])
    assert card["parameters"] == sum(read.using(KneserNey(), order=n).n_ngrams for n in range(1, order + 1))
    bits = np.array(
        [
            NGramModel(order, vocab_size, KneserNey())
            .fit([train, test[:i]][: 1 + (i > 0)])
            .token_nll(test[: i + 1])[-1]
            for i in range(len(test))
        ]
    ) / math.log(2)
    assert card["bits_per_character"]["test"] == pytest.approx(bits.mean())
    assert card["learns_while_reading"] and card["order"] in (2, 3, 4)
