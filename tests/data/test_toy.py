from collections import Counter
from fractions import Fraction
from itertools import pairwise

from transformer_lib.data.toy import SENTENCES, WORDS, tokens


def test_the_tokens_spell_the_sentences():
    assert tuple(" ".join(WORDS[token] for token in sentence) for sentence in tokens()) == SENTENCES


def test_love_is_followed_by_oranges_twice_and_grapes_once():
    pairs = Counter((WORDS[a], WORDS[b]) for sentence in tokens() for a, b in pairwise(sentence))
    after_love = {second: count for (first, second), count in pairs.items() if first == "love"}
    assert {word: Fraction(count, sum(after_love.values())) for word, count in after_love.items()} == {
        "oranges": Fraction(2, 3),
        "grapes": Fraction(1, 3),
    }
    assert {first for first, _ in pairs} == {"I", "you", "love"}  # the other two rows of the table are dead


def test_every_call_gives_fresh_arrays():
    tokens()[0][:] = 9
    assert tokens()[0].tolist() == [0, 2, 3]
