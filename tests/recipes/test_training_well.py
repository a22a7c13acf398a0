"""What the comparison of chapter 18 compares: one change at a time, on the text that it says, and all of it stored."""

import importlib
import json
import statistics
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
STORED = json.loads((ROOT / "trained" / "training_well" / "results.json").read_text(encoding="utf-8"))
TOKENS = torch.arange(40_000)


@pytest.fixture(scope="module")
def recipe():
    sys.path.insert(0, str(ROOT / "recipes"))
    yield importlib.import_module("training_well")
    sys.path.remove(str(ROOT / "recipes"))
    for name in ("_cards", "_plays", "training_well"):
        sys.modules.pop(name, None)


def differences(one, other):
    return {name for name, value in asdict(one).items() if value != asdict(other)[name]}


def test_each_setting_differs_from_its_start_in_one_thing(recipe):
    compared = recipe.changes(0.008, 0.04, {4: 0.5, 8: 1.0, 32: 1.4, 64: 2.0})
    together = (
        *({"batch", "rate", "muon"}, {"dropout", "same_steps"}),
        *({"epochs", "dropout", "same_steps"}, {"epochs", "scattered"}),
    )
    for (what, _), setting in compared.items():
        start = compared["AdamW", "alone"] if what.startswith("AdamW") else compared["base", ""]
        changed = differences(setting, start)
        assert len(changed) <= 1 or changed in together
    assert differences(compared["AdamW", "alone"], compared["base", ""]) == {"muon"}


def windows(recipe, n, steps=20, **changes):
    batches = recipe.batches_of(TOKENS, recipe.Setting(**changes), steps, seed=3)
    return [inputs for inputs, _ in islice(batches, n)]


def test_front_to_back_reads_on_without_a_gap(recipe):
    first, second = windows(recipe, 2, order="front to back")
    assert torch.equal(first.flatten().diff() % 40_000, torch.ones(first.numel() - 1, dtype=torch.int64))
    assert (second[0, 0] - first[-1, -1]) % 40_000 == 1


def test_each_of_sixteen_readers_reads_on_from_its_own_place(recipe):
    first, second = windows(recipe, 2, order="16 readers")
    assert ((second[:, 0] - first[:, -1]) % 40_000 == 1).all()
    assert (first[:, 0].diff() % 40_000 == 40_000 // 16).all()


@pytest.mark.parametrize("scattered", [False, True])
def test_repeated_data_are_a_piece_of_the_length_that_makes_so_many_epochs(recipe, scattered):
    steps = 20
    seen = torch.cat(windows(recipe, 200, steps, epochs=4.0, scattered=scattered)).unique()
    piece = steps * 16 * recipe.LENGTH / 4
    assert 0.9 * (piece - 500) < len(seen) <= piece
    gaps = seen.diff()
    assert (gaps.max() > 1) == scattered  # one place, or many


def test_windows_do_not_depend_on_the_setting_where_the_batch_is_the_same(recipe):
    for other in ({"muon": 0.04}, {"warmup": 0.0}, {"precision": "bfloat16"}):
        assert torch.equal(windows(recipe, 2)[1], windows(recipe, 2, **other)[1])


def test_all_is_stored_five_times_with_the_steps_that_its_price_allows(recipe):
    compared = recipe.changes(
        STORED["base"]["rate"], STORED["base"]["muon"], {int(n): f for n, f in STORED["of_batch"].items()}
    )
    stored = {(run["what"], run["to"], run["seed"]): run for run in STORED["runs"]}
    assert set(stored) == {(*key, seed) for key in compared for seed in range(5)}
    prices = STORED["prices"]
    for (what, to), setting in compared.items():
        steps = {stored[what, to, seed]["steps"] for seed in range(5)}
        if not what.startswith("AdamW") and not setting.same_steps and setting.length == 1:
            mine, its = prices[recipe.price_key(setting)], prices["batch 16"]
            dearer = statistics.median(a / b for a, b in zip(mine, its, strict=True))
            assert steps == {round(STORED["steps"] / dearer)}


def test_runs_of_equal_seconds_took_about_equal_seconds():
    runs = [run for run in STORED["runs"] if run["what"] not in ("fresh data", "dropout", "repeated data, dropout 0.2")]
    seconds = [run["seconds"][-1] for run in runs]
    assert statistics.quantiles(seconds, n=20)[-1] < 1.6 * statistics.median(seconds)
    assert statistics.quantiles(seconds, n=20)[0] > 0.7 * statistics.median(seconds)
