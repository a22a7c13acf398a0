"""The block: attention, then a feed-forward network, each added to a stream that runs from the embedding to the head.

    PostNorm    x <- norm(x + f(x))      (Vaswani et al. 2017, section 3.1)
    PreNorm     x <- x + f(norm(x))      (Xiong et al. 2020, arXiv:2002.04745)

One Block serves every model of the book by the parts it is given: GPT, LLaMA, BERT, and both sides of the 2017
Transformer, whose decoder has a third sublayer between the two, attention to the encoder's output.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.attention import MultiHeadAttention
from transformer_lib.cache import KVCache
from transformer_lib.masks import Mask
from transformer_lib.positions import Rotation


class Residual(nn.Module):
    """What PreNorm and PostNorm are made of, for each sublayer anew."""

    def __init__(self, norm: nn.Module, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = norm
        self.dropout = nn.Dropout(dropout)

    def dropped(self, x: Tensor) -> Tensor:
        """Apply dropout in training; out of it even the call would cost as much as an addition."""
        return self.dropout(x) if self.dropout.training else x


class PreNorm(Residual):
    """A residual connection that normalises what the sublayer reads; the stream itself is never touched.

    Args:
        norm: Such as LayerNorm(d_model); each residual needs its own.
        dropout: Probability of dropping a feature of the sublayer's output.
    """

    def forward(self, x: Float[Tensor, "B T D"], sublayer: Callable[[Tensor], Tensor]) -> Float[Tensor, "B T D"]:
        """Return x + sublayer(norm(x))."""
        return x + self.dropped(sublayer(self.norm(x)))


class PostNorm(Residual):
    """A residual connection that normalises the sum, as in 2017.

    Args:
        norm: Such as LayerNorm(d_model); each residual needs its own.
        dropout: Probability of dropping a feature of the sublayer's output.
    """

    def forward(self, x: Float[Tensor, "B T D"], sublayer: Callable[[Tensor], Tensor]) -> Float[Tensor, "B T D"]:
        """Return norm(x + sublayer(x))."""
        return self.norm(x + self.dropped(sublayer(x)))


class Block(nn.Module):
    """One layer of a Transformer, made of the parts it is given.

    Args:
        attention: Self-attention.
        feed_forward: From (B, T, D) to (B, T, D), each position by itself.
        residual: Makes a residual connection; called once for each sublayer.
        cross_attention: Attention to a memory, for a decoder that has an encoder.
    """

    def __init__(
        self,
        attention: MultiHeadAttention,
        feed_forward: nn.Module,
        residual: Callable[[], PreNorm | PostNorm],
        cross_attention: MultiHeadAttention | None = None,
    ) -> None:
        super().__init__()
        self.attention = attention
        self.attention_residual = residual()
        if cross_attention is not None:
            self.cross_residual = residual()
        self.cross_attention = cross_attention
        self.feed_forward = feed_forward
        self.feed_forward_residual = residual()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        *,
        mask: Mask = None,
        positions: Int[Tensor, "*P T"] | Rotation | None = None,
        memory: Float[Tensor, "B S D"] | None = None,
        memory_mask: Mask = None,
        cache: KVCache | None = None,
        memory_cache: KVCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Pass the stream through the layer.

        Args:
            x: The stream.
            mask: Who may look at whom, broadcast to (B, H, T, S); CAUSAL, or None for all.
            positions: Of x, for rotary attention, or their rotation; None counts on from the cache.
            memory: What cross-attention attends to.
            memory_mask: Which of its positions are real.
            cache: Keys and values of x's past.
            memory_cache: Those of the memory.

        Raises:
            ValueError: If a memory is given and there is no cross-attention, or the other way round.
        """
        if (memory is None) != (self.cross_attention is None):
            has = "no cross_attention" if self.cross_attention is None else "cross_attention"
            given = "none" if memory is None else "one"
            raise ValueError(f"this Block has {has} and memory is {given}: give a memory to a decoder's block only")
        x = self.attention_residual(x, lambda h: self.attention(h, mask=mask, positions=positions, cache=cache))
        if self.cross_attention is not None:
            cross = self.cross_attention
            x = self.cross_residual(x, lambda h: cross(h, memory, mask=memory_mask, cache=memory_cache))
        return self.feed_forward_residual(x, self.feed_forward)
