"""Exercises of chapter 02: tables with a longer memory, and the smoothing they need."""

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


@seen_contexts.mistake
def the_order_of_the_tokens_lost(tokens, length):
    """You treat two contexts as one when they hold the same tokens in a different order, or a different number of
    times. A table does not: "not to" and "to not" are two rows."""
    return len({frozenset(tokens[i : i + length].tolist()) for i in range(len(tokens) - length)})


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
