"""The recipe of chapter 17c: what is stored, and the parts that its numbers rest on."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.models.gpt import GPTConfig, gpt

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SIZES = {"vocab_size": 19, "context_length": 8, "d_model": 32, "n_layers": 2, "n_heads": 4, "d_ff": 64}


@pytest.fixture
def quantization(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("quantization")
    for module in ("_cards", "quantization"):
        sys.modules.pop(module, None)


def model():
    return gpt(GPTConfig(**SIZES), torch.Generator().manual_seed(0)).eval()


def test_the_controls_are_what_they_are_called(quantization):
    found = json.loads(quantization.RESULTS.read_text())["gpt"]
    sizes = {name: entry["bits_per_weight"] for name, entry in found.items() if name != "float32"}
    assert all(sizes[name] == 3.5 for name in sizes if name.startswith(("gptq, 3", "nearest, blocks, 3")))
    for control in ("text", "shuffled characters", "shuffled features"):
        assert sum(name.startswith(f"gptq, 3, {control}") for name in sizes) == 3


def test_later_blocks_are_rounded_on_what_comes_through_the_earlier_ones(quantization):
    torch.manual_seed(0)
    tokens = torch.randint(19, (6, 8))
    rounded, first_alone = model(), model()
    quantization.by_gptq(rounded, tokens, 3, 32, None)
    first_alone.blocks[0].load_state_dict(rounded.blocks[0].state_dict())
    caught = []
    name, layer = "attention.w_q", first_alone.blocks[1].attention.w_q
    layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].flatten(0, 1)))
    with torch.no_grad():
        first_alone(tokens)
    expected = quantization.gptq(layer.weight, caught[0].T @ caught[0], 3)
    torch.testing.assert_close(quantization.maps(rounded.blocks[1])[name].weight, expected)


def test_features_that_are_shuffled_keep_their_values_and_lose_their_company(quantization):
    tokens = torch.randint(19, (8, 8), generator=torch.Generator().manual_seed(0))
    straight, shuffled = model(), model()
    quantization.by_gptq(straight, tokens, 3, 32, None)
    quantization.by_gptq(shuffled, tokens, 3, 32, torch.Generator().manual_seed(0))
    assert not torch.equal(straight.blocks[1].feed_forward.up.weight, shuffled.blocks[1].feed_forward.up.weight)


def test_what_is_scored_is_the_second_half_in_bits(quantization):
    scored = torch.randint(19, (3, 9), generator=torch.Generator().manual_seed(0))
    tested = model()
    with torch.no_grad():
        logits = tested(scored[:, :-1]).double()
    expected = -logits.log_softmax(-1).gather(2, scored[:, 1:, None])[:, 4:, 0].mean(dim=1) / torch.tensor(2.0).log()
    torch.testing.assert_close(quantization.bits(tested, scored), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("n", "more"), [(4, [2, 3]), (32, [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31])])
def test_layers_with_more_bits(quantization, n, more):
    assert [i for i in range(n) if quantization.more_bits(i, n)] == more
