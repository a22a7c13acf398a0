"""Exercises of chapter 01: counting which token follows which."""

import itertools
import math

import numpy as np

from transformer_lib.exercises.comparing import same
from transformer_lib.exercises.engine import Question, exercise
from transformer_lib.exercises.values import Raised


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


@bigram_counts.mistake
def repeats_left_out(tokens, vocab_size):
    """All your numbers are right but those on the diagonal: you leave out a token that is followed by itself. It is a
    pair like any other."""
    table = bigram_counts(tokens, vocab_size)
    np.fill_diagonal(table, 0)
    return table


@bigram_counts.mistake
def a_type_too_small(tokens, vocab_size):
    """Right, until a count grows too large for the table's type: `int8` and `uint8` hold 256 different numbers, and
    then they begin anew. Which type holds every count that may come?"""
    return bigram_counts(tokens, vocab_size).astype(np.uint8)


@bigram_counts.mistake
def shares_of_rows(tokens, vocab_size):
    """These are probabilities: you divided each row by its sum. The exercise asks for the counts themselves."""
    table = bigram_counts(tokens, vocab_size)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1)


@bigram_counts.mistake
def shares_of_all_pairs(tokens, vocab_size):
    """These are shares of all pairs: you divided by their number. The exercise asks for the counts themselves."""
    return bigram_counts(tokens, vocab_size) / max(len(tokens) - 1, 1)


@bigram_counts.mistake
def both_directions(tokens, vocab_size):
    """You count each pair in both directions, so your table is symmetric. A token comes before the other, or after it;
    only "after" is asked for."""
    table = bigram_counts(tokens, vocab_size)
    return table + table.T


@bigram_counts.mistake(end=["first", "last"])
def one_pair_short(tokens, vocab_size, *, end):
    """One pair is missing, the {end} of the text. T tokens have T − 1 pairs of neighbors."""
    return bigram_counts(tokens[1:] if end == "first" else tokens[:-1], vocab_size)


@bigram_counts.mistake(distance={"two": 2, "three": 3})
def not_the_next(tokens, vocab_size, *, distance):
    """You count tokens that stand {distance} places apart. Which token comes right after another one?"""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    np.add.at(table, (tokens[:-distance], tokens[distance:]), 1)
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


DEAD_ROWS = {
    "ones, which sum to V": lambda counts: np.ones(len(counts)),
    "a 1 on the diagonal, as if the token stayed where it is": np.eye,
    "the shares of the tokens in the whole table": lambda counts: counts.sum(axis=0) / counts.sum(),
    "equal shares of those tokens only that were seen after another one": lambda counts: _shares(counts.any(axis=0)),
    "equal shares of all tokens but one": lambda counts: (1 - np.eye(len(counts))) / max(len(counts) - 1, 1),
    "1/V²": lambda counts: np.full(len(counts), len(counts) ** -2.0),
    "a share of the tokens that have followers": lambda counts: _shares(counts.any(axis=1)),
}


def _shares(weights):
    return weights / weights.sum()


@transition_matrix.mistake(become=DEAD_ROWS)
def dead_rows_become_something_else(counts, *, become):
    """Rows with counts are right. To a row without counts you give {become}. It should become uniform: the same
    probability for each of the V tokens."""
    row = become(len(counts)) if become is np.eye else become(counts)
    return np.where(counts.any(axis=1, keepdims=True), transition_matrix(counts), row)


@transition_matrix.mistake
def dead_rows_removed(counts):
    """You leave out the rows without counts, so your table has fewer rows than tokens. Each token keeps its row, and
    one without counts becomes uniform."""
    return transition_matrix(counts)[counts.any(axis=1)]


@transition_matrix.mistake(added={"1": 1.0, "a small number": 1e-3})
def something_added_to_the_sum(counts, *, added):
    """Your rows sum to less than 1, because you add {added} to each sum. Against 0 / 0 it helps, but it changes the
    other rows as well: treat the rows without counts apart."""
    rows = counts / (counts.sum(axis=1, keepdims=True) + added)
    return np.where(counts.any(axis=1, keepdims=True), rows, 1 / len(counts))


@transition_matrix.mistake
def rounded_down(counts):
    """Your shares are rounded down to whole numbers, by `//` or by a table of integers. Divide with `/`, into a table
    of floats."""
    return transition_matrix(counts).astype(int)


@transition_matrix.mistake
def softmax_of_the_counts(counts):
    """You apply softmax, which makes shares of the *exponentials* of the counts. A token that was seen twice as often
    should have twice the probability."""
    powers = np.exp(counts - counts.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def probabilities_given(generator):
    """What a model gave to the tokens that came, from one token to so many that their product would underflow."""
    yield (np.array([0.25]),)
    yield (np.array([0.5, 0.125]),)
    yield (np.array([1.0, 0.1, 0.4]),)
    yield (np.array([0.5, 1e-12]),)
    yield (np.array([0.5, 0.0, 0.25]),)
    yield (generator.uniform(0.01, 1.0, size=20),)
    yield (generator.uniform(0.01, 0.3, size=2000),)


def _infinite_or_refused(expected, given):
    """Whether two perplexities agree; `math.log` refuses the probability 0, which is as good as an infinite result."""
    if isinstance(given, Raised) and expected == math.inf:
        return given.kind in ("ValueError", "ZeroDivisionError", "OverflowError")
    return same(expected, given)


@exercise("01.perplexity", inputs=probabilities_given, compare=_infinite_or_refused)
def perplexity(probabilities):
    """The exponential of the mean of -ln p."""
    with np.errstate(divide="ignore"):
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


@perplexity.mistake
def after_every_token(probabilities):
    """You return one number for each beginning of the text. One number is asked for: that of the whole text."""
    costs = -np.log(probabilities)
    return np.exp(np.cumsum(costs) / np.arange(1, len(costs) + 1))


@perplexity.mistake(least={"1e-8": 1e-8, "1e-9": 1e-9, "1e-10": 1e-10, "1e-6": 1e-6, "1e-5": 1e-5, "0.001": 1e-3})
def small_probabilities_raised(probabilities, *, least):
    """You raise the probabilities below {least} to it, so a model that gave the token less than that looks better than
    it is. A token with probability 0 costs infinitely much, and the perplexity should say so."""
    return perplexity(np.maximum(probabilities, least))


@perplexity.mistake
def impossible_tokens_left_out(probabilities):
    """You leave out the tokens that were given the probability 0. The model thought them impossible, and they came all
    the same. What does such a token cost?"""
    return perplexity(probabilities[probabilities > 0])


@perplexity.mistake(number={"one less than": -1, "one more than": 1})
def divided_by_another_number(probabilities, *, number):
    """You divide the sum by {number} the number of tokens. Each of the probabilities belongs to one token that was
    predicted, so all of them count."""
    with np.errstate(all="ignore"):
        return np.exp(-np.sum(np.log(probabilities)) / np.float64(len(probabilities) + number))


@perplexity.mistake
def an_entropy(probabilities):
    """You weight each cost by its probability, as in an entropy: yours comes from a sum of p ln p. These tokens have
    come, each once, so each cost counts the same."""
    p = np.asarray(probabilities)
    return np.exp(-(p * np.log(p)).sum())


@perplexity.mistake
def a_power_of_e_of_bits(probabilities):
    """You mix two logarithms: the mean is in bits, but you undo it as if it were in nats. Which base undoes the
    logarithm to base 2?"""
    return np.exp(-np.mean(np.log2(probabilities)))


@perplexity.mistake
def the_product_itself(probabilities):
    """That is the probability of the whole text, or its root. Perplexity is a number of choices: what is 1/4 as one?"""
    return np.prod(probabilities)


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
    """Yours is uniform, whatever the chain. If you return 1/V at once: a chain stays longer with some tokens than with
    others. If you solve P x = x: its solution has all entries equal, because each row of P sums to 1. The distribution
    multiplies P from the left; of which matrix is it an eigenvector?"""
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


def _eigenvector(P, of):
    values, vectors = np.linalg.eig(P.T)
    vector = np.real(vectors[:, of(values)])
    return vector / vector.sum()


@stationary.mistake
def an_eigenvector_of_another_eigenvalue(P):
    """You take the first eigenvector that NumPy returns, or that of the eigenvalue with the largest magnitude. Their
    order means nothing, and a periodic chain has several of magnitude 1, such as −1 and 1. Which eigenvalue belongs to
    a distribution that stays as it is?"""
    return _eigenvector(P, lambda values: np.argmax(abs(values)))


def _walked(P, steps, average=False):
    p = np.full(len(P), 1 / len(P))
    mean = p / steps
    for _ in range(steps):
        p = p @ P
        mean = mean + p / steps
    return mean if average else p


@stationary.mistake
def stepped_until_it_settles(P):
    """You step from the uniform distribution until the distribution should have settled. In a periodic chain it never
    does: it goes round in a circle. What does settle, even there?"""
    return _walked(P, 1000)


@stationary.mistake(steps=[10, 20, 50, 100, 200])
def too_few_steps_averaged(P, *, steps):
    """You average over the steps of a walk, which does settle, but slowly: {steps} steps leave an error of about one in
    so many. Take many more, or solve the equations."""
    return _walked(P, int(steps), average=True)


half_a_count = Question(
    "01.half_a_count",
    3 / 11,
    hint="The model looks at one token, the last. Take its row, add one half to each of the five counts, and divide by "
    "the new sum of the row.",
    mistakes={
        1 / 3: "That is the probability without smoothing. Add one half to every count of the row first.",
        1 / 4: "Two thoughts lead to 1/4. Either you added 1 to each count, and here k is one half; or you added one "
        "half "
        "to six cells. The row has one cell for each of the five words.",
        3
        / 8: "You added one half only to the words that were seen after *love*. Smoothing adds it to every cell of the "
        "row, one for each of the five words.",
        3 / 10: "You added one half to four cells. The row has one for each of the five words.",
        3 / 13: "You added one half to seven cells. The row has one for each of the five words.",
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
        2 / 4
        + 5 / 32: "You weighted each cost by the probability that the model gave. What counts is how often such a "
        "character *comes*: seven times in eight, and once.",
        (8 * 2 + 5)
        / 9: "You counted eight ordinary characters for each rare one. The rare one is itself one of the eight.",
        (6 * 2 + 5) / 8: "You counted too few of the ordinary characters. Of eight, how many are not the rare one?",
        -19 / 8: "The size is right, but a cost is the *negative* logarithm of a probability. Which sign has it then?",
        7 / 4: "You counted the ordinary characters only. The rare one costs something, too.",
        5 / 8: "You counted the rare character only. The seven others cost something, too.",
        19 / 7: "You divided by seven. The eighth character is one of those that are scored.",
        2 ** (19 / 8): "That is the perplexity. How many bits is one choice among that many?",
    },
)


def texts(generator):
    """Texts in which each of the four pairs occurs, with capitals, spaces, and punctuation between letters."""
    yield ("aabba",)
    yield ("A bee! Aa, bb.",)
    yield ("In 1913 he counted 20000 letters, by hand: a 1st, a 2nd",)
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
    """Row i of yours says what came *before* a letter of kind i. It should say what follows one."""
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
def digits_are_consonants(text):
    """You count digits as consonants. A digit is no letter: which test of characters tells the two apart?"""
    kinds = [letter in "aeiou" for letter in text.lower() if letter.isascii() and letter.isalnum()]
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


@vowel_chain.mistake
def no_keepdims(text):
    """You divide each column by the sum of a *row*: an array of shape (2,) lines up with the columns. What shape must
    the sums have, so that each row is divided by its own?"""
    counts = _table(itertools.pairwise(_vowels(text)))
    return counts / counts.sum(axis=1)


@vowel_chain.mistake
def divided_by_all_letters_of_a_kind(text):
    """One of your rows sums to less than 1: you divide by the number of letters of a kind. The last letter of the text
    has nothing after it, so it begins no pair."""
    kinds = _vowels(text)
    return _table(itertools.pairwise(kinds)) / np.array([[kinds.count(True)], [kinds.count(False)]])


@vowel_chain.mistake
def the_letter_before_ignored(text):
    """Both your rows are the same: the share of vowels in the text. Row 1 asks only about the letters that come after a
    vowel, and row 2 only about those after a consonant."""
    kinds = _vowels(text)
    share = kinds.count(True) / len(kinds)
    return np.array([[share, 1 - share]] * 2)


@vowel_chain.mistake
def capitals_thrown_away(text):
    """You throw the capital letters away before you turn the text to lower case. Which of the two steps comes first?"""
    return vowel_chain("".join(letter for letter in text if not letter.isupper()))


@vowel_chain.mistake
def pairs_within_runs_of_letters(text):
    """You count pairs inside words only. Markov left out what is not a letter, so the last letter of a word is followed
    by the first letter of the next."""
    runs = "".join(letter if letter.isascii() and letter.isalpha() else " " for letter in text).split()
    return _rows(sum(_table(itertools.pairwise(_vowels(run))) for run in runs))


@vowel_chain.mistake
def pairs_that_do_not_overlap(text):
    """You cut the letters into pairs that do not overlap. A letter in the middle is the second of one pair and the
    first of the next."""
    kinds = _vowels(text)
    with np.errstate(invalid="ignore"):
        return _rows(_table(zip(kinds[::2], kinds[1::2], strict=False)))


@vowel_chain.mistake
def y_is_a_vowel(text):
    """You count y as a vowel. In this exercise the vowels are a, e, i, o, and u."""
    return vowel_chain(text.lower().replace("y", "i"))


@vowel_chain.mistake
def vowels_and_consonants_exchanged_in_the_columns(text):
    """The two numbers of each row have changed places: the first column stands for vowels, as the first row does."""
    return vowel_chain(text)[:, ::-1]
