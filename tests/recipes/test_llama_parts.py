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
        assert len(shared) > 7 * recipe.LAYERS
        assert all(torch.equal(gpt[key], other[key]) for key in shared)
    again = dict(recipe.decoder(72, recipe.VARIANTS["GPT"], 4).named_parameters())
    assert not torch.equal(gpt["blocks.0.attention.w_q.weight"], again["blocks.0.attention.w_q.weight"])


def test_what_writes_to_the_stream_begins_smaller(recipe):
    for name in ("GPT", "SwiGLU"):
        network = recipe.decoder(72, recipe.VARIANTS[name], 0).blocks[0].feed_forward
        assert network.down.weight.detach().std().item() == pytest.approx(0.02 / (2 * recipe.LAYERS) ** 0.5, rel=0.05)
        assert network.up.weight.detach().std().item() == pytest.approx(0.02, rel=0.05)


def test_all_are_causal(recipe):
    tokens = torch.randint(72, (12,), generator=torch.Generator().manual_seed(0))
    for parts in recipe.VARIANTS.values():
        assert_causal(recipe.decoder(72, parts, 0).eval(), tokens)


@pytest.fixture
def quick(recipe, monkeypatch, tmp_path):
    """The recipe on three short texts, with small models and short runs."""
    rng = random.Random(0)
    splits = shakespeare.Splits(*("".join(rng.choices(("abc ", "abd ", "e\n"), k=n)) for n in (600, 60, 60)))
    monkeypatch.setattr(shakespeare, "load", lambda: splits)
    for module in ("_cards", "llama_parts"):
        monkeypatch.setattr(sys.modules[module], "TRAINED", tmp_path / "trained")
    gpt = recipe.Parts(n_kv_heads=2)
    changes = {
        **{"D": 8, "LAYERS": 1, "HEADS": 2, "D_FF": 16, "CONTEXT_LENGTH": 16, "BATCH": 4, "OVERLAP": 4, "FAR": 32},
        **{"SEEDS": ((0, 1), (2,)), "MILESTONES": (2, 4), "TUNING": 2, "WARM_UP": 1, "ROUNDS": 1},
        **{"FAR_WINDOWS": 3, "STRIDE": 8, "CHECKPOINT": tmp_path / "checkpoints" / "llama_parts.json"},
        "VARIANTS": {"GPT": gpt, "RoPE": dataclasses.replace(gpt, positions="rotary")},
    }
    for name, value in changes.items():
        monkeypatch.setattr(recipe, name, value)
    return recipe


def test_side_by_side_is_one_after_the_other(quick):
    tokens = torch.randint(8, (200,), generator=torch.Generator().manual_seed(0))
    text = {"vocab_size": 8, "text": tokens, "scored": tokens[:50], "milestones": (2, 4)}
    settings = [(1.0, 0), (1.0, 3), (0.5, 0)]
    together, found = quick.trained("RoPE", settings, **text)
    for setting, model, one in zip(settings, together, found, strict=True):
        (alone,), (expected,) = quick.trained("RoPE", [setting], **text)
        assert one["bits"] == pytest.approx(expected["bits"], abs=2e-3)  # Muon's products are in bfloat16
        for mine, theirs in zip(model.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=5e-3)
    assert found[0]["bits"] != found[1]["bits"] != found[2]["bits"]


def test_a_run_that_was_stopped_goes_on_with_the_next_training(quick, monkeypatch, tmp_path):
    whole, trained = [], quick.trained

    def stopping(*arguments):
        if len(whole) == 3:
            raise KeyboardInterrupt
        whole.append(arguments[:2])
        return trained(*arguments)

    monkeypatch.setattr(quick, "trained", stopping)
    with pytest.raises(KeyboardInterrupt):
        quick.main()
    after = []
    monkeypatch.setattr(quick, "trained", lambda *arguments: after.append(arguments[:2]) or trained(*arguments))
    quick.main()
    assert not [one for one in after if one in whole]
    found = json.loads((tmp_path / "trained" / "llama_parts" / "results.json").read_text())
    assert sorted((one["variant"], one["seed"]) for one in found["runs"]) == [
        (name, seed) for name in ("GPT", "RoPE") for seed in range(3)
    ]
    assert all(len(one["bits"]) == 2 for one in found["runs"])
    assert {(one["variant"], one["rate"]) for one in found["controls"]} == {("GPT", 0.5)}
    by = {one["variant"]: one for one in found["runs"]}
    assert len(by["GPT"]["far"]) == 2 and len(by["RoPE"]["far"]) == 4  # a table ends where training did
    assert set(found["step_seconds"]) == set(quick.VARIANTS)
    with monkeypatch.context() as patch:
        patch.setattr(quick, "WARM_UP", 3)
        with pytest.raises(ValueError, match="other settings"):
            quick.main()


def test_the_rate_has_one_tried_on_either_side(quick, tmp_path):
    quick.main()
    found = json.loads((tmp_path / "trained" / "llama_parts" / "results.json").read_text())
    for variant, rate in found["rates"].items():
        bits = {one["rate"]: one["bits"][-1] for one in found["tuning"] if one["variant"] == variant}
        assert min(bits, key=bits.get) == rate and min(bits) < rate < max(bits)
        assert {one["rate"] for one in found["runs"] if one["variant"] == variant} == {rate}
