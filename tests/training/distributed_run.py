"""What the ranks of a test do, and a script for torchrun that one of its ranks is killed in.

`launch` forks its processes from one that has imported the library, and tells them what torchrun would tell them.
"""

import dataclasses
import functools
import json
import multiprocessing
import os
import signal
import socket
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import warmup_cosine
from transformer_lib.training import MovingAverage, TrainConfig, evaluate, next_token_loss, random_windows, save, train
from transformer_lib.training.communication import Collectives, bytes_sent
from transformer_lib.training.distributed import Ranks, parallelize, process_group

TOKENS = torch.randint(7, (400,), generator=torch.Generator().manual_seed(0))
WAYS = [(strategy, optimizer) for strategy in ("ddp", "fsdp") for optimizer in ("adamw", "muon")]
STEPS, EVERY = 6, 2
MEGABYTE = 2**20
# Imported once, for all ranks. (The server does not see the path that pytest has made: this file is imported by each.)
PRELOADED = ["torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.fsdp", "transformer_lib.training"]
IN_ALL = 12  # steps of the run that is killed


def new_model(dropout=0.0):
    """Ten rows on four ranks are 3, 3, 3 and 1; three matrices of a shape leave one of four ranks without any."""
    config = GPTConfig(vocab_size=7, context_length=8, d_model=10, n_layers=3, n_heads=2, d_ff=18, dropout=dropout)
    return gpt(config, torch.Generator().manual_seed(0)).double()


def run(strategy, optimizer, *, steps=STEPS, checkpoint=None, dropout=0.0, at_loss=None, seed=1):
    """Train with all that has a state; `at_loss` is told the inputs of each batch."""
    model = parallelize(new_model(dropout), strategy)
    made = (
        muon_and_adamw(model, weight_decay=0.1)
        if optimizer == "muon"
        else torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.1)
    )
    average = MovingAverage(made, 0.7)
    generator = torch.Generator().manual_seed(seed)

    def loss(model, batch):
        if at_loss is not None:
            at_loss(batch[0])
        return next_token_loss(model, batch)

    def validate(model):
        with average.applied():
            return evaluate(model, TOKENS[:60], length=8)

    history = train(
        model,
        random_windows(TOKENS, 8, 8, generator),
        TrainConfig(steps=steps, accumulate=2, max_norm=0.3, log_every=1, checkpoint_every=EVERY),
        loss=loss,
        optimizer=made,
        schedule=warmup_cosine(100, warmup=4),
        validate=validate,
        generators={"data": generator},
        checkpoint=checkpoint,
        changed=["steps", "schedule"],
    )
    return model, history


def compare(folder):
    """All that is compared between numbers of processes, one file a rank."""
    n, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
    found = {"history": {}, "inputs": {}}
    for strategy, optimizer in WAYS:
        inputs = []
        model, history = run(strategy, optimizer, at_loss=lambda x, inputs=inputs: inputs.append(x.tolist()))
        save(model, folder / f"{n} {strategy} {optimizer}")
        found["history"][f"{strategy} {optimizer}"] = history
        found["inputs"][f"{strategy} {optimizer}"] = inputs
        shared, steps = folder / f"shared {strategy} {optimizer}", {4: 2, 2: 4, 1: STEPS}[n]
        _, found["history"][f"{strategy} {optimizer} resumed"] = run(
            strategy, optimizer, steps=steps, checkpoint=shared, seed=1 if n == 4 else 99
        )
    if n > 1:
        found["sent"] = sent()
        found["errors"] = errors(folder)
    (folder / f"{n}.{rank}.json").write_text(json.dumps(found))


def sent():
    """By what was done: bytes of the collectives, and on the sockets."""
    n, found = dist.get_world_size(), {}
    part, whole = torch.ones(MEGABYTE // 4 // n), torch.ones(MEGABYTE // 4)
    work = {
        "all-reduce": lambda: dist.all_reduce(whole),
        "all-gather": lambda: dist.all_gather_single(whole, part),
        "reduce-scatter": lambda: dist.reduce_scatter_single(part, whole),
        "all-to-all": lambda: dist.all_to_all_single(torch.empty_like(whole), whole),
    }
    batches, config = [(TOKENS[:32].view(4, 8), TOKENS[1:33].view(4, 8))] * 3, TrainConfig(steps=1, accumulate=3)
    for strategy in ("ddp", "fsdp"):
        work[strategy] = functools.partial(train, parallelize(new_model(), strategy), batches, config)
    for name, do in work.items():
        dist.barrier()
        before = bytes_sent()
        with Collectives() as collectives:
            do()
            dist.barrier()
        found[name] = {"asked": collectives.bytes, "calls": collectives.calls, "sent": bytes_sent() - before}
    return found


def errors(folder):
    plain = new_model()
    optimizer = torch.optim.SGD(plain.parameters(), 0.1)
    model = parallelize(plain, "fsdp")
    (folder / f"file {dist.get_rank()}").write_text("")
    batch = (TOKENS[:24].view(3, 8),) * 2
    messages = []
    for batches, options in (
        ([], {"optimizer": optimizer}),
        ([batch], {}),
        ([(TOKENS[:32].view(4, 8), "targets")], {}),
        ([], {"checkpoint": folder / f"file {dist.get_rank()}", "generators": {}}),
    ):
        try:
            train(model, batches, TrainConfig(steps=1), **options)
        except ValueError as error:
            messages.append(str(error))
    return messages


def killed(folder, step=None):
    """Train with dropout, whose random numbers differ from rank to rank; the last rank is killed before a step."""
    first = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) == 0
    batches = iter(range(2 * IN_ALL))

    def at_loss(inputs):
        if next(batches) == step and first and dist.get_rank() == dist.get_world_size() - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.manual_seed(3)
    model, history = run("fsdp", "muon", steps=IN_ALL, checkpoint=folder / "run", dropout=0.2, at_loss=at_loss)
    save(model, folder / "model")
    if dist.get_rank() == 0:
        (folder / "history.json").write_text(json.dumps(history))


def undisturbed(folder):
    killed(folder / "whole")


def recipe(folder):
    """The book's own, with a small model, a short text and few steps."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes"))
    import _cards
    import _plays
    import gpt

    from transformer_lib.data import shakespeare

    shakespeare.load = lambda: shakespeare.Splits(*("abc abd e\n" * count for count in (50, 9, 9)))
    _plays.TRAINED = _cards.TRAINED = folder / f"trained {dist.get_world_size()}"
    gpt.SIZES, gpt.CONTEXT_LENGTH, gpt.OVERLAP = {"d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 16}, 16, 8
    gpt.TRAINING = dataclasses.replace(gpt.TRAINING, steps=20, log_every=10, checkpoint_every=10)
    gpt.WARM_UP, gpt.BFLOAT16 = 4, False
    gpt.CHECKPOINT = folder / f"checkpoints {dist.get_world_size()}" / "gpt.safetensors"
    gpt.main()


def launch(n, folder, *work):
    """Do the work in n processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=_rank, args=(rank, n, port, folder, work)) for rank in range(n)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * n


def _rank(rank, n, port, folder, work):
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in told.items()})
    with process_group():
        for function in work:
            function(folder)


def tensors(folder):
    return load_file(folder / "model.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with process_group():
        assert Ranks(parallelize(new_model())).n == 2
        killed(Path(sys.argv[1]), int(sys.argv[2]))
