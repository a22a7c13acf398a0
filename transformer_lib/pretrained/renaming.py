"""Tensors renamed and turned by a table, from another library's model to one of ours and back.

Reading is strict both ways: a tensor that no row knows is an error, and so is one that a row asks for and does not
find. A model with one weight wrong still runs, and only says less.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Transform(NamedTuple):
    """What becomes of a tensor on the way here, as one or several, and on the way back."""

    name: str
    to_ours: Callable[[Tensor, int], tuple[Tensor, ...]]
    to_theirs: Callable[[tuple[Tensor, ...]], Tensor]


AS_IS = Transform("as it is", lambda x, n: (x,), lambda parts: parts[0])
TRANSPOSED = Transform("transposed, from (in, out)", lambda x, n: (x.T,), lambda parts: parts[0].T)
STACKED = Transform("cut into equal parts", lambda x, n: x.chunk(n), torch.cat)
STACKED_TRANSPOSED = Transform(
    "transposed, from (in, out), and cut into equal parts",
    lambda x, n: x.T.chunk(n),
    lambda parts: torch.cat(parts).T,
)
SHARED = Transform("the same in several places", lambda x, n: (x,) * n, lambda parts: parts[0])


def _without_keys(x: Tensor, n: int) -> tuple[Tensor, ...]:
    parts = x.chunk(n + 1)
    if bool(parts[n - 1].any()):
        raise ValueError("the keys have a bias, and here they have none: it is no tensor of a Whisper")
    return parts[: n - 1] + parts[n:]


STACKED_WITHOUT_KEYS = Transform(
    "biases of queries, keys and values, or of keys and values, of which those of keys are 0",
    _without_keys,
    lambda parts: torch.cat((*parts[:-1], torch.zeros_like(parts[-1]), parts[-1])),
)


def neighbours_to_halves(n_heads: int) -> Transform:
    """The rows of each head in another order, for a rotary that turns pairs of halves (i, i + Dh/2).

    llama.cpp turns neighbours, (2i, 2i + 1), as the paper of the rotary does, and its files are in that order.
    """
    return Transform(
        f"rows of each of {n_heads} heads, from pairs of neighbours to pairs of halves",
        lambda x, n: (x.unflatten(0, (n_heads, -1, 2)).transpose(1, 2).flatten(0, 2),),
        lambda parts: parts[0].unflatten(0, (n_heads, 2, -1)).transpose(1, 2).flatten(0, 2),
    )


class Row(NamedTuple):
    """One kind of tensor: its name there, its name or names here, with {i} for the layer."""

    theirs: str
    ours: tuple[str, ...]
    transform: Transform = AS_IS


def table(*rows: tuple[str, str] | tuple[str, str, Transform]) -> list[Row]:
    """A table of rows (their name, our names with spaces between, transform)."""
    return [Row(theirs, tuple(ours.split()), *transform) for theirs, ours, *transform in rows]


def expand(rows: Iterable[Row], n_layers: int) -> list[Row]:
    """The table with a row for each layer in place of {i}."""
    return [
        Row(row.theirs.format(i=i), tuple(name.format(i=i) for name in row.ours), row.transform)
        for row in rows
        for i in (range(n_layers) if "{i}" in row.theirs else [0])
    ]


def to_ours(rows: Iterable[Row], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename and transform the tensors of a whole model.

    Args:
        rows: Of every layer: see `expand`. Two rows may lead to one tensor, where it is shared.
        theirs: By their names.

    Returns:
        By our names; views where no number moves.

    Raises:
        ValueError: If a tensor is missing or unknown, or two that are shared here differ.
    """
    rows = list(rows)
    refuse_difference("their tensors", theirs, [row.theirs for row in rows])
    ours: dict[str, Tensor] = {}
    for row in rows:
        for name, part in zip(row.ours, row.transform.to_ours(theirs[row.theirs], len(row.ours)), strict=True):
            if name in ours and not torch.equal(ours[name], part):
                raise ValueError(f"{row.theirs} differs from another tensor that is {name} too: here they are one")
            ours[name] = part
    return ours


def to_theirs(rows: Iterable[Row], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back.

    Raises:
        ValueError: If a tensor is missing or unknown.
    """
    rows = list(rows)
    refuse_difference("our tensors", ours, [name for row in rows for name in row.ours])
    return {row.theirs: row.transform.to_theirs(tuple(ours[name] for name in row.ours)) for row in rows}


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors into a model: each of them, and none left as it was.

    Args:
        model: Changed in place.
        tensors: One for each name of its state_dict, of the same shape.

    Raises:
        ValueError: If one is missing, unknown, of another shape, or unlike one that the model shares with it.
    """
    state = model.state_dict()
    refuse_difference("the tensors", tensors, list(state))
    for name, tensor in tensors.items():
        _refuse_shape(name, tensor, state[name])
        state[name].copy_(tensor)
    for name, tensor in tensors.items():
        if not torch.equal(state[name], tensor.to(state[name])):
            raise ValueError(f"{name} is shared with another tensor in the model, and the two that were given differ")


class Uninitialised(TorchFunctionMode):
    """While it is entered, a model that is built draws no random weights: for one that is about to get others.

    Most of its memory is then never touched, so that building it costs neither time nor space.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Leave out what fills a tensor with random numbers."""
        if getattr(function, "__module__", "") == nn.init.__name__:
            return (kwargs or {}).get("tensor", args[0] if args else None)
        if function in (Tensor.normal_, Tensor.uniform_):  # within trunc_normal_, which draws until all are in bounds
            return args[0].zero_()
        return function(*args, **kwargs or {})


def adopt(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Make tensors the parameters of a model, in place of its own: nothing is copied.

    Args:
        model: Changed in place; what it shares, it still shares.
        tensors: One for each name of its state_dict, of the same shape.

    Raises:
        ValueError: As `fill` does.
    """
    state = model.state_dict(keep_vars=True)
    refuse_difference("the tensors", tensors, list(state))
    parameters: dict[int, nn.Parameter] = {}
    for name, tensor in tensors.items():
        _refuse_shape(name, tensor, state[name])
        parameter = nn.Parameter(tensor, requires_grad=state[name].requires_grad)
        parameter = parameters.setdefault(id(state[name]), parameter)
        if parameter.data_ptr() != tensor.data_ptr() and not torch.equal(parameter, tensor):
            raise ValueError(f"{name} is shared with another tensor in the model, and the two that were given differ")
    for name in tensors:  # only now: a model that is refused something stays as it was
        owner, _, own_name = name.rpartition(".")
        setattr(model.get_submodule(owner), own_name, parameters[id(state[name])])


def _refuse_shape(name: str, tensor: Tensor, wanted: Tensor) -> None:
    if tensor.shape != wanted.shape:
        raise ValueError(f"{name} of shape {tuple(tensor.shape)} must be {tuple(wanted.shape)}, as in the model")


def refuse_difference(what: str, got: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise a ValueError that lists names missing and names unknown, if there are any."""
    missing, unknown = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    if missing or unknown:
        raise ValueError(f"{what} do not match: missing {missing}, unknown {unknown}")
