"""Norms: bring the features of one token to a common scale. Nothing is shared between tokens.

LayerNorm (Ba et al. 2016, arXiv:1607.06450) takes away the mean and divides by the standard deviation; RMSNorm (Zhang
and Sennrich 2019, arXiv:1910.07467) only divides, by the root of the mean square:

    LayerNorm(x) = w * (x - mean(x)) / sqrt(var(x) + eps) + b
    RMSNorm(x)   = w * x / sqrt(mean(x^2) + eps)

with the mean and the variance over the D features of each token.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """Mean 0 and variance 1 over the features of each token, then a learned scale and shift.

    Args:
        d_model: Features, D.
        eps: Added to the variance.
        bias: Whether there is a learned shift.
    """

    def __init__(self, d_model: int, eps: float = 1e-5, *, bias: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model)) if bias else None

    def forward(self, x: Float[Tensor, "*T D"]) -> Float[Tensor, "*T D"]:
        """Normalise the last axis."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        return f"{len(self.weight)}, eps={self.eps:g}" + ("" if self.bias is not None else ", bias=False")


class RMSNorm(nn.Module):
    """Mean square 1 over the features of each token, then a learned scale.

    Args:
        d_model: Features, D.
        eps: Added to the mean square.
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Float[Tensor, "*T D"]) -> Float[Tensor, "*T D"]:
        """Normalise the last axis."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        return f"{len(self.weight)}, eps={self.eps:g}"
