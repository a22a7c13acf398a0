"""The first neural language model: embed a window of tokens, then predict the next one with a hidden layer.

    y = b + U tanh(d + H x),    x = the embeddings C(w) of the last tokens, side by side

is the model of Bengio et al. 2003, A Neural Probabilistic Language Model, without its optional direct connections W x.
Tokens that are used alike come to have embeddings alike, so what is learned in one context serves in another.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class MLPConfig(ModelConfig):
    """The sizes of a window MLP."""

    vocab_size: int
    context_length: int
    """Tokens in the window, the current one included."""
    d_embedding: int
    d_hidden: int


class MLP(nn.Module):
    """Predicts each next token from the last `context_length` tokens and nothing older."""

    def __init__(self, vocab_size: int, context_length: int, d_embedding: int, d_hidden: int) -> None:
        super().__init__()
        self.context_length = context_length
        self.padding = vocab_size  # one embedding more than there are tokens: what stands before the text begins
        self.embedding = nn.Embedding(vocab_size + 1, d_embedding)
        self.hidden = nn.Linear(context_length * d_embedding, d_hidden)
        self.output = nn.Linear(d_hidden, vocab_size)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position."""
        padded = F.pad(tokens, (self.context_length - 1, 0), value=self.padding)
        windows = padded.unfold(dimension=1, size=self.context_length, step=1)  # (B, T, context_length)
        x = self.embedding(windows).flatten(start_dim=2)  # (B, T, context_length * d_embedding)
        return self.output(torch.tanh(self.hidden(x)))


@registered
def mlp(config: MLPConfig, generator: torch.Generator | None = None) -> MLP:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    model = MLP(config.vocab_size, config.context_length, config.d_embedding, config.d_hidden)
    initialise(model, generator)
    return model


def initialise(model: MLP, generator: torch.Generator | None = None) -> None:
    """Start with unit embeddings, hidden units of about unit variance, where tanh bends, and a nearly uniform guess.

    Args:
        model: What `mlp` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    nn.init.normal_(model.embedding.weight, generator=generator)
    nn.init.normal_(model.hidden.weight, std=model.hidden.in_features**-0.5, generator=generator)
    nn.init.zeros_(model.hidden.bias)
    nn.init.normal_(model.output.weight, std=0.1 * model.output.in_features**-0.5, generator=generator)
    nn.init.zeros_(model.output.bias)
