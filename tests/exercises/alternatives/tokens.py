"""Right answers to the exercises of chapter 03, written in other ways."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise


def stream_by_length(tokens):
    """The first byte of a character says how many bytes the character has."""
    held, shown = b"", []
    for token in tokens:
        held += token
        done = ""
        while held:
            length = 1 if held[0] < 0x80 else 2 if held[0] < 0xE0 else 3 if held[0] < 0xF0 else 4
            if len(held) < length:
                break
            done += held[:length].decode()
            held = held[length:]
        shown.append(done)
    return shown


def stream_by_the_longest_prefix(tokens):
    held, shown = b"", []
    for token in tokens:
        held += token
        for end in range(len(held), -1, -1):
            try:
                shown.append(held[:end].decode("utf-8"))
            except UnicodeDecodeError:
                continue
            held = held[end:]
            break
    return tuple(shown)


def stream_by_what_is_new(tokens):
    """Decode all bytes so far, and cut off what is unfinished and what was shown."""
    texts = [b"".join(tokens[: i + 1]).decode(errors="ignore") for i in range(len(tokens))]
    return [now[len(before) :] for before, now in pairwise(["", *texts])]


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


def train_bpe_by_hand(counts, n_merges):
    """Lists of ids, edited in place."""
    pieces = [(list(piece.encode()), times) for piece, times in counts.items()]
    merges = []
    while len(merges) < n_merges:
        pairs = Counter()
        for ids, times in pieces:
            for i in range(len(ids) - 1):
                pairs[ids[i], ids[i + 1]] += times
        if not pairs:
            break
        most = max(pairs.values())
        best = min(pair for pair in pairs if pairs[pair] == most)
        for ids, _ in pieces:
            i = 0
            while i + 1 < len(ids):
                if (ids[i], ids[i + 1]) == best:
                    ids[i : i + 2] = [256 + len(merges)]
                i += 1
        merges.append([*best])
    return merges


def train_bpe_on_strings_of_ids(counts, n_merges):
    """Ids are characters of a string, so that replacing is `str.replace`; the pieces stay apart."""
    pieces = {"".join(map(chr, piece.encode())): times for piece, times in counts.items()}
    merges = []
    for new in range(256, 256 + n_merges):
        pairs = Counter()
        for piece, times in pieces.items():
            for left, right in pairwise(piece):
                pairs[left + right] += times
        if not pairs:
            return merges
        best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[0]
        merges.append(tuple(map(ord, best)))
        pieces = {piece.replace(best, chr(new)): times for piece, times in pieces.items()}
    return merges


ALTERNATIVES = {
    "03.stream": [stream_by_length, stream_by_the_longest_prefix, stream_by_what_is_new],
    "03.closest_pair": [closest_pair_by_counters, closest_pair_by_a_sorted_list],
    "03.longest_match": [longest_match_by_shortening, longest_match_by_recursion],
    "03.lab_train_bpe": [train_bpe_on_strings_of_ids, train_bpe_by_hand],
}
