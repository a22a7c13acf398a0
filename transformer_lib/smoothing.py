"""Four ways to turn n-gram counts into probabilities.

Write c(h w) for how often token w followed the context h, c(h) = Σ_w c(h w), h' for h without its first token, and
p_0 = 1/V. All four are one pattern, a part for the n-gram's own count and a part that its context leaves over:

    p_n(w | h) = direct(h w) + rest(h) · p_{n-1}(w | h')

Unsmoothed leaves nothing, add-k leaves k V / (c(h) + k V) to p_0, and the other two leave theirs to the lower order.

Chen & Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech & Language 13
(1999), 359–394.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Real

from transformer_lib.counts import CountTable, look_up

Rows = Float[np.ndarray, " rows"]

_MOST_EM_STEPS = 200
_EM_TOLERANCE = 1e-4
_LARGEST_WEIGHT = 1 - 1e-6  # all held-out tokens seen must not mean that an unseen one is impossible


@dataclass(frozen=True)
class Level:
    """What one order contributes.

    Attributes:
        direct: (M+1,) probability per n-gram; the last is for an n-gram never seen.
        rest: (C+1,) factor per context; the last is for a context never seen.
    """

    direct: Float[np.ndarray, " ngrams"]
    rest: Float[np.ndarray, " contexts"]


class Smoothing(ABC):
    """What `NGramModel` asks of a smoothing."""

    @abstractmethod
    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """What order n contributes to a model of order len(tables)."""

    def combine(self, direct: Rows, rest: Rows, lower: Rows) -> Rows:
        """p_n of some n-grams, from what order n contributes and from p_{n-1} of the same n-grams."""
        return direct + rest * lower


@dataclass(frozen=True)
class Unsmoothed(Smoothing):
    """The maximum-likelihood estimate.

        p(w | h) = c(h w) / c(h)

    What was never seen has probability 0, and after a context that was never seen there is no distribution at all: 0/0.
    """

    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """Relative frequencies, and nothing for the rest."""
        frequencies, followed = _relative_frequencies(tables[n - 1])
        return Level(frequencies, np.zeros(len(followed)))


@dataclass(frozen=True)
class AddK(Smoothing):
    """Pretend that every token followed every context k more times than it did; k = 1 is Laplace's rule.

        p(w | h) = (c(h w) + k) / (c(h) + k V)

    Args:
        k: above 0, in counts.
    """

    k: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.k < np.inf:
            raise ValueError(f"k={self.k} must be above 0 and finite: Unsmoothed() adds nothing")

    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """An n-gram's share for its count, and the share rest · p_0 that every token gets besides."""
        table = tables[n - 1]
        totals = _sum_by_context(table.counts, table) + self.k * table.vocab_size
        return Level(table.counts / totals[table.contexts], self.k / totals)

    def combine(self, direct: Rows, rest: Rows, lower: Rows) -> Rows:
        """Both shares; a shorter context is never asked."""
        return direct + rest


@dataclass(frozen=True)
class JelinekMercer(Smoothing):
    """Mix the relative frequencies of all orders.

        p_n(w | h) = λ_n c(h w) / c(h) + (1 - λ_n) p_{n-1}(w | h'),

    and p_n = p_{n-1} after a context that was never seen. Chen & Goodman give contexts of similar counts a weight of
    their own; here an order has one weight.

    Args:
        weights: (order,) λ_1 … λ_order, each at least 0 and below 1. By default every order takes half of what the
            longer ones left, 1/2, 1/4, 1/8 …; `NGramModel.fit_weights` finds better ones.
    """

    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        for i, weight in enumerate(() if self.weights is None else self.weights):
            if not 0 <= weight < 1:
                raise ValueError(f"weights[{i}]={weight} must be at least 0 and below 1: 1 leaves lower orders nothing")

    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """λ_n of the relative frequencies; the rest is all there is where the context was never seen."""
        weights = (0.5,) * len(tables) if self.weights is None else self.weights
        if len(weights) != len(tables):
            raise ValueError(
                f"weights has {len(weights)} entries and must have order={len(tables)}, the lowest order first"
            )
        frequencies, followed = _relative_frequencies(tables[n - 1])
        return Level(weights[n - 1] * frequencies, 1 - weights[n - 1] * followed)

    @classmethod
    def fitted(
        cls, tables: Sequence[CountTable], tokens: Int[np.ndarray, " T"], depths: Int[np.ndarray, " T"]
    ) -> "JelinekMercer":
        """The weights under which held-out tokens are most likely, by expectation-maximisation.

        Picture each token drawn by walking down from the highest order: at order n stop with probability λ_n and draw
        from its frequencies, else go on to order n-1. The expectation step finds how likely the walk was to stop at
        each order, given the token; λ_n becomes the share of the walks reaching order n that stopped there.

        Args:
            tables: the counts, of other text.
            tokens: (T,) held-out token ids, sequences end to end.
            depths: (T,) how many tokens come before each one in its sequence.
        """
        frequencies, followed = np.zeros((2, len(tables), len(tokens)))
        for n, (table, (ends, contexts, rows)) in enumerate(zip(tables, look_up(tables, tokens, depths), strict=True)):
            of_ngrams, of_contexts = _relative_frequencies(table)
            frequencies[n, ends], followed[n, ends] = of_ngrams[rows], of_contexts[contexts]

        weights = np.full(len(tables), 0.5)
        for _ in range(_MOST_EM_STEPS):
            stops = np.zeros_like(frequencies)  # p(stop at order n | reached order n, token)
            p = np.full(len(tokens), 1 / tables[0].vocab_size)
            for n, weight in enumerate(weights):
                direct = weight * frequencies[n]
                p = direct + (1 - weight * followed[n]) * p
                stops[n] = direct / p
            before, weights = weights, weights.copy()
            reached = np.ones(len(tokens))
            for n in reversed(range(len(tables))):
                if visits := reached @ followed[n]:
                    weights[n] = min(reached @ stops[n] / visits, _LARGEST_WEIGHT)
                reached *= 1 - stops[n]
            if np.abs(weights - before).max() < _EM_TOLERANCE:
                break
        return cls(tuple(weights.tolist()))


@dataclass(frozen=True)
class KneserNey(Smoothing):
    """Modified Kneser–Ney, interpolated: take a little from every count, and share it out by how tokens continue.

        p_n(w | h) = (c(h w) - D(c(h w))) / c(h) + γ(h) p_{n-1}(w | h')
        γ(h)       = Σ_w D(c(h w)) / c(h),

    so that what is taken is what is given. At the highest order c counts occurrences. Below it, where p_{n-1} is asked
    only for what the longer context could not say, c(g) is N1+(• g), how many different tokens came before g:
    "Francisco" is frequent but follows one word. (What only ever began a sequence had no token before it: c is 0.)
    Each order takes D(0) = 0 and, from n_k, how many of its n-grams have c = k,

        Y = n_1 / (n_1 + 2 n_2),   D(1) = 1 - 2Y n_2/n_1,   D(2) = 2 - 3Y n_3/n_2,   D(3 or more) = 3 - 4Y n_4/n_3.

    A small text has no such estimate: if one of n_1 … n_4 is 0, or a discount is not above 0, that order takes 0.5, 1
    and 1.5. A context without counts leaves all to the lower order, and below order 1 lies p_0 = 1/V, so that every
    token has a probability above 0.
    """

    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """Discounted counts, and what the discounts of each context add up to."""
        table = tables[n - 1]
        counts = table.counts if n == len(tables) else tables[n].continuations
        discounts = discounts_by_count(counts)[np.minimum(counts, 3)]
        totals = _sum_by_context(counts, table)
        rest = _divide(_sum_by_context(discounts, table), totals)
        return Level(_divide(counts - discounts, totals[table.contexts]), np.where(totals > 0, rest, 1.0))


def discounts_by_count(counts: Int[np.ndarray, " ngrams"]) -> Float[np.ndarray, "4"]:
    """D(0), D(1), D(2) and D(3 or more) of modified Kneser–Ney, for the counts of one order."""
    return np.array(modified_discounts(*np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()))


def modified_discounts(n1: int, n2: int, n3: int, n4: int) -> tuple[float, float, float, float]:
    """The same, from how many n-grams were counted once, twice, three and four times.

    Args:
        n1: N-grams counted once.
        n2: Twice.
        n3: Three times.
        n4: Four times.
    """
    if n1 * n2 * n3 * n4 > 0:
        y = n1 / (n1 + 2 * n2)
        discounts = (0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if min(discounts[1:]) > 0:
            return discounts
    return 0.0, 0.5, 1.0, 1.5


def _relative_frequencies(table: CountTable) -> tuple[Rows, Float[np.ndarray, " contexts"]]:
    """c(h w) / c(h) of every n-gram, and 1 for each context that was followed by something, 0 for the others."""
    totals = _sum_by_context(table.counts, table)
    return _divide(table.counts, totals[table.contexts]), (totals > 0).astype(float)


def _sum_by_context(values: Real[np.ndarray, " ngrams"], table: CountTable) -> Float[np.ndarray, " contexts"]:
    """Σ_w of a value that each n-gram h w has, for every context h."""
    return np.bincount(table.contexts, weights=values)


def _divide(a: Real[np.ndarray, " rows"], b: Rows) -> Rows:
    """a / b where b is above 0, and 0 elsewhere."""
    return np.divide(a, b, out=np.zeros(len(b)), where=b > 0)
