"""A checkpoint that several processes write together: a folder, where each leaves the shares of tensors that it holds.

    run/step-200/shard-00001-…safetensors, shard-00002-…safetensors, run.json

`torch.distributed.checkpoint` decides who writes what, and brings each tensor, however it was cut, into the cut that is
wanted when it is read. So what four processes have written two can read, or one. A step is there when its `run.json`
is, which is written last; the step before is kept until then.
"""

import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from transformer_lib.training.distributed import Ranks
from transformer_lib.training.files import replace_file

RUN = "run.json"


def latest(folder: Path) -> Path | None:
    """Return the folder of the last step that was written whole, if there is one."""
    steps = [(int(run.parent.name.removeprefix("step-")), run.parent) for run in folder.glob(f"step-*/{RUN}")]
    return max(steps)[1] if steps else None


def write_shards(folder: Path, step: int, tensors: Mapping[str, Tensor], run: Mapping[str, Any], ranks: Ranks) -> None:
    """Write a step, then remove the ones before; all ranks call.

    Args:
        folder: Made if it is not there. All ranks see it.
        step: Its number.
        tensors: By name; those that a rank shares with others are the same on all.
        run: What JSON can hold, the same on all ranks.
        ranks: Who writes.

    Raises:
        ValueError: If there is a file of that name, which one process wrote.
    """
    import torch.distributed.checkpoint as dcp  # here, not above: two tenths of a second, for those who need it

    if folder.is_file():
        raise ValueError(
            f"{folder} is the checkpoint of a run in one process: go on with it there, name another, or remove it"
        )
    target = folder / f"step-{step}"
    if ranks.rank == 0:
        _remove(target)  # of a run that was killed while it wrote
        target.mkdir(parents=True)
    ranks.wait()
    writer = dcp.HuggingFaceStorageWriter(str(target), save_distributed=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # said to whoever writes alone
        dcp.save({name: x.detach() for name, x in tensors.items()}, storage_writer=writer, no_dist=ranks.n == 1)
    ranks.wait()
    if ranks.rank == 0:
        replace_file(target / RUN, json.dumps(run).encode())
        for other in folder.glob("step-*"):
            if other != target:
                _remove(other)
    ranks.wait()  # so that whoever looks for it next finds it


def read_run(step: Path) -> dict[str, Any]:
    """Read what was written beside the tensors of a step."""
    try:
        run: dict[str, Any] = json.loads((step / RUN).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{step / RUN} is damaged ({error}): remove {step} and go on from before") from error
    return run


def read_shards(step: Path, like: Callable[[str], Tensor | None], ranks: Ranks) -> dict[str, Tensor]:
    """Read the tensors of a step, each cut as is wanted here; all ranks call.

    Args:
        step: What `latest` returned.
        like: From a tensor's name to one that is cut and placed as it is wanted, or None for whole and on the CPU.
        ranks: Who reads.

    Raises:
        ValueError: If a file is damaged or missing.
    """
    import torch.distributed.checkpoint as dcp
    from safetensors import SafetensorError
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    def room(name: str, stored: TensorStorageMetadata) -> Tensor:
        model, dtype = like(name), stored.properties.dtype
        if model is None or model.shape != stored.size:
            return torch.empty(stored.size, dtype=dtype)
        return torch.empty_like(model, dtype=dtype, requires_grad=False)

    reader = dcp.HuggingFaceStorageReader(str(step))
    try:
        found = reader.read_metadata().state_dict_metadata
        tensors = {name: room(name, x) for name, x in found.items() if isinstance(x, TensorStorageMetadata)}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled")  # said to whoever reads alone
            dcp.load(tensors, storage_reader=reader, no_dist=ranks.n == 1)
    except (SafetensorError, dcp.CheckpointException) as error:
        raise ValueError(f"{step} is damaged ({error}): remove it and start anew") from error
    return tensors


def _remove(step: Path) -> None:
    (step / RUN).unlink(missing_ok=True)  # first: without it what is left is no checkpoint
    shutil.rmtree(step, ignore_errors=True)
