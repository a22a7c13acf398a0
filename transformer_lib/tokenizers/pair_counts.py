"""How often each pair of neighbouring tokens occurs in a text, kept true while pairs are merged into tokens.

Both BPE and WordPiece grow their vocabulary by merging one pair of tokens at a time. Counting all pairs anew after each
merge would read the whole text thousands of times. Two things make it quick. Each distinct word is kept once, with how
often it occurs: the 1.2 million words and marks of the training plays are 33 thousand distinct ones. And an index from
each pair to the words that hold it says which few words a merge changes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

Pair = tuple[int, int]


class PairCounts:
    """Words cut into tokens, and the number of times that each token and each pair of neighbours occurs.

    Attributes:
        tokens: occurrences of each token id.
        n_tokens: occurrences of all.
        pairs: occurrences of each pair of neighbouring ids inside words; "aaa" holds the pair (a, a) twice.
    """

    def __init__(self, words: Iterable[tuple[list[int], int]]) -> None:
        """Count distinct words, each given as its token ids and how often it occurs."""
        self.tokens: Counter[int] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self._words: list[list[int]] = []
        self._frequencies: list[int] = []
        self._holders: defaultdict[Pair, set[int]] = defaultdict(set)  # the words that hold a pair, by position
        for position, (word, frequency) in enumerate(words):
            self._words.append(word)
            self._frequencies.append(frequency)
            for token in word:
                self.tokens[token] += frequency
            for pair in pairwise(word):
                self.pairs[pair] += frequency
                self._holders[pair].add(position)
        self.n_tokens = self.tokens.total()

    def merge(self, pair: Pair, new: int) -> set[Pair]:
        """Write a pair as one new token wherever it occurs, and bring the counts up to date.

        Returns:
            The pairs that now occur more or less often than before.
        """
        changes: Counter[Pair] = Counter()
        merged = 0
        for position in self._holders.pop(pair):
            old, frequency = self._words[position], self._frequencies[position]
            word = self._words[position] = merge(old, pair, new)
            merged += (len(old) - len(word)) * frequency
            for neighbours in pairwise(old):
                changes[neighbours] -= frequency
            for neighbours in pairwise(word):
                changes[neighbours] += frequency
                self._holders[neighbours].add(position)
        for token, change in ((pair[0], -merged), (pair[1], -merged), (new, merged)):
            self.tokens[token] += change
            self.n_tokens += change
        changed = {neighbours for neighbours, change in changes.items() if change}
        for neighbours in changed:
            self.pairs[neighbours] += changes[neighbours]
            if not self.pairs[neighbours]:
                del self.pairs[neighbours]
        return changed


def merge(tokens: list[int], pair: Pair, new: int) -> list[int]:
    """Return the tokens with each occurrence of a pair, from the left, written as one new token.

    Args:
        tokens: Ids; left alone.
        pair: Two ids.
        new: The id that stands for both.

    Example:

        >>> merge([1, 2, 1, 2, 3], (1, 2), 9)
        [9, 9, 3]
    """
    merged: list[int] = []
    position = 0
    while position < len(tokens):
        if tuple(tokens[position : position + 2]) == pair:
            merged.append(new)
            position += 2
        else:
            merged.append(tokens[position])
            position += 1
    return merged
