"""The Transformer of 2017 with later parts: pre-norm, rotary positions, GELU. Everything else is as in `transformer`.

    encoder layer   x <- x + self-attention(norm(x)),   x <- x + feed-forward(norm(x))
    decoder layer   the same, with x <- x + cross-attention(norm(x), memory) between the two

Pre-norm leaves the streams as they are (Xiong et al. 2020, arXiv:2002.04745), so each side ends in a norm of its own.
Queries and keys of self-attention are turned by their positions (Su et al. 2021, arXiv:2104.09864), so nothing is
added to the embeddings; cross-attention, whose two sides count separately, has no positions but those in its inputs.
"""

import torch
from torch import nn

from transformer_lib.architectures import Embedding, EncoderDecoder
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.builders import registered
from transformer_lib.models.transformer import TransformerConfig, initialise
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import Rotary


@registered
def rotary_transformer(config: TransformerConfig, generator: torch.Generator | None = None) -> EncoderDecoder:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """

    def self_attention() -> MultiHeadAttention:
        return MultiHeadAttention(config.d_model, config.n_heads, rotary=Rotary(config.d_model // config.n_heads))

    def cross_attention() -> MultiHeadAttention:
        return MultiHeadAttention(config.d_model, config.n_heads)

    def feed_forward() -> FeedForward:
        return FeedForward(config.d_model, config.d_ff, nn.GELU())

    def residual() -> PreNorm:
        return PreNorm(LayerNorm(config.d_model), config.dropout)

    def embedding(tokens: nn.Embedding) -> Embedding:
        return Embedding(tokens, scaled=True, dropout=config.dropout)

    target = nn.Embedding(config.vocab_size, config.d_model)
    source = target if config.source_vocab_size is None else nn.Embedding(config.source_vocab_size, config.d_model)
    head = nn.Linear(config.d_model, config.vocab_size, bias=False)
    head.weight = target.weight
    model = EncoderDecoder(
        source_embedding=embedding(source),
        encoder=[Block(self_attention(), feed_forward(), residual) for _ in range(config.n_layers)],
        target_embedding=embedding(target),
        decoder=[Block(self_attention(), feed_forward(), residual, cross_attention()) for _ in range(config.n_layers)],
        head=head,
        encoder_norm=LayerNorm(config.d_model),
        decoder_norm=LayerNorm(config.d_model),
    )
    initialise(model, generator)
    return model
