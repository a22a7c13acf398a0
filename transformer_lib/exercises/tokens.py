"""Exercises of chapter 03: how text becomes tokens."""

import math
from itertools import pairwise

from transformer_lib.exercises.engine import Question, exercise

utf8_tokens = Question(
    "03.utf8_tokens",
    13,
    hint="Go through the text one character at a time, spaces too. Which of them are ASCII, and how many bytes does "
    "UTF-8 spend on each of the others?",
    mistakes={
        8: "That is how many characters there are. Two of them are not ASCII: how many bytes does each of those take?",
        11: "You left out the spaces. A space is a character like any other, and one byte.",
        10: "You gave the emoji one byte, as if it were ASCII. Its code point is far above 127.",
        12: "You gave the emoji as many bytes as the Chinese character. Its code point is above U+FFFF.",
        3: "Those are the words. The question is about bytes.",
    },
)


def words_and_merges(generator):
    """Words, and merges in the order in which training made them; which order is obeyed shows."""
    yield "a", [("a", "b")]
    yield "ab", [("a", "b")]
    yield "ab", []
    yield "abc", [("b", "c"), ("a", "b")]
    yield "abc", [("a", "b"), ("b", "c"), ("ab", "c")]
    yield "aaaa", [("a", "a")]
    yield "aaaaa", [("a", "a"), ("aa", "aa")]
    yield "abab", [("a", "b"), ("ab", "ab")]
    yield "lowest", [("e", "s"), ("es", "t"), ("l", "o"), ("lo", "w")]
    yield "newer", [("e", "r"), ("n", "e"), ("ne", "w"), ("w", "er")]
    yield "bcabcd", [("c", "d"), ("b", "c"), ("a", "b"), ("a", "bc"), ("bc", "abc")]
    yield "berry", [("r", "r"), ("b", "e"), ("be", "rr"), ("e", "r"), ("berr", "y")]


@exercise("03.encode", inputs=words_and_merges)
def encode(word, merges):
    """Replay the merges on a word, the earliest first, each wherever it fits."""
    tokens = list(word)
    for pair in merges:
        tokens = _joined(tokens, pair)
    return tokens


def _joined(tokens, pair):
    done, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            done.append(pair[0] + pair[1])
            i += 2
        else:
            done.append(tokens[i])
            i += 1
    return done


@encode.mistake
def the_longest_token_that_fits_comes_next(word, merges):
    """You take, from the left, the longest token that fits. That is how WordPiece encodes. BPE replays its merges in
    the order in which they were made, and so may miss a longer token."""
    known = {left + right for left, right in merges}
    tokens, i = [], 0
    while i < len(word):
        end = next((j for j in range(len(word), i + 1, -1) if word[i:j] in known), i + 1)
        tokens.append(word[i:end])
        i = end
    return tokens


@encode.mistake
def the_leftmost_pair_is_merged_first(word, merges):
    """You go through the word from left to right and merge the first pair you know. Of all pairs in the word, the one
    that training merged earliest has precedence, wherever it stands."""
    tokens = list(word)
    while (place := next((i for i, pair in enumerate(pairwise(tokens)) if pair in merges), None)) is not None:
        tokens[place : place + 2] = [tokens[place] + tokens[place + 1]]
    return tokens


@encode.mistake
def the_last_merge_comes_first(word, merges):
    """You replay the merges from the last to the first. A late merge joins tokens that earlier merges have to make
    before."""
    return encode(word, merges[::-1])


@encode.mistake
def each_merge_is_used_once(word, merges):
    """You use each merge at one place in the word. It holds wherever its pair stands."""
    tokens = list(word)
    for pair in merges:
        place = next((i for i, found in enumerate(pairwise(tokens)) if found == pair), None)
        if place is not None:
            tokens[place : place + 2] = [pair[0] + pair[1]]
    return tokens


@encode.mistake
def overlapping_pairs_are_merged_twice(word, merges):
    """In "aaaa", or where a pair overlaps itself, you use the middle token twice. Once two tokens are joined, go on
    behind both of them."""
    tokens = list(word)
    for left, right in merges:
        joined, skip = [], False
        for i, token in enumerate(tokens):
            if tokens[i : i + 2] == [left, right]:
                joined.append(left + right)
                skip = True
            elif skip:
                skip = False
            else:
                joined.append(token)
        tokens = joined
    return tokens


def words_with_counts(generator):
    """Words, with how often each occurs; in none do two pairs share the best score."""
    for counts in (
        {"ab": 1},
        {"bcd": 5, "cb": 4, "bc": 1},
        {"qu": 2, "un": 30, "in": 40, "it": 9},
        {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5},
        {"the": 50, "thy": 20, "exit": 4, "he": 30},
        {"in": 1, "it": 9, "at": 1, "an": 8, "no": 1, "on": 1, "tin": 1},
        {"low": 1, "ow": 20, "lo": 9, "wl": 3},
        {"my": 1, "me": 30, "be": 2, "by": 12, "ye": 1},
    ):
        yield ([(list(word), times) for word, times in counts.items()],)


def _scored(words, score):
    pairs, tokens = {}, {}
    for word, times in words:
        for token in word:
            tokens[token] = tokens.get(token, 0) + times
        for pair in pairwise(word):
            pairs[pair] = pairs.get(pair, 0) + times
    return max(pairs, key=lambda pair: score(pairs[pair], tokens[pair[0]], tokens[pair[1]]))


@exercise("03.closest_pair", inputs=words_with_counts)
def closest_pair(words):
    """Find the pair that is commonest beside how common its two tokens are."""
    return _scored(words, lambda both, left, right: both / (left * right))


@closest_pair.mistake
def the_commonest_pair(words):
    """You found the commonest pair: that is BPE's choice. The score asks how common the pair is beside its
    two tokens."""
    return _scored(words, lambda both, left, right: both)


@closest_pair.mistake
def the_occurrences_of_a_word_ignored(words):
    """You count each word once. A word that occurs five times holds each of its tokens, and each of its pairs, five
    times as often."""
    return closest_pair([(word, 1) for word, _ in words])


@closest_pair.mistake
def divided_by_the_sum(words):
    """You divide by the sum of the two counts. If the two tokens met by chance alone, how would the expected number of
    meetings depend on the two counts?"""
    return _scored(words, lambda both, left, right: both / (left + right))


@closest_pair.mistake
def divided_by_the_first_alone(words):
    """You divide by the count of the first token alone: that asks what comes next. Both tokens of the pair can be
    common, and the score is to allow for both."""
    return _scored(words, lambda both, left, right: both / left)


@closest_pair.mistake
def the_score_turned_over(words):
    """You found the pair with the smallest score. The pair to be merged belongs together most."""
    return _scored(words, lambda both, left, right: left * right / both)


def words_and_vocabularies(generator):
    """Words, and vocabularies that know them whole, in parts, and not at all."""
    yield "a", {"a"}
    yield "a", {"##a"}
    yield "ab", {"a", "##b"}
    yield "ab", {"a", "b"}
    yield "abc", {"a", "ab", "##bc", "##c"}
    yield "berry", {"b", "be", "##rry", "##r", "##y", "ber", "##ry"}
    yield "newest", {"n", "new", "##est", "est", "newer", "##e", "##s", "##t"}
    yield "newsx", {"new", "##s", "news"}
    yield "unhug", {"un", "##h", "##hug", "hug", "u", "##n"}
    yield "anna", {"an", "ann", "##na", "##n"}


@exercise("03.longest_match", inputs=words_and_vocabularies)
def longest_match(word, vocabulary):
    """Cut a word, from the left, into the longest tokens that fit."""
    return _matched(word, vocabulary)


def _matched(word, vocabulary, *, longest=True, mark="##", rest_only=False):
    tokens, i = [], 0
    while i < len(word):
        ends = range(len(word), i, -1) if longest else range(i + 1, len(word) + 1)
        fitting = [(mark if i else "") + word[i:end] for end in ends if (mark if i else "") + word[i:end] in vocabulary]
        if not fitting:
            return [*tokens, "[UNK]"] if rest_only else ["[UNK]"]
        tokens.append(fitting[0])
        i += len(fitting[0].removeprefix(mark if i else ""))
    return tokens


@longest_match.mistake
def the_shortest_match(word, vocabulary):
    """You take the shortest token that fits. Try the whole rest of the word first, and then less and less of it."""
    return _matched(word, vocabulary, longest=False)


@longest_match.mistake
def no_marks(word, vocabulary):
    """You look for the later pieces without their mark. In this vocabulary "est" begins a word, and "##est" continues
    one: they are two tokens."""
    return _matched(word, vocabulary, mark="")


@longest_match.mistake
def the_beginning_of_an_unknown_word_kept(word, vocabulary):
    """You keep the pieces that were found before the rest that does not fit. WordPiece gives up on the whole word: one
    token says that it is unknown."""
    return _matched(word, vocabulary, rest_only=True)


@longest_match.mistake
def another_way_tried(word, vocabulary):
    """You go back and try a shorter token where the longest leads to a dead end. Longest match first never looks back,
    even where another cut would have done."""

    def cut(i):
        if i == len(word):
            return []
        for end in range(len(word), i, -1):
            token = ("##" if i else "") + word[i:end]
            if token in vocabulary and (rest := cut(end)) is not None:
                return [token, *rest]
        return None

    found = cut(0)
    return ["[UNK]"] if found is None else found


per_character = Question(
    "03.per_character",
    4.5 / math.log(2) / 3,
    hint="Two changes of unit: from nats to bits, and from one token to one of the characters in it.",
    mistakes={
        4.5 / 3: "That is nats per character. One bit is ln 2 nats: are there more bits or fewer?",
        4.5 / math.log(2): "That is bits per token. A token here holds several characters.",
        4.5 * math.log(2) / 3: "You multiplied by ln 2. A bit is the smaller unit, so there must be more of them.",
        4.5 / math.log(2) * 3: "You multiplied by the characters in a token. They share what the token costs.",
        math.exp(4.5) / 3: "You began with the perplexity. Perplexities cannot be divided among characters; costs can.",
        4.5: "That is what one token costs, in nats. The question changes both units.",
    },
)
