"""Right answers to the exercises of chapter 03, written in other ways."""

import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise


def encode_by_earliest_pair(word, merges):
    """As the definition says: of the pairs in the word, merge the earliest, leftmost first, until none is left."""
    rank = {pair: i for i, pair in enumerate(merges)}
    tokens = list(word)
    while known := [pair for pair in pairwise(tokens) if pair in rank]:
        earliest = min(known, key=rank.get)
        place = list(pairwise(tokens)).index(earliest)
        tokens = [*tokens[:place], "".join(earliest), *tokens[place + 2 :]]
    return tokens


def encode_by_a_regular_expression(word, merges):
    """Tokens are kept apart by spaces; a merge takes out a space."""
    text = f" {' '.join(word)} "
    for left, right in merges:
        text = re.sub(f"(?<= ){re.escape(left)} {re.escape(right)}(?= )", left + right, text)
    return text.split()


def encode_in_place(word, merges):
    tokens = [*word]
    for left, right in merges:
        i = 0
        while i < len(tokens) - 1:
            if tokens[i] == left and tokens[i + 1] == right:
                tokens[i] = left + right
                del tokens[i + 1]
            i += 1
    return tuple(tokens)


def closest_pair_by_counters(words):
    tokens = Counter(token for word, times in words for token in word * times)
    pairs = Counter(pair for word, times in words for pair in [*pairwise(word)] * times)
    return max(pairs, key=lambda pair: Fraction(pairs[pair], tokens[pair[0]] * tokens[pair[1]]))


def closest_pair_by_a_sorted_list(words):
    tokens, pairs = Counter(), Counter()
    for word, times in words:
        for i, token in enumerate(word):
            tokens[token] += times
            if i:
                pairs[word[i - 1], token] += times
    scored = sorted((count / tokens[a] / tokens[b], a, b) for (a, b), count in pairs.items())
    return list(scored[-1][1:])


def longest_match_by_shortening(word, vocabulary):
    tokens, rest, mark = [], word, ""
    while rest:
        piece = rest
        while piece and mark + piece not in vocabulary:
            piece = piece[:-1]
        if not piece:
            return ["[UNK]"]
        tokens.append(mark + piece)
        rest, mark = rest[len(piece) :], "##"
    return tokens


def longest_match_by_recursion(word, vocabulary, mark=""):
    if not word:
        return []
    for end in reversed(range(1, len(word) + 1)):
        if mark + word[:end] in vocabulary:
            rest = longest_match_by_recursion(word[end:], vocabulary, "##")
            return ["[UNK]"] if "[UNK]" in rest else [mark + word[:end], *rest]
    return ["[UNK]"]


ALTERNATIVES = {
    "03.encode": [encode_by_earliest_pair, encode_by_a_regular_expression, encode_in_place],
    "03.closest_pair": [closest_pair_by_counters, closest_pair_by_a_sorted_list],
    "03.longest_match": [longest_match_by_shortening, longest_match_by_recursion],
}
