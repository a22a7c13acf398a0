"""Exercises of chapter 02: tables with a longer memory, and the smoothing they need."""

import math
import operator
import re
from collections import Counter

import numpy as np

from transformer_lib.exercises.engine import Question, exercise

rows_of_a_table = Question(
    "02.rows_of_a_table",
    5**6,
    hint="How many tokens does a model of this order look back at? How many ways are there to fill those places?",
    mistakes={
        5**7: "That counts the n-grams, all the cells of the table. A row is a context, and the token to be "
        "predicted is not part of it.",
        5**5: "One token of memory too few. Order 2 was the bigram, and it looks at one token.",
        6**5: "You have the places and the words, and they have changed roles. Ask of each place in turn how many "
        "words can stand there.",
        7**5: "The two numbers have changed roles, and one place is not part of the context. Ask of each place in "
        "turn how many words can stand there.",
        5 * 7: "You multiplied the words by the order. Each further place multiplies the number of contexts again, and "
        "one of the seven places is not part of the context.",
        5 * 6: "You multiplied the places by the words. Each further place multiplies the number of contexts again.",
        (5**7 - 5) // 4: "That adds the shorter contexts, which the beginning of a text needs. The question asks "
        "for the full ones only.",
        6**6: "You counted six words. The chapter's text has an end token, but the question speaks of five words.",
        6**7: "You counted six words, and all cells of the table. A row is a context, and there are five words.",
        5**8: "Two tokens of memory too many. Order 2 was the bigram, and it looks at one token.",
        3: "You counted contexts that were seen, in the three sentences. The question is how many are *possible*.",
        math.comb(10, 6): "You left out the order of the words: in a context, it matters which word stands where.",
        5 * 4 * 3 * 2: "You used no word twice. A word may stand at several places of a context.",
        (5**7 - 1) // 4: "That adds the shorter contexts, down to the empty one. The question asks for the full ones.",
    },
)

coins = Question(
    "02.coins",
    16,
    hint="Which of the characters of an order-5 model's context are set by a coin? Each of them doubles something.",
    mistakes={
        2: "That is what one character's coin does. A context of this model has more than one character.",
        32: "One coin too many: the fifth character is the one to be predicted, and it is a column.",
        8: "If you computed 2 × 2 × 2, there is one coin too few: how many characters does an order-5 model look back "
        "at? If you computed 2 × 4: the coins are tossed independently, so their outcomes multiply.",
        10: "The coins are tossed independently, so their outcomes multiply.",
        4: "You counted the coins. In how many ways can they all land?",
        5: "You counted the characters of the n-gram. In how many ways can the coins of its context land?",
        31: "You added the rows of all shorter contexts. The question is about one row of the order-5 table.",
        30: "You added the rows of shorter contexts. The question is about one row of the order-5 table.",
        15: "You left out a row, perhaps that in which all characters are in the first typeface. It is one of them.",
        144: "That is the vocabulary, doubled: the number of *columns*. How many rows does one context become?",
        72: "That is the vocabulary before it was doubled. How many rows does one context become?",
        64: "Two coins too many: the context of an order-5 model is shorter than its n-grams.",
        3: "One coin decides for each character, and each decision may differ from the others. How many outcomes are "
        "there?",
        1: "A reader sees the same context. The table does not read: to it the two typefaces are different tokens.",
    },
)


def texts_and_lengths(generator):
    """Texts with repeats, some of whose last context occurs nowhere else, and lengths from 1 on."""
    yield np.array([0, 1]), 1
    yield np.array([0, 0, 1]), 1
    yield np.array([0, 1, 0, 2]), 2
    yield np.array([1, 12, 3, 11, 2, 3]), 2  # 1, 12 and 11, 2 look alike when written together
    yield np.array([2, 1, 1, 2, 1, 1, 0]), 2
    yield np.array([0, 1, 2, 0, 1]), 2  # the last context has a row, too
    yield np.array([0, 3, 0, 1, 0, 3]), 2  # ids with gaps between them, 3 of 4
    yield np.array([0, 10, 0, 1, 0, 100, 0, 1000, 0, 1]), 2  # ids with as many digits as 10, 100, and 1,000 have
    yield np.stack([np.zeros(130, int), np.arange(1, 131)], axis=1).ravel(), 2  # 0, 1, 0, 2, 0, 3, …
    yield np.array([3, 1, 2, 1, 3, 1, 3, 2, 1, 2, 3, 3, 1]), 2
    for size, vocab_size, length in ((12, 2, 3), (30, 3, 2), (60, 4, 4)):
        yield generator.integers(0, vocab_size, size=size), length


@exercise("02.seen_contexts", inputs=texts_and_lengths)
def seen_contexts(tokens, length):
    """The number of distinct windows of so many tokens that are followed by a token."""
    return len({tuple(tokens[i : i + length].tolist()) for i in range(len(tokens) - length)})


@seen_contexts.mistake
def the_last_window_counted_too(tokens, length):
    """You also count the window at the very end. Nothing follows it, so no count was ever made in its row, unless
    it occurs elsewhere too."""
    return len({tuple(tokens[i : i + length].tolist()) for i in range(len(tokens) - length + 1)})


@seen_contexts.mistake
def every_occurrence_counted(tokens, length):
    """That is how many times a context was met, and it grows with every token. A context that is met twice has
    one row."""
    return len(tokens) - length


@seen_contexts.mistake
def the_ngrams_counted(tokens, length):
    """Your windows are one token longer than the context: these are the n-grams. Two n-grams with the same
    context lie in one row."""
    return len({tuple(tokens[i : i + length + 1].tolist()) for i in range(len(tokens) - length)})


@seen_contexts.mistake(
    why={
        "in a different order": lambda w: tuple(sorted(w)),
        "a different number of times, or in a different order": frozenset,
    }
)
def the_order_of_the_tokens_lost(tokens, length, *, why):
    """You treat two contexts as one when they hold the same tokens {why}. A table does not: "not to" and "to not" are
    two rows."""
    return len({why(tokens[i : i + length].tolist()) for i in range(len(tokens) - length)})


@seen_contexts.mistake
def digits_run_together(tokens, length):
    """You write the ids of a context one after the other, with nothing between them. Then 1, 12 and 11, 2 look the
    same: compare tuples, or put a mark between two ids."""
    return len({"".join(map(str, tokens[i : i + length].tolist())) for i in range(len(tokens) - length)})


@seen_contexts.mistake(
    base={
        "10": lambda tokens: 10,
        "100": lambda tokens: 100,
        "1,000": lambda tokens: 1000,
        "the largest id": lambda tokens: int(tokens.max()),
        "the number of different ids": lambda tokens: len(set(tokens.tolist())),
    }
)
def a_base_too_small(tokens, length, *, base):
    """You write a context as one number, with {base} as its base. Some ids are as large as the base, and then two
    contexts become the same number."""
    powers = [base(tokens) ** k for k in range(length)][::-1]
    contexts = [tokens[i : i + length].tolist() for i in range(len(tokens) - length)]
    return len({sum(map(operator.mul, context, powers)) for context in contexts})


def _met(tokens, length):
    """How often each context was met, and which tokens followed it."""
    times, after = Counter(), {}
    for i in range(len(tokens) - length):
        context = tuple(tokens[i : i + length].tolist())
        times[context] += 1
        after.setdefault(context, set()).add(int(tokens[i + length]))
    return times, after


@seen_contexts.mistake(those={"exactly once": lambda n: n == 1, "more than once": lambda n: n > 1})
def how_often_it_was_met(tokens, length, *, those):
    """You count the contexts that were met {those}. Each context that was met has a row, however often it was."""
    return sum(those(n) for n in _met(tokens, length)[0].values())


@seen_contexts.mistake(those={"several different tokens": lambda n: n > 1, "always the same token": lambda n: n == 1})
def how_many_followed(tokens, length, *, those):
    """You count the contexts that were followed by {those}. A context has a row as soon as anything followed it."""
    return sum(those(len(found)) for found in _met(tokens, length)[1].values())


@seen_contexts.mistake
def the_last_window_removed(tokens, length):
    """You remove the window at the very end, even where it stands in the text once more, with something after it. Then
    it has a row."""
    return len(_met(tokens, length)[0].keys() - {tuple(tokens[len(tokens) - length :].tolist())})


@seen_contexts.mistake
def different_tokens_counted(tokens, length):
    """You count different *tokens*. In a table of windows, `np.unique` looks at each number by itself, unless an axis
    tells it to compare rows."""
    return len(set(tokens[:-1].tolist()))


@seen_contexts.mistake
def one_place_short(tokens, length):
    """You stop one place too early: the last context that is followed by a token is missing."""
    return len({tuple(tokens[i : i + length].tolist()) for i in range(len(tokens) - length - 1)})


@seen_contexts.mistake
def one_token_shorter(tokens, length):
    """Your contexts are one token shorter than `length`. A context of `length` tokens is what an order of length + 1
    looks back at."""
    return seen_contexts(tokens, length - 1)


@seen_contexts.mistake
def windows_that_do_not_overlap(tokens, length):
    """Your windows lie end to end. A context stands before *every* token that has enough tokens before it, so the
    next window begins one token further on."""
    return len({tuple(tokens[i : i + length].tolist()) for i in range(0, len(tokens) - length, length)})


@seen_contexts.mistake
def the_possible_ones_counted(tokens, length):
    """That is how many contexts are possible. The question is how many of them this text has."""
    return len(np.unique(tokens)) ** length


def orders_to_mix(generator):
    """Relative frequencies from order 1 up, some of whose longer contexts were never seen, and a weight for
    each."""
    yield np.array([[0.5, 0.5]]), np.array([0.75])
    yield np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([0.5, 0.25])
    yield np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 0.0]]), np.array([0.9, 0.6])
    for n_orders, vocab_size in ((3, 4), (4, 3), (5, 6)):
        frequencies = generator.dirichlet(np.ones(vocab_size), size=n_orders)
        frequencies[n_orders - generator.integers(0, 2) :] = 0
        yield frequencies, generator.uniform(0.1, 0.9, size=n_orders)


def mix(frequencies, weights, p, when_unseen):
    """Walk up the orders from p; `when_unseen` says what a context without counts makes of (weight, p)."""
    for frequency, weight in zip(frequencies, weights, strict=True):
        p = weight * frequency + (1 - weight) * p if frequency.any() else when_unseen(weight, p)
    return p


@exercise("02.interpolate", inputs=orders_to_mix)
def interpolate(frequencies, weights):
    """Jelinek–Mercer, from the uniform distribution up; an unseen context leaves p as it is."""
    even = np.full(frequencies.shape[1], 1 / frequencies.shape[1])
    return mix(frequencies, weights, even, when_unseen=lambda weight, p: p)


@interpolate.mistake
def an_unseen_context_takes_its_share(frequencies, weights):
    """Where every context was seen, yours is right. A context without counts has nothing to say, and you let its
    weight go with it: what is left does not sum to 1. To whom should its share go?"""
    even = np.full(frequencies.shape[1], 1 / frequencies.shape[1])
    return mix(frequencies, weights, even, when_unseen=lambda weight, p: (1 - weight) * p)


@interpolate.mistake
def the_weights_exchanged(frequencies, weights):
    """You give the weight to the shorter context, and the rest to the frequencies. Which of the two does the formula
    multiply by lambda?"""
    return interpolate(frequencies, 1 - weights)


@interpolate.mistake
def nothing_below_order_one(frequencies, weights):
    """You start one order too high. Below order 1 lies the uniform distribution, and without it a token that was
    never seen keeps probability 0."""
    return mix(frequencies[1:], weights[1:], frequencies[0], when_unseen=lambda weight, p: p)


@interpolate.mistake
def zero_below_order_one(frequencies, weights):
    """Your result sums to less than 1: the share that order 1 leaves goes nowhere. What does a model that
    knows nothing at all predict?"""
    nothing = np.zeros(frequencies.shape[1])
    return mix(frequencies, weights, nothing, when_unseen=lambda weight, p: p)


@interpolate.mistake
def a_plain_weighted_sum(frequencies, weights):
    """You add up the orders, each times its weight. A weight is the share of *what the longer contexts left*, so the
    shares of the lower orders shrink on the way down."""
    return weights @ frequencies


@interpolate.mistake
def the_shorter_contexts_on_top(frequencies, weights):
    """You go in the wrong direction, so order 1 has the last word. The longest context should be asked first and
    leave the rest to the shorter ones."""
    return interpolate(frequencies[::-1], weights[::-1])


@interpolate.mistake
def the_rest_goes_to_the_uniform_distribution(frequencies, weights):
    """At every order you give the rest to the uniform distribution, so only the longest context that was seen has a
    say. The rest goes to what the *next shorter* context predicts."""
    p = even = np.full(frequencies.shape[1], 1 / frequencies.shape[1])
    for frequency, weight in zip(frequencies, weights, strict=True):
        p = weight * frequency + (1 - weight) * even if frequency.any() else p
    return p


@interpolate.mistake
def tokens_that_never_followed_left_alone(frequencies, weights):
    """You skip single tokens whose frequency is 0, and not whole contexts that were never seen. In a context that was
    seen, a token with frequency 0 has a say: its share becomes smaller."""
    p = np.full(frequencies.shape[1], 1 / frequencies.shape[1])
    for frequency, weight in zip(frequencies, weights, strict=True):
        p = np.where(frequency > 0, weight * frequency + (1 - weight) * p, p)
    return p


@interpolate.mistake(then={"and make the result sum to 1": True, "and leave it at that": False})
def logarithms_mixed(frequencies, weights, *, then):
    """You mix logarithms, or multiply powers, {then}. A token with frequency 0 in one context then gets nothing at all.
    Interpolation adds probabilities."""
    p = np.full(frequencies.shape[1], 1 / frequencies.shape[1])
    for frequency, weight in zip(frequencies, weights, strict=True):
        if frequency.any():
            p = frequency**weight * p ** (1 - weight)
            p = p / p.sum() if then else p
    return p


@interpolate.mistake
def only_the_longest_context(frequencies, weights):
    """You take the longest context that was seen and ask no other. Interpolation lets every order have its share."""
    seen = [frequency for frequency in frequencies if frequency.any()]
    return seen[-1]


@interpolate.mistake
def made_to_sum_to_one(frequencies, weights):
    """You add up the orders, each times its weight, and divide by the sum. Interpolation needs no division: each order
    takes its share of what the longer contexts left, and the uniform distribution takes the rest."""
    return weights @ frequencies / (weights @ frequencies).sum()


@interpolate.mistake
def a_plain_mean(frequencies, weights):
    """You give all orders the same share. Each has a weight of its own."""
    return frequencies.mean(axis=0)


def rows_to_discount(generator):
    """A context's counts, a discount, and the lower order's distribution; one context was never seen."""
    yield np.array([1, 1]), 0.5, np.array([0.25, 0.75])
    yield np.array([3, 0]), 0.5, np.array([0.5, 0.5])
    yield np.array([4, 1, 0]), 0.75, np.array([0.2, 0.3, 0.5])
    yield np.array([0, 0, 0]), 0.75, np.array([0.2, 0.3, 0.5])
    for vocab_size in (4, 6, 9):
        counts = generator.integers(0, 5, size=vocab_size) * generator.integers(0, 2, size=vocab_size)
        yield counts, float(generator.uniform(0.3, 0.9)), generator.dirichlet(np.ones(vocab_size))


TAKE_AND_GIVE = (
    "Add up your probabilities. If they sum to less than 1, something was taken and never given; if to more than 1, "
    "something was given that was never taken."
)


@exercise("02.discount", inputs=rows_to_discount, hint=TAKE_AND_GIVE)
def discount(counts, D, lower):
    """Absolute discounting: D from each count above 0, and all that was taken to the lower order."""
    total = counts.sum()
    if total == 0:
        return lower
    return (np.maximum(counts - D, 0) + D * np.count_nonzero(counts) * lower) / total


@discount.mistake
def what_was_taken_is_not_given(counts, D, lower):
    """You take and give nothing back, so your probabilities sum to less than 1. How much was taken in all, and who
    should receive it?"""
    if counts.sum() == 0:
        return lower
    return np.maximum(counts - D, 0) / counts.sum()


@discount.mistake
def what_is_left_made_to_sum_to_one(counts, D, lower):
    """You divide by what is left, so the tokens that were seen get everything back. What was taken from them is for
    the lower order to distribute."""
    if counts.sum() == 0:
        return lower
    left = np.maximum(counts - D, 0)
    return left / left.sum()


@discount.mistake
def taken_from_zeros_too(counts, D, lower):
    """You take D from every token, even from those with count 0, which have nothing to give. Some of your numbers
    may even be negative."""
    if counts.sum() == 0:
        return lower
    return (counts - D + D * len(counts) * lower) / counts.sum()


@discount.mistake
def given_as_if_taken_from_all(counts, D, lower):
    """You take from the tokens that were seen, and give back as if every token of the vocabulary had paid, so your
    probabilities sum to more than 1. How many tokens paid?"""
    if counts.sum() == 0:
        return lower
    return (np.maximum(counts - D, 0) + D * len(counts) * lower) / counts.sum()


@discount.mistake
def only_the_unseen_profit(counts, D, lower):
    """You share what was taken among the tokens that were not seen. That is a different method, called backing off,
    and it needs a lower order that sums to 1 over those tokens. Here all tokens share it, the seen ones too."""
    if counts.sum() == 0:
        return lower
    return np.where(counts > 0, counts - D, D * np.count_nonzero(counts) * lower) / counts.sum()


@discount.mistake
def given_for_every_occurrence(counts, D, lower):
    """You give back D for each time the context was met. It was taken once from each *different* token, so a
    context that is always followed by the same few has little to give."""
    if counts.sum() == 0:
        return lower
    return (np.maximum(counts - D, 0) + D * counts.sum() * lower) / counts.sum()


@discount.mistake
def given_once_for_the_whole_row(counts, D, lower):
    """You give back D once for the whole row, but it was taken from every token that was seen. In a row with three
    different tokens, how much was taken?"""
    if counts.sum() == 0:
        return lower
    return (np.maximum(counts - D, 0) + D * lower) / counts.sum()


@discount.mistake
def an_unseen_context_without_a_distribution(counts, D, lower):
    """Where the context was seen, yours is right. Where it was never seen, you divide 0 by 0. What does the model
    still know there from the shorter context?"""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.maximum(counts - D, 0) + D * np.count_nonzero(counts) * lower) / counts.sum()


@discount.mistake
def added_instead_of_taken(counts, D, lower):
    """You add D times the lower order to the counts, as add-k smoothing adds k. Here D is *taken* from each count above
    0, and what was taken is given away."""
    more = counts + D * lower
    return more / more.sum()


@discount.mistake
def shares_discounted(counts, D, lower):
    """You take D from the shares, after the division. D is a part of one *count*, so take it before you divide."""
    if counts.sum() == 0:
        return lower
    left = np.maximum(counts / counts.sum() - D, 0)
    return left + (1 - left.sum()) * lower


@discount.mistake
def unseen_contexts_become_uniform(counts, D, lower):
    """Where the context was seen, yours is right. Where it was never seen you return the uniform distribution, although
    the shorter context knows more than that."""
    return discount(counts, D, lower) if counts.any() else np.full(len(counts), 1 / len(counts))


@discount.mistake
def unseen_contexts_become_zeros(counts, D, lower):
    """Where the context was seen, yours is right. Where it was never seen you return zeros, which is no distribution.
    What does the model still know there from the shorter context?"""
    return discount(counts, D, lower) if counts.any() else np.zeros(len(counts))


@discount.mistake
def a_share_of_every_count(counts, D, lower):
    """You take a *share* D of every count, as interpolation does. Absolute discounting takes the same amount from each
    count above 0, so a large count loses a smaller part of itself."""
    if counts.sum() == 0:
        return lower
    return (1 - D) * counts / counts.sum() + D * lower


@discount.mistake
def divided_by_what_is_left(counts, D, lower):
    """Your probabilities sum to more than 1: you divide by what is left after the discount. What was taken belongs to
    the row as well, so which sum is to be divided by?"""
    if counts.sum() == 0:
        return lower
    left = np.maximum(counts - D, 0)
    with np.errstate(all="ignore"):
        return (left + D * np.count_nonzero(counts) * lower) / left.sum()


@discount.mistake
def given_to_all_alike(counts, D, lower):
    """You give the same share of what was taken to every token. It is to be distributed as `lower` says."""
    return discount(counts, D, np.full(len(counts), 1 / len(counts))) if counts.any() else lower


@discount.mistake
def not_divided(counts, D, lower):
    """You take and give, but these are still counts. Divide by how often the context was met."""
    return discount(counts, D, lower) * counts.sum() if counts.any() else lower


@discount.mistake
def the_lower_order_in_full(counts, D, lower):
    """You add the whole of the lower order, which is 1 in all. It receives only what was taken from the row."""
    return np.maximum(counts - D, 0) / max(counts.sum(), 1) + lower if counts.any() else lower


def square_tables(generator):
    """Bigram counts from 1 by 1 on; in each later one a frequent token follows few others."""
    yield (np.array([[2]]),)
    yield (np.array([[0, 5], [1, 1]]),)
    yield (np.array([[0, 9, 1], [1, 0, 1], [1, 0, 0]]),)
    for vocab_size in (4, 6):
        counts = generator.integers(0, 6, size=(vocab_size, vocab_size))
        counts[generator.uniform(size=counts.shape) < 0.5] = 0
        counts[0, 1] = 40
        yield (counts,)


@exercise("02.continuation", inputs=square_tables)
def continuation(counts):
    """In proportion to how many different tokens came before each token."""
    before = np.count_nonzero(counts, axis=0)
    return before / before.sum()


@continuation.mistake
def occurrences_instead_of_contexts(counts):
    """That is how often each token occurs, the unigram model. It gives "pedro" the weight of all of its
    occurrences, and every one of them is after "don". What should one predecessor count for?"""
    return counts.sum(axis=0) / counts.sum()


@continuation.mistake
def what_follows_instead_of_what_came_before(counts):
    """You count along the rows: how many different tokens *follow* each token. The exercise asks how many different
    tokens came *before* it."""
    after = np.count_nonzero(counts, axis=1)
    return after / after.sum()


@continuation.mistake
def divided_by_the_size_of_the_vocabulary(counts):
    """That is the share of the vocabulary that came before each token. Those shares do not sum to 1: divide
    by their sum instead."""
    return np.count_nonzero(counts, axis=0) / len(counts)


@continuation.mistake
def not_divided_at_all(counts):
    """Your counts are right, but a distribution sums to 1."""
    return np.count_nonzero(counts, axis=0)


@continuation.mistake
def the_token_itself_left_out(counts):
    """You leave out a token that follows itself. It came before itself, so it is one of its own predecessors."""
    return continuation(counts * (1 - np.eye(len(counts), dtype=int)))


@continuation.mistake
def different_counts_counted(counts):
    """You count how many different *numbers* stand in a column, and 0 is one of them. Count the rows in which the
    number is above 0."""
    n = np.array([len(set(column)) for column in counts.T.tolist()])
    return n / n.sum()


@continuation.mistake(added={"one": 1, "one half": 0.5})
def smoothed(counts, *, added):
    """You add {added} to each number of predecessors, so that no token is impossible. The exercise asks for the shares
    as they are."""
    n = np.count_nonzero(counts, axis=0) + added
    return n / n.sum()


@continuation.mistake
def softmax_of_the_numbers(counts):
    """You apply softmax to the numbers of predecessors. "In proportion" means that twice as many give twice the
    probability: divide by the sum."""
    e = np.exp(np.count_nonzero(counts, axis=0))
    return e / e.sum()


@continuation.mistake
def only_pairs_that_occur_once(counts):
    """You count the predecessors that came before the token exactly once. One that came more often is a predecessor,
    too."""
    n = (counts == 1).sum(axis=0)
    return n / max(n.sum(), 1)


@continuation.mistake
def both_sides_counted(counts):
    """You count the neighbors on both sides. The exercise asks only how many different tokens came *before* each
    token."""
    n = np.count_nonzero(counts, axis=0) + np.count_nonzero(counts, axis=1)
    return n / n.sum()


def texts_contexts_and_leasts(generator):
    """Endings that were seen often, once, only at the very end of the text, and not at all; ties; nothing seen."""
    yield "ab", "a", 1
    yield "abcab", "xab", 1
    yield "abacab", "a", 1
    yield "abacab", "ca", 2
    yield "zab1 ab2 ab2", "zab", 2
    yield "xcxaxd", "x", 1
    yield "aab", "zzz", 1
    yield "abxab", "ab", 2  # the ending stands twice, and only once something follows
    yield "abab.c", ".", 1
    yield "aabaaab", "aa", 1  # places that overlap
    yield "xaxaxb axc axc", "xax", 2  # twice, if places may overlap
    yield "ab\nab\nabc", "ab", 1  # followed by the end of a line
    yield "abcabdaabe", "xab", 2
    yield "cab. bab? cat. cap", "ab.", 1
    yield "the cat, the cab, the can: a bat", "that ca", 2
    yield "".join(generator.choice(list("abc "), size=60)), "cab a", 3


def _followers(text, ending):
    """What came after each place where an ending occurs, overlaps too."""
    return [text[i + len(ending)] for i in range(len(text) - len(ending)) if text.startswith(ending, i)]


def _most_frequent(characters, best=min):
    most = max(map(characters.count, characters))
    return best(c for c in characters if characters.count(c) == most)


def _guess(text, endings, least, best=min):
    for ending in endings:
        found = _followers(text, ending)
        if len(found) >= least:
            return _most_frequent(found, best)
    return None


@exercise("02.lab_keyboard", inputs=texts_contexts_and_leasts)
def guess_next(text, context, least):
    """The longest ending with enough followers decides."""
    return _guess(text, [context[i:] for i in range(len(context) + 1)], least)


@guess_next.mistake
def shortest_first(text, context, least):
    """You try the shortest ending first, and it has nearly always been seen. The longest ending that was seen often
    enough should decide."""
    return _guess(text, [context[i:] for i in range(len(context), -1, -1)], least)


@guess_next.mistake
def beginnings_instead_of_endings(text, context, least):
    """You shorten the context at its end. What matters most is what stands just before the next character, so the
    *oldest* character should go first."""
    return _guess(text, [context[:i] for i in range(len(context), -1, -1)], least)


@guess_next.mistake
def least_ignored(text, context, least):
    """You take the longest ending that was seen at all. It must have been seen at least `least` times;
    otherwise a shorter one decides."""
    return guess_next(text, context, 1)


@guess_next.mistake
def more_than_least(text, context, least):
    """You require an ending that was seen more than `least` times. Exactly `least` times is enough."""
    return _guess(text, [context[i:] for i in range(len(context) + 1)], least + 1) or guess_next(text, context, 1)


@guess_next.mistake
def ties_go_to_the_last(text, context, least):
    """Right, unless several characters followed equally often. Then the smallest of them, by Python's `min`, is
    wanted."""
    return _guess(text, [context[i:] for i in range(len(context) + 1)], least, best=max)


@guess_next.mistake
def ties_go_to_the_first_met(text, context, least):
    """Right, unless several characters followed equally often. You take the one that occurs first in the text; the
    smallest of them, by Python's `min`, is wanted."""
    for i in range(len(context) + 1):
        found = _followers(text, context[i:])
        if len(found) >= least:
            return max(dict.fromkeys(found), key=found.count)
    return None


@guess_next.mistake
def the_whole_context_left_out(text, context, least):
    """You shorten the context before you first look it up, so its whole length is never tried."""
    return guess_next(text, context[1:], least)


@guess_next.mistake
def the_empty_ending_left_out(text, context, least):
    """You stop at one character and return nothing. The empty ending comes last: it occurs before every character."""
    return _guess(text, [context[i:] for i in range(len(context))], least)


@guess_next.mistake
def all_or_nothing(text, context, least):
    """Where the whole context was not seen often enough, you go to the empty ending at once. The endings between them
    come first, from long to short."""
    return _guess(text, [context], least) or _most_frequent(list(text))


@guess_next.mistake
def places_that_overlap_missed(text, context, least):
    """You go on searching after the ending that you found, as `str.count` and `re.findall` do, and miss places that
    overlap. In "aaa" the ending "a" is followed twice, and each place counts."""
    for i in range(len(context) + 1):
        found, at, ending = [], 0, context[i:]
        while (at := text.find(ending, at)) >= 0 and at + len(ending) < len(text):
            found.append(text[at + len(ending)])
            at += max(len(ending), 1)
        if len(found) >= least:
            return _most_frequent(found)
    return None


@guess_next.mistake
def the_ending_counted_without_overlaps(text, context, least):
    """Your characters are the right ones, and you count how often an ending was seen without the places that overlap,
    as `str.count` does. In "aaa" the ending "a" is followed twice, "aa" once, and each place counts."""
    for i in range(len(context) + 1):
        found, ending = _followers(text, context[i:]), context[i:]
        if found and (text[:-1].count(ending) if ending else len(text)) >= least:
            return _most_frequent(found)
    return None


@guess_next.mistake
def ends_of_lines_missed(text, context, least):
    """You miss the places where a line ends after the ending. In a pattern, a dot stands for any character but that
    one, unless a flag says otherwise; here it is a character like any other."""
    for i in range(len(context) + 1):
        found = [character for character in _followers(text, context[i:]) if character != "\n"]
        if found and len(found) >= least:
            return _most_frequent(found)
    return None


@guess_next.mistake
def the_context_read_as_a_pattern(text, context, least):
    """You give the context to `re` as a pattern, in which a dot, a bracket, or a question mark means something else.
    `re.escape` makes plain characters of them."""
    for i in range(len(context) + 1):
        try:
            found = re.findall(f"(?={context[i:]}(.))", text, re.DOTALL)
        except re.error:
            continue
        if len(found) >= least:
            return _most_frequent(found)
    return None


@guess_next.mistake
def the_least_frequent(text, context, least):
    """You return the character that followed *least* often."""
    for i in range(len(context) + 1):
        found = _followers(text, context[i:])
        if len(found) >= least:
            return min(sorted(set(found)), key=found.count)
    return None


@guess_next.mistake
def least_asked_of_the_character(text, context, least):
    """You require that one *character* followed at least `least` times. It is the ending that has to occur so often,
    whatever follows."""
    for i in range(len(context) + 1):
        found = _followers(text, context[i:])
        if found and found.count(_most_frequent(found)) >= least:
            return _most_frequent(found)
    return None


@guess_next.mistake
def the_end_of_the_text_counted(text, context, least):
    """You count a place at the very end of the text, where nothing follows. Only the places that are followed by a
    character count toward `least`."""
    for i in range(len(context) + 1):
        found = _followers(text, context[i:])
        if found and len(found) + text.endswith(context[i:]) >= least:
            return _most_frequent(found)
    return None


@guess_next.mistake
def all_that_followed_most_often(text, context, least):
    """You return a table of what followed, or a list. One character is asked for: the most frequent, and of several the
    smallest."""
    for i in range(len(context) + 1):
        found = _followers(text, context[i:])
        if len(found) >= least:
            return Counter(found)
    return None
