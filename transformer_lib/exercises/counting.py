"""Exercises of chapter 01: counting which token follows which."""

import itertools
import math

import numpy as np

from transformer_lib.exercises.engine import Question, exercise


def token_sequences(generator):
    """Sequences from one token on, over vocabularies in which some token may never occur."""
    for length, vocab_size in ((1, 2), (2, 2), (3, 3), (5, 3), (8, 4), (40, 6), (200, 9)):
        yield generator.integers(0, vocab_size, size=length), vocab_size
    yield np.array([1, 1, 1, 0]), 3
    yield np.ones(300, dtype=int), 2  # more pairs than a byte can count


@exercise("01.bigram_counts", inputs=token_sequences)
def bigram_counts(tokens, vocab_size):
    """Count how often token j comes right after token i: a (V, V) table."""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    np.add.at(table, (tokens[:-1], tokens[1:]), 1)
    return table


@bigram_counts.mistake
def rows_and_columns_swapped(tokens, vocab_size):
    """Row i of the table should say what follows token i. Row i of yours says what came before it: which of the
    two indices should come first, the current token or the next one?"""
    return bigram_counts(tokens, vocab_size).T


@bigram_counts.mistake
def each_pair_counted_once(tokens, vocab_size):
    """Your table says which pairs occur; it should say how often. With whole arrays of indices, `table[i, j] +=
    1` adds one to a cell only once, however often the cell is named. What adds one each time?"""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    table[tokens[:-1], tokens[1:]] += 1
    return table


@bigram_counts.mistake
def every_other_pair_skipped(tokens, vocab_size):
    """You cut the sequence into pairs that do not overlap. A token in the middle is the second of one pair and
    the first of the next, so there are as many pairs as tokens, less one."""
    firsts, seconds = tokens[:-1:2], tokens[1::2]
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    np.add.at(table, (firsts, seconds), 1)
    return table


@bigram_counts.mistake
def the_end_runs_into_the_beginning(tokens, vocab_size):
    """You count one pair too many, of the last token and the first. Nothing follows the last token, but an index
    that wraps around to the start, as with -1 or np.roll, gives it a successor."""
    table = bigram_counts(tokens, vocab_size)
    table[tokens[-1], tokens[0]] += 1
    return table


def tables_of_counts(generator):
    """Tables from 1 by 1 on; later ones have rows without counts, and columns whose sums differ from those of the
    rows."""
    yield (np.array([[3]]),)
    yield (np.array([[1, 1], [3, 1]]),)
    yield (np.array([[1, 3], [0, 0]]),)
    yield (np.array([[0, 2, 2], [5, 0, 0], [0, 0, 0]]),)
    yield (np.array([[0, 2, 0], [0, 1, 0], [0, 0, 0]]),)
    yield (generator.integers(0, 4, size=(5, 5)) * np.array([[1], [0], [1], [1], [0]]),)


@exercise("01.transition_matrix", inputs=tables_of_counts)
def transition_matrix(counts):
    """Divide each row by its sum; a row of zeros becomes the uniform distribution."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), 1 / len(counts))


@transition_matrix.mistake
def columns_divided_instead_of_rows(counts):
    """Your columns sum to 1, which answers a different question: given the next token, which one stood before it?
    Here the current token is given, and each row belongs to one. Along which axis should you sum?"""
    totals = counts.sum(axis=0, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, 1), 1 / len(counts))


@transition_matrix.mistake
def rows_divided_along_the_wrong_axis(counts):
    """The sums are right, but you divide along the wrong axis: a (V,) array of row sums lines up with the columns.
    What shape must the sums have, so that each row is divided by its own?"""
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts / counts.sum(axis=1)


@transition_matrix.mistake
def the_whole_table_divided_by_its_sum(counts):
    """Your whole table sums to 1: those are the probabilities of *pairs*. The question is what comes next when
    the first of the two is known."""
    return np.where(counts.sum(axis=1, keepdims=True) > 0, counts / max(counts.sum(), 1), 1 / len(counts))


@transition_matrix.mistake
def dead_rows_not_a_number(counts):
    """Rows with counts are right. In a row without counts you divide 0 by 0, which NumPy calls nan, and nan spreads
    to whatever is computed from it. What should such a row become?"""
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)


@transition_matrix.mistake
def dead_rows_left_at_zero(counts):
    """Rows with counts are right. A row of zeros is not a distribution, though, because nothing can be drawn from it.
    What should a row without counts become?"""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


@transition_matrix.mistake
def one_added_to_every_count(counts):
    """This is add-one smoothing: the rows without counts come out as asked, but every other row has changed as well.
    Only the rows without counts should become uniform."""
    return (counts + 1) / (counts + 1).sum(axis=1, keepdims=True)


def probabilities_given(generator):
    """What a model gave to the tokens that came, from one token to so many that their product would underflow."""
    yield (np.array([0.25]),)
    yield (np.array([0.5, 0.125]),)
    yield (np.array([1.0, 0.1, 0.4]),)
    yield (np.array([0.5, 1e-12]),)
    yield (generator.uniform(0.01, 1.0, size=20),)
    yield (generator.uniform(0.01, 0.3, size=2000),)


@exercise("01.perplexity", inputs=probabilities_given)
def perplexity(probabilities):
    """The exponential of the mean of -ln p."""
    return np.exp(-np.mean(np.log(probabilities)))


@perplexity.mistake
def the_cross_entropy_itself(probabilities):
    """That is the cross-entropy, in nats. Perplexity states the same result as a number of choices: for which n is
    ln n equal to what you have?"""
    return -np.mean(np.log(probabilities))


@perplexity.mistake
def the_cross_entropy_in_bits(probabilities):
    """That is the cross-entropy, in bits. Perplexity states the same result as a number of choices."""
    return -np.mean(np.log2(probabilities))


@perplexity.mistake
def a_power_of_two_of_nats(probabilities):
    """You mix two logarithms: the mean is in nats, but you undo it as if it were in bits. Which base undoes the
    natural logarithm?"""
    return 2 ** -np.mean(np.log(probabilities))


@perplexity.mistake
def summed_instead_of_averaged(probabilities):
    """A text twice as long is not twice as hard. Yours grows with the number of tokens, until it overflows:
    what divides the sum of the logarithms?"""
    with np.errstate(over="ignore"):
        return np.exp(-np.sum(np.log(probabilities)))


@perplexity.mistake
def one_over_the_mean_probability(probabilities):
    """You average the probabilities and then take one over the average. One token at 0.001 hardly moves that
    average, although it ruins the product. Which average fits numbers that are multiplied?"""
    return 1 / np.mean(probabilities)


@perplexity.mistake
def the_mean_of_one_over_p(probabilities):
    """You average 1/p, a number of choices for each token, and in that mean one surprise outweighs everything else.
    Perplexity averages on the scale of logarithms."""
    return np.mean(1 / np.asarray(probabilities))


@perplexity.mistake
def the_product_underflows(probabilities):
    """Right for short texts, and on paper for all of them. In a long text the product of the probabilities is smaller
    than any number that a float can hold, so it becomes 0. What did chapter 0 do about that?"""
    with np.errstate(divide="ignore"):
        return np.prod(probabilities) ** np.float64(-1 / len(probabilities))


@perplexity.mistake
def the_sign_forgotten(probabilities):
    """Yours is at most 1, and a number of choices is at least 1. The logarithm of a probability is negative:
    where did the minus sign go?"""
    return np.exp(np.mean(np.log(probabilities)))


def chains(generator):
    """Chains with one stationary distribution each: small ones, some of period 2, 3 and 4, one without symmetry."""
    yield (np.array([[0.0, 1.0], [1.0, 0.0]]),)
    yield (np.array([[0.9, 0.1], [0.5, 0.5]]),)
    yield (np.array([[0.0, 2 / 3, 1 / 3], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),)
    yield (np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),)
    yield (np.array([[0.0, 0.75, 0.25, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]),)
    yield (np.roll(np.eye(4), 1, axis=1),)
    rows = generator.uniform(size=(6, 6)) + np.eye(6)
    yield (rows / rows.sum(axis=1, keepdims=True),)


@exercise("01.stationary", inputs=chains, atol=5e-4)  # an average over 10,000 steps will do
def stationary(P):
    """Solve the equations: pi P = pi together with sum(pi) = 1."""
    V = len(P)
    equations = np.vstack([P.T - np.eye(V), np.ones(V)])
    return np.linalg.lstsq(equations, np.append(np.zeros(V), 1.0), rcond=None)[0]


@stationary.mistake
def the_eigenvector_of_P_itself(P):
    """You solve P x = x, whose solution has all entries equal, because each row of P sums to 1. The distribution
    multiplies P from the left. Of which matrix is it an eigenvector?"""
    values, vectors = np.linalg.eig(P)
    x = np.real(vectors[:, np.argmin(abs(values - 1))])
    return x / x.sum()


@stationary.mistake
def a_row_of_a_high_power(P):
    """Right for a chain that is not periodic. The powers of a periodic chain repeat forever, and you have stopped
    somewhere in the cycle. Which equation does the stationary distribution satisfy in any chain?"""
    return np.linalg.matrix_power(P, 1000)[0]


@stationary.mistake
def not_made_to_sum_to_one(P):
    """The direction is right, but the length is not. An eigenvector may have any length and either sign, whereas a
    distribution sums to 1."""
    values, vectors = np.linalg.eig(P.T)
    return np.real(vectors[:, np.argmin(abs(values - 1))])


@stationary.mistake
def the_mean_of_the_rows(P):
    """You average the rows of P, which is where one step leads from a token that was drawn uniformly. In the long run
    the tokens that you step from are not uniformly distributed."""
    return P.mean(axis=0)


half_a_count = Question(
    "01.half_a_count",
    3 / 11,
    hint="The model looks at one token, the last. Take its row, add one half to each of the five counts, and divide by "
    "the new sum of the row.",
    mistakes={
        1 / 3: "That is the probability without smoothing. Add one half to every count of the row first.",
        1 / 4: "That is this row with k = 1. Here k is one half.",
        5 / 11: "That is the probability of the other fruit. Which count is 1?",
        1 / 2: "You added one half to the count and divided by the old sum of the row. The row has five cells, and "
        "each of them grew.",
        3 / 7: "You added one half to the sum of the row once. The row has five cells, and each of them grew by one "
        "half.",
        2 / 11: "You added one half to the sum for each cell, but not to the count itself.",
        1 / 5: "Either you looked for the whole sentence, or you took a row without counts. The bigram model reads the "
        "row of the last word, and that row has counts.",
        1 / 11: "That is the probability of a word that never followed *love*. *Grapes* did, once.",
        0: "You looked for the whole sentence, which does not occur. The bigram model sees only the last word.",
        1.5: "That is the count after smoothing. By which sum is it divided?",
    },
)

bits_of_surprise = Question(
    "01.bits_of_surprise",
    19 / 8,
    hint="What does a character of probability 1/4 cost, in bits, and what does one of probability 1/32 cost? How "
    "many of each are there among eight?",
    mistakes={
        2.0: "Seven of eight characters cost that much. The eighth costs more, and the average includes it.",
        5.0: "That is the cost of the rare character alone. It is one in eight.",
        7 / 2: "You gave the two costs equal weight. How often does each of them occur?",
        19.0: "That is what eight characters cost together. The score is per character.",
        19 / 8 * math.log(2): "Your answer is in nats. How many nats make one bit?",
        -math.log2(7 / 8 / 4 + 1 / 8 / 32): "You averaged the probabilities first and then took the logarithm. The "
        "score averages the costs.",
        2 ** (19 / 8): "That is the perplexity. How many bits is one choice among that many?",
    },
)


def texts(generator):
    """Texts in which each of the four pairs occurs, with capitals, spaces, and punctuation between letters."""
    yield ("aabba",)
    yield ("A bee! Aa, bb.",)
    yield ("The quality of mercy is not strain'd, it droppeth as the gentle rain from heaven",)
    yield ("".join(generator.choice(list("aeioubcdfgxyz .,!"), size=300)),)


def _vowels(text):
    return [letter in "aeiou" for letter in text.lower() if letter.isascii() and letter.isalpha()]


def _table(pairs):
    counts = np.zeros((2, 2))
    for now, following in pairs:
        counts[0 if now else 1, 0 if following else 1] += 1
    return counts


def _rows(counts):
    return counts / counts.sum(axis=1, keepdims=True)


@exercise("01.lab_vowels", inputs=texts)
def vowel_chain(text):
    """Letters to kinds, kinds to counts, counts to shares of their rows."""
    kinds = _vowels(text)
    return _rows(_table(itertools.pairwise(kinds)))


@vowel_chain.mistake
def consonants_first(text):
    """Your rows and columns are in the other order: the first row and the first column stand for vowels."""
    return vowel_chain(text)[::-1, ::-1]


@vowel_chain.mistake
def transposed(text):
    """Each of your columns sums to 1: you ask what came *before* a vowel. Row i should say what follows kind i."""
    kinds = _vowels(text)
    counts = _table(itertools.pairwise(kinds))
    return (counts / counts.sum(axis=0)).T


@vowel_chain.mistake
def counts_not_divided(text):
    """These are counts. A row of a transition matrix sums to 1."""
    kinds = _vowels(text)
    return _table(itertools.pairwise(kinds))


@vowel_chain.mistake
def divided_by_all_pairs(text):
    """Your whole table sums to 1: those are the probabilities of pairs. Divide each row by its own sum."""
    kinds = _vowels(text)
    counts = _table(itertools.pairwise(kinds))
    return counts / counts.sum()


@vowel_chain.mistake
def everything_else_is_a_consonant(text):
    """You count spaces and punctuation as consonants. Keep only the letters first, so that the last letter of a word
    and the first of the next are neighbors."""
    kinds = [letter in "aeiou" for letter in text.lower()]
    return _rows(_table(itertools.pairwise(kinds)))


@vowel_chain.mistake
def capitals_lost(text):
    """Capital letters are missing from your count, or are taken for consonants. Turn the text to lower case first."""
    kinds = [letter in "aeiou" for letter in text if letter.isascii() and letter.isalpha()]
    return _rows(_table(itertools.pairwise(kinds)))


@vowel_chain.mistake
def pairs_within_words_only(text):
    """You stop at the end of each word. Markov left out what is not a letter, so the last letter of a word is followed
    by the first letter of the next."""
    counts = np.zeros((2, 2))
    for word in text.lower().split():
        kinds = _vowels(word)
        counts += _table(itertools.pairwise(kinds))
    with np.errstate(invalid="ignore"):
        return _rows(counts)
