"""Right answers to the exercises of chapter 13, written in other ways."""

import functools


def distance_by_recursion(a, b):
    @functools.cache
    def d(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return d(len(a), len(b))


def distance_in_one_row(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def share_by_membership(outputs, references):
    return sum(output not in right for output, right in zip(outputs, references, strict=True)) / len(outputs)


def share_by_a_loop(outputs, references):
    wrong = 0
    for output, right in zip(outputs, references, strict=True):
        if not any(list(output) == list(reference) for reference in right):
            wrong += 1
    return wrong / len(outputs)


def effects_by_a_loop(whole, hidden):
    effects = []
    for one in hidden:
        effects.append(distance_in_one_row(list(whole), list(one)))
    return effects


def effects_by_recursion(whole, hidden):
    return tuple(distance_by_recursion(whole, one) for one in hidden)


ALTERNATIVES = {
    "13.edit_distance": [distance_by_recursion, distance_in_one_row],
    "13.word_error_rate": [share_by_membership, share_by_a_loop],
    "13.letter_effects": [effects_by_a_loop, effects_by_recursion],
}
