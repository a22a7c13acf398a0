"""BERT (Devlin et al. 2019, arXiv:1810.04805): an encoder alone, post-norm, learned positions, two segments."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.architectures import Embedding, MaskedLanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.sizes import Sizes
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions


@dataclass(frozen=True, kw_only=True)
class BertConfig(Sizes):
    """The sizes of a BERT; BERT base has d_model 768, 12 layers, 12 heads, 30,522 tokens and 512 positions."""

    vocab_size: int
    context_length: int
    d_model: int
    n_layers: int
    n_heads: int
    d_ff: int
    n_segments: int = 2
    dropout: float = 0.0
    norm_eps: float = 1e-12


class MaskedTokenHead(nn.Module):
    """One more layer for each token, then a score for every token of the vocabulary, with the embedding's matrix.

    Args:
        tokens: The embedding it is tied to.
        eps: Of its norm.
    """

    def __init__(self, tokens: nn.Embedding, eps: float) -> None:
        super().__init__()
        self.transform = nn.Linear(tokens.embedding_dim, tokens.embedding_dim)
        self.activation = nn.GELU()
        self.norm = LayerNorm(tokens.embedding_dim, eps)
        self.vocabulary = nn.Linear(tokens.embedding_dim, tokens.num_embeddings)
        self.vocabulary.weight = tokens.weight

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T V"]:
        """Return logits of the token at each position."""
        return self.vocabulary(self.norm(self.activation(self.transform(x))))


def bert(config: BertConfig, generator: torch.Generator | None = None) -> MaskedLanguageModel:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """

    def block() -> Block:
        return Block(
            attention=MultiHeadAttention(config.d_model, config.n_heads, dropout=config.dropout),
            feed_forward=FeedForward(config.d_model, config.d_ff, nn.GELU()),
            residual=lambda: PostNorm(LayerNorm(config.d_model, config.norm_eps), config.dropout),
        )

    tokens = nn.Embedding(config.vocab_size, config.d_model)
    embedding = Embedding(
        tokens,
        LearnedPositions(config.context_length, config.d_model),
        segments=nn.Embedding(config.n_segments, config.d_model),
        norm=LayerNorm(config.d_model, config.norm_eps),
        dropout=config.dropout,
    )
    blocks = [block() for _ in range(config.n_layers)]
    model = MaskedLanguageModel(embedding, blocks, head=MaskedTokenHead(tokens, config.norm_eps))
    initialise(model, generator)
    return model


def initialise(model: MaskedLanguageModel, generator: torch.Generator | None = None) -> None:
    """Draw every matrix from N(0, 0.02), cut off at two standard deviations; biases start at 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
