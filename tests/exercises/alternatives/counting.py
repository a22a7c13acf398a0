"""Right answers to the exercises of chapter 01, written in other ways."""

from collections import Counter

import numpy as np


def bigram_counts_by_a_loop(tokens, vocab_size):
    table = [[0] * vocab_size for _ in range(vocab_size)]
    for current, following in zip(tokens, tokens[1:], strict=False):
        table[current][following] += 1
    return table


def bigram_counts_by_einsum(tokens, vocab_size):
    one_hot = np.eye(vocab_size)[tokens]
    return np.einsum("ti,tj->ij", one_hot[:-1], one_hot[1:])


def bigram_counts_by_bincount(tokens, vocab_size):
    cells = tokens[:-1] * vocab_size + tokens[1:]
    return np.bincount(cells, minlength=vocab_size**2).reshape(vocab_size, vocab_size)


def bigram_counts_by_counter(tokens, vocab_size):
    seen = Counter(zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True))
    return np.array([[seen[i, j] for j in range(vocab_size)] for i in range(vocab_size)])


ALTERNATIVES = {
    "01.bigram_counts": [
        bigram_counts_by_a_loop,
        bigram_counts_by_einsum,
        bigram_counts_by_bincount,
        bigram_counts_by_counter,
    ],
}
