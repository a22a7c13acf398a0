"""The three shapes of Transformer: a language model, a masked language model, an encoder-decoder.

Each is its parts in order; which norm, positions or feed-forward network they are made of is decided by whoever builds
them (`transformer_lib.models`). forward returns logits, always: losses live in `transformer_lib.training`.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.block import Block
from transformer_lib.cache import KVCache, next_positions
from transformer_lib.masks import CAUSAL, Mask, resolve_mask
from transformer_lib.positions import LearnedPositions, Rotation


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
        self.tokens = tokens
        self.positions = positions
        self.segments = segments
        self.norm = norm
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
        if tokens.ndim != 2:
            raise ValueError(f"tokens of shape {tuple(tokens.shape)} must be (B, T): tokens[None] is a batch of one")
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
            x = x + self.positions(next_positions(tokens) if positions is None else positions).to(x.dtype)
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
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.head = head
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
        mask: Mask = CAUSAL,
        positions: Int[Tensor, "*P T"] | None = None,
        cache: Sequence[KVCache] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each position.

        Args:
            tokens: The newest T tokens: the whole text, or what follows what the cache holds.
            mask: Who may look at whom, broadcast to (B, H, T, S); None lets everyone see everyone.
            positions: Where the tokens stand; None counts on from the cache.
            cache: One KVCache a layer, extended in place.

        Raises:
            ValueError: If the sequence is longer than the context, or the cache has not one entry a layer.
        """
        _validate_cache(cache, self.blocks)
        end = tokens.shape[-1] + (cache[0].length if cache else 0)
        if self.context_length is not None and end > self.context_length:
            raise ValueError(
                f"{end} positions exceed context_length={self.context_length}: shorten the text, or keep its last "
                f"{self.context_length} tokens"
            )
        if positions is None:
            positions = next_positions(tokens, cache[0] if cache else None)
        x = self.embedding(tokens, positions)
        x = _through(self.blocks, x, positions, mask, cache=cache)
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
        self.embedding = embedding
        self.blocks = nn.ModuleList(blocks)
        self.head = head

    @property
    def vocab_size(self) -> int:
        """Tokens it can read, V."""
        return self.embedding.tokens.num_embeddings

    def encode(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        mask: Mask = None,
        segments: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Return the stream after the last layer: one vector a token, in the light of all the others."""
        positions = next_positions(tokens)
        return _through(self.blocks, self.embedding(tokens, positions, segments), positions, mask)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        *,
        mask: Mask = None,
        segments: Int[Tensor, "B T"] | None = None,
        at: Int[Tensor, " N"] | None = None,
    ) -> Float[Tensor, "*N V"]:
        """Return logits of the token at each position.

        Args:
            tokens: The text, some of it hidden.
            mask: True where a query may attend, such as `padding_mask(lengths, T)`, or CAUSAL; None for all.
            segments: The segment of each token; None for one segment.
            at: The places that logits are wanted for, counted through the batch: b T + t is position t of row b. The
                head, the costliest layer, then runs there only.

        Returns:
            Logits of the N places (N, V), or without `at` of all of them (B, T, V).
        """
        x = self.encode(tokens, mask=mask, segments=segments)
        return self.head(x if at is None else x.flatten(end_dim=1)[at])


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
        self.source_embedding = source_embedding  # random weights are drawn in the order of these lines: as they stand,
        self.target_embedding = target_embedding  # a seed gives the weights that it has always given
        self.head = head
        self.encoder = nn.ModuleList(encoder)
        self.decoder = nn.ModuleList(decoder)
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

    def encode(self, source: Tensor, *, source_mask: Mask = None) -> Float[Tensor, "B S D"]:
        """Read the source, once, whole.

        Args:
            source: Token ids (B, S), or whatever the source embedding takes.
            source_mask: True where a query may attend, such as `padding_mask(lengths, S)`; None for all.

        Returns:
            The memory: one vector a source position.
        """
        x = self.source_embedding(source)
        return self.encoder_norm(_through(self.encoder, x, next_positions(x), source_mask))

    def decode(
        self,
        target: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        *,
        memory_mask: Mask = None,
        target_mask: Mask = CAUSAL,
        cache: Sequence[tuple[KVCache, KVCache]] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each target position.

        Args:
            target: The whole shifted prefix, begin token first; with a cache, what follows what it holds.
            memory: What `encode` returned.
            memory_mask: Which of its positions are real: the source_mask it was encoded with.
            target_mask: Who may look at whom in the target; None lets everyone see everyone.
            cache: From `new_cache`, extended in place.
        """
        _validate_cache(cache, self.decoder)
        own, of_memory = zip(*cache, strict=True) if cache else (None, None)
        positions = next_positions(target, own[0] if own else None)
        x = self.target_embedding(target, positions)
        x = _through(
            self.decoder,
            x,
            positions,
            target_mask,
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
        source_mask: Mask = None,
        target_mask: Mask = CAUSAL,
    ) -> Float[Tensor, "B T V"]:
        """Return the logits of the token after each target position, the source in view of all.

        Args:
            source: Token ids (B, S).
            target: The shifted prefix (B, T), begin token first.
            source_mask: Hides the source's padding, in the encoder and from the decoder; None for all.
            target_mask: As in `decode`. Padding at the end of a target needs no mask: nobody before it sees it.
        """
        memory = self.encode(source, source_mask=source_mask)
        return self.decode(target, memory, memory_mask=source_mask, target_mask=target_mask)


def _through(
    blocks: nn.ModuleList,
    x: Tensor,
    positions: Int[Tensor, "*P T"] | Rotation,
    mask: Mask,
    *,
    memory: Tensor | None = None,
    memory_mask: Mask = None,
    cache: Sequence[KVCache] | None = None,
    memory_cache: Sequence[KVCache] | None = None,
) -> Tensor:
    """Pass the stream through all blocks. What they share is made here, once: checked masks, sines and cosines."""
    if not blocks:
        return x
    B, T, _ = x.shape
    layers: list[Block] = list(blocks)  # type: ignore[arg-type]  # a ModuleList forgets of what
    H = layers[0].attention.n_heads
    mask = resolve_mask(mask, (B, H, T, T + (cache[0].length if cache else 0)), x.device)
    if memory is not None:
        memory_mask = resolve_mask(memory_mask, (B, H, T, memory.shape[1]), x.device)
    rotary = next((block.attention.rotary for block in layers if block.attention.rotary is not None), None)
    if rotary is not None:
        positions = rotary.rotation(positions, x.dtype)
    for layer, block in enumerate(layers):
        x = block(
            x,
            mask=mask,
            positions=positions,
            memory=memory,
            memory_mask=memory_mask,
            cache=cache[layer] if cache else None,
            memory_cache=memory_cache[layer] if memory_cache else None,
        )
    return x


def _validate_cache(cache: Sequence[object] | None, blocks: nn.ModuleList) -> None:
    if cache is not None and len(cache) != len(blocks):
        raise ValueError(f"cache holds {len(cache)} entries and the model {len(blocks)} layers: make it with new_cache")
