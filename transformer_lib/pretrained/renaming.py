"""Tensors renamed and turned by a table, from another library's model to one of ours and back.

Reading is strict both ways: a tensor that no row knows is an error, and so is one that a row asks for and does not
find. A model with one weight wrong still runs, and only says less.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class Transform(NamedTuple):
    """What becomes of a tensor on the way here, as one or several, and on the way back."""

    name: str
    from_theirs: Callable[[Tensor, int], tuple[Tensor, ...]]
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


def prefixed(rows: Iterable[Row], *, theirs: str = "", ours: str = "") -> list[Row]:
    """The table of a model that is a part of another one, there, here, or both.

    Args:
        rows: The part's.
        theirs: What their names begin with in the whole.
        ours: What ours do.
    """
    return [row._replace(theirs=theirs + row.theirs, ours=tuple(ours + name for name in row.ours)) for row in rows]


def table(*rows: tuple[str, str] | tuple[str, str, Transform]) -> list[Row]:
    """A table of rows (their name, our names with spaces between, transform)."""
    return [Row(theirs, tuple(ours.split()), *transform) for theirs, ours, *transform in rows]


def expand(rows: Iterable[Row], n_layers: int) -> list[Row]:
    """The table with a row for each layer in place of {i}.

    Args:
        rows: With {i} for the layer.
        n_layers: Layers of the model.
    """
    return [
        Row(row.theirs.format(i=i), tuple(name.format(i=i) for name in row.ours), row.transform)
        for row in rows
        for i in (range(n_layers) if "{i}" in row.theirs else [0])
    ]


def validate_layers(n_layers: int, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a configuration with more layers than a file has tensors, before anything is built of it.

    Args:
        n_layers: What the configuration says.
        tensors: What the file has; only their number matters.
    """
    if n_layers > len(tensors):
        raise ValueError(
            f"n_layers={n_layers} must be at most the {len(tensors)} tensors of the file: each has several"
        )


def from_theirs(rows: Iterable[Row], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
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
    validate_names("their tensors", theirs, [row.theirs for row in rows])
    ours: dict[str, Tensor] = {}
    for row in rows:
        for name, part in zip(row.ours, row.transform.from_theirs(theirs[row.theirs], len(row.ours)), strict=True):
            if name in ours and not torch.equal(ours[name], part):
                raise ValueError(f"{row.theirs} differs from another tensor that is {name} too: here they are one")
            ours[name] = part
    return ours


def to_theirs(rows: Iterable[Row], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back.

    Args:
        rows: Of every layer: see `expand`.
        ours: Tensors by our names.

    Raises:
        ValueError: If a tensor is missing or unknown.
    """
    rows = list(rows)
    validate_names("our tensors", ours, [name for row in rows for name in row.ours])
    return {row.theirs: row.transform.to_theirs(tuple(ours[name] for name in row.ours)) for row in rows}


def validate_names(what: str, got: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise a ValueError that lists names missing and names unknown, if there are any.

    Args:
        what: The tensors, for the message.
        got: Their names.
        wanted: The names they must have.
    """
    missing, unknown = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    if missing or unknown:
        raise ValueError(f"{what} do not match: missing {missing}, unknown {unknown}")
