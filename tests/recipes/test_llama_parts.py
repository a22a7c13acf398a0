import dataclasses
import importlib
import json
import random
import sys
from pathlib import Path

import pytest
import torch

from transformer_lib.data import shakespeare
from transformer_lib.inspection import assert_causal
from transformer_lib.norms import LayerNorm, RMSNorm

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NAMES = ("_cards", "_plays", "llama_parts")


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    threads = torch.get_num_threads()
    yield importlib.import_module("llama_parts")
    torch.set_num_threads(threads)
    for name in NAMES:
        sys.modules.pop(name, None)


def counted(model):
    return sum(parameter.numel() for parameter in model.parameters())


def kinds(model):
    """What each of the four parts of a built model is, seen from outside."""
    block = model.blocks[0]
    norms = {type(module) for module in model.modules() if isinstance(module, LayerNorm | RMSNorm)}
    return {
        "norm": norms,
        "feed_forward": type(block.feed_forward),
        "positions": (model.embedding.positions is None, block.attention.rotary is None),
        "n_kv_heads": block.attention.n_kv_heads,
    }


def test_the_variants_are_of_one_size(recipe):
    sizes = {name: counted(recipe.decoder(72, parts, 0)) for name, parts in recipe.VARIANTS.items()}
    assert len(sizes) == 6
    assert max(sizes.values()) / min(sizes.values()) < 1.01
    narrow = dataclasses.replace(recipe.GPT, n_kv_heads=1)  # a part that saves more: more goes to the network
    assert counted(recipe.decoder(72, narrow, 0)) == sizes["GPT"]


def test_each_differs_from_the_gpt_in_its_part_alone_and_the_last_in_all(recipe):
    built = {name: kinds(recipe.decoder(72, parts, 0)) for name, parts in recipe.VARIANTS.items()}
    gpt = built.pop("GPT")
    last = built.pop("all four")
    changed = {name: [part for part in gpt if of[part] != gpt[part]] for name, of in built.items()}
    assert changed == {
        "RMSNorm": ["norm"],
        "SwiGLU": ["feed_forward"],
        "RoPE": ["positions"],
        "GQA": ["n_kv_heads"],
    }
    assert all(last[part] == built[name][part] for name, (part,) in changed.items())
    assert all(len(of["norm"]) == 1 for of in (gpt, last, *built.values()))


def test_one_seed_begins_with_the_same_weights_wherever_shapes_allow(recipe):
    gpt = dict(recipe.decoder(72, recipe.VARIANTS["GPT"], 3).named_parameters())
    for name in recipe.SWAPS:
        other = dict(recipe.decoder(72, recipe.VARIANTS[name], 3).named_parameters())
        shared = [key for key in gpt if key in other and gpt[key].shape == other[key].shape]
        assert len(shared) > 20
        assert all(torch.equal(gpt[key], other[key]) for key in shared)
    again = dict(recipe.decoder(72, recipe.VARIANTS["GPT"], 4).named_parameters())
    assert not torch.equal(gpt["blocks.0.attention.w_q.weight"], again["blocks.0.attention.w_q.weight"])


def test_what_writes_to_the_stream_begins_smaller(recipe):
    for name in ("GPT", "SwiGLU"):
        network = recipe.decoder(72, recipe.VARIANTS[name], 0).blocks[0].feed_forward
        assert network.down.weight.detach().std().item() == pytest.approx(0.02 / 8**0.5, rel=0.05)
        assert network.up.weight.detach().std().item() == pytest.approx(0.02, rel=0.05)


def test_all_are_causal(recipe):
    tokens = torch.randint(72, (12,), generator=torch.Generator().manual_seed(0))
    for parts in recipe.VARIANTS.values():
        assert_causal(recipe.decoder(72, parts, 0).eval(), tokens)


def test_a_run_that_was_stopped_goes_on_with_the_next_variant(recipe, monkeypatch, tmp_path):
    rng = random.Random(0)
    splits = shakespeare.Splits(*("".join(rng.choices(("abc ", "abd ", "e\n"), k=n)) for n in (600, 60, 60)))
    monkeypatch.setattr(shakespeare, "load", lambda: splits)
    for module in ("_cards", "llama_parts"):
        monkeypatch.setattr(sys.modules[module], "TRAINED", tmp_path / "trained")
    small = {"D": 8, "LAYERS": 1, "HEADS": 2, "D_FF": 16, "CONTEXT_LENGTH": 16, "BATCH": 4, "OVERLAP": 4, "FAR": 32}
    short = {"SEEDS": 2, "OTHER_SEEDS": 1, "OTHER_RATES": (0.01,), "WARM_UP": 1, "COOL_DOWN": 2, "ROUNDS": 1}
    swaps = {**recipe.SWAPS, "GQA": {"n_kv_heads": 1}}
    gpt = recipe.Parts(n_kv_heads=2)
    parts = {
        "GPT": gpt,
        **{name: dataclasses.replace(gpt, **swap) for name, swap in swaps.items()},
    }
    changes = {**small, **short, "FAR_WINDOWS": 3, "STRIDE": 8, "VARIANTS": parts}
    for name, value in changes.items():
        monkeypatch.setattr(recipe, name, value)
    monkeypatch.setattr(recipe, "TRAINING", dataclasses.replace(recipe.TRAINING, steps=4, log_every=2))
    monkeypatch.setattr(recipe, "CHECKPOINT", tmp_path / "checkpoints" / "llama_parts.json")
    monkeypatch.setattr(recipe, "loss", recipe.next_token_loss)

    whole, run = [], recipe.run

    def stopping(*arguments):
        if len(whole) == 3:
            raise KeyboardInterrupt
        whole.append(arguments[:3])
        return run(*arguments)

    monkeypatch.setattr(recipe, "run", stopping)
    with pytest.raises(KeyboardInterrupt):
        recipe.main()
    assert len(json.loads(recipe.CHECKPOINT.read_text())["runs"]) == 3
    after = []
    monkeypatch.setattr(recipe, "run", lambda *arguments: after.append(arguments[:3]) or run(*arguments))
    recipe.main()
    assert len({*whole, *after}) == len(whole) + len(after) == 2 * 5 + 2
    found = json.loads((tmp_path / "trained" / "llama_parts" / "results.json").read_text())
    assert [(one["variant"], one["seed"], one["muon"]) for one in found["runs"]] == [*whole, *after]
    by = {one["variant"]: one for one in found["runs"] if one["seed"] == 0 and one["muon"] == recipe.MUON}
    assert len(by["GPT"]["far"]) == 2 and len(by["RoPE"]["far"]) == 4  # a table ends where training did
    assert set(found["step_seconds"]) == set(parts)
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "SEEDS", 3)
        with pytest.raises(ValueError, match="other settings"):
            recipe.main()
