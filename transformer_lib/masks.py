"""Masks: who may look at whom, True where a query (a row) may attend to a key (a column).

Attention gives the weight

    softmax_j(q_i . k_j / sqrt(Dh))    over those j with mask[i, j] = True

and 0 to every other key (Vaswani et al. 2017, section 3.2.3, sets the illegal scores to -inf). The polarity is that of
F.scaled_dot_product_attention; nn.MultiheadAttention's boolean masks mean the opposite. Masks combine with & and |
and broadcast to (B, H, T, S). No row may be empty: a softmax over nothing is not a distribution.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor


class Causal:
    """The causal pattern as a name: the (T, S) tensor is built only where the kernel needs one."""

    def __repr__(self) -> str:
        return "CAUSAL"


CAUSAL = Causal()


class ResolvedMask(NamedTuple):
    """A mask that has been checked, as the kernel takes it. A model makes one and hands it to all its layers."""

    tensor: Tensor | None
    is_causal: bool = False
    """Causal over square scores; the tensor is then None."""


Mask = Bool[Tensor, "..."] | Causal | ResolvedMask | None
"""What every `mask` argument takes: a tensor, CAUSAL, or None, which lets every query see every key."""


def causal_mask(T: int, S: int | None = None, *, device: torch.device | str | None = None) -> Bool[Tensor, "T S"]:
    """Let each position see itself and what came before it.

    Args:
        T: Queries, the last T of the S positions.
        S: Keys; None for as many as queries. More than T where a cache holds what came before.
        device: Where the mask is made.

    Returns:
        True at [i, j] where j <= i + S - T.

    Raises:
        ValueError: If T is less than 1, or S less than T.

    Example:

        >>> causal_mask(3).int()
        tensor([[1, 0, 0],
                [1, 1, 0],
                [1, 1, 1]], dtype=torch.int32)
    """
    S = _keys(T, S)
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


def sliding_window_mask(
    T: int, window: int, S: int | None = None, *, device: torch.device | str | None = None
) -> Bool[Tensor, "T S"]:
    """Let each position see itself and the window - 1 positions before it (Beltagy et al. 2020, arXiv:2004.05150).

    Args:
        T: Queries, the last T of the S positions.
        window: Positions that each query sees, itself included.
        S: Keys; None for as many as queries.
        device: Where the mask is made.

    Raises:
        ValueError: If a size is less than 1, or S less than T.
    """
    S = _keys(T, S)
    if window < 1:
        raise ValueError(f"window={window} must be at least 1: a position that does not see itself may see nothing")
    return causal_mask(T, S, device=device).triu(S - T - window + 1)


def padding_mask(lengths: Int[Tensor, " B"], S: int) -> Bool[Tensor, "B 1 1 S"]:
    """Hide the padding at the end of each sequence of a batch.

    Args:
        lengths: Real tokens in each sequence; the rest up to S is padding.
        S: Positions of the padded batch.

    Raises:
        ValueError: If a length is not in 1..S.
    """
    _in_range("lengths", lengths, 1, S, "every sequence needs a token to attend to, and room for all of its own")
    return (torch.arange(S, device=lengths.device) < lengths[:, None])[:, None, None, :]


def prefix_mask(prefix_lengths: Int[Tensor, " B"], T: int) -> Bool[Tensor, "B 1 T T"]:
    """Let everyone see the whole prefix, and what came before them after it (Raffel et al. 2020, section 3.2.1).

    Args:
        prefix_lengths: Tokens of each sequence that are seen from everywhere; 0 leaves the causal mask.
        T: Positions.

    Raises:
        ValueError: If a prefix length is not in 0..T.
    """
    _in_range("prefix_lengths", prefix_lengths, 0, T, "a prefix is a part of the sequence")
    in_prefix = (torch.arange(T, device=prefix_lengths.device) < prefix_lengths[:, None])[:, None, None, :]
    return causal_mask(T, device=prefix_lengths.device) | in_prefix


def resolve_mask(
    mask: Tensor | Causal | ResolvedMask | None,
    scores_shape: Sequence[int],
    device: torch.device | str | None = None,
) -> ResolvedMask:
    """Check a mask where it is handed in, once, and build what the kernel needs of it.

    Args:
        mask: As it was given. One that is resolved already is returned as it is.
        scores_shape: (B, H, T, S), or as many of these as the scores have.
        device: Where a causal mask is made if the kernel needs one: for T > 1 queries that are fewer than the keys.

    Raises:
        TypeError: If it is not boolean.
        ValueError: If it does not fit the scores, or leaves a row empty.
    """
    if isinstance(mask, ResolvedMask):
        return mask
    if mask is None:
        return ResolvedMask(None)
    if isinstance(mask, Causal):
        T, S = scores_shape[-2:]
        if T == S:
            return ResolvedMask(None, is_causal=True)
        return ResolvedMask(None if T == 1 else causal_mask(T, S, device=device))
    validate_mask(mask, scores_shape)
    return ResolvedMask(mask)


def validate_mask(mask: Tensor, scores_shape: Sequence[int]) -> None:
    """Raise unless a mask is boolean, fits the scores, and leaves every query a key to see.

    The last is a question about values, and is asked only where the answer is free: see `values_are_at_hand`.

    Args:
        mask: What was given as one.
        scores_shape: (B, H, T, S), or as many of these as the scores have.

    Raises:
        TypeError: If it is not boolean: a float mask would be added to the scores, and 0 and 1 hide nothing.
        ValueError: If it is neither (T, S) nor of as many dimensions as the scores, does not broadcast to them, or
            has an empty row.
    """
    if mask.dtype != torch.bool:
        raise TypeError(f"mask of {mask.dtype} must be torch.bool, True where a query may attend: use mask.bool()")
    shape = mask.shape
    if len(shape) == 3 and len(scores_shape) == 4:
        raise ValueError(
            f"mask of shape {tuple(shape)} must be (T, S) or (B, H, T, S): with three dimensions the first would be "
            "read as heads. For a mask of each sequence give (B, 1, T, S), mask[:, None]"
        )
    sizes = zip(reversed(shape), reversed(scores_shape), strict=False)
    if len(shape) > len(scores_shape) or any(size != 1 and size != wanted for size, wanted in sizes):
        raise ValueError(
            f"mask of shape {tuple(shape)} must broadcast to the scores, {tuple(scores_shape)}: (T, S) for all, "
            "or (B, 1, T, S) with a mask for each sequence; padding_mask gives (B, 1, 1, S)"
        )
    if values_are_at_hand(mask):
        validate_rows(mask)


def validate_rows(mask: Bool[Tensor, "..."]) -> None:
    """Raise a ValueError that names the first query that could attend to nothing."""
    if mask.select(-1, 0).all():  # most masks show everyone the first key, and this is quick to see
        return
    open_rows = mask.view(torch.uint8).amax(dim=-1)  # mask.any(dim=-1), forty times as fast where rows are long
    if not open_rows.all():
        where = tuple((open_rows == 0).nonzero()[0].tolist())
        raise ValueError(
            f"mask of shape {tuple(mask.shape)} leaves row {where} empty: every query must see at least one key. Two "
            "masks joined with & may do that; let padded queries see themselves, and leave them out of the loss"
        )


def values_are_at_hand(tensor: Tensor) -> bool:
    """Whether Python may ask for a tensor's values: an accelerator would have to wait, and a graph has none yet."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def _keys(T: int, S: int | None) -> int:
    S = T if S is None else S
    if T < 1:
        raise ValueError(f"T={T} must be at least 1: a mask needs a query")
    if S < T:
        raise ValueError(f"S={S} must be at least T={T}: the queries are the last T of the S positions")
    return S


def _in_range(name: str, values: Tensor, low: int, high: int, why: str) -> None:
    if not values_are_at_hand(values) or not values.numel():
        return
    if not (low <= int(values.min()) and int(values.max()) <= high):
        raise ValueError(f"{name}={values.tolist()} must be in {low}..{high}: {why}")
