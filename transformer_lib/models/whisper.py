"""Whisper (Radford et al. 2022, arXiv:2212.04356): an encoder that hears, a decoder that writes.

The Transformer of 2017 with pre-norm blocks, GELU and learned target positions; and in place of source tokens, a
log-mel spectrogram, which two convolutions turn into one vector for each 20 ms.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.architectures import Embedding, EncoderDecoder
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.builders import registered
from transformer_lib.models.config import ModelConfig
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions


@dataclass(frozen=True, kw_only=True)
class WhisperConfig(ModelConfig):
    """The sizes of a Whisper; tiny.en has d_model 384, 4 layers a side, 6 heads and 51,864 tokens."""

    vocab_size: int
    d_model: int
    n_layers: int
    """Blocks of the encoder, and as many of the decoder."""
    n_heads: int
    d_ff: int
    n_mels: int = 80
    """Bands of the spectrogram."""
    source_length: int = 1500
    """Vectors that the encoder reads, 20 ms each: 30 seconds."""
    context_length: int = 448
    """The most tokens that the decoder writes."""


class SoundEmbedding(nn.Module):
    """A spectrogram as a sequence of vectors: two convolutions over time, the second of which halves it.

    Args:
        n_mels: Bands of the spectrogram, M.
        d_model: Features of the vectors, D.
        length: Vectors of the longest sound.
    """

    def __init__(self, n_mels: int, d_model: int, length: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(n_mels, d_model, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(d_model, d_model, kernel_size=3, padding=1, stride=2)
        self.activation = nn.GELU()
        self.positions = LearnedPositions(length, d_model)

    def forward(self, mel: Float[Tensor, "B M N"]) -> Float[Tensor, "B S D"]:
        """Embed sounds.

        Args:
            mel: Spectrograms of N frames, 10 ms each.

        Returns:
            S = N / 2 vectors, 20 ms each.

        Raises:
            ValueError: If there are more of them than positions.
        """
        x = self.activation(self.conv2(self.activation(self.conv1(mel)))).mT  # (B, S, D)
        return x + self.positions(torch.arange(x.shape[1], device=x.device))


@registered
def whisper(config: WhisperConfig, generator: torch.Generator | None = None) -> EncoderDecoder:
    """Build the model with fresh weights.

    Args:
        config: Its sizes.
        generator: The source of the random weights; None takes PyTorch's global one.
    """

    def attention() -> MultiHeadAttention:
        layer = MultiHeadAttention(config.d_model, config.n_heads)
        # A bias b of the keys adds q . b to all scores of a query alike, and softmax does not see it.
        layer.w_k = nn.Linear(config.d_model, config.d_model, bias=False)
        return layer

    def feed_forward() -> FeedForward:
        return FeedForward(config.d_model, config.d_ff, nn.GELU())

    def residual() -> PreNorm:
        return PreNorm(LayerNorm(config.d_model))

    tokens = nn.Embedding(config.vocab_size, config.d_model)
    head = nn.Linear(config.d_model, config.vocab_size, bias=False)
    head.weight = tokens.weight
    model = EncoderDecoder(
        source_embedding=SoundEmbedding(config.n_mels, config.d_model, config.source_length),
        encoder=[Block(attention(), feed_forward(), residual) for _ in range(config.n_layers)],
        target_embedding=Embedding(tokens, LearnedPositions(config.context_length, config.d_model)),
        decoder=[Block(attention(), feed_forward(), residual, attention()) for _ in range(config.n_layers)],
        head=head,
        encoder_norm=LayerNorm(config.d_model),
        decoder_norm=LayerNorm(config.d_model),
    )
    initialise(model, generator)
    return model


def initialise(model: EncoderDecoder, generator: torch.Generator | None = None) -> None:
    """Draw weights from N(0, 0.02), set biases to 0 and source positions to sines and cosines that are not trained.

    Args:
        model: What `whisper` builds; changed in place.
        generator: The source of the random weights; None takes PyTorch's global one.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d):
            nn.init.normal_(module.weight, std=0.02, generator=generator)
        if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
            nn.init.zeros_(module.bias)
    assert isinstance(model.source_embedding, SoundEmbedding)
    table = model.source_embedding.positions.table.weight.requires_grad_(False)
    length, d_model = table.shape
    speeds = torch.exp(-math.log(10_000) * torch.arange(d_model // 2) / (d_model // 2 - 1))
    angles = torch.arange(length)[:, None] * speeds
    table.copy_(torch.cat((angles.sin(), angles.cos()), dim=-1))  # halves: the paper of 2017 has them in turns
