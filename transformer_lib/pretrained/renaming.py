"""Tensors renamed and turned by a table, from another library's model to one of ours and back.

Reading is strict both ways: a tensor that no row knows is an error, and so is one that a row asks for and does not
find. A model with one weight wrong still runs, and only says less.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn


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
        if tensor.shape != state[name].shape:
            raise ValueError(
                f"{name} of shape {tuple(tensor.shape)} must be {tuple(state[name].shape)}, as in the model"
            )
        state[name].copy_(tensor)
    for name, tensor in tensors.items():
        if not torch.equal(state[name], tensor.to(state[name])):
            raise ValueError(f"{name} is shared with another tensor in the model, and the two that were given differ")


def refuse_difference(what: str, got: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise a ValueError that lists names missing and names unknown, if there are any."""
    missing, unknown = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    if missing or unknown:
        raise ValueError(f"{what} do not match: missing {missing}, unknown {unknown}")
