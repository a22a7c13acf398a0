import itertools
import json
import os
import random
import subprocess
import sys

import distributed_run
import pytest
import torch
from distributed_run import IN_ALL, MEGABYTE, STEPS, WAYS, launch, new_model, tensors

from transformer_lib.training.communication import ring_bytes
from transformer_lib.training.distributed import Ranks, parallelize, process_group

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what was sent is counted by Linux")
NAMES = [f"{strategy} {optimizer}" for strategy, optimizer in WAYS]
PARAMETERS = sum(parameter.numel() for parameter in new_model().parameters())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four processes, then two, then this one: each goes on from the checkpoint that the ones before have left."""
    folder = tmp_path_factory.mktemp("ranks")
    launch(4, folder, distributed_run.compare)
    launch(2, folder, distributed_run.compare, distributed_run.undisturbed)
    distributed_run.compare(folder)
    return folder


@pytest.fixture(scope="module")
def found(runs):
    return {n: [json.loads((runs / f"{n}.{rank}.json").read_text()) for rank in range(n)] for n in (1, 2, 4)}


# --- the same run on 1, 2 and 4 processes ------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("way", NAMES)
def test_losses_and_weights_are_those_of_one_process(n, way, runs, found):
    """In double precision, so that only a difference in what is computed could show."""
    alone = found[1][0]["history"][way]
    assert len(alone) == STEPS and alone[0]["loss"] != pytest.approx(alone[-1]["loss"], rel=1e-3)
    for rank in found[n]:
        assert rank["history"][way] == found[n][0]["history"][way]
        for entry, expected in zip(rank["history"][way], alone, strict=True):
            assert entry == pytest.approx(expected, rel=1e-12)
    weights, expected = tensors(runs / f"{n} {way}"), tensors(runs / f"1 {way}")
    assert weights.keys() == expected.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-11)


@pytest.mark.parametrize("n", [2, 4])
def test_the_ranks_read_different_rows_that_together_are_the_batches(n, found):
    alone = found[1][0]["inputs"]["ddp adamw"]
    for strategy in ("ddp", "fsdp"):
        shares = [rank["inputs"][f"{strategy} adamw"] for rank in found[n]]
        assert [list(itertools.chain(*parts)) for parts in zip(*shares, strict=True)] == alone
        assert all(len(part) == 8 // n for share in shares for part in share)


@pytest.mark.parametrize("way", NAMES)
def test_a_checkpoint_of_four_goes_on_on_two_and_on_one(way, found):
    alone = found[1][0]["history"][way]
    parts = [found[n][0]["history"][f"{way} resumed"] for n in (4, 2, 1)]
    assert [len(history) for history in parts] == [2, 4, STEPS]
    for history in parts:
        for entry, expected in zip(history, alone, strict=False):
            assert entry == pytest.approx(expected, rel=1e-12)


def test_the_recipe_of_the_gpt_makes_the_same_model_on_two(tmp_path):
    for n in (1, 2):
        launch(n, tmp_path, distributed_run.recipe)
    cards = [json.loads((tmp_path / f"trained {n}" / "gpt" / "card.json").read_text()) for n in (1, 2)]
    assert cards[1]["command"] == "torchrun --nproc-per-node 2 recipes/gpt.py"
    scores = [card["bits_per_character"] for card in cards]
    assert scores[1] == pytest.approx(scores[0], rel=1e-3) and scores[0]["test"] < 2.5  # of log2(8) = 3
    alone, two = (tensors(tmp_path / f"trained {n}" / "gpt") for n in (1, 2))
    for name, weight in two.items():
        torch.testing.assert_close(weight.float(), alone[name].float(), rtol=0, atol=2e-3)  # in half precision
    assert not (tmp_path / "checkpoints 2" / "gpt.safetensors").is_file()


# --- killed ------------------------------------------------------------------------------------------------------


def test_a_rank_is_killed_and_the_restarted_job_ends_bit_for_bit_as_if_it_had_not_been(runs, tmp_path):
    part = random.Random(0).randrange(4, 2 * IN_ALL)  # of a step, two a step, after the first checkpoint
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    command = [*torchrun, "--monitor-interval=0.1", distributed_run.__file__, str(tmp_path), str(part)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Signal 9 (SIGKILL)" in done.stderr or "exitcode: -9" in done.stderr
    whole = runs / "whole"
    for file in ("history.json", "model/model.safetensors", f"run/step-{IN_ALL}/run.json"):
        assert (tmp_path / file).read_bytes() == (whole / file).read_bytes(), file


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("operation", ["all-reduce", "all-gather", "reduce-scatter", "all-to-all"])
def test_a_collective_sends_what_the_formula_says(n, operation, found):
    """On the sockets, as Linux counts; gloo sums a whole tensor where a reduce-scatter would do with its part."""
    for rank in found[n]:
        counted = rank["sent"][operation]
        assert counted["asked"][operation] == MEGABYTE and counted["calls"][operation] == 1
        formula = {"all-reduce": 2, "reduce-scatter": 2}.get(operation, 1) * (n - 1) / n * MEGABYTE
        assert formula <= counted["sent"] < 1.01 * formula + 4000


@pytest.mark.parametrize("n", [2, 4])
def test_a_step_of_three_batches_averages_its_gradients_once(n, found):
    """FSDP rounds rows up to a multiple of n, and gathers for each batch twice: forward and backward."""
    for rank in found[n]:
        asked, calls = rank["sent"]["ddp"]["asked"], rank["sent"]["ddp"]["calls"]
        assert asked["all-reduce"] == 8 * PARAMETERS + 8  # and the loss
        assert calls["all-reduce"] == 2
        asked, calls = rank["sent"]["fsdp"]["asked"], rank["sent"]["fsdp"]["calls"]
        assert 8 * PARAMETERS <= asked["reduce-scatter"] < 1.4 * 8 * PARAMETERS
        assert asked["all-gather"] == 6 * asked["reduce-scatter"] and calls["reduce-scatter"] == 4


def test_the_formulas():
    assert ring_bytes("all-reduce", 1000, 4) == 1500
    assert ring_bytes("all-gather", 1000, 4) == ring_bytes("reduce-scatter", 1000, 4) == 750
    assert ring_bytes("all-reduce", 1000, 1) == 0
    with pytest.raises(ValueError, match="operation='reduce' must be one of all-reduce, "):
        ring_bytes("reduce", 1, 2)
    with pytest.raises(ValueError, match="n=0 must be at least 1"):
        ring_bytes("all-reduce", 1, 0)


# --- one process, and bad input ----------------------------------------------------------------------------------


def test_one_process_joins_nothing_and_trains_its_own_model(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    model = new_model()
    with process_group():
        assert parallelize(model, "fsdp") is model and not torch.distributed.is_initialized()
    batch = (torch.ones(3, 2), "anything")
    assert Ranks(model).share(batch) is batch and Ranks(model).mean(0.5) == 0.5


def test_an_unknown_strategy_and_processes_that_have_not_joined_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="strategy='zero' must be one of ddp, fsdp"):
        parallelize(new_model(), "zero")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="2 processes have been started and have not joined"):
        parallelize(new_model())


@pytest.mark.parametrize("n", [2, 4])
def test_what_several_processes_cannot_train_is_refused(n, found):
    for rank in found[n]:
        optimizer, rows, kind, checkpoint = rank["errors"]
        assert "make it after parallelize(model)" in optimizer
        assert f"batch of 3 rows must be a multiple of the {n} processes" in rows
        assert f"batch holds a str, which {n} processes cannot share" in kind
        assert "is the checkpoint of a run in one process" in checkpoint
