"""The KV cache: keys and values of past positions, kept so that they are computed once.

A causal model's keys and values at a position never change when more tokens follow, so a step computes only those of
the new tokens. The caller makes one cache a layer and owns it; the model reads and appends. In cross-attention the
cache holds the keys and values of the memory, which are projected once and then only read.

A `KVCache` holds a batch of texts of one length. A `PagedCache` holds texts of any lengths in blocks, wherever there is
one free, and `BlockTables` keeps the books.
"""

from collections.abc import Hashable, Iterable, Sequence

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


class BlockTables:
    """Which blocks of a paged cache belong to which text: one bookkeeper for the caches of all layers.

    Memory is cut into blocks of `size` positions. A text owns a list of them, its table, which grows by a block when
    the last one is full, and position p of the text stands in block table[p // size] at place p % size. Texts may share
    blocks; one that is written to while others use it is copied first (Kwon et al. 2023, arXiv:2309.06180, sections 4.1
    to 4.4).

    Args:
        n_blocks: Blocks there are, for all texts together.
        size: Positions in a block.

    Attributes:
        tables: The blocks of each text, first to last.
        lengths: The positions of each text that are taken.
        free: Blocks that no text uses.
        positions: Where the newest token of each text of the batch stands, (B,): set by `extend`.
        batch: The tables of the batch, (B, n), as long as the longest: set by `extend`.
        copies: Pairs of blocks, the second to become a copy of the first before the batch is written: set by `extend`.
    """

    def __init__(self, n_blocks: int, size: int = 16) -> None:
        if n_blocks < 1 or size < 1:
            raise ValueError(f"n_blocks={n_blocks} and size={size} must be at least 1: a cache holds something")
        self.size, self.n_blocks = size, n_blocks
        self.free = list(range(n_blocks))[::-1]
        self.users = [0] * n_blocks
        self.tables: dict[Hashable, list[int]] = {}
        self.lengths: dict[Hashable, int] = {}
        self.copies: list[tuple[int, int]] = []

    def missing(self, texts: Iterable[Hashable]) -> int:
        """How many free blocks one more token of each text takes: where its last block is full, or shared."""
        return sum(self._needs_block(text) for text in texts)

    def _needs_block(self, text: Hashable) -> bool:
        table, place = self.tables.get(text, []), self.lengths.get(text, 0) // self.size
        return place == len(table) or self.users[table[place]] > 1

    def extend(self, texts: Sequence[Hashable]) -> None:
        """Make room for one more token of each text, and let these texts be the batch.

        Raises:
            ValueError: If too few blocks are free, or a text comes twice; nothing has changed then.
        """
        if len(set(texts)) < len(texts):
            raise ValueError(f"texts={list(texts)} must be different: a pass has one token of each, so fork a twin")
        if (missing := self.missing(texts)) > len(self.free):
            raise ValueError(f"texts={list(texts)} need {missing} blocks and {len(self.free)} are free: release a text")
        self.copies = []
        for text in texts:
            table = self.tables.setdefault(text, [])
            place = self.lengths.get(text, 0) // self.size
            if self._needs_block(text):
                block = self.free.pop()
                self.users[block] = 1
                if place < len(table):
                    self.users[table[place]] -= 1
                    self.copies.append((table[place], block))
                table[place:] = [block]
            self.lengths[text] = self.lengths.get(text, 0) + 1
        self.positions = torch.tensor([self.lengths[text] - 1 for text in texts])
        used = [torch.tensor(self.tables[text]) for text in texts]
        self.batch = torch.nn.utils.rnn.pad_sequence(used, batch_first=True)

    def fork(self, text: Hashable, twin: Hashable) -> None:
        """Begin a text with all that another holds, by sharing its blocks.

        Args:
            text: The one that is there.
            twin: The new one.

        Raises:
            ValueError: If the text holds nothing, or the twin does already.
        """
        self._validate(text)
        if twin in self.tables:
            raise ValueError(f"twin={twin!r} holds {self.lengths[twin]} positions already: release it, or name it anew")
        self.tables[twin], self.lengths[twin] = list(self.tables[text]), self.lengths[text]
        for block in self.tables[twin]:
            self.users[block] += 1

    def release(self, text: Hashable) -> None:
        """Give up a text; its blocks are free once no other text uses them.

        Raises:
            ValueError: If the text holds nothing.
        """
        self._validate(text)
        for block in self.tables.pop(text):
            self.users[block] -= 1
            if not self.users[block]:
                self.free.append(block)
        del self.lengths[text]

    def _validate(self, text: Hashable) -> None:
        if text not in self.tables:
            raise ValueError(f"text={text!r} must be one of {list(self.tables)}: only what was extended holds blocks")


class PagedCache(KVCache):
    """The keys and values of one layer, in blocks; given to a model as a KVCache is, one token of each text at a time.

    Args:
        tables: Says where each text of the batch stands; shared by all layers, and extended before each pass.
    """

    def __init__(self, tables: BlockTables) -> None:
        self.tables, self.capacity = tables, tables.n_blocks * tables.size
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    @property
    def length(self) -> int:  # type: ignore[override]
        """Positions before the newest, of the longest text in the batch."""
        return int(self.tables.positions.max())

    def append(
        self, k: Float[Tensor, "B G 1 Dh"], v: Float[Tensor, "B G 1 Dv"]
    ) -> tuple[Float[Tensor, "B G S Dh"], Float[Tensor, "B G S Dv"]]:
        """Write one position of each text, and return all, with S the length of the longest.

        What stands behind the end of a shorter text must be masked.

        Args:
            k: Keys of the newest token of each text of the batch.
            v: Values of the same.

        Raises:
            ValueError: If there is not one token for each text.
        """
        tables = self.tables
        if k.shape[0] != len(tables.positions) or k.shape[2] != 1:
            raise ValueError(
                f"k of shape {tuple(k.shape)} must be ({len(tables.positions)}, G, 1, Dh): one token for each text of "
                "the last extend"
            )
        if self._keys is None or self._values is None:
            rooms = (x.new_zeros(tables.n_blocks, tables.size, x.shape[1], x.shape[3]) for x in (k, v))
            self._keys, self._values = rooms
        block = tables.batch.gather(1, tables.positions[:, None] // tables.size)[:, 0]
        for held, new in ((self._keys, k), (self._values, v)):
            for old, copy in tables.copies:
                held[copy] = held[old]
            held[block, tables.positions % tables.size] = new[:, :, 0]
        return self.read()

    def read(self) -> tuple[Float[Tensor, "B G S Dh"], Float[Tensor, "B G S Dv"]]:
        """Return what the tables of the batch point to, oldest first.

        Raises:
            ValueError: If nothing was appended yet.
        """
        if self._keys is None or self._values is None:
            raise ValueError("this PagedCache is empty: append keys and values before reading them")
        end = self.length + 1
        k, v = (held[self.tables.batch].flatten(1, 2)[:, :end].transpose(1, 2) for held in (self._keys, self._values))
        return k, v

    def reorder(self, rows: Int[Tensor, " n"]) -> None:
        """Not for this cache: its texts are forked and released in the tables, and nothing moves.

        Args:
            rows: Of a batch.
        """
        raise ValueError(f"rows={rows.tolist()} cannot be reordered here: fork and release texts in the tables instead")


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
