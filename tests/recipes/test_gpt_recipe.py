import dataclasses
import importlib
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from transformer_lib.data import shakespeare
from transformer_lib.ladder import rungs
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import evaluate, load

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NAMES = ("_cards", "_plays", "gpt", "initialization", "llama", "prefix", "samples")
SMALL = {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 16}


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    """Import a recipe that reads short texts of three words and writes to a folder of the test's own."""
    rng = random.Random(0)
    splits = shakespeare.Splits(*("".join(rng.choices(("abc ", "abd ", "e\n"), k=n)) for n in (2000, 150, 150)))
    monkeypatch.setattr(shakespeare, "load", lambda: splits)
    monkeypatch.syspath_prepend(RECIPES)

    def imported(name):
        module = importlib.import_module(name)
        for part in NAMES:
            if part in sys.modules and hasattr(sys.modules[part], "TRAINED"):
                monkeypatch.setattr(sys.modules[part], "TRAINED", tmp_path / "trained")
        return module

    threads = torch.get_num_threads()
    yield imported
    torch.set_num_threads(threads)
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def quick_gpt(recipe, monkeypatch, tmp_path):
    """The recipe of the GPT with its model made small and its run short."""
    module = recipe("gpt")
    training = dataclasses.replace(module.TRAINING, steps=60, log_every=20, checkpoint_every=20)
    for name, value in {
        "SIZES": SMALL,
        "CONTEXT_LENGTH": 16,
        "OVERLAP": 8,
        "BATCH_SIZE": 8,
        "WARM_UP": 5,
        "BFLOAT16": False,
        "TRAINING": training,
        "CHECKPOINT": tmp_path / "checkpoints" / "gpt.safetensors",
    }.items():
        monkeypatch.setattr(module, name, value)
    return module


def test_the_gpt_scores_what_its_card_says(quick_gpt, tmp_path):
    quick_gpt.main()
    trained = tmp_path / "trained"
    card = json.loads((trained / "gpt" / "card.json").read_text())
    model = load(trained / "gpt")
    tokenizer = CharacterTokenizer.load(trained / "gpt" / "tokenizer.json")
    test = torch.from_numpy(tokenizer.encode_array(shakespeare.load().test))
    bits = evaluate(model, test, length=16, overlap=8) / math.log(2)
    assert card["bits_per_character"]["test"] == pytest.approx(bits, abs=1e-5)  # of the weights as stored, in half
    assert bits < 1.8  # of log2(8) = 3 for a uniform guess
    assert card["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert [(rung.name, rung.chapter) for rung in rungs(trained)] == [("GPT", "14")]
    assert [entry["step"] for entry in json.loads((trained / "gpt" / "log.json").read_text())] == [20, 40, 60]


def test_a_killed_run_goes_on_to_the_same_model(quick_gpt, monkeypatch, tmp_path):
    class Killed(Exception):
        pass

    def main(stop_after):
        drawn, windows = 0, quick_gpt.random_windows

        def few(*arguments):
            nonlocal drawn
            for batch in windows(*arguments):
                drawn += 1
                if drawn > stop_after:
                    raise Killed
                yield batch

        with monkeypatch.context() as patch:
            patch.setattr(quick_gpt, "random_windows", few)
            quick_gpt.main()
        return (tmp_path / "trained" / "gpt" / "model.safetensors").read_bytes()

    with pytest.raises(Killed):
        main(stop_after=30)
    resumed = main(stop_after=40)  # 40 steps are left, from the checkpoint at 20
    quick_gpt.CHECKPOINT.unlink()
    assert main(stop_after=60) == resumed


def test_the_llama_is_of_the_size_of_the_gpt(recipe):
    llama = recipe("llama")
    config = GPTConfig(vocab_size=72, context_length=128, **llama.gpt.SIZES)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    ours, theirs = llama.build(config, generators[0]), gpt(config, generators[1])
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (ours, theirs)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.005)
    assert ours.config.n_kv_heads == 1 and ours.embedding.positions is None
    written = ours.blocks[0].attention.w_o.weight.detach().std().item()
    assert written == pytest.approx(0.02 / 8**0.5, rel=0.05)


def test_the_llama_is_trained_as_the_gpt_is(quick_gpt, recipe, tmp_path):
    recipe("llama").main()
    trained = tmp_path / "trained"
    card = json.loads((trained / "llama" / "card.json").read_text())
    assert (card["rung"], card["chapter"], card["command"]) == ("LLaMA", "16", "python recipes/llama.py")
    assert not (trained / "gpt").exists()
    assert load(trained / "llama").config.d_model == SMALL["d_model"]


def test_three_beginnings_differ_in_what_they_say(recipe):
    initialization = recipe("initialization")

    def deviations(beginning):
        model = initialization.begin(beginning, 72, seed=0)
        assert model.head.weight is model.embedding.tokens.weight
        tables = (model.embedding.tokens.weight, model.embedding.positions.table.weight)
        return [float(weight.detach().std()) for weight in (*tables, model.blocks[0].attention.w_q.weight)]

    of_pytorch = 1 / (3 * initialization.SIZES["d_model"]) ** 0.5  # uniform up to 1 / sqrt(D)
    assert deviations("PyTorch") == pytest.approx([1, 1, of_pytorch], rel=0.05)
    assert deviations("small tables") == pytest.approx([0.02, 0.02, of_pytorch], rel=0.05)
    assert deviations("GPT-2") == pytest.approx([0.02, 0.02, 0.02], rel=0.05)


def test_what_stands_in_the_prefix_is_not_scored(recipe):
    prefix = recipe("prefix")
    model = gpt(GPTConfig(vocab_size=8, context_length=10, **SMALL), torch.Generator().manual_seed(0)).eval()
    text = torch.randint(8, (1, 11), generator=torch.Generator().manual_seed(1))
    batch = text[:, :-1], text[:, 1:], torch.tensor([4])
    nats, scored = prefix.suffix_nats(model, batch, "prefix")
    assert scored[0].tolist() == [False] * 3 + [True] * 7
    for changed in range(10):  # what a scored position was not shown cannot move its loss, but by being its target
        other = text.clone()
        other[0, changed] = (other[0, changed] + 1) % 8
        moved = prefix.suffix_nats(model, (other[:, :-1], other[:, 1:], batch[2]), "prefix")[0] != nats
        expected = [changed < 4 or changed <= t + 1 for t in range(10)]
        assert moved[0, scored[0]].tolist() == [one for one, kept in zip(expected, scored[0], strict=True) if kept]


@pytest.fixture
def quick_prefix(quick_gpt, recipe, monkeypatch, tmp_path):
    """The tuning in short runs, of a model that was trained in a short run."""
    quick_gpt.main()
    prefix = recipe("prefix")
    changes = {"MILESTONES": (2, 4), "WARM_UP": 1, "SEEDS": (0, 1), "CHECKPOINT": tmp_path / "tuning" / "prefix.json"}
    for name, value in changes.items():
        monkeypatch.setattr(prefix, name, value)
    return prefix


def test_the_same_windows_but_for_the_mask(quick_prefix, tmp_path):
    quick_prefix.main()
    found = json.loads((tmp_path / "trained" / "prefix" / "results.json").read_text())
    by = {(run["tuned"], run.get("rate"), run.get("seed", run.get("mask"))): run for run in found["runs"]}
    assert len(by) == len(found["runs"]) == 2 + 2 * 3  # untuned; of each mask both rates, and one of them again
    for mask, rate in found["rates"].items():
        assert rate == min(quick_prefix.RATES, key=lambda rate: by[mask, rate, 0]["validation"][-1])
    model = load(tmp_path / "trained" / "gpt")
    test = quick_prefix.load_plays()[1]["test"]
    rows = test[torch.arange(0, len(test) - 16, 16)[:, None] + torch.arange(17)]
    with torch.no_grad():
        nats = -model(rows[:, :-1]).log_softmax(-1).gather(2, rows[:, 1:, None])[:, 7:, 0]
    assert by["no", None, "causal"]["nats"] == pytest.approx(float(nats.mean()), abs=1e-4)
    for seed in (0, 1):
        causal, tuned = (by[mask, found["rates"][mask], seed] for mask in ("causal", "prefix"))
        assert causal["above_causal"] == causal["above_causal_se"] == 0
        assert tuned["above_causal"] == pytest.approx(tuned["nats"] - causal["nats"], abs=1e-4)
        assert [len(run["validation"]) for run in (causal, tuned)] == [2, 2]


def test_a_tuning_that_was_stopped_goes_on_with_the_next(quick_prefix, monkeypatch, tmp_path):
    tuned, tune = [], quick_prefix.tune

    def stopping(*arguments):
        if len(tuned) == 3:
            raise KeyboardInterrupt
        tuned.append(arguments[2:])
        return tune(*arguments)

    monkeypatch.setattr(quick_prefix, "tune", stopping)
    with pytest.raises(KeyboardInterrupt):
        quick_prefix.main()
    monkeypatch.setattr(quick_prefix, "MILESTONES", (2, 3))
    with pytest.raises(ValueError, match=r"other settings: move it away"):
        quick_prefix.main()
    monkeypatch.setattr(quick_prefix, "MILESTONES", (2, 4))
    monkeypatch.setattr(quick_prefix, "tune", lambda *rest: tuned.append(rest[2:]) or tune(*rest))
    quick_prefix.main()
    assert len(tuned) == len(set(tuned)) == 6
    assert not quick_prefix.CHECKPOINT.exists()


def test_models_that_believe_the_same_write_the_same(recipe):
    samples = recipe("samples")
    draws = np.array([0.0, 0.24, 0.26, 0.9, 0.999])
    flat = samples.write(lambda tokens: np.full(4, 0.25), [3], draws)
    assert flat == [0, 0, 1, 3, 3]
    seen = []
    scaled = samples.write(lambda tokens: seen.append(list(tokens)) or np.full(4, 0.2), [3], draws)
    assert scaled == flat  # shares of what there is
    assert seen == [[3, *flat[:i]] for i in range(5)]
