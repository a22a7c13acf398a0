import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.architectures import LanguageModel
from transformer_lib.inspection import record_attention
from transformer_lib.models.gpt import GPTConfig, gpt

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "recipes")
    yield importlib.import_module("pronoun_head")
    for name in ("_cards", "pronoun_head"):
        sys.modules.pop(name, None)


class Pieces:
    """A tokenizer that cuts a text where it is told."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces = pieces

    def encode(self, text: str) -> list[int]:
        assert "".join(self.pieces) == text
        return list(range(len(self.pieces)))

    def decode(self, tokens: list[int]) -> str:
        return "".join(self.pieces[token] for token in tokens)


def small_model() -> LanguageModel:
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=20, context_length=16, d_model=8, n_layers=2, n_heads=2, d_ff=16)
    return gpt(config).eval()


def test_words_are_looked_at_as_a_whole_and_look_with_their_last_token(recipe):
    pieces = ["Ad", "a", " ba", "ked", "\n", "it", "."]
    owners = {"Ada": (0, 1), "baked": (2, 3, 4), "it": (5,), ".": (6,)}
    model = small_model()
    words, weights = recipe.read(model, Pieces(pieces), "".join(pieces))
    assert words == list(owners)
    with record_attention(model) as recorded, torch.inference_mode():
        model(torch.arange(len(pieces))[None])
    for layer, one in enumerate(recorded.values()):
        for i, queries in enumerate(owners.values()):
            for j, keys in enumerate(owners.values()):
                expected = sum(one[0, :, queries[-1], key] for key in keys)
                torch.testing.assert_close(weights[layer, :, i, j], expected)


def test_the_last_it_looks_for_the_noun_before_it(recipe):
    words = ["it", "saw", "bread", ",", "bread", "and", "it", ",", "bread"]
    weights = torch.arange(81.0).view(1, 1, 9, 9)
    assert recipe.look(words, weights, "bread").item() == weights[0, 0, 6, 4]


def test_sentences_keep_their_promises(recipe):
    """One *it* at the end, after the thing and after what stands nearer; no thing serves both to choose and to test."""
    for text, (thing, nearer) in (recipe.CHOOSING | recipe.HELD_OUT).items():
        words = recipe.WORD.findall(text)
        assert words.count("it") == 1 and words[-2] == "it"
        assert words.index(thing) < words.index(nearer) < words.index("it")
    things = [{thing for thing, _ in part.values()} for part in (recipe.CHOOSING, recipe.HELD_OUT)]
    assert len(recipe.CHOOSING) == len(recipe.HELD_OUT) == 12 and not things[0] & things[1]


def test_the_stored_head_is_the_best_of_the_sentences_that_chose_it(recipe):
    stored = json.loads((ROOT / "trained/pronoun_head/results.json").read_text(encoding="utf-8"))
    layer, head = stored["head"]
    means = torch.tensor(stored["on the thing, choosing"])
    assert means.shape == (30, 9) and means.argmax() == 9 * layer + head
    tested = [one["thing"] for one in stored["held out"]]
    assert [one["text"] for one in stored["held out"]] == list(recipe.HELD_OUT)
    assert sum(tested) / 12 == pytest.approx(stored["on the thing, held out"][layer][head], abs=1e-3)
