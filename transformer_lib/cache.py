"""The KV cache: keys and values of past positions, kept so that they are computed once.

A causal model's keys and values at a position never change when more tokens follow, so a step computes only those of
the new tokens. The caller makes one cache a layer and owns it; the model reads and appends. In cross-attention the
cache holds the keys and values of the memory, which are projected once and then only read.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class KVCache:
    """Room for the keys and values of one attention layer.

    Args:
        capacity: The most positions it can hold; memory for all of them is taken at the first append.

    Attributes:
        capacity: As given.
        length: Positions held.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity={capacity} must be at least 1: a cache holds at least one position")
        self.capacity, self.length = capacity, 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def append(
        self, k: Float[Tensor, "B G T Dh"], v: Float[Tensor, "B G T Dv"]
    ) -> tuple[Float[Tensor, "B G S Dh"], Float[Tensor, "B G S Dv"]]:
        """Add the newest positions and return all, oldest first; the result is a view of the cache.

        Args:
            k: Keys of T new positions, already rotated to them.
            v: Values of the same.

        Raises:
            ValueError: If they do not fit; the cache is as it was before.
        """
        end = self.length + k.shape[2]
        if end > self.capacity:
            raise ValueError(
                f"KVCache(capacity={self.capacity}) holds {self.length} positions and cannot take {k.shape[2]} more: "
                "make one with room for the prompt and all new tokens"
            )
        if self._keys is None or self._values is None:
            self._keys = k.new_empty(*k.shape[:2], self.capacity, k.shape[3])
            self._values = v.new_empty(*v.shape[:2], self.capacity, v.shape[3])
        if k.shape[:2] != self._keys.shape[:2]:
            raise ValueError(
                f"k of (B, G)={tuple(k.shape[:2])} does not fit a cache of {tuple(self._keys.shape[:2])}: make a new "
                "cache for another batch, or reorder this one"
            )
        self._keys[:, :, self.length : end], self._values[:, :, self.length : end] = k, v
        self.length = end
        return self.read()

    def read(self) -> tuple[Float[Tensor, "B G S Dh"], Float[Tensor, "B G S Dv"]]:
        """Return all keys and values, oldest first.

        Raises:
            ValueError: If nothing was appended yet.
        """
        if self._keys is None or self._values is None:
            raise ValueError("this KVCache is empty: append keys and values before reading them")
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]

    def reorder(self, rows: Int[Tensor, " n"]) -> None:
        """Make row i of the batch what row rows[i] was: how a beam search keeps its survivors.

        Only what is held moves, and nothing if all rows stay; views that were read before no longer hold.

        Args:
            rows: Rows of the batch as it is; one may come twice, or not at all.
        """
        if self._keys is None or self._values is None:
            return
        n = len(rows)
        if n == len(self._keys) and torch.equal(rows, torch.arange(n, device=rows.device)):
            return
        self._keys, self._values = (self._moved(held, rows) for held in (self._keys, self._values))

    def _moved(self, held: Tensor, rows: Tensor) -> Tensor:
        """Its rows in their new order, in the room that it has unless there are more of them."""
        moved = held[:, :, : self.length].index_select(0, rows)
        room = held[: len(rows)] if len(rows) <= len(held) else held.new_empty(len(rows), *held.shape[1:])
        room[:, :, : self.length] = moved
        return room


def next_positions(x: Tensor, cache: KVCache | None = None) -> Int[Tensor, " T"]:
    """Where the tokens (B, T) or vectors (B, T, D) of x stand: counted from 0, or on from what the cache holds.

    Args:
        x: Only its shape and device matter.
        cache: Of one layer, before x is in it.
    """
    if x.ndim < 2:
        raise ValueError(f"tokens of shape {tuple(x.shape)} must be (B, T): tokens[None] is a batch of one")
    past = 0 if cache is None else cache.length
    return torch.arange(past, past + x.shape[1], device=x.device)
