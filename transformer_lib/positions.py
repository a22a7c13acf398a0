"""Positions: three ways to tell attention, which sees a set, what comes where.

Sinusoidal (Vaswani et al. 2017, section 3.5), added to the embeddings:

    P[m, 2i] = sin(m / base^(2i / D)),    P[m, 2i + 1] = cos(m / base^(2i / D))

Learned (Gehring et al. 2017): P[m] is a parameter. Rotary (Su et al. 2021, arXiv:2104.09864): queries and keys are
turned by angles that grow with the position, each pair of features at its own speed, so that

    rotate(q, m) . rotate(k, n)    depends on m and n by m - n alone.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def sinusoidal_positions(length: int, d_model: int, *, base: float = 10_000.0) -> Float[Tensor, "length d_model"]:
    """The table of sines and cosines, one row a position.

    Args:
        length: Positions, counted from 0.
        d_model: Features, even: they come in pairs (sine, cosine).
        base: The slowest pair turns by about 1 / base radians a position.

    Returns:
        PyTorch's default floating dtype.

    Raises:
        ValueError: If length is less than 1 or d_model is not positive and even.
    """
    if length < 1:
        raise ValueError(f"length={length} must be at least 1: a table needs a row")
    return _sines(torch.arange(length), d_model, base)


class SinusoidalPositions(nn.Module):
    """Sines and cosines of any position: nothing is learned and nothing is stored.

    Args:
        d_model: Features, even.
        base: As in `sinusoidal_positions`.
    """

    def __init__(self, d_model: int, *, base: float = 10_000.0) -> None:
        super().__init__()
        _require_even("d_model", d_model)
        self.d_model, self.base = d_model, base

    def forward(self, positions: Int[Tensor, "*T"]) -> Float[Tensor, "*T D"]:
        """Return one row a position."""
        return _sines(positions, self.d_model, self.base)


class LearnedPositions(nn.Module):
    """One learned vector a position, up to a longest context.

    Args:
        context_length: Positions there are vectors for.
        d_model: Features.
    """

    def __init__(self, context_length: int, d_model: int) -> None:
        super().__init__()
        if context_length < 1:
            raise ValueError(f"context_length={context_length} must be at least 1: a sequence needs a position")
        self.table = nn.Embedding(context_length, d_model)

    @property
    def context_length(self) -> int:
        """Positions there are vectors for."""
        return self.table.num_embeddings

    def forward(self, positions: Int[Tensor, "*T"]) -> Float[Tensor, "*T D"]:
        """Return one row a position; a position without a vector is a ValueError."""
        try:
            return self.table(positions)
        except IndexError as error:
            raise ValueError(
                f"positions={int(positions.min())}..{int(positions.max())} must be in 0..{self.context_length - 1}: "
                f"nothing was learned beyond context_length={self.context_length}. Shorten the input"
            ) from error


class Rotary(nn.Module):
    """Turn queries or keys by their positions: feature i and feature i + Dh/2 are one hand of a clock.

    This is the layout of LLaMA in transformers ("halves"). The paper pairs neighbours, 2i and 2i + 1. Each is right
    with weights trained for it; mixing them raises no error and ruins the model.

    Args:
        d_head: Features of a head, even.
        base: The slowest hand turns by about 1 / base radians a position.
    """

    def __init__(self, d_head: int, base: float = 10_000.0) -> None:
        super().__init__()
        _require_even("d_head", d_head)
        self.d_head, self.base = d_head, base
        self._last: _Turn | None = None

    def forward(self, x: Float[Tensor, "B H T Dh"], positions: Int[Tensor, "*B T"]) -> Float[Tensor, "B H T Dh"]:
        """Return x turned.

        Args:
            x: Queries or keys.
            positions: (T,), or (B, T) where sequences of a batch stand at different positions.
        """
        turn = self._turn(positions, x.dtype)
        return torch.addcmul(x * turn.cos, x.roll(self.d_head // 2, dims=-1), turn.sin)

    def _turn(self, positions: Tensor, dtype: torch.dtype) -> "_Turn":
        """The sines and cosines, kept: the keys, and the layers that share this module, turn as the queries did."""
        if self._last is None or not self._last.is_of(positions, dtype):
            angles = _angles(positions, self.d_head, self.base, torch.promote_types(dtype, torch.float32))
            if positions.ndim == 2:
                angles = angles[:, None]  # (B, 1, T, Dh/2): the same for every head
            cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
            halves = torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)  # a cos - b sin, b cos + a sin
            self._last = _Turn(positions.clone(), *halves)
        return self._last

    def extra_repr(self) -> str:
        """What print(model) shows."""
        return f"d_head={self.d_head}, base={self.base:g}"


class _Turn(NamedTuple):
    """What multiplies a vector, and the vector with its halves exchanged, to turn it."""

    positions: Tensor
    cos: Tensor
    sin: Tensor

    def is_of(self, positions: Tensor, dtype: torch.dtype) -> bool:
        return (
            self.cos.dtype == dtype
            and self.positions.device == positions.device
            and self.positions.is_inference() == torch.is_inference_mode_enabled()  # else not fit for training
            and torch.equal(self.positions, positions)
        )


def _angles(positions: Tensor, width: int, base: float, dtype: torch.dtype) -> Tensor:
    """How far each of the width/2 hands has turned: (T,) -> (T, width/2), in radians."""
    speeds = 1.0 / base ** (torch.arange(0, width, 2, dtype=dtype, device=positions.device) / width)
    return positions[..., None] * speeds


def _sines(positions: Tensor, d_model: int, base: float) -> Tensor:
    _require_even("d_model", d_model)
    angles = _angles(positions, d_model, base, torch.float64)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(start_dim=-2).to(torch.get_default_dtype())


def _require_even(name: str, value: int) -> None:
    if value < 2 or value % 2:
        raise ValueError(f"{name}={value} must be positive and even: features turn in pairs")
