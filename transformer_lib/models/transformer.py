"""The Transformer of 2017 (Vaswani et al., arXiv:1706.03762): encoder and decoder, post-norm, sinusoidal positions."""

from dataclasses import dataclass

import torch
from torch import nn

from transformer_lib.architectures import Embedding, EncoderDecoder
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import SinusoidalPositions


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(ModelConfig):
    """The sizes of a Transformer; the paper's base model has d_model 512, 6 layers a side, 8 heads, d_ff 2,048."""

    vocab_size: int
    """Of the target; of both sides where they share one vocabulary, as in the paper."""
    source_vocab_size: int | None = None
    """Of a source with a vocabulary of its own; None shares the target's, and its embedding."""
    d_model: int
    n_layers: int
    """Blocks of the encoder, and as many of the decoder."""
    n_heads: int
    d_ff: int
    dropout: float = 0.1


@registered
def transformer(config: TransformerConfig, generator: torch.Generator | None = None) -> EncoderDecoder:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """

    def attention() -> MultiHeadAttention:
        return MultiHeadAttention(config.d_model, config.n_heads)

    def feed_forward() -> FeedForward:
        return FeedForward(config.d_model, config.d_ff, nn.ReLU())

    def residual() -> PostNorm:
        return PostNorm(LayerNorm(config.d_model), config.dropout)

    def embedding(tokens: nn.Embedding) -> Embedding:
        return Embedding(tokens, SinusoidalPositions(config.d_model), scaled=True, dropout=config.dropout)

    target = nn.Embedding(config.vocab_size, config.d_model)
    source = target if config.source_vocab_size is None else nn.Embedding(config.source_vocab_size, config.d_model)
    head = nn.Linear(config.d_model, config.vocab_size, bias=False)
    head.weight = target.weight  # section 3.4: the embeddings and the last linear map share one matrix
    model = EncoderDecoder(
        source_embedding=embedding(source),
        encoder=[Block(attention(), feed_forward(), residual) for _ in range(config.n_layers)],
        target_embedding=embedding(target),
        decoder=[Block(attention(), feed_forward(), residual, attention()) for _ in range(config.n_layers)],
        head=head,
    )
    initialise(model, generator)
    return model


def initialise(model: EncoderDecoder, generator: torch.Generator | None = None) -> None:
    """Draw linear maps from Glorot's uniform distribution, and embeddings of length about 1 before they are scaled.

    Args:
        model: What `transformer` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear) and module is not model.head:
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5, generator=generator)
