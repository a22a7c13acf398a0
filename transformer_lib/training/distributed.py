"""Several processes train one model: each reads its share of every batch, and all take the same step.

    torchrun --nproc-per-node 4 train.py

starts a script four times and tells each process its number, its *rank*. The script joins the ranks, spreads its model
over them, and trains as it would alone:

    with process_group():
        model = parallelize(gpt(config, generator), "fsdp")
        train(model, random_windows(tokens, 128, 32, generator), TrainConfig(steps=1000))

A batch is cut into n equal shares. Where the loss is a mean over rows of equal weight, the mean of the ranks' gradients
is the gradient of the whole batch,

    grad L(batch) = 1/n sum_r grad L(share_r),

so the run is that of one process, up to the rounding of a sum in another order. "ddp" keeps the whole model on every
rank and averages the gradients with an all-reduce (Li et al. 2020, arXiv:2006.15704). "fsdp" keeps 1/n of every
parameter, gradient and optimizer state on each, gathers the parameters of one block while it is computed, and sends
each rank its share of the averaged gradients with a reduce-scatter (Rajbhandari et al. 2020, arXiv:1910.02054, stage 3;
Zhao et al. 2023, arXiv:2304.11277).
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

STRATEGIES = ("ddp", "fsdp")


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that `torchrun` started, and leave them at the end; a process of its own joins nothing.

    Each has a GPU of its own, and NCCL between them, where there are GPUs; else they are on the CPU, and gloo is.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        device = torch.device("cuda", torch.cuda.current_device())
        dist.init_process_group("nccl", device_id=device, **_meeting_place())
    else:
        dist.init_process_group("gloo", **_meeting_place())
    try:
        yield
    finally:
        dist.destroy_process_group()


def _meeting_place() -> dict[str, Any]:
    """Where the processes tell each other their addresses: after a restart, away from those of the dead.

    torchrun keeps one store for all its restarts, and PyTorch writes the addresses of each under the same names: who
    comes back first may read those that are no longer there, and is refused, or waits for ever.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return {}  # the first rank opens a store of its own
    rank, n = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), n, is_master=False)
    start = dist.PrefixStore(f"start {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)
    return {"store": start, "rank": rank, "world_size": n}


def parallelize(model: nn.Module, strategy: str = "ddp") -> Any:
    """Spread a model over the processes that have joined; of one process it is returned as it is.

    The ranks go on with different random numbers afterwards, so that dropout differs from share to share.

    Args:
        model: Built alike on every rank, from one seed. It is moved to the rank's GPU, if it has one. Its `blocks`, and
            whatever other lists of modules it has, are what "fsdp" gathers one at a time.
        strategy: "ddp" for a whole model on each rank, "fsdp" for a share of it.

    Returns:
        What is trained in its place. Its optimizer must be made afterwards: the parameters may be others. Losses must
        call it, and not its parts.

    Raises:
        RuntimeError: If torchrun has started several processes that have not joined.
        ValueError: If the strategy is unknown.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy={strategy!r} must be one of {', '.join(STRATEGIES)}")
    if not dist.is_initialized():
        if (started := int(os.environ.get("WORLD_SIZE", 1))) > 1:
            raise RuntimeError(
                f"{started} processes have been started and have not joined: parallelize the model inside "
                "`with process_group():`"
            )
        return model
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    model.to(device)
    parallel: nn.Module
    if strategy == "ddp":
        parallel = DistributedDataParallel(model, gradient_as_bucket_view=True)  # else gradients are held twice
    else:
        parallel = _sharded(model, device.type)
    if rank := dist.get_rank():
        torch.manual_seed(torch.initial_seed() + rank)
    return parallel


def _sharded(model: nn.Module, device: str) -> nn.Module:
    """Cut every parameter into rows, one share a rank; what is in no list of modules is gathered as one more block."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard  # here, not above: it is most of a second, for those who need it

    mesh = init_device_mesh(device, (dist.get_world_size(),))
    for modules in [module for module in model.modules() if isinstance(module, nn.ModuleList)]:
        for block in modules:
            fully_shard(block, mesh=mesh)
    # The default keeps the last gathered after the forward pass. An evaluation with averaged weights, which has no
    # backward pass, would then leave them there for the next step.
    fully_shard(model, mesh=mesh, reshard_after_forward=True)
    return model


class Ranks:
    """The processes that train a model together, as `train` needs them: one, where nothing has been parallelized.

    Args:
        model: What `parallelize` returned, or any other.
    """

    def __init__(self, model: nn.Module) -> None:
        while hasattr(model, "_orig_mod"):  # of torch.compile
            model = model._orig_mod  # type: ignore[assignment]
        self._model: Any = model
        self._sharded = hasattr(model, "set_requires_gradient_sync")  # an FSDPModule
        self._replicated = isinstance(model, DistributedDataParallel)
        self.parallel = self._sharded or self._replicated
        self.n, self.rank = (dist.get_world_size(), dist.get_rank()) if self.parallel else (1, 0)

    def validate_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Refuse an optimizer of the parameters that a model had before it was sharded.

        Raises:
            ValueError: If it holds none of the model's parameters: nothing would be trained.
        """
        own = {id(parameter) for parameter in self._model.parameters()}
        held = (parameter for group in optimizer.param_groups for parameter in group["params"])
        if self.parallel and not any(id(parameter) in own for parameter in held):
            raise ValueError("optimizer holds none of the model's parameters: make it after parallelize(model)")

    def share(self, batch: Any) -> Any:
        """Return this rank's rows of a batch that every rank has drawn: the shares together are the batch.

        Args:
            batch: Tensors of as many rows, or a tuple, list or dict of batches.

        Raises:
            ValueError: If the rows cannot be shared evenly.
        """
        if self.n == 1:
            return batch
        if isinstance(batch, Tensor):
            if not len(batch) or len(batch) % self.n:
                raise ValueError(
                    f"batch of {len(batch)} rows must be a multiple of the {self.n} processes that share it: change "
                    "the batch size, or the number of processes"
                )
            return batch.chunk(self.n)[self.rank]
        if isinstance(batch, dict):
            return {name: self.share(part) for name, part in batch.items()}
        if isinstance(batch, tuple | list):
            parts = [self.share(part) for part in batch]
            return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
        raise ValueError(f"batch holds a {type(batch).__name__}, which {self.n} processes cannot share: give tensors")

    @contextlib.contextmanager
    def gradients(self, *, complete: bool) -> Iterator[None]:
        """Run a forward and a backward pass inside; the ranks' gradients are averaged only where they are complete.

        Args:
            complete: Whether this is the last part of a step. Those before it add to each rank's own gradients.
        """
        if self._sharded:
            self._model.set_requires_gradient_sync(complete)
        with self._model.no_sync() if self._replicated and not complete else contextlib.nullcontext():
            yield

    def mean(self, value: float) -> float:
        """Return the mean of the ranks' numbers, on every rank."""
        if self.n == 1:
            return value
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        total = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return total.item() / self.n

    def wait(self) -> None:
        """Wait until every rank is here."""
        if self.n > 1:
            dist.barrier()
