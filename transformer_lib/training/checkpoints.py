"""A checkpoint: one file from which a run goes on as if it had never stopped, bit for bit.

Tensors stand in it as safetensors, numbers as JSON in the header, all with checksums:
`transformer_lib.training.files`. Where several processes train, it is a folder: `transformer_lib.training.shards`.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from transformer_lib.models.builders import named_tensors
from transformer_lib.training.distributed import Ranks
from transformer_lib.training.files import read_tensors, write_tensors
from transformer_lib.training.placement import is_first_rank, to_device
from transformer_lib.training.saving import whole
from transformer_lib.training.shards import latest, read_run, read_shards, write_shards


@runtime_checkable
class Resumable(Protocol):
    """What a run draws from: a torch.Generator, or whatever can tell its place as a tensor and go back there."""

    def get_state(self) -> Tensor:
        """Return the place."""

    def set_state(self, state: Tensor, /) -> Any:
        """Go there."""


def is_checkpoint(path: str | Path) -> bool:
    """Whether there is something to go on from: a file, or a folder that holds a step."""
    return Path(path).is_file() or latest(Path(path)) is not None


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Mapping[str, Resumable],
    *,
    config: dict[str, Any],
    record: dict[str, Any],
) -> None:
    """Write everything that a run needs in order to go on.

    Args:
        path: The file; its folder is made if it is not there. A folder where `parallelize` made the model, and all of
            its processes must call; or where it is one already, which several processes have written.
        model: Its parameters and buffers are written.
        optimizer: Its state and settings are written.
        generators: Their states are written, and those of PyTorch's own on the CPU and wherever the model is.
        config: The settings of the run by name, of what JSON can hold; `load_checkpoint` compares them.
        record: Its progress, of what JSON can hold, with its `step` among it; `load_checkpoint` returns it.

    Raises:
        ValueError: If several processes are to write where one has.
    """
    path, ranks = Path(path), Ranks(model)
    shared = ranks.parallel or path.is_dir()
    tensors = {f"model.{name}": tensor for name, tensor in named_tensors(model).items()}
    for name, generator in (_of_devices(model, ranks if shared else None) | dict(generators)).items():
        tensors[f"random.{name}"] = generator.get_state()
    packed = _pack(optimizer.state_dict(), tensors, "optimizer")
    run = {"config": config, "record": record, "optimizer": packed}
    if shared:
        write_shards(path, record["step"], tensors, run, ranks)
    elif is_first_rank():
        write_tensors(path, whole(tensors), {"run": json.dumps(run)})


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Mapping[str, Resumable],
    *,
    config: dict[str, Any],
    changed: Collection[str] = (),
) -> dict[str, Any]:
    """Put a run back where it was when `save_checkpoint` wrote the file.

    Args:
        path: The file, or the folder, which any number of processes may go on from.
        model: Built as it was then; its weights are overwritten.
        optimizer: Built as it was then; its state and settings are overwritten.
        generators: Named as they were then; their states are overwritten, and those of PyTorch's own, which each of
            several processes has for itself, so that one that was not there then keeps what it has.
        config: The settings of the run as they are now. One that only the file knows, or only the caller, is not
            compared.
        changed: Names of settings that may differ from those in the file, which the run then goes on with: "steps",
            say, or "optimizer.0.lr", or "optimizer" for all that begin so.

    Returns:
        The record that was given to `save_checkpoint`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or of another run; nothing has been overwritten then. If several processes
            are to go on from the file of one.
    """
    path, ranks = Path(path), Ranks(model)
    step = latest(path)
    if step is None and ranks.parallel and path.is_file():
        raise ValueError(f"{path} is the checkpoint of a run in one process: go on with it there, or name another")
    if step is None:
        tensors, texts = read_tensors(path)
        if "run" not in texts:
            raise ValueError(f"{path} is no checkpoint of a run: name another file, or remove it")
        run = json.loads(texts["run"])
    else:
        run = read_run(step)
    if "optimizer" not in run:
        raise ValueError(f"{path} is of another version of the library: remove it to start anew")
    taken_over = _differing(run["config"], config, changed, path)
    if step is not None:
        tensors = read_shards(step, _cut(model, optimizer), ranks)
    stored = {
        kind: {name.removeprefix(f"{kind}."): x for name, x in tensors.items() if name.startswith(f"{kind}.")}
        for kind in ("model", "random")
    }
    draws, devices = dict(generators), _of_devices(model, None if step is None else ranks)
    if (named := {name for name in stored["random"] if not name.startswith("device ")}) != draws.keys():
        raise ValueError(
            f"generators={sorted(draws)} must be those in {path}, {sorted(named)}: give the same ones, or remove the "
            "file"
        )
    state = _unpack(run["optimizer"], tensors)
    _validate_groups(optimizer.param_groups, state["param_groups"], path)
    _copy(stored["model"], named_tensors(model), path)
    _restore(optimizer, state, taken_over)
    for name, place in stored["random"].items():
        if generator := (devices | draws).get(name):  # on another device there is none, and no bit for bit either
            generator.set_state(place)
    return run["record"]


def optimizer_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Describe an optimizer that is not yet in use: by "optimizer.GROUP.SETTING", what JSON can hold.

    Args:
        optimizer: As it was built. What `train` schedules from is its learning rate, `initial_lr` once it has begun.
    """
    settings: dict[str, Any] = {"optimizer": type(optimizer).__name__}
    for index, group in enumerate(optimizer.param_groups):
        for name, value in group.items():
            if isinstance(value, Tensor):
                value = value.item()
            if name not in ("params", "lr") and isinstance(value, bool | int | float | str | tuple | None):
                settings[f"optimizer.{index}.{name}"] = value
    return settings


def _differing(then: dict[str, Any], config: dict[str, Any], changed: Collection[str], path: Path) -> list[str]:
    """Name the settings that are others now than in a file, all of which must be allowed to be."""
    now = json.loads(json.dumps(config))
    differing = [name for name in now if name in then and now[name] != then[name]]
    if refused := [name for name in differing if not any(f"{name}.".startswith(f"{wanted}.") for wanted in changed)]:
        old, new = (", ".join(f"{name}={side[name]!r}" for name in refused) for side in (then, now))
        raise ValueError(
            f"{path} is of a run with {old}, not {new}: set it as it was, name it in changed=[…] to go on with the new "
            "value, or remove the file to start anew"
        )
    return differing


def _validate_groups(groups: list[dict[str, Any]], stored: list[dict[str, Any]], path: Path) -> None:
    sizes = [len(group["params"]) for group in stored]
    if sizes != [len(group["params"]) for group in groups]:
        raise ValueError(f"optimizer must have parameter groups of {sizes} as in {path}: build it as it was then")
    for group, then in zip(groups, stored, strict=True):
        if differing := group.keys() ^ then.keys():
            raise ValueError(
                f"optimizer must have the settings of the one in {path}, but {sorted(differing)} are only in one: "
                "build it as it was then"
            )


def _restore(optimizer: torch.optim.Optimizer, state: dict[str, Any], taken_over: Collection[str]) -> None:
    """Load a state as it was, but for the settings of the caller's that are named."""
    built = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for index, (group, own) in enumerate(zip(optimizer.param_groups, built, strict=True)):
        group.update({key: own[key] for key in own if f"optimizer.{index}.{key}" in taken_over})
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, entries in state["state"].items():  # PyTorch casts to the parameter's dtype, and garbles texts
        held = optimizer.state[parameters[index]]
        for name, value in entries.items():
            device = held[name].device if isinstance(value, Tensor) else parameters[index].device
            held[name] = to_device(value, device)


class _OfDevice(NamedTuple):
    """PyTorch's own generator of a device, which dropout there draws from."""

    device: torch.device

    def get_state(self) -> Tensor:
        return self._module.get_rng_state(*self._which)

    def set_state(self, state: Tensor) -> None:
        self._module.set_rng_state(state, *self._which)

    @property
    def _module(self) -> Any:
        return torch if self.device.type == "cpu" else torch.get_device_module(self.device)

    @property
    def _which(self) -> tuple[torch.device, ...]:
        return () if self.device.type in ("cpu", "mps") else (self.device,)  # there is one of these


def _of_devices(model: nn.Module, ranks: Ranks | None = None) -> dict[str, Resumable]:
    """PyTorch's own generators, of the CPU and of each device that the model is on; of one rank among several."""
    devices = {torch.device("cpu"), *(parameter.device for parameter in model.parameters())}
    if ranks is not None:
        return {f"device {device.type} of rank {ranks.rank}": _OfDevice(device) for device in devices}
    return {f"device {device}": _OfDevice(device) for device in devices}


def _cut(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[str], Tensor | None]:
    """How a stored tensor is shared among the ranks: as the parameter is that it is, or is the optimizer's state of."""
    named = {f"model.{name}": tensor for name, tensor in named_tensors(model).items()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def like(name: str) -> Tensor | None:
        if (state := re.match(r"optimizer\.state\.(\d+)\.", name)) and int(state[1]) < len(parameters):
            return parameters[int(state[1])]
        return named.get(name)

    return like


def _pack(value: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """Turn a state into what JSON keeps as it is; its tensors go into `tensors`, and their names stand for them."""
    if isinstance(value, Tensor):
        name = name if name not in tensors else f"{name} {len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, tuple):
        return {"tuple": [_pack(part, tensors, f"{name}.{place}") for place, part in enumerate(value)]}
    if isinstance(value, list):
        return [_pack(part, tensors, f"{name}.{place}") for place, part in enumerate(value)]
    if isinstance(value, dict):
        return {
            "dict": [[_pack(key, tensors, name), _pack(part, tensors, f"{name}.{key}")] for key, part in value.items()]
        }
    return value


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The way back."""
    if isinstance(value, list):
        return [_unpack(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "tuple":
        return tuple(_unpack(part, tensors) for part in content)
    return {_unpack(key, tensors): _unpack(part, tensors) for key, part in content}


@torch.no_grad()
def _copy(stored: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy what a file holds into the tensors of the same names, or say how the two differ."""
    shapes = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in stored.items()}
    for name in sorted(shapes.keys() | found.keys()):
        if shapes.get(name) != found.get(name):
            raise ValueError(
                f"{path} does not fit this model: {name} is {found.get(name, 'missing')} there and "
                f"{shapes.get(name, 'missing')} here. Build the model as it was built then"
            )
    for name, tensor in tensors.items():
        tensor.copy_(stored[name])
