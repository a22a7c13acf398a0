import importlib
import sys
from pathlib import Path

import pytest
import torch

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def block(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    recipe = importlib.import_module("block")
    yield recipe
    for name in ("_cards", "_plays", "block"):
        sys.modules.pop(name, None)


@pytest.fixture
def text():
    return torch.randint(7, (500,), generator=torch.Generator().manual_seed(0))


def test_models_trained_together_lose_what_each_would_alone(block, text):
    seeds, rates, warm_ups = [0, 1, 0], [1e-3, 1e-2, 1e-2], [0, 2, 3]

    def losses(rows):
        models = [block.decoder(7, 1, "post", block.ACTIVATIONS["SwiGLU"], seeds[i]) for i in rows]
        settings = ([column[i] for i in rows] for column in (seeds, rates, warm_ups))
        return torch.tensor(block.train_together(models, *settings, 4, 1, text))

    together = losses([0, 1, 2])
    assert together.shape == (3, 4)
    assert together[0, 0] == together[2, 0]  # one seed: the same weights, the same text
    assert together[0, -1] != together[2, -1]
    for i in range(3):
        torch.testing.assert_close(together[i], losses([i])[0], rtol=0, atol=2e-3)


def test_norms_differ_in_nothing_but_the_norm(block):
    pre, post, none = (
        block.decoder(7, 2, norm, block.ACTIVATIONS["GELU"], 0) for norm in ("pre", "post", "no residual")
    )
    for name, weight in post.named_parameters():
        assert torch.equal(weight, pre.get_parameter(name)) and torch.equal(weight, none.get_parameter(name)), name


def test_without_a_residual_what_is_read_is_replaced(block):
    x = torch.randn(1, 3, 4)
    norm = torch.nn.LayerNorm(4)
    torch.testing.assert_close(block.NoResidual(norm)(x, lambda h: 2 * h), 2 * norm(x))


def test_feed_forward_networks_are_compared_at_equal_size(block):
    sizes = [sum(parameter.numel() for parameter in make().parameters()) for make in block.ACTIVATIONS.values()]
    assert max(sizes) / min(sizes) < 1.01
