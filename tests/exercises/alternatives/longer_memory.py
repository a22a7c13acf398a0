"""Right answers to the exercises of chapter 02, written in other ways."""

import re
from collections import Counter

import numpy as np


def seen_contexts_by_windows(tokens, length):
    windows = np.lib.stride_tricks.sliding_window_view(tokens[:-1], length)
    return len(np.unique(windows, axis=0))


def seen_contexts_by_a_list(tokens, length):
    seen = []
    for i, _ in enumerate(tokens[length:]):
        context = list(tokens[i : i + length])
        if context not in seen:
            seen.append(context)
    return len(seen)


def seen_contexts_by_shifted_copies(tokens, length):
    tokens = tokens.tolist()
    return len(Counter(zip(*(tokens[i : len(tokens) - length + i] for i in range(length)), strict=True)))


def interpolate_by_recursion(frequencies, weights):
    if len(weights) == 0:
        return 1 / frequencies.shape[1]
    rest = interpolate_by_recursion(frequencies[:-1], weights[:-1]) + np.zeros(frequencies.shape[1])
    if frequencies[-1].sum() == 0:
        return rest
    return weights[-1] * frequencies[-1] + (1 - weights[-1]) * rest


def interpolate_by_shares_from_the_top(frequencies, weights):
    p, left = [0.0] * len(frequencies[0]), 1.0
    for row, weight in reversed(list(zip(frequencies.tolist(), weights.tolist(), strict=True))):
        if any(row):
            p = [q + left * weight * f for q, f in zip(p, row, strict=True)]
            left *= 1 - weight
    return [q + left / len(p) for q in p]


def discount_by_a_loop(counts, D, lower):
    paid = sum(D for count in counts if count)
    if not paid:
        return list(lower)
    return [(max(c - D, 0) + paid * q) / sum(counts) for c, q in zip(counts, lower, strict=True)]


def discount_by_where(counts, D, lower):
    taken = np.where(counts > 0, D, 0.0)
    total = counts.sum()
    return (counts - taken) / total + taken.sum() / total * lower if total else lower.copy()


def continuation_by_a_loop(counts):
    rows = counts.tolist()
    before = [sum(row[j] > 0 for row in rows) for j in range(len(rows))]
    return [before_j / sum(before) for before_j in before]


def continuation_by_the_mean(counts):
    pairs = np.minimum(counts, 1)
    return pairs.mean(axis=0) / pairs.mean(axis=0).sum()


def guess_next_by_a_regular_expression(text, context, least):
    while True:
        found = Counter(m[1] for m in re.finditer(f"(?={re.escape(context)}(.))", text, re.DOTALL))
        if found.total() >= least:
            return min(c for c, times in found.items() if times == max(found.values()))
        context = context[1:]


def guess_next_by_a_dictionary(text, context, least):
    table = {}
    for length in range(len(context) + 1):
        for i in range(len(text) - length):
            table.setdefault(text[i : i + length], []).append(text[i + length])
    for i in range(len(context) + 1):
        row = sorted(table.get(context[i:], []))
        if len(row) >= least:
            return max(row, key=row.count)
    raise AssertionError


ALTERNATIVES = {
    "02.lab_keyboard": [guess_next_by_a_regular_expression, guess_next_by_a_dictionary],
    "02.seen_contexts": [seen_contexts_by_windows, seen_contexts_by_a_list, seen_contexts_by_shifted_copies],
    "02.interpolate": [interpolate_by_recursion, interpolate_by_shares_from_the_top],
    "02.discount": [discount_by_a_loop, discount_by_where],
    "02.continuation": [continuation_by_a_loop, continuation_by_the_mean],
}
