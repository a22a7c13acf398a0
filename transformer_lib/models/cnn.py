"""A convolutional language model: layers that each look a few tokens back, further apart the higher the layer.

    y_t = x_t + A * sigmoid(B),    [A, B] = b + sum_j W_j x_{t - j r},    j = 0 … K - 1,    r = 2^layer

The gate is that of Dauphin et al. 2017, Language Modeling with Gated Convolutional Networks; steps r that double with
each layer are those of WaveNet (van den Oord et al. 2016) and ByteNet (Kalchbrenner et al. 2016). All positions are
computed at once, as in a Transformer, but what a layer looks at is fixed by distance, and nothing is seen beyond

    context_length = 1 + (K - 1) (2^n_layers - 1)    tokens.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class CNNConfig(ModelConfig):
    """The sizes of a convolutional language model."""

    vocab_size: int
    d_model: int
    kernel_size: int
    """Positions that a layer looks at, the current one included."""
    n_layers: int

    @property
    def context_length(self) -> int:
        """Tokens that a prediction depends on, the current one included."""
        return 1 + (self.kernel_size - 1) * (2**self.n_layers - 1)


class CNN(nn.Module):
    """Predicts each next token from the last `context_length` tokens and nothing older."""

    def __init__(self, vocab_size: int, d_model: int, kernel_size: int, n_layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.kernel_size = kernel_size
        self.layers = nn.ModuleList(
            nn.Conv1d(d_model, 2 * d_model, kernel_size, dilation=2**layer) for layer in range(n_layers)
        )
        self.output = nn.Linear(d_model, vocab_size)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position."""
        x = self.embedding(tokens).mT  # (B, D, T), as convolutions take it
        for i, layer in enumerate(self.layers):
            before = (self.kernel_size - 1) * 2**i
            x = x + F.glu(layer(F.pad(x, (before, 0))), dim=1)  # zeros on the left only: no layer sees the future
        return self.output(x.mT)


@registered
def cnn(config: CNNConfig, generator: torch.Generator | None = None) -> CNN:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    model = CNN(config.vocab_size, config.d_model, config.kernel_size, config.n_layers)
    initialise(model, generator)
    return model


def initialise(model: CNN, generator: torch.Generator | None = None) -> None:
    """Start with unit embeddings, layers of about unit variance before the gate, and a nearly uniform guess.

    Args:
        model: What `cnn` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    nn.init.normal_(model.embedding.weight, generator=generator)
    for name, parameter in model.layers.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5, generator=generator)
    nn.init.normal_(model.output.weight, std=0.1 * model.output.in_features**-0.5, generator=generator)
    nn.init.zeros_(model.output.bias)
