"""Positions: three ways to tell attention, which sees a set, where each token stands.

Sinusoidal (Vaswani et al. 2017, section 3.5), added to the embeddings:

    P[m, 2i] = sin(m / base^(2i / D)),    P[m, 2i + 1] = cos(m / base^(2i / D))

Learned (Gehring et al. 2017): P[m] is a parameter. Rotary (Su et al. 2021, arXiv:2104.09864): queries and keys are
rotated by angles that grow with the position, each pair of features at its own frequency, so that

    rotate(q, m) . rotate(k, n)    depends on m and n by m - n alone.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def sinusoidal_positions(length: int, d_model: int, *, base: float = 10_000.0) -> Float[Tensor, "length d_model"]:
    """The table of sines and cosines, one row a position.

    Args:
        length: Positions, counted from 0.
        d_model: Features, even: they come in pairs (sine, cosine).
        base: The lowest frequency is about 1 / base radians a position.

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
        _validate_even("d_model", d_model)
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


class RopeScaling(NamedTuple):
    """How Llama 3.1 reads farther than it was first trained: pairs that turn slowly are slowed down.

    A pair turns n times in `length` positions. At `high` turns or more it keeps its frequency, at `low` or fewer the
    frequency is divided by `factor`, and in between the two are mixed in proportion.

    Source: apply_scaling in the reference code of Llama 3.1, with these numbers; "llama3" in transformers.
    """

    factor: float = 8.0
    low: float = 1.0
    high: float = 4.0
    length: int = 8192
    """Positions that the model was trained on before."""

    def __call__(self, frequencies: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Return the scaled frequencies, in radians per position."""
        turns = self.length * frequencies / (2 * math.pi)
        kept = ((turns - self.low) / (self.high - self.low)).clamp(0, 1)
        return frequencies * (kept + (1 - kept) / self.factor)


class Rotation(NamedTuple):
    """The sines and cosines of some positions. A model makes them once a forward pass, for all layers that turn alike.

    A pair of features (a, b) becomes (a cos - b sin, b cos + a sin), so `sin` carries the sign of each half.
    """

    cos: Float[Tensor, "*B T Dh"]
    sin: Float[Tensor, "*B T Dh"]
    positions: Int[Tensor, "*P T"]
    made_by: tuple[int, float, RopeScaling | None]
    """Width, base and scaling: a layer with other frequencies makes its own from the positions."""


class Rotary(nn.Module):
    """Rotate queries or keys by their positions: features i and i + Dh/2 are a pair, which has a frequency of its own.

        (x_i, x_{i + Dh/2})  turns by  m base^(-2i / Dh)  radians at position m

    This is the layout of LLaMA in transformers ("halves"). The paper pairs neighbors, 2i and 2i + 1. Each is right
    with weights trained for it; mixing them raises no error and ruins the model.

    Args:
        d_head: Features of a head, even.
        base: The lowest frequency is about 1 / base radians a position.
        scaling: Changes the frequencies; None leaves them as they are.
    """

    def __init__(self, d_head: int, base: float = 10_000.0, scaling: RopeScaling | None = None) -> None:
        super().__init__()
        _validate_even("d_head", d_head)
        if scaling is not None and not (scaling.factor > 0 and 0 <= scaling.low < scaling.high):
            raise ValueError(f"scaling={scaling} must have a factor above 0 and 0 <= low < high: swap low and high?")
        self.d_head, self.base, self.scaling = d_head, base, scaling

    def forward(
        self, x: Float[Tensor, "B H T Dh"], positions: Int[Tensor, "*B T"] | Rotation
    ) -> Float[Tensor, "B H T Dh"]:
        """Return x rotated.

        Args:
            x: Queries or keys.
            positions: (T,), or (B, T) where sequences of a batch stand at different positions; or their rotation.
        """
        rotation = self.rotation(positions, x.dtype)
        return torch.addcmul(x * rotation.cos, x.roll(self.d_head // 2, dims=-1), rotation.sin)

    def rotation(self, positions: Int[Tensor, "*B T"] | Rotation, dtype: torch.dtype) -> Rotation:
        """Make the sines and cosines of positions, or return them if they are made.

        Args:
            positions: As in `forward`.
            dtype: Of the sines and cosines, which are computed in float32 at least.
        """
        maker = (self.d_head, self.base, self.scaling)
        if isinstance(positions, Rotation):
            if positions.made_by == maker:
                return positions
            positions = positions.positions
        exact = torch.promote_types(dtype, torch.float32)
        frequencies = _frequencies(self.d_head, self.base, exact, positions.device)
        if self.scaling is not None:
            frequencies = self.scaling(frequencies)
        # With the sign on the first half's frequencies, cos stays as it is and sin becomes the -sin wanted there.
        angles = positions[..., None] * torch.cat((-frequencies, frequencies))
        if positions.ndim == 2:
            angles = angles[:, None]  # (B, 1, T, Dh): the same for every head
        return Rotation(angles.cos().to(dtype), angles.sin().to(dtype), positions, maker)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        scaling = f", scaling={self.scaling}" if self.scaling else ""
        return f"d_head={self.d_head}, base={self.base:g}{scaling}"


def _frequencies(width: int, base: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Radians a position, of each of the width/2 pairs of features."""
    return 1.0 / base ** (torch.arange(0, width, 2, dtype=dtype, device=device) / width)


def _sines(positions: Tensor, d_model: int, base: float) -> Tensor:
    _validate_even("d_model", d_model)
    exact = torch.float32 if positions.device.type == "mps" else torch.float64  # MPS has no float64
    angles = positions[..., None] * _frequencies(d_model, base, exact, positions.device)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(start_dim=-2).to(torch.get_default_dtype())


def _validate_even(name: str, value: int) -> None:
    if value < 2 or value % 2:
        raise ValueError(f"{name}={value} must be positive and even: features come in pairs")
