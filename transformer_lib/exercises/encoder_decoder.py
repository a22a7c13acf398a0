"""Exercises of chapter 12: what the decoder reads, what it may see, and how a translation is scored."""

import math
from collections import Counter

import torch

from transformer_lib.exercises.engine import Question, exercise

cross_scores = Question(
    "12.cross_scores",
    40,
    hint="One sequence asks and the other answers: how many queries are there, and how many keys does each meet?",
    mistakes={
        64: "That is every character with every character: the encoder's self-attention.",
        25: "That is every target token with every target token, without its mask.",
        15: "That is the decoder's self-attention under its causal mask. No mask hides a part of the source.",
        13: "You added the two lengths. But each of the queries meets each of the keys.",
        169: "In cross-attention the two sequences are not joined into one: queries come from one side only.",
        32: "The token [begin] asks as well: nothing could be written after it otherwise.",
        80: "Two layers do this, one after the other. Asked is what one head of one of them computes.",
    },
)


begin_label = Question(
    "12.begin_label",
    "does",
    hint="From what the decoder has read at that position it must say what comes next. What stands next in the target?",
    mistakes={
        "[begin]": "That is what it reads there. A decoder that predicts what it reads has only to copy.",
        "begin": "The decoder reads that marker there. If it had to predict what it reads, it could simply copy.",
        "she": "That word is one further on: it is what must follow after two tokens have been read.",
        "她": "That is the first token of the source. The labels are words of the target.",
        "[end]": "That is the last label of all. It stands where the decoder has read the whole sentence.",
        "?": "That is the last word of the target, and the label where the decoder has read all words before it.",
    },
)


def sentences_of_ids(generator):
    """None, one, a repeated word, several."""
    yield [], 1, 2
    yield [7], 1, 2
    yield [5, 5], 1, 2
    yield [9, 4, 6], 1, 2
    yield [12, 3, 8, 3], 20, 21


@exercise("12.teacher_forced", inputs=sentences_of_ids)
def teacher_forced(words, begin, end):
    """Read the sentence behind its begin; predict each next word, and then the end."""
    return [begin, *words], [*words, end]


@teacher_forced.mistake
def not_shifted(words, begin, end):
    """At each position your decoder is asked for the token that it reads there. It will learn to copy, and its loss
    will be 0."""
    return [begin, *words], [begin, *words]


@teacher_forced.mistake
def shifted_the_other_way(words, begin, end):
    """Yours reads the future and is asked for the past. The first thing read must be the mark that stands before
    every sentence."""
    return [*words, end], [begin, *words]


@teacher_forced.mistake
def no_end_to_predict(words, begin, end):
    """No label of yours is the end, so the model never learns when to stop."""
    return [begin, *words[:-1]], list(words)


@teacher_forced.mistake
def the_last_word_asks_for_nothing(words, begin, end):
    """Yours reads one token more than it is asked for. Behind the last word there is something to predict, too."""
    return [begin, *words], list(words)


@teacher_forced.mistake
def the_end_is_read(words, begin, end):
    """Your decoder reads the end mark, and behind it nothing is left to predict: what it reads must be as long as
    what it is asked for."""
    return [begin, *words, end], [*words, end]


@teacher_forced.mistake
def framed_on_both_sides(words, begin, end):
    """Both of yours are the whole target, marks and all. One lacks its last token and the other its first."""
    return [begin, *words, end], [begin, *words, end]


@teacher_forced.mistake
def the_begin_is_not_read(words, begin, end):
    """Your decoder reads the first word before it is asked for anything, so nobody asks it for that word. When it
    translates, who would write it?"""
    return list(words), [*words[1:], end]


def sources_and_targets(generator):
    """One source that fills its row, one that does not, several; more queries than keys and fewer."""
    yield torch.tensor([1]), 1, 1
    yield torch.tensor([2]), 3, 2
    yield torch.tensor([1, 3]), 3, 2
    yield torch.tensor([2, 4, 1]), 4, 5
    yield torch.tensor([3, 5]), 5, 5


@exercise("12.cross_mask", inputs=sources_and_targets)
def cross_mask(source_lengths, S, T):
    """Every query sees the real part of the source, whole."""
    real = torch.arange(S) < source_lengths[:, None]
    return real[:, None, None, :].expand(-1, 1, T, S)


def _real(source_lengths, S):
    return torch.arange(S) < source_lengths[:, None]


@cross_mask.mistake
def causal_too(source_lengths, S, T):
    """Your first target token sees the first character alone, and so on. The source is there whole before the first
    word is written: nothing of it is the future."""
    return _real(source_lengths, S)[:, None, None, :] & torch.ones(T, S, dtype=torch.bool).tril()


@cross_mask.mistake
def queries_and_keys_swapped(source_lengths, S, T):
    """Yours has a row for each character and a column for each target token. Who asks here, and who is asked?
    Queries are on the axis before the last."""
    return _real(source_lengths, S)[:, None, :, None].expand(-1, 1, S, T)


@cross_mask.mistake
def nothing_is_hidden(source_lengths, S, T):
    """The lengths make no difference to yours: the decoder reads the padding as if somebody had said it."""
    return torch.ones(len(source_lengths), 1, T, S, dtype=torch.bool)


@cross_mask.mistake
def blocked_where_true(source_lengths, S, T):
    """Yours shows the padding and hides the sentence. In this book True is where looking is allowed."""
    return ~_real(source_lengths, S)[:, None, None, :].expand(-1, 1, T, S)


@cross_mask.mistake
def no_axis_for_the_heads(source_lengths, S, T):
    """The right table in the wrong shape: (B, T, S) meets the scores as (H, T, S), one mask a head and not one a
    sentence."""
    return _real(source_lengths, S)[:, None, :].expand(-1, T, S)


@cross_mask.mistake
def one_character_too_many(source_lengths, S, T):
    """The first filler is seen. Positions count from 0, so a source of n characters has none at position n."""
    return (torch.arange(S) <= source_lengths[:, None])[:, None, None, :].expand(-1, 1, T, S)


def candidates_and_references(generator):
    """Too short for the n-gram, equal, a word repeated, in another order, and longer ones."""
    yield ["tea"], ["tea"], 2
    yield ["a", "cup"], ["a", "cup"], 1
    yield ["the", "the", "the"], ["the", "cat", "the"], 1
    yield ["like", "they", "tea"], ["they", "like", "tea"], 2
    yield "I am I am a singer .".split(), "I am a singer , and I am tired .".split(), 2
    yield "she has a red a red hat".split(), "she has a red hat".split(), 3
    yield "he likes to drink to drink tea".split(), "he likes to drink tea".split(), 2


@exercise("12.clipped_precision", inputs=candidates_and_references)
def clipped_precision(candidate, reference, n):
    """Each n-gram counts at most as often as the reference has it."""
    ours, theirs = (
        Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for words in (candidate, reference)
    )
    return sum((ours & theirs).values()), sum(ours.values())


def _grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@clipped_precision.mistake
def not_clipped(candidate, reference, n):
    """Whoever repeats one good word gets full marks from yours. An n-gram of the reference can be matched only as
    often as it stands there."""
    theirs, ours = set(_grams(reference, n)), _grams(candidate, n)
    return sum(gram in theirs for gram in ours), len(ours)


@clipped_precision.mistake
def each_only_once(candidate, reference, n):
    """Yours counts different n-grams, so that one that rightly stands there twice earns nothing the second time."""
    ours = set(_grams(candidate, n))
    return len(ours & set(_grams(reference, n))), len(ours)


@clipped_precision.mistake
def matches_once_of_all(candidate, reference, n):
    """Below the line you count every n-gram, and above it each kind once. One that stands twice in both was matched
    twice."""
    ours = _grams(candidate, n)
    return len(set(ours) & set(_grams(reference, n))), len(ours)


@clipped_precision.mistake
def share_of_the_reference(candidate, reference, n):
    """Divided by what the reference has, this is recall. Precision asks how much of what was *written* is right."""
    ours, theirs = Counter(_grams(candidate, n)), Counter(_grams(reference, n))
    return sum((ours & theirs).values()), sum(theirs.values())


@clipped_precision.mistake
def single_words(candidate, reference, n):
    """Right for n = 1. For larger n what counts are runs of n words, which is how the order comes in."""
    ours, theirs = Counter(candidate), Counter(reference)
    return sum((ours & theirs).values()), len(candidate)


@clipped_precision.mistake
def the_last_one_is_missing(candidate, reference, n):
    """You stop one n-gram too early. How many windows of n words fit into a sentence?"""
    ours, theirs = Counter(_grams(candidate, n)[:-1]), Counter(_grams(reference, n)[:-1])
    return sum((ours & theirs).values()), sum(ours.values())


def lengths_of_texts(generator):
    """Equal, shorter, much shorter, longer."""
    yield 6, 6
    yield 5, 6
    yield 1, 4
    yield 9, 6
    yield 900, 1000


@exercise("12.brevity_penalty", inputs=lengths_of_texts)
def brevity_penalty(candidate_length, reference_length):
    """1 for what is long enough, and e to the power of 1 minus the ratio below."""
    return min(1.0, math.exp(1 - reference_length / candidate_length))


@brevity_penalty.mistake
def the_ratio_itself(candidate_length, reference_length):
    """You scale by the ratio of the lengths. The penalty falls faster than that: the ratio stands in an
    exponent."""
    return min(1.0, candidate_length / reference_length)


@brevity_penalty.mistake
def a_reward_for_length(candidate_length, reference_length):
    """Where the candidate is longer than the reference yours is above 1. Too many words are punished already: by
    the precisions."""
    return math.exp(1 - reference_length / candidate_length)


@brevity_penalty.mistake
def lengths_swapped(candidate_length, reference_length):
    """You punish what is long and let pass what is short. Which of the two lengths divides the other?"""
    return min(1.0, math.exp(1 - candidate_length / reference_length))


@brevity_penalty.mistake
def long_ones_punished_too(candidate_length, reference_length):
    """Yours wants the same length. What is longer than its reference is punished already, by the precisions: here
    it loses nothing."""
    short, long = sorted((candidate_length, reference_length))
    return math.exp(1 - long / short)


@brevity_penalty.mistake
def one_forgotten(candidate_length, reference_length):
    """Yours jumps at the reference's length: a candidate one word short of it must lose only a little. What is the
    exponent when both are equally long?"""
    return 1.0 if candidate_length >= reference_length else math.exp(-reference_length / candidate_length)
