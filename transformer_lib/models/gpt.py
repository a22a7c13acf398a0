"""GPT-2 (Radford et al. 2019): a decoder alone, pre-norm, learned positions, the embedding tied to the head."""

from dataclasses import dataclass

import torch
from torch import nn

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions


@dataclass(frozen=True, kw_only=True)
class GPTConfig(ModelConfig):
    """The sizes of a GPT; GPT-2 small has d_model 768, 12 layers, 12 heads, 50,257 tokens and a context of 1,024."""

    vocab_size: int
    context_length: int
    d_model: int
    n_layers: int
    n_heads: int
    d_ff: int
    dropout: float = 0.0
    bias: bool = True
    """Whether linear maps and norms have one; a head has none."""
    norm_eps: float = 1e-5
    tied: bool = True
    """Whether the head is the embedding's matrix."""


@registered
def gpt(config: GPTConfig, generator: torch.Generator | None = None) -> LanguageModel:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.

    Example:

        >>> model = gpt(GPTConfig(vocab_size=11, context_length=8, d_model=16, n_layers=2, n_heads=4, d_ff=64))
        >>> model(torch.tensor([[1, 2, 3]])).shape
        torch.Size([1, 3, 11])
        >>> model.config.d_model
        16
    """

    def block() -> Block:
        return Block(
            attention=MultiHeadAttention(config.d_model, config.n_heads, bias=config.bias, dropout=config.dropout),
            feed_forward=FeedForward(config.d_model, config.d_ff, nn.GELU(approximate="tanh"), bias=config.bias),
            residual=lambda: PreNorm(LayerNorm(config.d_model, config.norm_eps, bias=config.bias), config.dropout),
        )

    tokens = nn.Embedding(config.vocab_size, config.d_model)
    positions = LearnedPositions(config.context_length, config.d_model)
    head = nn.Linear(config.d_model, config.vocab_size, bias=False)
    if config.tied:
        head.weight = tokens.weight
    model = LanguageModel(
        embedding=Embedding(tokens, positions, dropout=config.dropout),
        blocks=[block() for _ in range(config.n_layers)],
        norm=LayerNorm(config.d_model, config.norm_eps, bias=config.bias),
        head=head,
    )
    initialise(model, generator)
    return model


def initialise(model: LanguageModel, generator: torch.Generator | None = None) -> None:
    """Draw weights from N(0, 0.02), those that write to the stream smaller by sqrt(N).

    N is the number of residual layers, two a block (Radford et al. 2019, section 2.3): the stream then keeps its size.

    Args:
        model: What `gpt` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02, generator=generator)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    scaled = 0.02 / (2 * len(model.blocks)) ** 0.5
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            nn.init.normal_(module.w_o.weight, std=scaled, generator=generator)
        if isinstance(module, FeedForward):
            nn.init.normal_(module.down.weight, std=scaled, generator=generator)
