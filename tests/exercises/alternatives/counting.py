"""Right answers to the exercises of chapter 01, written in other ways."""

import math
import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np


def bigram_counts_by_a_loop(tokens, vocab_size):
    table = [[0] * vocab_size for _ in range(vocab_size)]
    for current, following in pairwise(tokens):
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


def transition_matrix_by_a_loop(counts):
    rows = counts.tolist()
    return [[n / sum(row) if sum(row) else 1 / len(rows) for n in row] for row in rows]


def transition_matrix_by_masking(counts):
    filled = counts.astype(float)
    filled[filled.sum(axis=1) == 0] = 1
    return (filled.T / filled.sum(axis=1)).T


def perplexity_by_the_standard_library(probabilities):
    return 2 ** (-sum(math.log2(p) for p in probabilities) / len(probabilities))


def perplexity_by_roots(probabilities):
    return np.prod(np.asarray(probabilities) ** (-1 / len(probabilities)))


def stationary_by_an_eigenvector(P):
    values, vectors = np.linalg.eig(P.T)
    x = np.real(vectors[:, np.argmin(abs(values - 1))])
    return x / x.sum()


def stationary_by_a_lazy_walk(P):
    lazy = (P + np.eye(len(P))) / 2
    return np.linalg.matrix_power(lazy, 4096)[0]


def stationary_by_exact_elimination(P):
    """Solve for the states one after the other in fractions."""
    V = len(P)
    rows = [[Fraction(float(P[j, i])) - (i == j) for j in range(V)] + [Fraction(0)] for i in range(V - 1)]
    rows.append([Fraction(1)] * (V + 1))
    for i in range(V):
        pivot = next(k for k in range(i, V) if rows[k][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(V):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [float(row[-1]) for row in rows]


def vowel_chain_by_a_regular_expression(text):
    letters = re.sub("[^a-z]", "", text.lower())
    rows = []
    for kind in ("[aeiou]", "[^aeiou]"):
        following = [letters[m.end()] for m in re.finditer(kind, letters) if m.end() < len(letters)]
        vowels = sum(letter in "aeiou" for letter in following)
        rows.append([vowels / len(following), 1 - vowels / len(following)])
    return rows


def vowel_chain_by_counter(text):
    kinds = ["v" if c in "aeiou" else "c" for c in text.lower() if "a" <= c <= "z"]
    seen = Counter(pairwise(kinds))
    table = np.array([[seen[a, b] for b in "vc"] for a in "vc"], dtype=float)
    return table / table.sum(axis=1)[:, None]


ALTERNATIVES = {
    "01.lab_vowels": [vowel_chain_by_a_regular_expression, vowel_chain_by_counter],
    "01.bigram_counts": [
        bigram_counts_by_a_loop,
        bigram_counts_by_einsum,
        bigram_counts_by_bincount,
        bigram_counts_by_counter,
    ],
    "01.transition_matrix": [transition_matrix_by_a_loop, transition_matrix_by_masking],
    "01.perplexity": [perplexity_by_the_standard_library, perplexity_by_roots],
    "01.stationary": [stationary_by_an_eigenvector, stationary_by_a_lazy_walk, stationary_by_exact_elimination],
}
