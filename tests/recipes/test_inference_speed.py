import importlib
import itertools
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from transformer_lib.models.llama import LlamaConfig, llama

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("inference_speed")
    for name in ("_cards", "inference_speed"):
        sys.modules.pop(name, None)


@pytest.fixture
def model():
    config = LlamaConfig(vocab_size=11, context_length=32, d_model=8, n_layers=2, n_heads=4, n_kv_heads=2, d_ff=12)
    return llama(config, torch.Generator().manual_seed(0)).eval()


@pytest.fixture
def ticks(monkeypatch, speed):
    """A clock that goes on by a second whenever it is looked at."""
    seconds = itertools.count()
    monkeypatch.setattr(speed, "time", SimpleNamespace(process_time=lambda: next(seconds)))


def test_calls_take_turns_and_the_first_round_is_not_counted(speed, ticks):
    turns = []
    times = speed.medians({name: lambda name=name: turns.append(name) for name in "abc"}, rounds=3)
    assert "".join(turns) == "abccbaabccba"
    assert times == {"a": 1000, "b": 1000, "c": 1000}


def test_a_cache_holds_noise_and_a_call_leaves_it_as_it_was(speed, model):
    caches = speed.held([block.attention for block in model.blocks], 5, batch=3)
    assert [cache.read()[0].shape for cache in caches] == [(3, 2, 5, 2)] * 2
    seen = []
    call = speed.next_token(model, 5, batch=3)
    model.head.register_forward_hook(lambda *what: seen.append(what[2].clone()))
    with torch.inference_mode():
        call()
        call()
    assert seen[0].shape == (3, 1, 11)
    assert torch.equal(*seen)


def test_a_pass_is_shared_out_among_the_parts_once(speed, model, ticks):
    """A look at the clock is a second, so that a part's time is the number of looks inside it."""
    shares = speed.parts(model, speed.whole(model, 4), rounds=1)
    layers = len(model.blocks)
    assert shares["head"] == 1000
    assert shares["feed-forward"] == layers * 1000
    assert shares["projections"] == layers * 4 * 1000
    assert shares["attention"] == layers * 9000 - shares["projections"]  # two looks at each of four maps, and its own
    looks = 2 * (1 + layers * 6) + 1
    assert sum(shares.values()) == looks * 1000
    assert all(not module._forward_hooks for module in model.modules())


def test_attention_alone_has_the_heads_it_is_asked_for(speed, model, monkeypatch):
    made, make = [], speed.held

    def held(layers, positions):
        made.extend(zip(layers, make(layers, positions), strict=True))
        return [cache for _, cache in made]

    monkeypatch.setattr(speed, "held", held)
    with torch.inference_mode():
        speed.attention_alone(model, 1, 7)()
    assert len(made) == len(model.blocks)
    for layer, cache in made:
        assert (layer.n_heads, layer.n_kv_heads, cache.length) == (4, 1, 7)
        assert cache.read()[0].shape == (1, 1, 7, 2)
