"""The bigram table, learned: softmax regression on one-hot contexts.

Row a of the table W holds the logits of what follows token a. A one-hot vector times a matrix is a row of it, so the
linear layer is a lookup:

    p(b | a) = exp(W_ab) / sum_c exp(W_ac)

Cross-entropy is least where p(b | a) is the share of b among what followed a: W_ab = ln count(a, b), plus any constant
for row a. The loss there is the conditional entropy of the counts.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class NeuralBigramConfig(ModelConfig):
    """The one size a bigram has."""

    vocab_size: int


class NeuralBigram(nn.Module):
    """A (V, V) table of logits, indexed by the token that came before."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, vocab_size)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position."""
        return self.table(tokens)


@registered
def neural_bigram(config: NeuralBigramConfig) -> NeuralBigram:
    """Build a table of zeros: before it has learned, every token is as likely as any other."""
    model = NeuralBigram(config.vocab_size)
    nn.init.zeros_(model.table.weight)
    return model
