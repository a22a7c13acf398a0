"""Attention: each query takes a weighted mean of the values, the weights from how well it matches the keys.

    attention(Q, K, V) = softmax(Q K^T / sqrt(Dh)) V                      (Vaswani et al. 2017, section 3.2.1)
    head_i = attention(x W_q^i, m W_k^i, m W_v^i);  out = [heads] W_o     (section 3.2.2)

with m = x in self-attention and m = memory in cross-attention. With fewer key/value heads than query heads (G < H), H/G
query heads share each: grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245).

B batch, T query positions, S key positions, D d_model, H heads, G key/value heads, Dh head width.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.cache import KVCache, next_positions
from transformer_lib.masks import Causal, Mask, ResolvedMask, causal_mask, resolve_mask
from transformer_lib.positions import Rotary, Rotation


def attention(
    query: Float[Tensor, "*BH T Dh"],
    key: Float[Tensor, "*BG S Dh"],
    value: Float[Tensor, "*BG S Dv"],
    mask: Mask = None,
    *,
    dropout: float = 0.0,
) -> Float[Tensor, "*BH T Dv"]:
    """Weighted means of the values, by PyTorch's fused kernel: the weights are never stored.

    Args:
        query: (B, H, T, Dh), or without B and H.
        key: (B, G, S, Dh), with G dividing H.
        value: (B, G, S, Dv); its width is free.
        mask: True where a query may attend, broadcast to (B, H, T, S); CAUSAL for the causal pattern; None for all.
        dropout: Probability of dropping a weight; the rest are scaled up.

    Raises:
        ValueError: If a row of the mask is empty.

    Example:

        >>> query, key, value = torch.zeros(1, 2, 4), torch.randn(1, 3, 4), torch.eye(3)[None]
        >>> attention(query, key, value)[0, 0]  # a query of zeros looks at all keys alike
        tensor([0.3333, 0.3333, 0.3333])
    """
    mask, is_causal = resolve_mask(mask, (*query.shape[:-1], key.shape[-2]), query.device)
    grouped = query.ndim > 2 and query.shape[-3] != key.shape[-3]
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=is_causal, enable_gqa=grouped
    )


def attention_weights(
    query: Float[Tensor, "*BH T Dh"],
    key: Float[Tensor, "*BG S Dh"],
    mask: Mask = None,
) -> Float[Tensor, "*BH T S"]:
    """The weights that `attention` uses: softmax(Q K^T / sqrt(Dh)), each row summing to 1.

    Args:
        query: (B, H, T, Dh), or without B and H.
        key: (B, G, S, Dh), with G dividing H.
        mask: As in `attention`.

    Raises:
        ValueError: If a row of the mask is empty.
    """
    scores = query @ share_heads(key, query).mT / math.sqrt(query.shape[-1])
    return _masked_softmax(scores, mask)


def additive_attention_weights(
    query: Float[Tensor, "*B T Dq"],
    key: Float[Tensor, "*B S Dk"],
    w_query: Float[Tensor, "A Dq"],
    w_key: Float[Tensor, "A Dk"],
    v: Float[Tensor, " A"],
    mask: Mask = None,
) -> Float[Tensor, "*B T S"]:
    """Weights from a small network in place of a product: softmax(v . tanh(W_q q + W_k k)) (Bahdanau et al. 2015).

    Queries and keys may differ in width. All T x S pairs pass through the network, A features each.

    Args:
        query: (B, T, Dq), or without B.
        key: (B, S, Dk).
        w_query, w_key: Maps to the A hidden features.
        v: What reads a score off them.
        mask: As in `attention`.
    """
    hidden = torch.tanh((query @ w_query.T)[..., :, None, :] + (key @ w_key.T)[..., None, :, :])  # (B, T, S, A)
    return _masked_softmax(hidden @ v, mask)


def additive_attention(
    query: Float[Tensor, "*B T Dq"],
    key: Float[Tensor, "*B S Dk"],
    value: Float[Tensor, "*B S Dv"],
    w_query: Float[Tensor, "A Dq"],
    w_key: Float[Tensor, "A Dk"],
    v: Float[Tensor, " A"],
    mask: Mask = None,
) -> Float[Tensor, "*B T Dv"]:
    """Weighted means of the values with additive weights: see `additive_attention_weights`.

    Args:
        query: (B, T, Dq), or without B.
        key: (B, S, Dk).
        value: (B, S, Dv).
        w_query: (A, Dq).
        w_key: (A, Dk).
        v: (A,).
        mask: Who may look at whom.
    """
    return additive_attention_weights(query, key, w_query, w_key, v, mask) @ value


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each with its own projections of all of d_model.

    Args:
        d_model: Features in and out, D.
        n_heads: Query heads, H; each is D / H wide.
        n_kv_heads: Key/value heads, G, dividing H; None for one each.
        bias: Whether the four projections have one.
        dropout: Probability of dropping an attention weight in training.
        rotary: Rotates queries and keys by their positions; None leaves them as they are.
        qk_norm: Makes from d_head the norm of queries and that of keys, applied in each head before the rotary: QK-norm
            (Dehghani et al. 2023, section 2.1), with RMSNorm as in Qwen3; None has none.

    Raises:
        ValueError: If the sizes do not divide.
    """

    hidden_maps: tuple[str, ...] = ("w_q", "w_k", "w_v", "w_o")

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        n_kv_heads: int | None = None,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: Rotary | None = None,
        qk_norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        if n_heads < 1 or d_model % n_heads:
            raise ValueError(f"d_model={d_model} must be divisible by n_heads={n_heads}: heads share it equally")
        if n_kv_heads < 1 or n_heads % n_kv_heads:
            raise ValueError(f"n_heads={n_heads} must be divisible by n_kv_heads={n_kv_heads}: groups are equal")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} must be in [0, 1): it is the probability of losing a weight")
        self.d_model, self.n_heads, self.n_kv_heads = d_model, n_heads, n_kv_heads
        self.d_head = d_model // n_heads
        if rotary is not None and rotary.d_head != self.d_head:
            raise ValueError(f"rotary.d_head={rotary.d_head} must be d_model / n_heads = {self.d_head}: it turns heads")
        self.dropout, self.rotary = dropout, rotary
        self.w_q = nn.Linear(d_model, d_model, bias=bias)
        self.w_k = nn.Linear(d_model, n_kv_heads * self.d_head, bias=bias)
        self.w_v = nn.Linear(d_model, n_kv_heads * self.d_head, bias=bias)
        self.w_o = nn.Linear(d_model, d_model, bias=bias)
        self.q_norm, self.k_norm = (qk_norm(self.d_head) if qk_norm else None for _ in range(2))
        self.attend = attention  # what inspection.record_attention swaps, so that recording costs nothing when off

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"] | None = None,
        *,
        mask: Mask = None,
        positions: Int[Tensor, "*P T"] | Rotation | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Attend from x to itself, or to a memory.

        Args:
            x: Where the queries come from.
            memory: Where keys and values come from; None for x itself.
            mask: As in `attention`, with S the keys in the cache and the new ones.
            positions: Of x, for a rotary, or their rotation; None counts on from what the cache holds.
            cache: Keys and values of the past, extended in place. With a memory: the memory's, filled at the first
                call and only read after it.

        Raises:
            ValueError: If x is not (B, T, D), a row of the mask is empty, the cache is full or another memory's, or
                memory meets a rotary.
        """
        for name, stream in (("x", x), ("memory", memory)):
            if stream is not None and (stream.ndim != 3 or stream.shape[-1] != self.d_model):
                raise ValueError(
                    f"{name} of shape {tuple(stream.shape)} must be (B, T, D) with D = d_model = {self.d_model}: "
                    f"{name}[None] adds a batch of one, {name}.flatten(end_dim=-3) joins leading dimensions"
                )
        if memory is not None and self.rotary is not None:
            raise ValueError("a rotary turns x and its keys alike: cross-attention to memory must have none")
        q = self._heads(self.w_q(x), self.q_norm)  # (B, H, T, Dh)
        if memory is not None and cache is not None and cache.length:
            if cache.length != memory.shape[1]:
                raise ValueError(
                    f"the cache holds a memory of {cache.length} positions and memory has {memory.shape[1]}: make a "
                    "new cache for each memory"
                )
            k, v = cache.read()
        else:
            source = x if memory is None else memory
            k, v = self._heads(self.w_k(source), self.k_norm), self._heads(self.w_v(source))  # (B, G, S, Dh)
            if self.rotary is not None:
                rotation = self.rotary.rotation(next_positions(x, cache) if positions is None else positions, q.dtype)
                q, k = self.rotary(q, rotation), self.rotary(k, rotation)
            if cache is not None:
                k, v = cache.append(k, v)
        heads = self.attend(q, k, v, mask, dropout=self.dropout if self.training else 0.0)  # (B, H, T, Dh)
        return self.w_o(heads.transpose(1, 2).flatten(start_dim=2))

    def _heads(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        heads = x.unflatten(-1, (-1, self.d_head)).transpose(1, 2)
        return heads if norm is None else norm(heads)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        dropout = f", dropout={self.dropout:g}" if self.dropout else ""
        return f"n_heads={self.n_heads}, n_kv_heads={self.n_kv_heads}, d_head={self.d_head}{dropout}"


def share_heads(key: Float[Tensor, "*BG S Dh"], query: Float[Tensor, "*BH T Dq"]) -> Float[Tensor, "*BH S Dh"]:
    """Repeat each key/value head for the query heads that share it.

    Args:
        key: (B, G, S, Dh): keys, or values.
        query: (B, H, T, Dh), for its number of heads.
    """
    if query.ndim < 3 or query.shape[-3] == key.shape[-3]:
        return key
    return key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)


def _masked_softmax(scores: Tensor, mask: Tensor | Causal | ResolvedMask | None) -> Tensor:
    tensor, is_causal = resolve_mask(mask, scores.shape, scores.device)
    if is_causal:
        tensor = causal_mask(scores.shape[-1], device=scores.device)
    return (scores if tensor is None else scores.masked_fill(~tensor, -math.inf)).softmax(dim=-1)
