"""Exercises of chapter 04: the gradient, the descent and its floor, the window, and a network that fills gaps."""

import math

import numpy as np

from transformer_lib.exercises.engine import Question, exercise


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logits_targets_and_scales(generator):
    """Vocabularies from two tokens on, with the target in different places."""
    yield np.zeros(2), 0, 2.0
    yield np.array([1.0, 0.0, -1.0]), 2, 0.5
    yield np.array([0.5, 2.0, 0.0, 1.0]), 0, 3.0
    yield generator.normal(size=6), 3, 1.5
    yield np.array([900.0, 901.0, 899.0]), 1, 2.0


@exercise("04.softmax_gradient", inputs=logits_targets_and_scales)
def softmax_gradient(logits, target, scale):
    """The chain rule puts the scale before what was believed, less what happened."""
    gradient = _softmax(scale * logits)
    gradient[target] -= 1
    return scale * gradient


def _target(logits, target):
    return (np.arange(len(logits)) == target).astype(float)


@softmax_gradient.mistake
def the_chain_rule_stops_at_the_scale(logits, target, scale):
    """That is the gradient with respect to the *scaled* logits. One more factor leads from there back to the original
    ones: by how much does a scaled logit change when the original changes by 1?"""
    return _softmax(scale * logits) - _target(logits, target)


@softmax_gradient.mistake
def the_probabilities_are_not_scaled(logits, target, scale):
    """You have the factor that the chain rule asks for, but your probabilities come from the original logits. Which
    logits does this softmax see?"""
    return scale * (_softmax(logits) - _target(logits, target))


@softmax_gradient.mistake
def the_scale_is_not_used(logits, target, scale):
    """That is the gradient of the chapter, in which nothing is scaled. Here the scale enters twice: in the
    probabilities, and in the chain rule."""
    return _softmax(logits) - _target(logits, target)


@softmax_gradient.mistake
def divided_by_the_scale(logits, target, scale):
    """You divide by the scale. If the scale is large, does a small change of a logit change the cost a lot, or only a
    little?"""
    return (_softmax(scale * logits) - _target(logits, target)) / scale


@softmax_gradient.mistake
def the_scale_reaches_only_the_belief(logits, target, scale):
    """You multiply the probabilities by the scale, but not the 1 of the target. The chain rule puts the factor in front
    of the whole difference."""
    return scale * _softmax(scale * logits) - _target(logits, target)


@softmax_gradient.mistake
def the_scale_taken_for_a_temperature(logits, target, scale):
    """You divide the logits by the number, as a temperature does. Here the logits are multiplied by it."""
    return (_softmax(logits / scale) - _target(logits, target)) / scale


@softmax_gradient.mistake
def uphill(logits, target, scale):
    """The sign is reversed: this is what happened minus what was believed. That is the direction of a *step*, but the
    gradient of the cost points uphill. Does the cost grow or shrink when the target's logit grows?"""
    return -softmax_gradient(logits, target, scale)


@softmax_gradient.mistake
def only_the_cell_of_the_target(logits, target, scale):
    """Only the target's entry is there. The other logits stand in the denominator of the softmax, so raising one of
    them takes probability away from the target."""
    return softmax_gradient(logits, target, scale) * _target(logits, target)


@softmax_gradient.mistake
def nothing_happened(logits, target, scale):
    """That is what the model believed, times the scale. What happened is still missing: with this gradient a step
    would lower every logit, the target's too."""
    return scale * _softmax(scale * logits)


@softmax_gradient.mistake
def one_subtracted_everywhere(logits, target, scale):
    """You subtract 1 from every entry, but only one token came. What is y for the other tokens?"""
    return scale * (_softmax(scale * logits) - 1)


@softmax_gradient.mistake
def logits_are_no_probabilities(logits, target, scale):
    """You subtract the target from the logits themselves. What the model believed is a row of probabilities: which
    function makes them from the logits?"""
    return scale * (scale * logits - _target(logits, target))


@softmax_gradient.mistake
def a_mean_over_the_vocabulary(logits, target, scale):
    """Everything is divided by the number of tokens in the vocabulary. There is one cost here, that of the target, and
    nothing to average over."""
    return softmax_gradient(logits, target, scale) / len(logits)


@softmax_gradient.mistake
def the_gradient_of_the_probability(logits, target, scale):
    """That is the gradient of p, the probability of the target. The cost is -ln p, and the logarithm makes the result
    simpler than this."""
    return -_softmax(scale * logits)[target] * softmax_gradient(logits, target, scale)


@softmax_gradient.mistake
def the_exponential_overflows(logits, target, scale):
    """Right for small logits. The exponential of a logit in the hundreds is larger than any float, and infinity divided
    by infinity is not a number. What can you subtract from all logits without changing a probability?"""
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(scale * logits)
        return scale * (e / e.sum() - _target(logits, target))


@softmax_gradient.mistake(
    what={
        "the target's entry alone, one number": lambda g, t: g[t],
        "the sum of the entries, which is always 0": lambda g, t: g.sum(),
    }
)
def one_number(logits, target, scale, *, what):
    """You return {what}. A gradient has one entry for each logit: all of them stand in the denominator of the
    softmax."""
    return what(softmax_gradient(logits, target, scale), target)


@softmax_gradient.mistake
def the_probabilities_scaled(logits, target, scale):
    """You multiply the *probabilities* by the scale. It is the logits that are multiplied, before the softmax, and the
    chain rule then puts a factor in front of the whole difference."""
    return scale * _softmax(logits) - _target(logits, target)


@softmax_gradient.mistake
def the_cost_itself(logits, target, scale):
    """That is the cost, -ln p. The exercise asks for its derivative with respect to each logit."""
    return -np.log(_softmax(scale * logits)[target])


@softmax_gradient.mistake
def the_scale_squared(logits, target, scale):
    """The scale stands before the difference twice. The chain rule brings it once."""
    return scale * softmax_gradient(logits, target, scale)


def tables_of_counts(generator):
    """Counts with zeros in them, rows of very different weight, and one dead row."""
    yield (np.array([[1, 1], [0, 0]]),)
    yield (np.array([[1, 1], [2, 0]]),)
    yield (np.array([[0, 8, 0], [1, 1, 0], [0, 0, 0]]),)
    yield (np.array([[2, 1, 0], [0, 3, 9], [4, 4, 4]]),)
    yield (generator.integers(0, 9, size=(6, 6)),)


def _entropy(p):
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)


@exercise("04.loss_floor", inputs=tables_of_counts)
def loss_floor(counts):
    """The entropy of each row, weighted by how often the row is read."""
    seen = counts.sum(axis=1, keepdims=True)
    rows = counts / np.maximum(seen, 1)
    return float((seen[:, 0] / counts.sum() * _entropy(rows)).sum())


@loss_floor.mistake
def every_row_weighs_the_same(counts):
    """You average over the rows as if each were read equally often. The loss is an average over the *text*, so a
    row that is read eight times counts eight times."""
    seen = counts.sum(axis=1, keepdims=True)
    rows = (counts / np.maximum(seen, 1))[seen[:, 0] > 0]
    return float(_entropy(rows).mean())


@loss_floor.mistake
def dead_rows_share_in_the_mean(counts):
    """You average over all rows, and the dead ones count as rows without uncertainty. No pair begins in a dead row, so
    how much should it weigh in a mean over the pairs?"""
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(_entropy(rows).mean())


@loss_floor.mistake
def the_entropies_added_up(counts):
    """You add up the entropies of the rows. The loss is a mean over pairs, so each row's entropy has to be weighted by
    the share of the pairs that begin with its token."""
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(_entropy(rows).sum())


@loss_floor.mistake
def a_smoothed_table(counts):
    """Your table is smoothed, and smoothing costs something on the text that was counted. Which table is the best on
    this very text?"""
    smoothed = counts + 1
    return float(-(counts * np.log(smoothed / smoothed.sum(axis=1, keepdims=True))).sum() / counts.sum())


@loss_floor.mistake
def an_even_guess(counts):
    """That is the price of an even guess, the loss before the first step. The floor is where descent ends."""
    return math.log(len(counts))


@loss_floor.mistake
def the_entropy_of_pairs(counts):
    """That is the entropy of the pair, context and next token together. Here the context is known, so only the
    uncertainty about the next token counts."""
    return float(_entropy((counts / counts.sum()).ravel()))


@loss_floor.mistake
def the_entropy_without_context(counts):
    """That is the uncertainty about the next token when the context is *not* known: you summed over the contexts
    first. Which model has this as its floor?"""
    return float(_entropy(counts.sum(axis=0) / counts.sum()))


@loss_floor.mistake
def in_bits(counts):
    """That is the floor in bits. The loss is measured in nats."""
    return loss_floor(counts) / math.log(2)


@loss_floor.mistake
def zero_times_infinity(counts):
    """Somewhere you compute 0 · ln 0, which is not a number in NumPy. What never happens costs nothing: as x goes
    to 0, so does x ln x."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = counts / counts.sum(axis=1, keepdims=True)
        return float(-(counts.sum(axis=1, keepdims=True) / counts.sum() * rows * np.log(rows)).sum())


@loss_floor.mistake
def the_sum_over_the_text(counts):
    """That is the cost of the whole text. The loss is asked *per pair*: how many pairs are there?"""
    return loss_floor(counts) * float(counts.sum())


@loss_floor.mistake
def rows_and_columns_swapped(counts):
    """You condition on the next token: that is the uncertainty about the *context* when the next token is known. Row i
    holds what followed token i."""
    return loss_floor(counts.T)


@loss_floor.mistake
def divided_by_the_number_of_rows(counts):
    """You add up the costs of all pairs and divide by the number of *rows*. The loss is a mean over the pairs: how many
    are there?"""
    return loss_floor(counts) * float(counts.sum()) / len(counts)


@loss_floor.mistake
def dead_rows_guess(counts):
    """You charge a dead row with an even guess and average over all rows. No pair begins in a dead row, so it costs
    nothing at all; and each of the others counts as often as it is read."""
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(np.where(counts.any(axis=1), _entropy(rows), math.log(len(counts))).mean())


@loss_floor.mistake(times={"how often it came": True, "how often the row was read": False})
def only_the_likeliest(counts, *, times):
    """You charge each row only with the cost of its likeliest next token, times {times}. The other tokens of the row
    came as well, and cost more."""
    best, seen = counts.max(axis=1), counts.sum(axis=1)
    alive = seen > 0
    weights = best if times else seen
    return float(-(weights[alive] * np.log(best[alive] / seen[alive])).sum() / counts.sum())


@loss_floor.mistake
def each_pair_once(counts):
    """You count each kind of pair once, however often it occurs. The loss is a mean over all pairs of the text."""
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(-np.log(rows[counts > 0]).mean())


@loss_floor.mistake
def the_perplexity(counts):
    """That is a perplexity. The loss is its natural logarithm."""
    return math.exp(loss_floor(counts))


@loss_floor.mistake
def the_logarithm_of_the_mean(counts):
    """You average the probabilities first and then take the logarithm. The loss averages the costs."""
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(-np.log((counts * rows).sum() / counts.sum()))


def counts_and_descents(generator):
    """A few steps on small tables, some rows dead; more steps on a larger one."""
    yield np.array([[0, 2], [0, 0]]), 1, 0.5
    yield np.array([[0, 2, 0], [0, 0, 1], [3, 1, 0]]), 3, 2.0
    yield np.array([[0, 8, 0], [1, 1, 0], [0, 0, 0]]), 20, 1.0
    yield generator.integers(0, 6, size=(5, 5)), 7, 3.0


def _descent(counts, steps, learning_rate, *, divisor=None, axis=-1, rows=None):
    W = np.zeros(counts.shape)
    seen = counts.sum(axis=1, keepdims=True) if rows is None else rows
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(steps):
            e = np.exp(W - W.max(axis=axis, keepdims=True))
            slopes = seen * e / e.sum(axis=axis, keepdims=True) - counts
            W = W - learning_rate * slopes / (counts.sum() if divisor is None else divisor)
    return W


@exercise("04.descend", inputs=counts_and_descents, seconds=30.0)  # an optimizer of PyTorch is slow to import
def descend(counts, steps, learning_rate):
    """A row's slope is its probabilities times how often it was read, less its counts, over all pairs."""
    W = np.zeros(counts.shape)
    read = counts.sum(axis=1, keepdims=True)
    for _ in range(steps):
        W -= learning_rate * (read * _softmax(W) - counts) / counts.sum()
    return W


@descend.mistake
def climbing(counts, steps, learning_rate):
    """Your table moves *with* the gradient, so the loss grows at every step. After one step from zeros, the logit of a
    pair that was seen often should be positive."""
    return _descent(counts, steps, -learning_rate)


@descend.mistake
def a_sum_and_no_mean(counts, steps, learning_rate):
    """You descend on the *sum* of all costs. The loss is their mean, so every slope is smaller by the same factor: the
    number of pairs."""
    return _descent(counts, steps, learning_rate, divisor=1)


@descend.mistake
def every_row_at_the_same_speed(counts, steps, learning_rate):
    """You divide each row by how often that row was read. In the mean over the *text*, a row that is rarely read has
    small slopes and moves slowly."""
    return _descent(counts, steps, learning_rate, divisor=np.maximum(counts.sum(axis=1, keepdims=True), 1))


@descend.mistake
def dead_rows_are_divided_by_zero(counts, steps, learning_rate):
    """You divide by the sum of each row, and for a dead row this sum is 0, which leaves NaN. What is the gradient of a
    row that was never read?"""
    return _descent(counts, steps, learning_rate, divisor=counts.sum(axis=1, keepdims=True))


@descend.mistake
def dead_rows_sink(counts, steps, learning_rate):
    """Each row moves by its own probabilities minus its own shares, so every row learns at the same speed, and the rows
    that were never read move as well. How often does the mean over all pairs visit each row?"""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return _descent(shares, steps, learning_rate, divisor=1, rows=1)


@descend.mistake
def shares_of_the_text_against_shares_of_a_row(counts, steps, learning_rate):
    """You compare the probabilities of a row, which sum to 1, with counts divided by the number of *all* pairs, which
    do not. Weight the probabilities by the share of the pairs that begin with this token."""
    return _descent(counts / counts.sum(), steps, learning_rate, divisor=1, rows=1)


@descend.mistake
def each_row_counted_once(counts, steps, learning_rate):
    """The probabilities of a row should be weighted by how often the row was read: every one of its pairs adds them
    once. As it is, the counts of a row that was read often always win."""
    return _descent(counts, steps, learning_rate, rows=1)


@descend.mistake
def probabilities_down_the_columns(counts, steps, learning_rate):
    """Your softmax runs down the columns. Each *row* is a distribution over what comes next."""
    return _descent(counts, steps, learning_rate, axis=0)


@descend.mistake
def one_step_too_many(counts, steps, learning_rate):
    """That is the table one step later. How often does your loop run if one step is asked for?"""
    return _descent(counts, steps + 1, learning_rate)


@descend.mistake
def one_step_too_few(counts, steps, learning_rate):
    """That is the table one step earlier. How often does your loop run if one step is asked for?"""
    return _descent(counts, steps - 1, learning_rate)


@descend.mistake
def probabilities_in_place_of_logits(counts, steps, learning_rate):
    """You return what softmax makes of the table. The logits themselves are asked for."""
    return _softmax(_descent(counts, steps, learning_rate))


def _descent_by(counts, steps, learning_rate, slopes):
    W = np.zeros(counts.shape)
    for _ in range(steps):
        W = W - learning_rate * slopes(W)
    return W


@descend.mistake
def each_kind_of_pair_once(counts, steps, learning_rate):
    """You count each kind of pair once, however often it occurs. The loss is a mean over all pairs of the text."""
    return descend((counts > 0).astype(int), steps, learning_rate)


@descend.mistake(
    number={
        "different pairs": lambda counts: np.count_nonzero(counts),
        "rows": len,
        "cells of the table": lambda counts: counts.size,
        "rows that are not dead": lambda counts: counts.any(axis=1).sum(),
    }
)
def divided_by_another_number(counts, steps, learning_rate, *, number):
    """You divide the gradient by the number of {number}. The loss is a mean over all pairs of the text: how many are
    there?"""
    return _descent(counts, steps, learning_rate, divisor=number(counts))


@descend.mistake
def softmax_of_the_whole_table(counts, steps, learning_rate):
    """Your softmax runs over the whole table, as if it held the probabilities of pairs. Each *row* is a distribution
    over what comes next."""
    T = counts.sum()
    return _descent_by(counts, steps, learning_rate, lambda W: _softmax(W.ravel()).reshape(W.shape) - counts / T)


@descend.mistake
def how_often_a_token_came(counts, steps, learning_rate):
    """You weight a row by a sum of a *column*, which says how often the token came next. How often was the row read?"""
    return _descent(counts, steps, learning_rate, rows=counts.sum(axis=0))


@descend.mistake
def how_often_each_token_came(counts, steps, learning_rate):
    """You weight each row by the sum of the column with its number, which says how often the token came next. How often
    was the row read?"""
    return _descent(counts, steps, learning_rate, rows=counts.sum(axis=0)[:, None])


@descend.mistake(least=["1e-12", "1e-10", "1e-9", "1e-8", "1e-6", "0"])
def where_descent_would_end(counts, steps, learning_rate, *, least):
    """Yours is the logarithm of the counted shares, with {least} for what was not seen. There descent would end after
    endless steps; the answer is where it stands after `steps` of them."""
    with np.errstate(divide="ignore"):
        p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return np.log(np.where(p > 0, p, float(least)))


@descend.mistake
def rows_transposed(counts, steps, learning_rate):
    """Your table is the right one for the transposed counts. Row i holds what came after token i."""
    return descend(counts.T, steps, learning_rate)


@descend.mistake
def one_step_of_all(counts, steps, learning_rate):
    """You compute the gradient once, at zeros, and take all steps along it. After each step the gradient is another
    one."""
    return steps * descend(counts, 1, learning_rate)


def texts_and_windows(generator):
    """Windows of one token and of several, in texts shorter and longer than the window."""
    yield np.array([4, 5]), 1, 0
    yield np.array([4, 5, 6]), 2, 0
    yield np.array([7]), 3, 9
    yield np.array([3, 8, 6, 2]), 3, 1
    yield np.array([1, 2, 3, 4, 5]), 3, 0
    yield generator.integers(0, 20, size=9), 4, 20


@exercise("04.windows", inputs=texts_and_windows)
def windows(tokens, length, padding):
    """Put length - 1 paddings in front, and let row t begin at place t."""
    padded = np.concatenate([np.full(length - 1, padding), tokens])
    return np.stack([padded[t : t + length] for t in range(len(tokens))])


@windows.mistake
def the_window_stops_before_the_token(tokens, length, padding):
    """Your row t ends with the token *before* position t. The window includes the current token, since the network
    predicts the token after it."""
    padded = np.concatenate([np.full(length, padding), tokens])
    return np.stack([padded[t : t + length] for t in range(len(tokens))])


@windows.mistake
def one_row_too_many(tokens, length, padding):
    """You have one row too many: the first holds nothing but padding and ends before the text begins. Row 0 should end
    with the first token."""
    padded = np.concatenate([np.full(length, padding), tokens])
    return np.stack([padded[t : t + length] for t in range(len(tokens) + 1)])


@windows.mistake
def the_future_in_the_window(tokens, length, padding):
    """Your row t begins at position t and looks ahead, so the answer stands inside the question. A model trained on
    this scores very well and cannot write a word. Row t may contain no token later than t."""
    padded = np.concatenate([tokens, np.full(length - 1, padding)])
    return np.stack([padded[t : t + length] for t in range(len(tokens))])


@windows.mistake
def wrapped_around(tokens, length, padding):
    """Before the text begins, your rows continue with its *end*, as negative indices in Python do. These positions
    should hold the padding."""
    return np.stack([tokens[np.arange(t + 1 - length, t + 1) % len(tokens)] for t in range(len(tokens))])


@windows.mistake
def padding_on_the_right(tokens, length, padding):
    """The tokens are right, but the padding stands after them. What is missing is what came *before* the text, and
    the last column should always be the current token."""
    rows = np.full((len(tokens), length), padding)
    for t in range(len(tokens)):
        seen = tokens[max(0, t + 1 - length) : t + 1]
        rows[t, : len(seen)] = seen
    return rows


@windows.mistake
def newest_first(tokens, length, padding):
    """Your rows run backward in time. A network could be trained on them, but the exercise asks for the order of the
    text: the oldest token first."""
    return windows(tokens, length, padding)[:, ::-1]


@windows.mistake
def only_the_full_windows(tokens, length, padding):
    """You give a row only to tokens that have a full window, so the first tokens of a text are never used. What is the
    padding for?"""
    rows = windows(tokens, length, padding)[length - 1 :]
    return rows if len(rows) else np.zeros((0, length), dtype=int)


@windows.mistake
def padded_with_zeros(tokens, length, padding):
    """Right where the padding is 0. You pad with zeros whatever `padding` says, and 0 may be the id of a token."""
    return windows(tokens, length, 0)


@windows.mistake
def rows_of_different_lengths(tokens, length, padding):
    """Your first rows are shorter than the others. Every row has `length` ids: what is missing before the text is the
    padding."""
    return [tokens[max(0, t + 1 - length) : t + 1].tolist() for t in range(len(tokens))]


@windows.mistake(end={"last": slice(None, -1), "first": slice(1, None)})
def one_row_too_few(tokens, length, padding, *, end):
    """You leave out the {end} row. There is one for each token of the text, the first and the last included."""
    rows = windows(tokens, length, padding)[end]
    return rows if len(rows) else np.zeros((0,), dtype=int)


@windows.mistake
def the_first_token_repeated(tokens, length, padding):
    """Before the text begins, your rows repeat its first token. These positions should hold the padding."""
    places = np.arange(len(tokens))[:, None] + np.arange(length) - (length - 1)
    return tokens[np.maximum(places, 0)]


@windows.mistake
def windows_end_to_end(tokens, length, padding):
    """Your windows lie end to end. Each row begins one token after the row before it."""
    return windows(tokens, length, padding)[::length]


@windows.mistake
def one_column_too_many(tokens, length, padding):
    """Your rows are one token too long: `length` counts the current token as well."""
    return windows(tokens, length + 1, padding)


def languages_with_gaps(generator):
    """Two groups of first words and two of second words: what comes third depends on whether their groups match."""
    for size in (4, 5):
        ids = generator.permutation(4 * size + 4)
        first, second, third = np.split(ids, [2 * size, 4 * size])
        kind = np.where(np.arange(2 * size) < size, 1, -1)
        gaps = {(0, 0), (1, size), (size, 1), (size + 1, size + 1)}  # one of each kind, and no word in two
        rows = [
            (first[a], second[b], thing)
            for a in range(2 * size)
            for b in range(2 * size)
            if (a, b) not in gaps
            for thing in (third[:2] if kind[a] == kind[b] else third[2:])
        ]
        rows = generator.permutation(np.array(rows))
        questions = np.array([[first[a], second[b]] for a, b in sorted(gaps)])
        yield rows[:, :2], rows[:, 2], questions, len(ids)


def _about_the_same(expected, given):
    """Whether each row is a distribution, and at most a tenth of its probability stands elsewhere."""
    expected, given = np.asarray(expected, dtype=float), np.asarray(given, dtype=float)
    if given.shape != expected.shape or (given < 0).any() or not np.allclose(given.sum(axis=1), 1, atol=1e-3):
        return False
    return bool((np.abs(given - expected).sum(axis=1) <= 0.2).all())


@exercise(
    "04.fill_the_gaps",
    inputs=languages_with_gaps,
    compare=_about_the_same,
    seconds=90.0,
    hint="Look at the probabilities of one question. If they are spread evenly, train for longer, or try another "
    "seed: a "
    "network as narrow as the chapter's may fail by bad luck, and a wider one hardly ever does. "
    "If they do not sum to 1, you may be returning logits.",
)
def fill_the_gaps(contexts, targets, questions, vocab_size):
    """Which two words match is a matrix of signs of rank one, and its largest singular vectors fill its gaps."""
    things = set(targets[(contexts == contexts[0]).all(axis=1)].tolist())
    signs = np.zeros((vocab_size, vocab_size))
    signs[contexts[:, 0], contexts[:, 1]] = [1 if thing in things else -1 for thing in targets.tolist()]
    left, _, right = np.linalg.svd(signs)
    others = set(targets.tolist()) - things
    p = np.zeros((len(questions), vocab_size))
    for row, (a, b) in zip(p, questions.tolist(), strict=True):
        row[list(things if left[a, 0] * right[0, b] > 0 else others)] = 0.5
    return p


@fill_the_gaps.mistake
def backing_off_to_the_second_word(contexts, targets, questions, vocab_size):
    """You spread the probability over the right words and the wrong ones, about as they followed one of the two words
    alone. A table that backs off does this, and so does a network that adds up its two words. Is there a nonlinear
    function between your two layers, and has the training loss come down?"""
    p = np.zeros((len(questions), vocab_size))
    for row, (_, b) in zip(p, questions.tolist(), strict=True):
        np.add.at(row, targets[contexts[:, 1] == b], 1)
    return p / p.sum(axis=1, keepdims=True)


@fill_the_gaps.mistake
def nothing_learned(contexts, targets, questions, vocab_size):
    """Every word of the vocabulary gets about the same probability. Look at the scores before softmax. If they are all
    alike, too: does your loop call backward and step, and does the optimizer have the parameters of this network? If
    they differ: how often is softmax applied to them, in training and afterwards?"""
    return np.full((len(questions), vocab_size), 1 / vocab_size)


@fill_the_gaps.mistake
def the_wrong_things(contexts, targets, questions, vocab_size):
    """You give nearly everything to the words that do *not* belong there. Compare your probabilities for a context that
    occurs in training with the words that followed it."""
    p = fill_the_gaps(contexts, targets, questions, vocab_size)
    known = np.isin(np.arange(vocab_size), targets)
    return np.where(known & (p == 0), 0.5, 0.0)


@fill_the_gaps.mistake
def answers_for_the_training_contexts(contexts, targets, questions, vocab_size):
    """You return a row for each *training* context. The network is to be asked the questions, which it has not seen."""
    p = np.zeros((len(contexts), vocab_size))
    for row, context in zip(p, contexts, strict=True):
        np.add.at(row, targets[(contexts == context).all(axis=1)], 1)
    return p / p.sum(axis=1, keepdims=True)


dead_row = Question(
    "04.dead_row",
    0.6,
    hint="What is the gradient of a row that is never read? So which logits does the row have after training, and what "
    "does softmax make of them?",
    mistakes={
        0.2: "That would be so if the row had started with zeros. With which logits did it start this time, and what "
        "has moved them?",
        0: "For a probability of 0 the logit would have to fall without end. What would push it down? No pair begins "
        "with *oranges*.",
        2 / 3: "If you took what is learned in the row of *love*: the row of *oranges* is never read in training. If "
        "you divided 6 by 9: there are four other words, not three, and the exponential of 0 is 1.",
        1: "If you divided the logit by the sum of the logits: softmax divides *exponentials*, and that of 0 is not "
        "0. If you let training raise the logit: nothing ever followed *oranges*, so no step did.",
        math.log(6): "That is the logit. Softmax still has to turn the row into probabilities.",
        6: "That is the exponential of the logit. It still has to be divided by the sum over the whole row.",
        1.2: "A probability cannot be above 1. Each of the five words has a share in the denominator, and the "
        "exponential of 0 is not 0.",
        math.log(6)
        / (
            math.log(6) + 4
        ): "You took the exponential of the zeros and not of the logit of *love*. Softmax takes the exponential of "
        "every logit.",
        1 / 3: "That is a counted share from another row. No pair begins with *oranges*, so this row keeps the logits "
        "with which it started.",
        6
        / 7: "You counted the other four words as one. Each of them has an exponential of its own in the denominator.",
        0.4: "That is the share of the four other words together.",
        0.1: "That is the probability of one of the other words. Which one is asked for?",
        1.5: "You divided by the other four only. The denominator holds the exponential of *love* as well.",
        6 / 11: "You counted five other words. There are five words in all, and one of them is *love*.",
    },
)

wider_window = Question(
    "04.wider_window",
    367_464,
    hint="Which matrices change their shape when the window grows, and which do not? Count what is added.",
    mistakes={
        427_140: "You scaled the whole network by 20/8. Only one of its matrices grows with the window.",
        341_712: "You doubled the network. Only one of its matrices grows, and the window does not double either.",
        498_536: "You added twenty blocks of weights. Eight of them were there before.",
        364_544: "Those are $W_1$ and $W_2$. The embeddings and the biases are parameters, too.",
        613_224: "What you added is a multiple of the vocabulary. Did $W_2$ grow? The number of hidden units stays "
        "as it is. Or does each new place bring the vocabulary to $W_1$? How long is what stands for a character?",
        327_680: "That is $W_1$ alone. The embeddings, $W_2$, and the biases are there as well.",
        196_608: "That is what is added. How many parameters are there in all?",
        367_848: "You also added embeddings for the new positions. The table of embeddings has a row per character, "
        "wherever the character stands.",
        170_856: "That is the network as it was. Each hidden unit is connected to every component of every embedding "
        "in the window, so a wider window brings new weights.",
        171_240: "You added D for each new position. Every component of its embedding is connected to every hidden "
        "unit.",
        177_000: "You added F for each new position. Every hidden unit is connected to every component of the "
        "embedding.",
    },
)
