"""LLaMA (Touvron et al. 2023, arXiv:2302.13971): GPT with four parts swapped.

RMSNorm for LayerNorm, SwiGLU for the GELU network, rotary positions in attention for learned ones, and no biases; since
Llama 2 also fewer key/value heads than query heads (Ainslie et al. 2023), and since Llama 3.1 scaled rotary positions.
With QK-norm it is the block of Qwen3 (arXiv:2505.09388).
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import SwiGLU
from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig
from transformer_lib.norms import RMSNorm
from transformer_lib.positions import RopeScaling, Rotary


@dataclass(frozen=True, kw_only=True)
class LlamaConfig(ModelConfig):
    """The sizes of a LLaMA."""

    vocab_size: int
    context_length: int
    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int | None = None
    """Key/value heads; None for as many as query heads."""
    d_ff: int
    rope_base: float = 10_000.0
    rope_scaling: RopeScaling | list[float] | None = None
    """Llama 3.1's; from a file it comes as a list."""
    qk_norm: bool = False
    """Whether each head's queries and keys are normalized."""
    norm_eps: float = 1e-5
    dropout: float = 0.0
    """Of a sublayer's output and of the embedding; LLaMA, which reads each text once, has none."""
    tied: bool = False
    """Whether the head is the embedding's matrix."""


@registered
def llama(config: LlamaConfig, generator: torch.Generator | None = None) -> LanguageModel:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    D, H, G = config.d_model, config.n_heads, config.n_kv_heads
    scaling = None if config.rope_scaling is None else RopeScaling(*config.rope_scaling)
    rotary = Rotary(D // H, config.rope_base, scaling)
    norm = partial(RMSNorm, eps=config.norm_eps)
    qk_norm = norm if config.qk_norm else None

    def block() -> Block:
        return Block(
            attention=MultiHeadAttention(D, H, G, bias=False, rotary=rotary, qk_norm=qk_norm),
            feed_forward=SwiGLU(D, config.d_ff),
            residual=lambda: PreNorm(norm(D), config.dropout),
        )

    tokens = nn.Embedding(config.vocab_size, D)
    head = nn.Linear(D, config.vocab_size, bias=False)
    if config.tied:
        head.weight = tokens.weight
    model = LanguageModel(
        embedding=Embedding(tokens, dropout=config.dropout),
        blocks=[block() for _ in range(config.n_layers)],
        norm=norm(D),
        head=head,
        context_length=config.context_length,
    )
    initialise(model, generator)
    return model


def initialise(model: LanguageModel, generator: torch.Generator | None = None) -> None:
    """Draw every matrix from N(0, 0.02), as the reference implementation does.

    Args:
        model: What `llama` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02, generator=generator)
