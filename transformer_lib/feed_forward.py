"""Feed-forward networks: the same small network at every position, applied after attention.

    FeedForward(x) = W_down f(W_up x + b_up) + b_down    (Vaswani et al. 2017, section 3.3, with f = ReLU)
    SwiGLU(x)      = W_down (silu(W_gate x) * W_up x)    (Shazeer 2020, arXiv:2002.05202)

No position sees another here. SwiGLU has three matrices, so it has as many parameters as FeedForward when its d_ff is
two thirds as large.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class FeedForward(nn.Module):
    """A linear map to d_ff features, an activation, and a linear map back.

    Args:
        d_model: Features in and out, D.
        d_ff: Hidden features, F.
        activation: nn.ReLU() in 2017, nn.GELU() in GPT and BERT.
        bias: Whether the two linear maps have one.
        dropout: Probability of dropping a hidden feature.
    """

    hidden_maps: tuple[str, ...] = ("up", "down")

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        activation: nn.Module = nn.GELU(),  # noqa: B008 (it has no state, so sharing it is harmless)
        *,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "*T D"]) -> Float[Tensor, "*T D"]:
        """Apply the network to each position by itself."""
        h = self.activation(self.up(x))
        return self.down(self.dropout(h) if self.dropout.training else h)


class SwiGLU(nn.Module):
    """A feed-forward network with a gate: the output of one map is multiplied by the activation of another.

    Args:
        d_model: Features in and out, D.
        d_ff: Hidden features, F.
    """

    hidden_maps: tuple[str, ...] = ("gate", "up", "down")

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Float[Tensor, "*T D"]) -> Float[Tensor, "*T D"]:
        """Apply the network to each position by itself."""
        return self.down(F.silu(self.gate(x)) * self.up(x))
