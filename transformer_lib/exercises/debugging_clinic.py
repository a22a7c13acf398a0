"""Exercises of chapter 24: what a wrong mean does, and three patients."""

import numpy as np

from transformer_lib.exercises.engine import Question, exercise

IGNORED = -100

short_counts = Question(
    "24.short_counts",
    2.5,
    hint="Write down the weight of one token of the short micro-batch, once as the loop has it and once as it should "
    "be.",
    mistakes={
        4.0: "So much more does it count than a token of the long micro-batch. How much should it count?",
        0.625: "That is the factor for a token of the long micro-batch.",
        0.4: "You divided the right weight by the one it has.",
        1.6: "You took the long micro-batch, and divided the right weight by the one it has.",
        1 / 6: "That is the weight it has. Divide it by the weight it should have.",
        2.0: "There are two micro-batches, but a token's weight also depends on how many tokens share its mean.",
        1 / 15: "That is the weight it should have. How large is the one it has?",
        7.5: "That is the mean number of tokens. How much does one token of the short micro-batch weigh?",
        0.5: "That is the weight of the whole micro-batch. A single token of it is asked for.",
        5.0: "That is the number of short micro-batches that would hold all tokens.",
    },
)

reported = Question(
    "24.reported",
    1.52,
    hint="The report is a mean over all positions. How many of ten are text, and how many are padding?",
    mistakes={
        2.5: "That is what the model costs on text. The report counts padding, too.",
        1.275: "You averaged the two kinds as if there were as many positions of each.",
        1.03: "You exchanged the shares: 40 of 100 positions are padding.",
        1.5: "You counted padding as free. It costs a little, as the question says.",
        0.05: "That is what a position of padding costs.",
        0.98: "That is the difference between the report and the truth. The report itself is asked for.",
        2.48: "You subtracted the padding's share from the text's cost, which the report does not do.",
    },
    rtol=2e-3,
)


def gradients(generator):
    """One position; one that nothing was asked of; several, drawn as a cross-entropy gives them."""
    yield (np.array([[0.3, -0.5, 0.2]]),)
    yield (np.array([[0.2, 0.2, -0.4], [0.0, 0.0, 0.0], [-0.1, 0.04, 0.06]]),)
    for T, V, none in ((5, 4, [0]), (8, 7, [2, 7])):
        p = generator.dirichlet(np.ones(V), size=T)
        targets = generator.integers(V, size=T)
        gradient = (p - np.eye(V)[targets]) * generator.uniform(0.1, 1, size=(T, 1))
        gradient[none] = 0
        yield (gradient,)


@exercise(
    "24.asked",
    inputs=gradients,
    hint="In each row of softmax(logits) − onehot(target), which entry has another sign than the rest? And what is in "
    "the row of a position that is not scored?",
)
def asked(gradient):
    """The one entry below zero."""
    return [int(row.argmin()) if (row < 0).any() else -1 for row in gradient]


@asked.mistake
def where_it_is_largest(gradient):
    """You took the largest entry. It belongs to the wrong token that the model believes in most. A step goes against
    the gradient: which logit does it raise?"""
    return [int(row.argmax()) if (row < 0).any() else -1 for row in gradient]


@asked.mistake
def token_zero_for_nothing(gradient):
    """A position that is not scored has a gradient of 0 throughout. You say that it was asked for token 0."""
    return [int(row.argmin()) for row in gradient]


@asked.mistake
def left_out(gradient):
    """You leave out the positions that were not scored, so that the rest no longer stand where they belong. Return -1
    for them."""
    return [int(row.argmin()) for row in gradient if (row < 0).any()]


@asked.mistake
def over_positions(gradient):
    """You looked along the positions: which position has the lowest entry for each token? Each *row* belongs to a
    position."""
    return [int(column.argmin()) if (column < 0).any() else -1 for column in gradient.T]


def shares(generator):
    """Two ranks; one; more samples than a multiple of the ranks, once on a rank that reads one more; an epoch later."""
    yield 4, 0, 2, 0
    yield 4, 1, 2, 0
    yield 5, 0, 1, 3
    yield 7, 0, 3, 5
    yield 8, 2, 4, 1
    yield 10, 1, 3, 7
    yield 12, 3, 4, int(generator.integers(2, 100))


def shuffled(n, seed):
    """The numbers 0 … n − 1 in an order that follows from the seed."""
    return np.random.default_rng(seed).permutation(n)


def shuffled_share(n, rank, world, seed):
    """Every `world`-th sample, in an order that follows from the seed."""
    share = np.arange(n)[rank::world]
    return share[shuffled(len(share), seed)].tolist()


@exercise(
    "24.patient_a",
    inputs=shares,
    hint="Lay the lists of all ranks side by side for n=8 and world=4. Which numbers appear twice, and which never? "
    "What would have to be the same on all ranks for `[rank::world]` to deal each sample once?",
)
def patient_a(n, rank, world, seed):
    """One order for all, dealt out."""
    return shuffled(n, seed)[rank::world].tolist()


@patient_a.mistake
def an_order_of_its_own(n, rank, world, seed):
    """Every rank still shuffles with a seed of its own and then takes its share of *its* order. These shares overlap,
    and other samples are never read."""
    return shuffled(n, seed + rank)[rank::world].tolist()


@patient_a.mistake
def the_same_for_all(n, rank, world, seed):
    """All ranks now read the same samples, in the same order: as many processes do the work of one."""
    return shuffled(n, seed)[::world].tolist()


@patient_a.mistake
def everything(n, rank, world, seed):
    """Each rank reads the whole data. Together they should read it once."""
    return shuffled(n, seed).tolist()


@patient_a.mistake
def not_shuffled(n, rank, world, seed):
    """The shares fit together now, and the data is no longer shuffled. What did the seed have to do with the
    overlap?"""
    return list(range(n))[rank::world]


@patient_a.mistake
def dealt_and_shuffled(n, rank, world, seed):
    """You cut the data into shares first and shuffle within each. The shares fit together, but a rank meets the same
    samples in every epoch. Shuffle first, all ranks alike."""
    return shuffled_share(n, rank, world, seed)


@patient_a.mistake
def dealt_and_shuffled_apart(n, rank, world, seed):
    """You cut the data into shares first and shuffle each by a seed of its own. The shares fit together, but a rank
    meets the same samples in every epoch. Shuffle first, all ranks alike."""
    return shuffled_share(n, rank, world, seed + rank)


@patient_a.mistake
def without_the_rest(n, rank, world, seed):
    """Your ranks read equally many samples, and what does not divide evenly is never read."""
    return shuffled(n, seed)[rank : n // world * world : world].tolist()


@patient_a.mistake
def in_even_pieces(n, rank, world, seed):
    """You cut the common order into pieces, which is right too, but the loop deals the samples in turn, one to each
    rank: keep `[rank::world]`."""
    return np.array_split(shuffled(n, seed), world)[rank].tolist()


@patient_a.mistake
def in_one_piece(n, rank, world, seed):
    """Your shares are pieces of the common order, which is right too, but the loop deals the samples in turn, one to
    each rank: keep `[rank::world]`."""
    size = -(-n // world)
    return shuffled(n, seed)[rank * size : (rank + 1) * size].tolist()


def padded_rows(generator):
    """A row without padding; rows with; one that is all end; ends that were cut off."""
    yield [[5, 8, 2]], 2
    yield [[5, 2, 2, 2]], 2
    yield [[7, 9, 4, 2], [6, 2, 2, 2]], 2
    yield [[3, 3, 1, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 5]], 0
    rows = [
        [int(x) for x in generator.integers(3, 30, size=n)] + [2] * (9 - n) for n in generator.integers(2, 8, size=5)
    ]
    yield rows, 2


@exercise(
    "24.patient_b",
    inputs=padded_rows,
    hint="Which of the tokens `end` in a row is the end, and which are padding? What does the model learn about "
    "stopping if none of them is a target?",
)
def patient_b(rows, end):
    """Everything up to and with the first end is scored."""
    labels = []
    for row in rows:
        length = row.index(end) + 1 if end in row else len(row)
        labels.append([token if i < length else IGNORED for i, token in enumerate(row)][1:])
    return labels


@patient_b.mistake
def every_end_ignored(rows, end):
    """No target in your labels is the end. The model is never asked to stop, so it does not learn to: the first `end`
    of a row is text, and only those behind it are padding."""
    return [[IGNORED if token == end else token for token in row][1:] for row in rows]


@patient_b.mistake
def padding_scored(rows, end):
    """Now the model is asked for every token of the padding, too. Only the first `end` of a row is an end."""
    return [row[1:] for row in rows]


@patient_b.mistake
def the_last_one_scored(rows, end):
    """You score the last `end` of a row and ignore the ones before it. The text stops at the first."""
    labels = []
    for row in rows:
        ignored = [IGNORED if token == end else token for token in row]
        ignored[-1] = row[-1]
        labels.append(ignored[1:])
    return labels


@patient_b.mistake
def not_shifted(rows, end):
    """The right tokens are ignored, and each position is asked for the token that it reads. Targets begin at the second
    token."""
    return [[row[0], *labels] for row, labels in zip(rows, patient_b(rows, end), strict=True)]


@patient_b.mistake
def one_further(rows, end):
    """You score one token of padding behind the end. How long is the text, with its end?"""
    labels = []
    for row in rows:
        length = row.index(end) + 2 if end in row else len(row)
        labels.append([token if i < length else IGNORED for i, token in enumerate(row)][1:])
    return labels


@patient_b.mistake
def cut_off(rows, end):
    """You leave the padding out, so that rows of a batch have different lengths. Put -100 there."""
    return [[label for label in labels if label != IGNORED] for labels in patient_b(rows, end)]


def masks(generator):
    """A row without padding; padded at the left; both; one token alone."""
    yield (np.array([[1, 1, 1]], dtype=bool),)
    yield (np.array([[0, 1, 1]], dtype=bool),)
    yield (np.array([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]], dtype=bool),)
    lengths = generator.integers(1, 9, size=6)
    yield (np.arange(8)[None] >= 8 - lengths[:, None].clip(max=8),)


@exercise(
    "24.patient_c",
    inputs=masks,
    hint="At which position does the first real token of each row stand, and at which one would it stand without "
    "padding?",
)
def patient_c(mask):
    """Count the real tokens of each row; padding stands at 0."""
    return (mask.cumsum(axis=1) - 1).clip(min=0)


@patient_c.mistake
def columns(mask):
    """Every row still counts from its first column, padding included: a text that is padded by two starts at position
    2."""
    return np.broadcast_to(np.arange(mask.shape[1]), mask.shape)


@patient_c.mistake
def from_one(mask):
    """Your first real token stands at position 1. A text that is read alone begins at 0."""
    return mask.cumsum(axis=1)


@patient_c.mistake
def below_zero(mask):
    """Real tokens stand where they should. Padding stands at -1, for which there is no vector: put it at 0."""
    return mask.cumsum(axis=1) - 1


@patient_c.mistake
def further_below_zero(mask):
    """Real tokens stand where they should. Padding stands below 0, where there is no vector: put it at 0."""
    return np.arange(mask.shape[1]) - (~mask).sum(axis=1, keepdims=True)


@patient_c.mistake
def padding_at_one(mask):
    """Real tokens stand where they should. Padding stands at 1, which is harmless, since nothing attends to it; put it
    at 0, as the question says."""
    return np.where(mask, mask.cumsum(axis=1) - 1, 1)


@patient_c.mistake
def from_the_right(mask):
    """You count from the end: the last token of each row stands at 0."""
    return np.where(mask, np.arange(mask.shape[1])[::-1], 0)


@patient_c.mistake
def over_rows(mask):
    """You count down the rows. A position counts the tokens of its own row."""
    return (mask.cumsum(axis=0) - 1).clip(min=0)


def cuts(generator):
    """Equal rows; two micro-batches of unequal rows; a last one that is smaller; drawn lengths."""
    yield [2, 2], 1
    yield [1, 4], 1
    yield [3, 1, 4, 8], 2
    yield [3, 1, 4, 8, 2], 2
    yield [int(n) for n in generator.integers(1, 50, size=11)], 4


@exercise(
    "24.token_weights",
    inputs=cuts,
    hint="A token's weight is its micro-batch's share of the step, divided by what the micro-batch's mean divides by.",
)
def token_weights(lengths, rows):
    """1 / (micro-batches × tokens of the own one)."""
    parts = [lengths[i : i + rows] for i in range(0, len(lengths), rows)]
    return [1 / (len(parts) * sum(part)) for part in parts for _ in part]


@token_weights.mistake
def equal_weights(lengths, rows):
    """Those are the weights that the tokens *should* have. What does the mean over micro-batches make of them?"""
    return [1 / sum(lengths)] * len(lengths)


@token_weights.mistake
def means_of_rows(lengths, rows):
    """You take a mean over each row first. The loss of a micro-batch is a mean over all of its tokens."""
    parts = [lengths[i : i + rows] for i in range(0, len(lengths), rows)]
    return [1 / (len(parts) * len(part) * length) for part in parts for length in part]


@token_weights.mistake
def not_divided(lengths, rows):
    """Your weights sum to the number of micro-batches: their gradients are summed, and not averaged."""
    parts = [lengths[i : i + rows] for i in range(0, len(lengths), rows)]
    return [1 / sum(part) for part in parts for _ in part]


@token_weights.mistake
def of_micro_batches(lengths, rows):
    """You give a weight for each micro-batch, where one for each row is asked for."""
    parts = [lengths[i : i + rows] for i in range(0, len(lengths), rows)]
    return [1 / (len(parts) * sum(part)) for part in parts]
