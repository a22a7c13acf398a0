import importlib
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.attention import additive_attention_weights

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def scores(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("scores")
    for name in ("_cards", "scores"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("task", ["direction", "length"])
def test_exactly_one_key_is_right(scores, task):
    """Undo the turn: the right key points the query's way, and in the task "length" it is the longer of two that do."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(scores.SEEDS, 1, scores.D, scores.D, generator=generator))[0]
    q, k, _, right = scores.draw(20, task, turn, generator)
    lengths = k.norm(dim=-1)
    cosines = ((q @ turn.mT) * k).sum(dim=-1) / lengths
    aligned = cosines > 1 - 1e-5
    assert (aligned.sum(dim=-1) == (1 if task == "direction" else 2)).all()
    found = torch.where(aligned, lengths, torch.zeros(())).argmax(dim=-1)
    torch.testing.assert_close(found, right)
    if task == "direction":  # lengths do not give the right key away
        assert lengths.min() >= 0.25 - 1e-5 and lengths.max() <= 4 + 1e-4
    else:
        assert set(lengths.round(decimals=3).flatten().tolist()) == {0.5, 2.0}


def test_scores_are_what_their_names_say(scores):
    generator = torch.Generator().manual_seed(1)
    q, k = torch.randn(3, 8, generator=generator), torch.randn(5, 8, generator=generator)
    drawn = {
        name: {part: torch.randn(shape, generator=generator) for part, shape in shapes.items()}
        for name, (_, shapes) in scores.LEARNERS.items()
    }
    p = drawn["cosine"]
    expected = torch.cosine_similarity((q @ p["w_q"])[:, None], (k @ p["w_k"])[None], dim=-1)
    torch.testing.assert_close(scores.cosine(p, q, k), expected)
    p = drawn["additive, no bias"]
    expected = additive_attention_weights(q, k, p["w_q"].T, p["w_k"].T, p["v"])
    torch.testing.assert_close(scores.additive(p, q, k).softmax(dim=-1), expected)
    p = drawn["additive"]
    with_one = torch.cat((q, torch.ones(3, 1)), dim=1)
    expected = additive_attention_weights(
        with_one, k, torch.cat((p["w_q"].T, p["b"][:, None]), dim=1), p["w_k"].T, p["v"]
    )
    torch.testing.assert_close(scores.additive(p, q, k).softmax(dim=-1), expected)
    p = drawn["key network"]
    for i in range(3):
        for j in range(5):
            key = torch.tanh(k[j] @ p["w_k"] + p["b"]) @ p["w_out"] + p["b_out"]
            torch.testing.assert_close(scores.key_network(p, q, k)[i, j], (q[i] @ p["w_q"]) @ key)
