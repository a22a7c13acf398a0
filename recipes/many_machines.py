"""Several processes train one GPT: what they agree on, send, and keep. Minutes on two cores.

    python recipes/many_machines.py

starts itself with torchrun on 1, 2 and 4 processes. Each trains the same small GPT on the plays with both strategies,
and measures:

- the losses, to the last digit, of AdamW and of Muon beside AdamW;
- what a rank sends in a step: the collectives that PyTorch calls and the bytes of their tensors, what a ring would send
  for them, and what Linux counts on the sockets (gloo's reduce-scatter is an all-reduce, of which it keeps its part);
- the bytes that a rank holds: its shares of parameters, gradients and optimizer state, counted on the tensors, and all
  that PyTorch's allocator has given out before a step and at its peak, activations and gathered parameters among it;
- the seconds of a step, on the clock and of the processor. The clock depends on what else the machine does.

The stages are those of Rajbhandari et al. 2020 (arXiv:1910.02054): 1 shares out the optimizer's state, 2 the gradients
too, 3 the parameters too.

Writes trained/many_machines/results.json.
"""

import gc
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import hidden_matrices, muon_and_adamw
from transformer_lib.training import TrainConfig, next_token_loss, random_windows, train
from transformer_lib.training.communication import ROUNDS, Collectives, bytes_sent, ring_bytes
from transformer_lib.training.distributed import Ranks, parallelize, process_group

COMMAND = "python recipes/many_machines.py"
SEED = 0
PROCESSES = (1, 2, 4)
SIZES = {"context_length": 32, "d_model": 96, "n_layers": 3, "n_heads": 4, "d_ff": 384}
BATCH_SIZE, STEPS = 8, 8
TIMED = 10  # steps, the first two of which do not count
STRATEGIES = ("ddp", "fsdp")
OPTIMIZERS = ("AdamW", "Muon")
STAGES = {"ddp": 0, "ddp, shared optimizer": 1, "fsdp, gathered once": 2, "fsdp": 3}


def new_model(vocab_size: int, dtype: torch.dtype = torch.float32) -> nn.Module:
    return gpt(GPTConfig(vocab_size=vocab_size, **SIZES), torch.Generator().manual_seed(SEED)).to(dtype)


def batches_of(tokens: Tensor) -> object:
    return random_windows(tokens, SIZES["context_length"], BATCH_SIZE, torch.Generator().manual_seed(SEED))


def optimizer_of(model: nn.Module, name: str) -> torch.optim.Optimizer:
    return muon_and_adamw(model) if name == "Muon" else torch.optim.AdamW(model.parameters(), 1e-3)


def losses(strategy: str, optimizer: str, tokens: Tensor, vocab_size: int, dtype: torch.dtype) -> list[float]:
    model = parallelize(new_model(vocab_size, dtype), strategy)
    config = TrainConfig(steps=STEPS, max_norm=1.0, log_every=1)
    history = train(model, batches_of(tokens), config, optimizer=optimizer_of(model, optimizer))
    return [entry["loss"] for entry in history]


def gone_out() -> int:
    """Bytes sent so far, after all ranks have met: what was still on its way then is counted."""
    dist.barrier()
    return bytes_sent()


def sent(strategy: str, optimizer: str, tokens: Tensor, vocab_size: int) -> dict:
    """One step, the third: the buffers of the first two are then as they stay."""
    model = parallelize(new_model(vocab_size), strategy)
    n, steps = Ranks(model).n, optimizer_of(model, optimizer)
    batches = batches_of(tokens)
    train(model, batches, TrainConfig(steps=2), optimizer=steps)
    batch = Ranks(model).share(next(batches))
    steps.zero_grad()
    before = gone_out()
    with Collectives() as collectives:
        next_token_loss(model, batch).backward()
    gradients = gone_out() - before
    with Collectives() as of_optimizer:
        steps.step()
    total = gone_out() - before
    by_operation = {
        name: {"calls": calls, "bytes": found.bytes[name], "ring": ring_bytes(name, found.bytes[name], n), "in": part}
        for found, part in ((collectives, "gradients"), (of_optimizer, "optimizer"))
        for name, calls in found.calls.items()
        if name in ROUNDS
    }
    if optimizer == "Muon" and strategy == "fsdp":  # every n-th matrix to its rank and back, which is uneven
        hidden = sum(weight.numel() * weight.element_size() for weight in hidden_matrices(model))
        by_operation["all-to-all"].update(bytes=hidden, ring=2 * (n - 1) / n**2 * hidden)
    return {"by_operation": by_operation, "measured": {"gradients": gradients, "optimizer": total - gradients}}


def of_operations() -> dict:
    """Each operation on 4 MB alone: what the formula says, and what gloo sends on the sockets."""
    n, rows = dist.get_world_size(), 2**20
    x, part = torch.ones(rows), torch.ones(rows // n)
    runs = {
        "all-reduce": lambda: dist.all_reduce(x),
        "all-gather": lambda: dist.all_gather_single(x, part),
        "reduce-scatter": lambda: dist.reduce_scatter_single(part, x),
        "all-to-all": lambda: dist.all_to_all_single(torch.empty(rows), x),
    }
    found = {}
    for name, run in runs.items():
        before = gone_out()
        run()
        measured = gone_out() - before
        found[name] = {"bytes": 4 * rows, "ring": ring_bytes(name, 4 * rows, n), "measured": measured}
    return found


def local_bytes(tensors: list[Tensor]) -> int:
    parts = [x.to_local() if hasattr(x, "to_local") else x for x in tensors]
    return sum(x.numel() * x.element_size() for x in parts)


def memory(stage: str, tokens: Tensor, vocab_size: int) -> dict:
    """What a rank holds of a model with AdamW: its shares, and all that the allocator has given out, as it counts."""
    gc.collect()  # the model of the stage before: what is given back is counted too
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profiler:
        model, optimizer, states = staged(stage, vocab_size)
        batches = batches_of(tokens)
        train(model, batches, TrainConfig(steps=1), optimizer=optimizer)
        optimizer.zero_grad()
        gc.collect()
        with torch.profiler.record_function("a step"):
            train(model, batches, TrainConfig(steps=1), optimizer=optimizer)
    events = sorted(profiler.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    [step] = [event for event in events if event.name() == "a step"]
    before = given = peak = 0
    for event in events:
        if event.name() == "[memory]" and event.start_ns() <= step.end_ns():
            given += event.nbytes()
            before, peak = (given, given) if event.start_ns() < step.start_ns() else (before, max(peak, given))
    parameters = list(model.parameters())
    own = {
        "parameters": local_bytes(parameters),
        "gradients": local_bytes([parameter.grad for parameter in parameters if parameter.grad is not None]),
        "optimizer": local_bytes([x for state in states.values() for x in state.values() if isinstance(x, Tensor)]),
    }
    assert before >= own["parameters"] + own["optimizer"], "some of what was given back was not counted as given out"
    return {"stage": STAGES[stage], **own, "allocated": {"before_a_step": before, "at_its_peak": peak}}


def staged(stage: str, vocab_size: int) -> tuple[nn.Module, torch.optim.Optimizer, dict]:
    """A model, its AdamW, and the optimizer's state on this rank."""
    plain = new_model(vocab_size)
    if stage == "fsdp, gathered once":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cpu", (dist.get_world_size(),))
        for module in [*plain.blocks, plain]:
            fully_shard(module, mesh=mesh, reshard_after_forward=False)
        model = plain
    else:
        model = parallelize(plain, stage.split(",")[0])
    if stage == "ddp, shared optimizer":
        from torch.distributed.optim import ZeroRedundancyOptimizer

        shared = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=1e-3)
        return model, shared, shared.optim.state
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    return model, optimizer, optimizer.state


def seconds(strategy: str, tokens: Tensor, vocab_size: int) -> dict:
    model = parallelize(new_model(vocab_size), strategy)
    optimizer, batches = torch.optim.AdamW(model.parameters(), 1e-3), batches_of(tokens)
    clock, processor = [], []
    for _ in range(TIMED):
        begun, worked = time.perf_counter(), time.process_time()
        train(model, batches, TrainConfig(steps=1), optimizer=optimizer)
        clock.append(time.perf_counter() - begun)
        processor.append(time.process_time() - worked)
    return {
        "median": statistics.median(clock[2:]),
        "least": min(clock[2:]),
        "processor": statistics.median(processor[2:]),
    }


def gathered(own: object) -> list:
    """What each rank has found, in their order."""
    if not dist.is_initialized():
        return [own]
    found = [None] * dist.get_world_size()
    dist.all_gather_object(found, own)
    return found


def on_rank(file: Path) -> None:
    torch.set_num_threads(1)
    tokenizer, splits = load_plays()
    tokens, size = splits["train"], tokenizer.vocab_size
    with process_group():
        of = [(strategy, optimizer) for strategy in STRATEGIES for optimizer in OPTIMIZERS]
        found = {
            "losses": {
                str(dtype).removeprefix("torch."): {
                    f"{strategy} {optimizer}": losses(strategy, optimizer, tokens, size, dtype)
                    for strategy, optimizer in of
                }
                for dtype in (torch.float32, torch.float64)
            },
            "sent": {
                f"{strategy} {optimizer}": gathered(sent(strategy, optimizer, tokens, size))
                for strategy, optimizer in of
            },
            "operations": gathered(of_operations()),
            "memory": {stage: gathered(memory(stage, tokens, size)) for stage in STAGES},
            "seconds": {strategy: gathered(seconds(strategy, tokens, size)) for strategy in STRATEGIES},
            "load": os.getloadavg()[0],
        }
        if dist.get_rank() == 0:
            file.write_text(json.dumps(found), encoding="utf-8")


def digits(losses: list[float], others: list[float]) -> float:
    """How many decimal digits agree at least, over all steps: -log10 of the largest relative difference."""
    worst = max(abs(a - b) / abs(a) for a, b in zip(losses, others, strict=True))
    return -math.log10(worst) if worst else math.inf


def main() -> None:
    started = time.perf_counter()
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in PROCESSES:
            file = Path(folder) / f"{n}.json"
            torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
            subprocess.run([*torchrun, __file__, str(file)], check=True)
            runs[str(n)] = json.loads(file.read_text(encoding="utf-8"))
            print(n, "processes:", round(time.perf_counter() - started), "s", flush=True)
    agreeing = {
        dtype: {
            n: {
                name: round(digits(runs["1"]["losses"][dtype][name.replace("fsdp", "ddp")], run), 2)
                for name, run in by_name.items()
            }
            for n, by_name in ((n, run["losses"][dtype]) for n, run in runs.items() if n != "1")
        }
        for dtype in ("float32", "float64")
    }
    parameters = sum(parameter.numel() for parameter in new_model(load_plays()[0].vocab_size).parameters())
    settings = {"steps": STEPS, "batch_size": BATCH_SIZE, **SIZES, "parameters": parameters}
    write_card(
        "many_machines", command=COMMAND, seed=SEED, seconds=round(time.perf_counter() - started, 1), settings=settings
    )
    results = {"settings": settings, "digits": agreeing, "processes": runs}
    (TRAINED / "many_machines" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        on_rank(Path(sys.argv[1]))
    else:
        main()
