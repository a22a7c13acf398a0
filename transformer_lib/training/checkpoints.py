"""What training leaves on disk: safetensors and JSON, nothing that has to be unpickled.

A trained model is a folder, `config.json` beside `model.safetensors`, from `save` and for `load`. A checkpoint is one
file: the tensors of an unfinished run, and its numbers as JSON in the header. Each file is written beside its place and
then renamed, so that a run that is killed leaves the last one that was whole.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from transformer_lib.models.builders import build_with, builders, named_tensors, unwrapped, validate_as_built
from transformer_lib.training.placement import is_first_rank, to_device


@runtime_checkable
class Resumable(Protocol):
    """What a run draws from: a torch.Generator, or whatever can tell its place as a tensor and go back there."""

    def get_state(self) -> Tensor:
        """Return the place."""

    def set_state(self, state: Tensor, /) -> Any:
        """Go there."""


def save(model: nn.Module, folder: str | Path) -> None:
    """Write a model: what built it, its configuration, and its tensors.

    Args:
        model: What a registered builder made, such as `gpt`; or that model compiled, or wrapped for several devices.
            Its parameters and buffers are written once each, even where two layers share one, and under plain names. A
            `model.half()` takes half the room, and is loaded in the precision it is built in.
        folder: Made if it is not there. Of several processes that train together, all must call, and the first one
            writes.

    Raises:
        ValueError: If the model is not as its builder makes it of its configuration: it could not be built again.

    Example:

        >>> import tempfile
        >>> from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
        >>> folder = tempfile.mkdtemp()
        >>> save(neural_bigram(NeuralBigramConfig(vocab_size=3)), folder)
        >>> load(folder).config
        NeuralBigramConfig(vocab_size=3)
    """
    validate_as_built(model)
    plain, folder = unwrapped(model), Path(folder)
    tensors = _whole(named_tensors(model))
    described = {"model": plain.builder, **dataclasses.asdict(plain.config)}
    if not is_first_rank():
        return
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "config.json", (json.dumps(described, indent=2) + "\n").encode())
    _replace(folder / "model.safetensors", safetensors.torch.save(tensors))


def load(folder: str | Path) -> Any:
    """Build the model in a folder: the builder is looked up by its name, and the weights are taken as they are.

    Args:
        folder: What `save` wrote.

    Returns:
        The model, in evaluation mode and in PyTorch's default floating dtype.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, or is of a model that no registered builder makes.
    """
    folder = Path(folder)
    path = _existing(folder / "config.json")
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        name = described.pop("model", None) or described.pop("config")
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged, or no configuration ({error!r}): make it again") from error
    stored, default = _read(folder / "model.safetensors")[0], torch.get_default_dtype()
    tensors = {_named_now(key): x.to(default) if x.is_floating_point() else x for key, x in stored.items()}
    # An older file has the name of the configuration only, which may have two builders: the tensors tell which.
    builds = [build for key, build in builders().items() if name in (key, build.config_class.__name__)]
    if not builds:
        raise ValueError(
            f"{path} holds a {name!r}, which must be one of {sorted(builders())}: import what registers its builder"
        )
    for build in builds:
        try:
            return build_with(build, build.config_class(**described), tensors).eval()
        except TypeError as error:
            refusal = f"{path} does not fit {name}: {error}. It is from another version: make it again"
        except ValueError as error:
            refusal = f"{folder} holds files of two models, or of another version: {error}. Make it again"
    raise ValueError(refusal)


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
        path: The file; its folder is made if it is not there.
        model: Its parameters and buffers are written.
        optimizer: Its state and settings are written.
        generators: Their states are written, and those of PyTorch's own on the CPU and wherever the model is.
        config: The settings of the run, of what JSON can hold; `load_checkpoint` refuses any others.
        record: Its progress, of what JSON can hold; `load_checkpoint` returns it.

    Raises:
        ValueError: If the model is sharded: torch.distributed.checkpoint writes each shard where it is.
    """
    tensors = {f"model.{name}": tensor for name, tensor in named_tensors(model).items()}
    if any(hasattr(tensor, "full_tensor") for tensor in tensors.values()):
        raise ValueError("model is sharded over several devices: save its run with torch.distributed.checkpoint")
    for name, generator in (_of_devices(model) | dict(generators)).items():
        tensors[f"random.{name}"] = generator.get_state()
    packed = _pack(optimizer.state_dict(), tensors)
    run = json.dumps({"config": config, "record": record, "optimizer": packed})
    whole = _whole(tensors)
    if is_first_rank():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        _replace(Path(path), safetensors.torch.save(whole, {"run": run}))


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generators: Mapping[str, Resumable],
    *,
    config: dict[str, Any],
) -> dict[str, Any]:
    """Put a run back where it was when `save_checkpoint` wrote the file.

    Args:
        path: The file.
        model: Built as it was then; its weights are overwritten.
        optimizer: Built as it was then; its state and settings are overwritten.
        generators: Named as they were then; their states are overwritten, and those of PyTorch's own.
        config: The settings of the run, as they were then.

    Returns:
        The record that was given to `save_checkpoint`.

    Raises:
        ValueError: If the file is damaged or of another run; nothing has been overwritten then.
    """
    path = Path(path)
    tensors, header = _read(path)
    if "run" not in header:
        raise ValueError(f"{path} is no checkpoint of a run: name another file, or remove it")
    run = json.loads(header["run"])
    if "optimizer" not in run:
        raise ValueError(f"{path} is of another version of the library: remove it to start anew")
    if config != run["config"]:
        raise ValueError(f"{path} is of a run with {run['config']}, not {config}: remove it to start anew")
    stored = {
        kind: {name.removeprefix(f"{kind}."): x for name, x in tensors.items() if name.startswith(f"{kind}.")}
        for kind in ("model", "random")
    }
    draws, devices = dict(generators), _of_devices(model)
    if (named := {name for name in stored["random"] if not name.startswith("device ")}) != draws.keys():
        raise ValueError(
            f"generators={sorted(draws)} must be those in {path}, {sorted(named)}: give the same ones, or remove the "
            "file"
        )
    state = _unpack(run["optimizer"], tensors)
    groups = [len(group["params"]) for group in state["param_groups"]]
    if groups != [len(group["params"]) for group in optimizer.param_groups]:
        raise ValueError(f"optimizer must have parameter groups of {groups} as in {path}: build it as it was then")
    for group, group_then in zip(optimizer.param_groups, state["param_groups"], strict=True):
        if differing := group.keys() ^ group_then.keys():
            raise ValueError(
                f"optimizer must have the settings of the one in {path}, but {sorted(differing)} are only in one: "
                "build it as it was then"
            )
    _copy(stored["model"], named_tensors(model), path)
    optimizer.load_state_dict(state)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, entries in state["state"].items():  # PyTorch casts to the parameter's dtype, and garbles texts
        own = optimizer.state[parameters[index]]
        for name, value in entries.items():
            device = own[name].device if isinstance(value, Tensor) else parameters[index].device
            own[name] = to_device(value, device)
    for name, place in stored["random"].items():
        if generator := (devices | draws).get(name):  # on another device there is none, and no bit for bit either
            generator.set_state(place)
    return run["record"]


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


def _of_devices(model: nn.Module) -> dict[str, Resumable]:
    """PyTorch's own generators, of the CPU and of each device that the model is on."""
    devices = {torch.device("cpu"), *(parameter.device for parameter in model.parameters())}
    return {f"device {device}": _OfDevice(device) for device in devices}


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Turn a state into what JSON keeps as it is; its tensors go into `tensors`, and their names stand for them."""
    if isinstance(value, Tensor):
        name = f"state.{len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, tuple):
        return {"tuple": [_pack(part, tensors) for part in value]}
    if isinstance(value, list):
        return [_pack(part, tensors) for part in value]
    if isinstance(value, dict):
        return {"dict": [[_pack(key, tensors), _pack(part, tensors)] for key, part in value.items()]}
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


def _named_now(name: str) -> str:
    """The name of a tensor that had another one in the first edition."""
    return name.replace("source_embedding.narrow.", "source_embedding.conv1.").replace(
        "source_embedding.halve.", "source_embedding.conv2."
    )


def _whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a file takes them; those that are sharded over several devices are gathered."""
    gathered = {name: x.full_tensor() if hasattr(x, "full_tensor") else x for name, x in tensors.items()}
    return {name: x.detach().contiguous() for name, x in gathered.items()}


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


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run the recipe that makes it")
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(_existing(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): remove it and make it again") from error


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: beside its place, to the disk, then renamed into it."""
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
