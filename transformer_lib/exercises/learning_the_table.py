"""Exercises of chapter 04: the gradient, the floor, the window."""

import math

import numpy as np

from transformer_lib.exercises.engine import Question, exercise


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logits_and_targets(generator):
    """Vocabularies from two tokens on, with the target in different places."""
    yield np.zeros(2), 0
    yield np.array([1.0, 0.0, -1.0]), 2
    yield np.array([0.5, 2.0, 0.0]), 0
    yield generator.normal(size=6), 3


@exercise("04.softmax_gradient", inputs=logits_and_targets)
def softmax_gradient(logits, target):
    """What was believed, less what happened."""
    gradient = _softmax(logits)
    gradient[target] -= 1
    return gradient


@softmax_gradient.mistake
def uphill(logits, target):
    """The sign is turned round: this is what happened less what was believed. That is the direction of a
    *step*; the gradient of the loss points uphill. Should the loss grow or shrink when the target's logit
    grows?"""
    return -softmax_gradient(logits, target)


@softmax_gradient.mistake
def nothing_happened(logits, target):
    """That is what the model believed. What happened is still missing: the loss would push every logit down,
    the target's too."""
    return _softmax(logits)


@softmax_gradient.mistake
def one_subtracted_everywhere(logits, target):
    """1 is subtracted from every entry. It happened to one token: what is y for the others?"""
    return _softmax(logits) - 1


@softmax_gradient.mistake
def the_gradient_by_the_probability(logits, target):
    """You differentiate by the probability of the target, where the loss is -ln p. Asked is the slope for each
    *logit*: the softmax stands between, and it makes every probability depend on every logit."""
    p = _softmax(logits)
    gradient = np.zeros_like(p)
    gradient[target] = -1 / p[target]
    return gradient


@softmax_gradient.mistake
def the_gradient_of_the_probability(logits, target):
    """That is the gradient of p, the probability of the target. The loss is -ln p, and the logarithm makes it
    simpler than this."""
    p = _softmax(logits)
    return p[target] * ((np.arange(len(p)) == target) - p)


def tables_of_counts(generator):
    """Counts with zeros in them, rows of very different weight, and one dead row."""
    yield (np.array([[1, 1]]),)
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
    """You average over the rows as if each were read equally often. The loss is an average over the *text*: a
    row that is read eight times counts eight times."""
    seen = counts.sum(axis=1, keepdims=True)
    rows = (counts / np.maximum(seen, 1))[seen[:, 0] > 0]
    return float(_entropy(rows).mean())


@loss_floor.mistake
def the_entropy_of_pairs(counts):
    """That is the entropy of the pair, context and next token together. The context is known here: only what is
    still open about the next token counts."""
    return float(_entropy((counts / counts.sum()).ravel()))


@loss_floor.mistake
def the_entropy_without_context(counts):
    """That is how open the next token is when the context is *not* known: you summed over the contexts first.
    Which model has that as its floor?"""
    return float(_entropy(counts.sum(axis=0) / counts.sum()))


@loss_floor.mistake
def in_bits(counts):
    """That is the floor in bits. The loss is measured in nats."""
    return loss_floor(counts) / math.log(2)


@loss_floor.mistake
def zero_times_infinity(counts):
    """Somewhere you compute 0 · ln 0, which is not a number for NumPy. What never happens costs nothing: the
    limit of x ln x is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = counts / counts.sum(axis=1, keepdims=True)
        return float(-(counts.sum(axis=1, keepdims=True) / counts.sum() * rows * np.log(rows)).sum())


def texts_and_windows(generator):
    """Windows of one token and of several, in texts shorter and longer than the window."""
    yield np.array([4, 5]), 1, 0
    yield np.array([4, 5, 6]), 2, 0
    yield np.array([7]), 3, 9
    yield np.array([1, 2, 3, 4, 5]), 3, 0
    yield generator.integers(0, 20, size=9), 4, 20


@exercise("04.windows", inputs=texts_and_windows)
def windows(tokens, length, padding):
    """Put length - 1 paddings in front, and let row t begin at place t."""
    padded = np.concatenate([np.full(length - 1, padding), tokens])
    return np.stack([padded[t : t + length] for t in range(len(tokens))])


@windows.mistake
def the_window_stops_before_the_token(tokens, length, padding):
    """Row t ends with the token *before* place t. The window holds the current token as well: what it predicts
    is the one after it."""
    padded = np.concatenate([np.full(length, padding), tokens])
    return np.stack([padded[t : t + length] for t in range(len(tokens))])


@windows.mistake
def the_future_in_the_window(tokens, length, padding):
    """Row t begins at place t and looks ahead: the answer stands inside the question. A model trained on that
    scores wonderfully, and cannot write a word. Row t may see no token later than t."""
    padded = np.concatenate([tokens, np.full(length - 1, padding)])
    return np.stack([padded[t : t + length] for t in range(len(tokens))])


@windows.mistake
def padding_on_the_right(tokens, length, padding):
    """The right tokens, but the padding stands after them. What is missing is what came *before* the text, and
    the last column should always be the current token."""
    rows = np.full((len(tokens), length), padding)
    for t in range(len(tokens)):
        seen = tokens[max(0, t + 1 - length) : t + 1]
        rows[t, : len(seen)] = seen
    return rows


@windows.mistake
def newest_first(tokens, length, padding):
    """Your rows run backwards in time. It would train, as long as it is done the same way each time, but the
    text stands in the order in which it is read: the oldest first."""
    return windows(tokens, length, padding)[:, ::-1]


@windows.mistake
def only_the_full_windows(tokens, length, padding):
    """You give a row only to the tokens that have a full window before them, so that the first ones are never
    scored. What is the padding for?"""
    rows = windows(tokens, length, padding)[length - 1 :]
    return rows if len(rows) else np.zeros((0, length), dtype=int)


dead_row = Question(
    "04.dead_row",
    0.2,
    hint="What is the gradient of a row that is never read? So where is that row after training, and what does the "
    "softmax make of it?",
    mistakes={
        0: "For a probability of 0 a logit would have to go down for ever. What would push it there? Nothing ever read "
        "that row.",
        2 / 3: "That is what is learned after another word. This row is never read in training.",
        1: "Nothing ever followed it, so nothing was pushed up either.",
        0.5: "The softmax of equal logits is an even guess. Over how many words?",
    },
)

factorised_numbers = Question(
    "04.factorised_numbers",
    1152,
    hint="Two matrices: one with a row of d numbers for each token as a context, one with a column of d numbers for "
    "each token as what comes next.",
    mistakes={
        5184: "That is the full table, 72 times 72, and not the two thin ones.",
        576: "That is one of the two matrices. The other one turns the embedding back into 72 logits.",
        82944: "The two matrices are multiplied with each other; their numbers are added up.",
        41472: "That is 72 · 72 · 8. Which shapes do the two thin matrices have?",
        80: "That adds the sides of one matrix. How many cells does it have?",
    },
)
