"""The three shapes of Transformer: a language model, a masked language model, an encoder-decoder.

Each is its parts in order; which norm, positions or feed-forward network they are made of is decided by whoever builds
them (`transformer_lib.models`). forward returns logits, always: losses live in `transformer_lib.training`.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import repeat

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.block import Block
from transformer_lib.cache import KVCache
from transformer_lib.masks import CAUSAL, Causal
from transformer_lib.positions import LearnedPositions


class Embedding(nn.Module):
    """What enters a Transformer: the token's vector, plus whatever says where it stands and in which segment.

    Args:
        tokens: One vector a token.
        positions: From positions (T,) to vectors (T, D); None where attention itself knows them, or nothing does.
        segments: One vector a segment (BERT's sentence A or B).
        norm: Applied to the sum (BERT).
        scaled: Whether token vectors are multiplied by sqrt(D) (Vaswani et al. 2017, section 3.4).
        dropout: Probability of dropping a feature of the sum.
    """

    def __init__(
        self,
        tokens: nn.Embedding,
        positions: nn.Module | None = None,
        *,
        segments: nn.Embedding | None = None,
        norm: nn.Module | None = None,
        scaled: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.tokens, self.positions, self.segments, self.norm = tokens, positions, segments, norm
        self.scale = math.sqrt(tokens.embedding_dim) if scaled else 1.0
        self.dropout = nn.Dropout(dropout)

    @property
    def context_length(self) -> int | None:
        """The most positions there are vectors for; None where there is no such limit."""
        return self.positions.context_length if isinstance(self.positions, LearnedPositions) else None

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        positions: Int[Tensor, "*P T"] | None = None,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Embed tokens.

        Args:
            tokens: Their ids.
            positions: Where they stand; None counts from 0.
            segments: The segment of each; None puts all in segment 0.

        Raises:
            ValueError: If there is a token without a vector, more positions than vectors, or segments without any.
        """
        if tokens.shape[1] == 0:
            raise ValueError(
                f"tokens of shape {tuple(tokens.shape)} hold no position: give at least one, a begin token say"
            )
        try:
            x = self.tokens(tokens) * self.scale if self.scale != 1 else self.tokens(tokens)
        except IndexError as error:
            raise ValueError(
                f"tokens={int(tokens.min())}..{int(tokens.max())} must be in 0..{self.tokens.num_embeddings - 1}: "
                "encode the text with the tokenizer that the model was built for"
            ) from error
        if self.positions is not None:
            positions = torch.arange(tokens.shape[1], device=x.device) if positions is None else positions
            x = x + self.positions(positions).to(x.dtype)
        if self.segments is None and segments is not None:
            raise ValueError("segments are given to an embedding that has none: leave them out, or build it with some")
        if self.segments is not None:
            x = x + self.segments(torch.zeros_like(tokens) if segments is None else segments)
        x = x if self.norm is None else self.norm(x)
        return self.dropout(x) if self.dropout.training else x

    def extra_repr(self) -> str:
        """What print(model) shows."""
        return f"scale={self.scale:g}" if self.scale != 1 else ""


class LanguageModel(nn.Module):
    """A decoder alone: predicts each next token from those before it. GPT and LLaMA are two ways to fill it.

    Args:
        embedding: From tokens to the stream.
        blocks: Its layers, first to last.
        norm: The last norm; nn.Identity() for a post-norm model.
        head: From the stream to logits, a linear map from D to V.
        context_length: The longest sequence it was made for; None for no limit but the embedding's.
    """

    def __init__(
        self,
        embedding: Embedding,
        blocks: Iterable[Block],
        norm: nn.Module,
        head: nn.Linear,
        *,
        context_length: int | None = None,
    ) -> None:
        super().__init__()
        self.embedding, self.blocks, self.norm, self.head = embedding, nn.ModuleList(blocks), norm, head
        self.context_length = context_length if context_length is not None else embedding.context_length

    @property
    def vocab_size(self) -> int:
        """Tokens it can read, V."""
        return self.embedding.tokens.num_embeddings

    def new_cache(self, capacity: int) -> list[KVCache]:
        """An empty cache for each layer, with room for `capacity` positions."""
        return [KVCache(capacity) for _ in self.blocks]

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        mask: Bool[Tensor, "..."] | Causal | None = None,
        positions: Int[Tensor, "*P T"] | None = None,
        cache: Sequence[KVCache] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position.

        Args:
            tokens: The newest T tokens: the whole text, or what follows what the cache holds.
            mask: Who may look at whom, broadcast to (B, H, T, S); None for causal.
            positions: Where the tokens stand; None counts on from the cache.
            cache: One KVCache a layer, extended in place.

        Raises:
            ValueError: If the sequence is longer than the context, or the cache has not one entry a layer.
        """
        past = _past(cache, self.blocks)
        end = past + tokens.shape[1]
        if self.context_length is not None and end > self.context_length:
            raise ValueError(
                f"{end} positions exceed context_length={self.context_length}: shorten the text, or keep its last "
                f"{self.context_length} tokens"
            )
        if positions is None:
            positions = torch.arange(past, end, device=tokens.device)
        x = self.embedding(tokens, positions)
        mask = CAUSAL if mask is None else mask
        for block, layer_cache in zip(self.blocks, repeat(None) if cache is None else cache, strict=False):
            x = block(x, mask=mask, positions=positions, cache=layer_cache)
        return self.head(self.norm(x))


class MaskedLanguageModel(nn.Module):
    """An encoder alone: every position sees every other, and the head guesses what was hidden. BERT fills it.

    Args:
        embedding: From tokens and segments to the stream.
        blocks: Its layers, first to last.
        head: From the stream to logits; BERT's is a small network of its own.
    """

    def __init__(self, embedding: Embedding, blocks: Iterable[Block], head: nn.Module) -> None:
        super().__init__()
        self.embedding, self.blocks, self.head = embedding, nn.ModuleList(blocks), head

    @property
    def vocab_size(self) -> int:
        """Tokens it can read, V."""
        return self.embedding.tokens.num_embeddings

    def encode(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        mask: Bool[Tensor, "..."] | Causal | None = None,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Return the stream after the last layer: one vector a token, in the light of all the others."""
        x = self.embedding(tokens, segments=segments)
        for block in self.blocks:
            x = block(x, mask=mask)
        return x

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        mask: Bool[Tensor, "..."] | Causal | None = None,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return logits of the token at each position.

        Args:
            tokens: The text, some of it hidden.
            mask: True where a query may attend, such as `padding_mask(lengths, T)`, or CAUSAL; None for all.
            segments: The segment of each token; None for one segment.
        """
        return self.head(self.encode(tokens, mask=mask, segments=segments))


class EncoderDecoder(nn.Module):
    """The Transformer of 2017: an encoder reads the source, a decoder writes the target with it in view.

    Every layer of the decoder attends to the output of the *last* layer of the encoder (Vaswani et al. 2017, 3.2.3).

    Args:
        source_embedding: From the source to the encoder's stream.
        encoder: Its blocks, first to last.
        target_embedding: From target tokens to the decoder's stream.
        decoder: Its blocks, with cross-attention.
        head: From the decoder's stream to logits.
        encoder_norm: The encoder's last norm; nn.Identity() for a post-norm model.
        decoder_norm: The decoder's.
    """

    def __init__(
        self,
        source_embedding: nn.Module,
        encoder: Iterable[Block],
        target_embedding: Embedding,
        decoder: Iterable[Block],
        head: nn.Linear,
        *,
        encoder_norm: nn.Module | None = None,
        decoder_norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.source_embedding, self.target_embedding, self.head = source_embedding, target_embedding, head
        self.encoder, self.decoder = nn.ModuleList(encoder), nn.ModuleList(decoder)
        self.encoder_norm = nn.Identity() if encoder_norm is None else encoder_norm
        self.decoder_norm = nn.Identity() if decoder_norm is None else decoder_norm

    @property
    def vocab_size(self) -> int:
        """Tokens it can write, V."""
        return self.target_embedding.tokens.num_embeddings

    def new_cache(self, capacity: int, memory_length: int) -> list[tuple[KVCache, KVCache]]:
        """Empty caches for each layer of the decoder: of its own past, and of the memory.

        Args:
            capacity: The most target tokens they will hold.
            memory_length: Positions of the memory, S.
        """
        return [(KVCache(capacity), KVCache(memory_length)) for _ in self.decoder]

    def encode(self, source: Tensor, *, source_mask: Bool[Tensor, "..."] | None = None) -> Float[Tensor, "B S D"]:
        """Read the source, once, whole.

        Args:
            source: Token ids (B, S), or whatever the source embedding takes.
            source_mask: True where a query may attend, such as `padding_mask(lengths, S)`; None for all.

        Returns:
            The memory: one vector a source position.
        """
        x = self.source_embedding(source)
        for block in self.encoder:
            x = block(x, mask=source_mask)
        return self.encoder_norm(x)

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        *,
        memory_mask: Bool[Tensor, "..."] | None = None,
        target_mask: Bool[Tensor, "..."] | Causal | None = None,
        cache: Sequence[tuple[KVCache, KVCache]] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each target position.

        Args:
            target: The whole shifted prefix, begin token first; with a cache, what follows what it holds.
            memory: What `encode` returned.
            memory_mask: Which of its positions are real: the source_mask it was encoded with.
            target_mask: Who may look at whom in the target; None for causal.
            cache: From `new_cache`, extended in place.
        """
        past = _past(None if cache is None else [own for own, _ in cache], self.decoder)
        positions = torch.arange(past, past + target.shape[1], device=target.device)
        x = self.target_embedding(target, positions)
        mask = CAUSAL if target_mask is None else target_mask
        for block, (own, of_memory) in zip(
            self.decoder, repeat((None, None)) if cache is None else cache, strict=False
        ):
            x = block(
                x,
                mask=mask,
                positions=positions,
                memory=memory,
                memory_mask=memory_mask,
                cache=own,
                memory_cache=of_memory,
            )
        return self.head(self.decoder_norm(x))

    def forward(
        self,
        source: Tensor,
        target: Int[Tensor, "B T"],
        *,
        source_mask: Bool[Tensor, "..."] | None = None,
        target_mask: Bool[Tensor, "..."] | Causal | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each target position, the source in view of all.

        Args:
            source: Token ids (B, S).
            target: The shifted prefix (B, T), begin token first.
            source_mask: Hides the source's padding, in the encoder and from the decoder; None for all.
            target_mask: None for causal. Padding at the end of a target needs no mask: nobody before it sees it.
        """
        memory = self.encode(source, source_mask=source_mask)
        return self.decode(target, memory, memory_mask=source_mask, target_mask=target_mask)


def _past(cache: Sequence[KVCache] | None, blocks: nn.ModuleList) -> int:
    """Positions that the cache holds."""
    if cache is None:
        return 0
    if len(cache) != len(blocks):
        raise ValueError(f"cache holds {len(cache)} entries and the model {len(blocks)} layers: make it with new_cache")
    return cache[0].length
