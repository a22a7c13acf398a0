"""What makes a model: a builder known by its name, a configuration, and tensors.

    @registered
    def gpt(config: GPTConfig, generator: torch.Generator | None = None) -> LanguageModel: ...

A registered builder leaves both on the model, as `model.config` and `model.builder`, so that `save` can write down what
the model is and `load` can build it again. Where the tensors are there already, the model is built on PyTorch's meta
device, which has shapes and no memory, and takes them as they are: no random weight is drawn, and nothing is copied.
"""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

import torch
from torch import Tensor, nn

import transformer_lib.models

Builder = TypeVar("Builder", bound=Callable[..., nn.Module])
_BUILDERS: dict[str, Any] = {}


def registered(build: Builder) -> Builder:
    """Make a builder known by its name, and have it leave its configuration on what it builds.

    For a decorator: `load` then finds the builders of the library, and those of a notebook once their cell has run.

    Args:
        build: From a configuration, its first argument and annotated as a dataclass, to a model.

    Raises:
        ValueError: If the first argument is not annotated so.
    """
    config_class = next(iter(get_type_hints(build).values()), None)
    if not dataclasses.is_dataclass(config_class):
        raise ValueError(f"{build.__name__} must take a configuration first: annotate it with its dataclass")

    @functools.wraps(build)
    def built(config: Any, *arguments: Any, **options: Any) -> Any:
        model: Any = build(config, *arguments, **options)
        model.config, model.builder = config, build.__name__
        return model

    vars(built)["config_class"] = config_class
    _BUILDERS[build.__name__] = built
    return built  # type: ignore[return-value]


def builders() -> Mapping[str, Any]:
    """Return all registered builders by name; each has its `config_class`."""
    for module in pkgutil.iter_modules(transformer_lib.models.__path__):
        importlib.import_module(f"transformer_lib.models.{module.name}")
    return _BUILDERS


def build_with(build: Callable[[Any], Any], config: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Build a model of tensors that are there already: they become its parameters, and nothing is copied.

    Args:
        build: A builder, such as `gpt`.
        config: Its configuration.
        tensors: By name: see `load_weights`.

    Returns:
        The model, in training mode, its parameters with the dtype and on the device of the tensors.

    Raises:
        ValueError: If the tensors do not fit.
    """
    with torch.device("meta"):
        model = build(config)
    load_weights(model, tensors)
    return model


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Make tensors the parameters and buffers of a model, in place of its own.

    Args:
        model: Changed in place; what it shares, it still shares.
        tensors: One for each name in its state_dict, of the same shape. Of names that share a tensor one will do.

    Raises:
        ValueError: If one is missing, unknown, of another shape, or unlike one that the model shares with it. The model
            is as it was then.
    """
    state = model.state_dict(keep_vars=True)
    first = {id(tensor): name for name, tensor in reversed(state.items())}
    owners = {name: first[id(tensor)] for name, tensor in state.items()}  # the first name of the same tensor
    chosen: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        other = chosen.setdefault(owners.get(name, name), tensor)
        if other is not tensor and not torch.equal(other, tensor):
            raise ValueError(f"{name} is shared with {owners[name]} in the model, and the two that were given differ")
    validate_shapes({name: tuple(tensor.shape) for name, tensor in chosen.items()}, shapes_of(model))
    model.load_state_dict({name: chosen[owner] for name, owner in owners.items()}, assign=True)
    for name, owner in owners.items():
        if name != owner:  # assigning has parted them
            module, _, own = name.rpartition(".")
            setattr(model.get_submodule(module), own, model.get_parameter(owner))


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Name each parameter and buffer once: the first name, where two layers share it, and a plain one.

    torch.compile puts `_orig_mod` before a name, and DistributedDataParallel `module`: here both are left out.
    """
    named: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in unwrapped(model).state_dict(keep_vars=True).items():
        named.setdefault(id(tensor), (name.replace("_orig_mod.", ""), tensor))
    return dict(named.values())


def unwrapped(model: nn.Module) -> Any:
    """Return the model inside what torch.compile and DistributedDataParallel make of it, or the model itself."""
    inner: Any = model
    while isinstance(inner, nn.parallel.DistributedDataParallel) or hasattr(inner, "_orig_mod"):
        inner = inner.module if isinstance(inner, nn.parallel.DistributedDataParallel) else inner._orig_mod
    return inner


def shapes_of(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shape of each of the `named_tensors`."""
    return {name: tuple(tensor.shape) for name, tensor in named_tensors(model).items()}


def validate_shapes(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Raise a ValueError that says which tensors are missing, unknown, or of another shape than wanted.

    Args:
        found: Shapes by name.
        wanted: What they must be.
    """
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or unknown:
        raise ValueError(f"the tensors do not fit the model: missing {missing}, unknown {unknown}")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise ValueError(f"{name} of shape {found[name]} must be {shape}, as in the model")


def validate_as_built(model: nn.Module) -> None:
    """Refuse a model whose tensors are not those that its builder makes of its configuration.

    Raises:
        ValueError: If it has no configuration, or has been changed since it was built.
    """
    plain = unwrapped(model)
    if not hasattr(plain, "config") or not hasattr(plain, "builder"):
        raise ValueError(
            f"model is a {type(plain).__name__} without a configuration: build it with a builder such as gpt, or "
            "mark your own with transformer_lib.models.builders.registered"
        )
    with torch.device("meta"):
        again = builders()[plain.builder](plain.config)
    found, wanted = _modules(plain), _modules(again)
    try:
        for name in wanted | found:
            if name in found and name in wanted and not isinstance(found[name], type(wanted[name])):
                raise ValueError(f"{name} is a {type(found[name]).__name__} and not a {type(wanted[name]).__name__}")
        validate_shapes(shapes_of(plain), shapes_of(again))
    except ValueError as error:
        raise ValueError(f"model is not as {plain.builder}() builds it of model.config: {error}") from error


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    """Name the parts, plainly: of a part that is compiled, the part."""
    named = model.named_modules(remove_duplicate=False)
    return {name.replace("._orig_mod", ""): module for name, module in named}
