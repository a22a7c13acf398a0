"""The n-gram model: the next token depends on the n-1 tokens before it, and on nothing else.

    p(w_1 … w_T) = Π_i p(w_i | w_{i-n+1} … w_{i-1})

The counting is in counts.py, the step from counts to probabilities in smoothing.py.
Jurafsky & Martin, *Speech and Language Processing*, third edition (draft), chapter 3.
"""

import numpy as np
from jaxtyping import Float, Int

from transformer_lib.counts import CountTable, Tokens, check_tokens, count_ngrams, lay_end_to_end, look_up
from transformer_lib.smoothing import AddK, JelinekMercer, KneserNey, Level, Smoothing, Unsmoothed

__all__ = ["AddK", "JelinekMercer", "KneserNey", "NGramModel", "Unsmoothed"]


class NGramModel:
    """A table of what followed each context of up to order-1 tokens, and a smoothing that reads it.

    A token with fewer than order-1 tokens before it in its sequence is predicted from those it has, by the lower
    order. Order 1 knows no context (unigram), order 2 one token (bigram), and so on.

    Args:
        order: n, at least 1, in tokens: the context and the token it predicts.
        vocab_size: V; tokens are integers 0 … V-1.
        smoothing: Unsmoothed(), AddK(k), JelinekMercer(weights) or KneserNey().

    Example:

        >>> bigram = NGramModel(order=2, vocab_size=3).fit([0, 1, 0, 1, 0, 2])
        >>> bigram.probabilities([0]).round(2)  # of what follows 0
        array([0.  , 0.67, 0.33])
    """

    def __init__(self, order: int, vocab_size: int, smoothing: Smoothing = Unsmoothed()) -> None:  # noqa: B008 (frozen)
        if order < 1:
            raise ValueError(f"order={order} must be at least 1: order 1 has no context, order 2 has one token")
        if vocab_size < 1:
            raise ValueError(f"vocab_size={vocab_size} must be at least 1: tokens are integers below it")
        if not isinstance(smoothing, Smoothing):
            raise TypeError(f"smoothing={smoothing!r} must be a smoothing object, with its parentheses: KneserNey()")
        self.order = order
        self.vocab_size = vocab_size
        self.smoothing = smoothing
        self._tables: list[CountTable] = []
        self._levels: list[Level] = []

    def fit(self, tokens: Tokens) -> "NGramModel":
        """Count a text, in place of whatever was counted before.

        Args:
            tokens: (T,) integers, or a list of such sequences; no context reaches from one sequence into the next.

        Returns:
            The model itself.
        """
        return self._use(count_ngrams(*lay_end_to_end(tokens, self.vocab_size), self.order, self.vocab_size))

    def fit_weights(self, held_out: Tokens) -> "NGramModel":
        """Replace the weights of Jelinek–Mercer smoothing by those that suit held-out text best.

        Args:
            held_out: (T,) integers, or a list of such sequences, that were not counted.

        Returns:
            The model itself.
        """
        if not isinstance(self.smoothing, JelinekMercer):
            raise TypeError(f"smoothing={self.smoothing} has no weights to fit: construct with JelinekMercer()")
        tables = self._fitted()
        self.smoothing = JelinekMercer.fitted(tables, *lay_end_to_end(held_out, self.vocab_size))
        return self._use(tables)

    def using(self, smoothing: Smoothing, *, order: int | None = None) -> "NGramModel":
        """The same counts, not counted again, under another smoothing or a lower order.

        Args:
            smoothing: how to read the counts.
            order: at most the order that was counted, which is the default.

        Returns:
            A new model that shares the counts of this one.
        """
        order = self.order if order is None else order
        if order > self.order:
            raise ValueError(
                f"order={order} must be at most {self.order}, the order that was counted: fit a longer model"
            )
        return NGramModel(order, self.vocab_size, smoothing)._use(self._fitted()[:order])

    def counts(self, context: Tokens) -> Int[np.ndarray, " V"]:
        """How often each token followed the last order-1 tokens of a context; zeros if it was never seen."""
        table, row = self._contexts(context)[-1]
        rows = table.after(row)
        counts = np.zeros(self.vocab_size, dtype=np.int64)
        counts[table.codes[rows] % self.vocab_size] = table.counts[rows]
        return counts

    def probabilities(self, context: Tokens) -> Float[np.ndarray, " V"]:
        """The distribution of the next token.

        Args:
            context: (any length,) tokens, of which the last order-1 count; a shorter one is read by the lower order.

        Returns:
            (V,) float64, summing to 1.

        Raises:
            ValueError: if the context was never seen and the smoothing gives it no distribution.
        """
        p = self._distribution(context)
        if not p.any():
            raise ValueError(
                f"context={self._last(context).tolist()} was never followed by a token: 0/0 is no distribution; "
                f"use AddK(), JelinekMercer() or KneserNey(), or ask for a shorter context"
            )
        return p

    def token_nll(self, tokens: Tokens) -> Float[np.ndarray, " T"]:
        """-log p of each token given the tokens before it.

        Args:
            tokens: (T,) integers, or a list of such sequences, of T tokens in all.

        Returns:
            (T,) float64, in nats; inf where the model gives probability 0, or has no distribution.
        """
        tables = self._fitted()
        flat, depths = lay_end_to_end(tokens, self.vocab_size)
        p = np.full(len(flat), 1 / self.vocab_size)
        for level, (ends, contexts, rows) in zip(self._levels, look_up(tables, flat, depths), strict=True):
            p[ends] = self.smoothing.combine(level.direct[rows], level.rest[contexts], p[ends])
        with np.errstate(divide="ignore"):
            return 0.0 - np.log(p)  # 0.0 - keeps a certain token at 0 where a sign would print -0

    def nats_per_token(self, tokens: Tokens) -> float:
        """The mean of `token_nll`: the cross-entropy of a text under the model, inf being possible unsmoothed."""
        return float(self.token_nll(tokens).mean())

    def sample(self, n_tokens: int, *, prompt: Tokens = (), generator: np.random.Generator | None = None) -> list[int]:
        """Draw tokens one after the other, each from the distribution after those before it.

        Unsmoothed counts can lead to a dead end, a context that nothing ever followed. The text then ends there, as
        the text that was counted did: the list is shorter than n_tokens.

        Args:
            n_tokens: how many to draw, at least 0.
            prompt: tokens to go on from; they are not part of the result.
            generator: source of randomness, np.random.default_rng(seed) for a repeatable one; fresh by default.

        Returns:
            The tokens drawn, at most n_tokens of them.

        Raises:
            ValueError: if the prompt itself is a dead end, so that not one token can be drawn.
        """
        if n_tokens < 0:
            raise ValueError(f"n_tokens={n_tokens} must be at least 0")
        generator = np.random.default_rng() if generator is None else generator
        tokens = check_tokens(prompt, self.vocab_size).tolist()
        start = len(tokens)
        if n_tokens > 0:
            self.probabilities(tokens)  # raises where the prompt leads nowhere
        while len(tokens) < start + n_tokens:
            p = self._distribution(tokens[-self.order :])
            if not p.any():
                break
            tokens.append(int(generator.choice(self.vocab_size, p=p)))
        return tokens[start:]

    @property
    def n_contexts(self) -> int:
        """How many different contexts of order-1 tokens were followed by a token."""
        return len(np.unique(self._fitted()[-1].contexts[:-1]))

    @property
    def n_ngrams(self) -> int:
        """How many different n-grams of `order` tokens were seen."""
        return len(self._fitted()[-1].codes) - 1

    @property
    def memory_bytes(self) -> int:
        """Bytes of all stored arrays, those of the lower orders included."""
        levels = sum(level.direct.nbytes + level.rest.nbytes for level in self._levels)
        return levels + sum(table.nbytes for table in self._fitted())

    def _use(self, tables: list[CountTable]) -> "NGramModel":
        self._levels = [self.smoothing.level(tables, n) for n in range(1, self.order + 1)]
        self._tables = tables
        return self

    def _fitted(self) -> list[CountTable]:
        if not self._tables:
            raise RuntimeError("this NGramModel has counted nothing yet: call .fit(tokens) first")
        return self._tables

    def _last(self, context: Tokens) -> Int[np.ndarray, " L"]:
        """The tokens of a context that count, the last order-1."""
        tokens = check_tokens(context, self.vocab_size)
        return tokens[max(0, len(tokens) - self.order + 1) :]

    def _contexts(self, context: Tokens) -> list[tuple[CountTable, int]]:
        """For each order n a context is long enough for, the table, and the row in it of the last n-1 tokens."""
        tables, last = self._fitted(), self._last(context)
        found = look_up(tables[: len(last)], last, np.arange(len(last)))
        return list(zip(tables, [0, *(int(rows[-1]) for _, _, rows in found)], strict=False))

    def _distribution(self, context: Tokens) -> Float[np.ndarray, " V"]:
        """What `probabilities` returns, or zeros where there is no distribution."""
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for level, (table, row) in zip(self._levels, self._contexts(context), strict=False):
            rows = table.after(row)
            direct = np.zeros(self.vocab_size)
            direct[table.codes[rows] % self.vocab_size] = level.direct[rows]
            p = self.smoothing.combine(direct, np.full(self.vocab_size, level.rest[row]), p)
        return p
