"""Kneser–Ney whose counts grow with what it reads: each token is predicted, and counted only then.

The probability of token i is the one that smoothing.KneserNey gives it after counting the training text and the i-1
tokens before it, exactly: the counts, the continuation counts below the highest order, the sums over what follows each
context, and the discounts are brought up to date with every token. This touches only the n-grams that end there:

    the n-gram is counted; if it is new, then N1+(• suffix) of its suffix grows by one.

Kuhn & De Mori (1990, IEEE Transactions on Pattern Analysis and Machine Intelligence 12(6), 570–583) add a cache of
recent words to an n-gram model. Here nothing is weighted by its age.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from transformer_lib.counts import CountTable, Tokens, lay_end_to_end, look_up
from transformer_lib.smoothing import modified_discounts


class AdaptiveKneserNey:
    """Modified Kneser–Ney that goes on counting.

    Args:
        tables: What `counts.count_ngrams` made of the training text, for n = 1 … order. They stay as they are.

    Example:

        >>> from transformer_lib.counts import count_ngrams, lay_end_to_end
        >>> model = AdaptiveKneserNey(count_ngrams(*lay_end_to_end([0, 1, 2], 3), order=2, vocab_size=3))
        >>> model.token_nll([2, 2, 2, 2]).round(2)  # 2 after 2 was never seen, and then it was
        array([0.88, 0.88, 0.29, 0.29])
    """

    def __init__(self, tables: Sequence[CountTable]) -> None:
        if not tables:
            raise ValueError("tables are empty: count the training text with count_ngrams first")
        self._tables = tables
        top = len(tables)
        self._orders = [_Order(t, t.counts if n == top else tables[n].continuations) for n, t in enumerate(tables, 1)]

    @property
    def n_ngrams(self) -> int:
        """How many different n-grams it holds, of all orders."""
        return sum(len(order.counts) - 1 for order in self._orders)

    def token_nll(self, tokens: Tokens) -> Float[np.ndarray, " T"]:
        """Read a text from its first token to its last, and learn from it.

        Args:
            tokens: (T,) integers; no context reaches back to what was read before.

        Returns:
            (T,) float64, -log p of each token when it came, in nats.
        """
        orders, vocab_size = self._orders, self._tables[0].vocab_size
        array, depths = lay_end_to_end(tokens, vocab_size)
        known = [rows.tolist() for _, _, rows in look_up(self._tables, array, depths)]
        p = np.empty(len(array))
        contexts = [0]  # the row of the context in each order; that of the first is empty
        for i, token in enumerate(array.tolist()):
            rows = [
                order.row(context, token, before[i - n])
                for n, (order, context, before) in enumerate(zip(orders, contexts, known, strict=False))
            ]
            p[i] = 1 / vocab_size
            for order, context, row in zip(orders, contexts, rows, strict=False):
                p[i] = order.probability(context, row, p[i])
            contexts = [0, *self._count(contexts, rows, token)][: len(orders)]
        return -np.log(p)

    def _count(self, contexts: list[int], rows: list[int], token: int) -> list[int]:
        """Count the n-grams that end here; return their rows, of which some are new."""
        orders, counted = self._orders, list(rows)
        for n, (order, context) in enumerate(zip(orders, contexts, strict=False)):
            if rows[n] == order.unseen:
                counted[n] = order.insert(context, token)
                if n + 1 < len(orders):
                    orders[n + 1].add_context()
                if n:
                    orders[n - 1].add(contexts[n - 1], counted[n - 1])
        if len(rows) == len(orders):
            orders[-1].add(contexts[-1], counted[-1])
        return counted


class _Order:
    """The counts of one order, those of Kneser–Ney, and all that its probabilities take from them.

    A row is an n-gram, and a context is a row of the order below. The rows of a table come first, then its row for what
    was never seen, then what was read since.
    """

    def __init__(self, table: CountTable, counts: np.ndarray) -> None:
        self.unseen = len(table.codes) - 1
        self.vocab_size = table.vocab_size
        self.counts: list[int] = counts.tolist()
        self.new: dict[int, int] = {}
        contexts, kinds = table.contexts, np.minimum(counts, 3)
        self.totals: list[int] = np.bincount(contexts, weights=counts).astype(int).tolist()
        # For k = 1, 2, 3: how many tokens followed a context k times, 3 being 3 or more.
        self.followers = [np.bincount(contexts, weights=kinds == k).astype(int).tolist() for k in (1, 2, 3)]
        self.how_many: list[int] = np.bincount(np.minimum(counts, 5), minlength=6).tolist()  # n-grams counted k times
        self.discounts = modified_discounts(*self.how_many[1:5])

    def row(self, context: int, token: int, before: int) -> int:
        """The row of an n-gram, given the one that it has in the table."""
        return before if before < self.unseen else self.new.get(context * self.vocab_size + token, self.unseen)

    def probability(self, context: int, row: int, lower: float) -> float:
        """p_n, from p_{n-1}."""
        total = self.totals[context]
        if not total:
            return lower
        ones, twos, more = self.followers
        d, count = self.discounts, self.counts[row]
        rest = d[1] * ones[context] + d[2] * twos[context] + d[3] * more[context]
        return (count - d[min(count, 3)] + rest * lower) / total

    def insert(self, context: int, token: int) -> int:
        """A row for an n-gram that is new, with a count of 0."""
        row = len(self.counts)
        self.new[context * self.vocab_size + token] = row
        self.counts.append(0)
        return row

    def add_context(self) -> None:
        """Room for a context that is new."""
        for numbers in (self.totals, *self.followers):
            numbers.append(0)

    def add(self, context: int, row: int) -> None:
        """Count an n-gram once more."""
        before = self.counts[row]
        self.counts[row] = before + 1
        self.totals[context] += 1
        if before < 3:
            self.followers[before][context] += 1
            if before:
                self.followers[before - 1][context] -= 1
        if before < 5:
            if before:
                self.how_many[before] -= 1
            self.how_many[before + 1] += 1
            self.discounts = modified_discounts(*self.how_many[1:5])
