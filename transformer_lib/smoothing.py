"""Four ways to turn n-gram counts into probabilities.

Write c(h w) for how often token w followed the context h, c(h) = Σ_w c(h w), h' for h without its first token, and
p_0 = 1/V. All four give an n-gram a part that depends on its own count, and give its context a part for the rest:

    p_n(w | h) = direct(h w)  and, from all but the first,  rest(h) [· p_{n-1}(w | h')].

Chen & Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech & Language 13
(1999), 359–394.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from transformer_lib.counts import CountTable

Rows = Float[np.ndarray, " rows"]


@dataclass(frozen=True)
class Level:
    """What one order contributes.

    Attributes:
        direct: (M+1,) per n-gram; the last is for an n-gram never seen.
        rest: (C+1,) per context; the last is for a context never seen.
    """

    direct: Float[np.ndarray, " ngrams"]
    rest: Float[np.ndarray, " contexts"]


class Smoothing(ABC):
    """What `NGramModel` asks of a smoothing."""

    @abstractmethod
    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """What order n contributes to a model of order len(tables)."""

    @abstractmethod
    def combine(self, direct: Rows, rest: Rows, lower: Rows) -> Rows:
        """p_n of some n-grams, from what order n contributes and from p_{n-1} of the same n-grams."""


@dataclass(frozen=True)
class Unsmoothed(Smoothing):
    """The maximum-likelihood estimate.

        p(w | h) = c(h w) / c(h)

    What was never seen has probability 0, and after a context that was never seen there is no distribution at all: 0/0.
    """

    def level(self, tables: Sequence[CountTable], n: int) -> Level:
        """Relative frequencies."""
        counts, contexts = tables[n - 1].counts, tables[n - 1].contexts
        totals = np.bincount(contexts, weights=counts)
        return Level(_divide(counts, totals[contexts]), np.zeros(len(totals)))

    def combine(self, direct: Rows, rest: Rows, lower: Rows) -> Rows:
        """The relative frequency alone."""
        return direct


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
        """Each n-gram's share for its count, and the share that every token of its context gets besides."""
        counts, contexts = tables[n - 1].counts, tables[n - 1].contexts
        totals = np.bincount(contexts, weights=counts) + self.k * tables[n - 1].vocab_size
        return Level(counts / totals[contexts], self.k / totals)

    def combine(self, direct: Rows, rest: Rows, lower: Rows) -> Rows:
        """Both shares."""
        return direct + rest


def _divide(a: Real[np.ndarray, " rows"], b: Rows) -> Rows:
    """a / b where b is above 0, and 0 elsewhere."""
    return np.divide(a, b, out=np.zeros(len(b)), where=b > 0)
