"""A recurrent language model: one state of fixed size, which every token rewrites, is all that is kept of the text.

    i, f, o = sigmoid(W x + U h + b) each,    g = tanh(W x + U h + b)
    c' = f * c + i * g,                       h' = o * tanh(c')

is the long short-term memory of Hochreiter and Schmidhuber 1997, with the forget gate f of Gers, Schmidhuber, and
Cummins 2000. The gates decide number by number what is kept, so that a gradient can pass through many steps. Each step
waits for the one before it: T tokens are T steps, one after the other, in training as in use.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class LSTMConfig(ModelConfig):
    """The sizes of a recurrent language model."""

    vocab_size: int
    d_embedding: int
    d_hidden: int
    """Numbers in h, and as many in c, of each layer."""
    n_layers: int = 1


class LSTMState:
    """What is carried from one token to the next; of one size, however many tokens it stands for.

    Attributes:
        value: h and c, each (n_layers, B, d_hidden); None before the first token.
    """

    def __init__(self) -> None:
        self.value: tuple[Tensor, Tensor] | None = None


class LSTMLanguageModel(nn.Module):
    """Predicts each next token from the state that the tokens so far have left."""

    context_length = None  # a text may be of any length: the state does not grow with it

    def __init__(self, vocab_size: int, d_embedding: int, d_hidden: int, n_layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_embedding)
        self.lstm = nn.LSTM(d_embedding, d_hidden, n_layers, batch_first=True)
        self.output = nn.Linear(d_hidden, vocab_size)

    def new_cache(self, capacity: int) -> list[LSTMState]:
        """Return an empty state, which has room for any number of positions: `generate` carries it along."""
        return [LSTMState()]

    def forward(self, tokens: Int[Tensor, "B T"], *, cache: list[LSTMState] | None = None) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position.

        Args:
            tokens: They follow what the cache has read, or begin a text where there is none.
            cache: From `new_cache`; its state is replaced by the one after the last token.
        """
        hidden, state = self.lstm(self.embedding(tokens), None if cache is None else cache[0].value)
        if cache is not None:
            cache[0].value = state
        return self.output(hidden)


@registered
def lstm(config: LSTMConfig, generator: torch.Generator | None = None) -> LSTMLanguageModel:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    model = LSTMLanguageModel(config.vocab_size, config.d_embedding, config.d_hidden, config.n_layers)
    initialise(model, generator)
    return model


def initialise(model: LSTMLanguageModel, generator: torch.Generator | None = None) -> None:
    """Start with unit embeddings, gates that forget little, and a nearly uniform guess.

    Args:
        model: What `lstm` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    nn.init.normal_(model.embedding.weight, generator=generator)
    for name, parameter in model.lstm.named_parameters():
        if name.startswith("bias"):  # of i, f, g, o, in this order
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                nn.init.ones_(parameter.data[model.lstm.hidden_size : 2 * model.lstm.hidden_size])
        else:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)
    nn.init.normal_(model.output.weight, std=0.1 * model.output.in_features**-0.5, generator=generator)
    nn.init.zeros_(model.output.bias)
