"""Count the n-grams of a text in sorted arrays, so that memory grows with what was seen and not with V^n.

An n-gram is its context (the n-1 tokens before) and one token. Its code chains the two,

    code(w_1 … w_n) = row(w_1 … w_{n-1}) · V + w_n,

where row is the context's own place in the sorted table of (n-1)-grams. A code therefore stays below (number of
(n-1)-grams) · V, which fits 64 bits where the obvious base-V number, up to V^n, would not: 50257^8 is about 2^125.
Sorting puts all that followed one context side by side, and looking an n-gram up is one binary search per order.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

Tokens = Collection[Any]  # integers in a list, tuple, array or tensor; where it says so, a list of those
_AFTER_ALL_CODES = np.iinfo(np.int64).max


@dataclass(frozen=True)
class CountTable:
    """The M distinct n-grams of one length n that were seen, in order of their codes, after C distinct contexts.

    One row more, row M, stands for every n-gram that was never seen. Its count is 0, and as a context of the next
    table it is followed by nothing, so that a search that fails at one order fails at all longer ones by itself.

    Attributes:
        vocab_size: V.
        n_contexts: C, the number of (n-1)-grams; row C of the contexts is the unseen one.
        codes: (M+1,) context row · V + token, ascending; the last is larger than every code.
        counts: (M+1,) how often each n-gram occurred; the last is 0.
        suffixes: (M,) row, in the table of (n-1)-grams, of the n-gram without its first token.
    """

    vocab_size: int
    n_contexts: int
    codes: Int[np.ndarray, " ngrams"]
    counts: Int[np.ndarray, " ngrams"]
    suffixes: Int[np.ndarray, " M"]

    @property
    def contexts(self) -> Int[np.ndarray, " ngrams"]:
        """The row of each n-gram's context; the unseen n-gram has the unseen context, C."""
        return np.append(self.codes[:-1] // self.vocab_size, self.n_contexts)

    @property
    def continuations(self) -> Int[np.ndarray, " shorter"]:
        """For each (n-1)-gram, N1+(• g): how many different tokens were seen just before it; 0 for the unseen row."""
        return np.bincount(self.suffixes, minlength=self.n_contexts + 1)

    @property
    def nbytes(self) -> int:
        """Bytes the arrays take."""
        return self.codes.nbytes + self.counts.nbytes + self.suffixes.nbytes

    def find(self, contexts: Int[np.ndarray, " T"], tokens: Int[np.ndarray, " T"]) -> Int[np.ndarray, " T"]:
        """The row of each (context row, token), M where it was never seen."""
        codes = contexts * self.vocab_size + tokens
        rows = self.codes.searchsorted(codes)
        return np.where(self.codes[rows] == codes, rows, len(self.codes) - 1)

    def after(self, context: int) -> slice:
        """The rows of the n-grams that begin with one context row."""
        start, stop = self.codes.searchsorted([context * self.vocab_size, (context + 1) * self.vocab_size])
        return slice(int(start), int(stop))


def check_tokens(tokens: Tokens, vocab_size: int) -> Int[np.ndarray, " T"]:
    """One sequence of token ids as an int64 array; anything else is a ValueError or a TypeError.

    Args:
        tokens: One sequence of ids.
        vocab_size: Ids must be below it.
    """
    array = np.asarray(tokens)
    if array.ndim != 1:
        raise ValueError(f"tokens has shape {array.shape}: it must be one sequence, or a list of sequences")
    if len(array) == 0:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"tokens has dtype {array.dtype}: it must hold integers; a tokenizer makes them from text")
    if array.min() < 0 or array.max() >= vocab_size:
        where = int(np.flatnonzero((array < 0) | (array >= vocab_size))[0])
        raise ValueError(
            f"tokens[{where}]={array[where]} must be at least 0 and below vocab_size={vocab_size}: take vocab_size from"
            f" the tokenizer that made the tokens"
        )
    return array.astype(np.int64, copy=False)


def lay_end_to_end(tokens: Tokens, vocab_size: int) -> tuple[Int[np.ndarray, " T"], Int[np.ndarray, " T"]]:
    """One sequence or a list of them as one array, and how many tokens come before each token in its own sequence.

    Args:
        tokens: One sequence of ids, or a list of sequences.
        vocab_size: Ids must be below it.
    """
    nested = isinstance(tokens, list | tuple) and len(tokens) > 0 and np.ndim(tokens[0]) > 0
    sequences = [check_tokens(sequence, vocab_size) for sequence in (tokens if nested else [tokens])]
    if not any(map(len, sequences)):
        raise ValueError("tokens is empty: pass at least one token")
    return np.concatenate(sequences), np.concatenate([np.arange(len(sequence)) for sequence in sequences])


def count_ngrams(
    tokens: Int[np.ndarray, " T"], depths: Int[np.ndarray, " T"], order: int, vocab_size: int
) -> list[CountTable]:
    """Count every n-gram of 1 to `order` tokens.

    Args:
        tokens: (T,) token ids below vocab_size, the sequences laid end to end.
        depths: (T,) how many tokens come before each one in its own sequence; no n-gram reaches back further.
        order: the longest n-gram, in tokens.
        vocab_size: V.

    Returns:
        The tables for n = 1 … order.

    Raises:
        ValueError: if (number of (n-1)-grams) · V does not fit in 64 bits.
    """
    tables: list[CountTable] = []
    rows = np.zeros(len(tokens), dtype=np.int64)  # of the n-gram ending at each position; at n = 0 the empty one
    n_contexts = 1
    for n in range(1, order + 1):
        if (n_contexts + 1) * vocab_size > _AFTER_ALL_CODES:
            raise ValueError(
                f"vocab_size={vocab_size} is too large: {n_contexts} contexts of {n - 1} tokens times vocab_size must"
                f" stay below 2**63; use a smaller vocabulary or a lower order"
            )
        ends = np.flatnonzero(depths >= n - 1)
        contexts = rows[ends - 1]  # at n = 1 the position before the first is the last one: the empty context as well
        codes, first, inverse, counts = _unique(contexts * vocab_size + tokens[ends])
        suffixes = rows[ends[first]]
        tables.append(
            CountTable(vocab_size, n_contexts, np.append(codes, _AFTER_ALL_CODES), np.append(counts, 0), suffixes)
        )
        rows[ends] = inverse
        n_contexts = len(codes)
    return tables


def look_up(
    tables: Sequence[CountTable], tokens: Int[np.ndarray, " T"], depths: Int[np.ndarray, " T"]
) -> Iterator[tuple[Int[np.ndarray, " E"], Int[np.ndarray, " E"], Int[np.ndarray, " E"]]]:
    """Follow a text through the tables, one order at a time.

    Args:
        tables: from `count_ngrams`.
        tokens: (T,) as there.
        depths: (T,) as there.

    Yields:
        For n = 1, 2, …: (E,) the positions with at least n-1 tokens before them, and the rows, in the table of order
        n, of the context before each and of the n-gram that ends there.
    """
    rows = np.zeros(len(tokens), dtype=np.int64)
    for n, table in enumerate(tables, start=1):
        ends = np.flatnonzero(depths >= n - 1)
        contexts = rows[ends - 1]
        rows[ends] = table.find(contexts, tokens[ends])
        yield ends, contexts, rows[ends]


def _unique(
    codes: Int[np.ndarray, " E"],
) -> tuple[Int[np.ndarray, " M"], Int[np.ndarray, " M"], Int[np.ndarray, " E"], Int[np.ndarray, " M"]]:
    """np.unique with the first index, inverse and count of each code, several times as fast on a long text.

    NumPy sorts numbers far faster than it finds the order that would sort them, so where both fit in 63 bits each code
    carries its position along in its low bits.
    """
    bits = len(codes).bit_length()
    if int(codes.max(initial=0)) < 1 << (63 - bits):
        packed = np.sort(codes << bits | np.arange(len(codes)))
        order, codes = packed & ((1 << bits) - 1), packed >> bits
    else:
        order = np.argsort(codes, kind="stable")
        codes = codes[order]
    is_new = np.append(True, codes[1:] != codes[:-1])[: len(codes)]
    starts = np.flatnonzero(is_new)
    inverse = np.empty_like(order)
    inverse[order] = np.cumsum(is_new) - 1
    return codes[starts], order[starts], inverse, np.diff(starts, append=len(codes))
