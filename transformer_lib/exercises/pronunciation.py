"""Exercises of chapter 13: how far off a pronunciation is, how a search ranks what it finds, what an encoder hears."""

import math

from transformer_lib.exercises.engine import Question, exercise
from transformer_lib.metrics import edit_distance as distance
from transformer_lib.metrics import error_rates


def pairs_of_sequences(generator):
    """Equal ones, one empty, a letter more, a letter less, another one, a shift; longer ones at random."""
    yield [], []
    yield ["AH"], ["AH"]
    yield ["AH"], ["EH"]
    yield ["K", "AE", "T"], ["K", "AE", "T", "S"]
    yield ["K", "AE", "T", "S"], ["AE", "T", "S"]
    yield ["N", "AY", "T"], []
    yield ["T", "AH", "F"], ["TH", "R", "UW"]
    yield ["AE", "K", "T"], ["K", "AE", "T"]
    for _ in range(4):
        yield generator.integers(4, size=7).tolist(), generator.integers(4, size=6).tolist()


@exercise("13.edit_distance", inputs=pairs_of_sequences)
def edit_distance(a, b):
    """Fill the table of d(i, j), row by row."""
    d = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return d[-1][-1]


@edit_distance.mistake
def position_by_position(a, b):
    """You compare first with first and second with second. One symbol left out at the start then makes everything
    after it wrong. What is the cheapest way to turn one into the other, if symbols may move up?"""
    return sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))


@edit_distance.mistake
def substitutions_cost_two(a, b):
    """A substitution costs you 2, as if it were a deletion and an insertion. Here it is one edit like the others."""
    d = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + 2 * (a[i - 1] != b[j - 1]))
    return d[-1][-1]


@edit_distance.mistake
def the_edges_left_at_zero(a, b):
    """The first row and the first column of your table are 0, so symbols at the start of one sequence can be
    dropped for nothing. What does it cost to turn i symbols into none?"""
    d = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
    return d[-1][-1]


@edit_distance.mistake
def only_what_is_different(a, b):
    """You compare which symbols occur, not where. *act* and *cat* have the same letters and are two edits apart."""
    return max(len(set(a) - set(b)), len(set(b) - set(a)))


@edit_distance.mistake
def divided_by_the_length(a, b):
    """The distance is right, and then you divide it by a length. A rate is made of many words together, so the division
    comes last: return the number of edits."""
    return distance(a, b) / max(len(b), 1)


def outputs_and_references(generator):
    """A right one, a wrong one, a second reference that is right; then several at random."""
    yield [["AH"]], [[["AH"]]]
    yield [["AH", "B"], ["K"]], [[["AH"]], [["K"]]]
    yield [["R", "EH", "D"]], [[["R", "IY", "D"], ["R", "EH", "D"]]]
    yield [["R", "EH"], ["T"]], [[["R", "EH", "D"], ["R", "IY", "D", "Z"]], [["T"], ["D"]]]
    yield [["A", "B", "C", "D"], ["E"], ["F"]], [[["Z"]], [["E"]], [["F"]]]
    for _ in range(2):
        outputs = [generator.integers(3, size=4).tolist() for _ in range(5)]
        yield (
            outputs,
            [[generator.integers(3, size=4).tolist() for _ in range(2)] for _ in outputs[1:]] + [[outputs[4]]],
        )


@exercise("13.word_error_rate", inputs=outputs_and_references)
def word_error_rate(outputs, references):
    """The share of words that equal none of their references."""
    return error_rates(outputs, references).sequence_error_rate


@word_error_rate.mistake
def only_the_first_reference(outputs, references):
    """You look at the first reference only. *Read* has two pronunciations, and a model that says either is right."""
    return sum(output != right[0] for output, right in zip(outputs, references, strict=True)) / len(outputs)


@word_error_rate.mistake
def all_references_at_once(outputs, references):
    """Yours asks the output to equal *every* reference. It cannot say a word in two ways at once: one will do."""
    return sum(any(output != r for r in right) for output, right in zip(outputs, references, strict=True)) / len(
        outputs
    )


@word_error_rate.mistake
def the_share_of_right_words(outputs, references):
    """That is the share of words that are *right*. An error rate is 0 for a perfect model."""
    return 1 - error_rates(outputs, references).sequence_error_rate


@word_error_rate.mistake
def phonemes_counted(outputs, references):
    """You count wrong *phonemes*: that is the phoneme error rate. A word with one wrong phoneme is wrong, and a word
    with five is not more so."""
    return error_rates(outputs, references).symbol_error_rate


@word_error_rate.mistake
def in_percent(outputs, references):
    """The right number, in percent. Return the share, between 0 and 1: the page can multiply by a hundred."""
    return 100 * error_rates(outputs, references).sequence_error_rate


def hypotheses(generator):
    """One token, two lengths, exponents 0, 0.6 and 1."""
    yield -1.0, 1, 0.6
    yield -3.0, 7, 0.0
    yield -3.0, 7, 1.0
    yield -2.5, 4, 0.6
    yield -9.0, 13, 0.6
    yield -float(generator.uniform(1, 20)), int(generator.integers(2, 30)), 0.8


@exercise("13.hypothesis_score", inputs=hypotheses)
def hypothesis_score(log_probability, length, exponent):
    """Divide by ((5 + length) / 6) to the power of the exponent."""
    return log_probability / ((5 + length) / 6) ** exponent


@hypothesis_score.mistake
def divided_by_the_bare_length(log_probability, length, exponent):
    """You divide by a power of the length itself. In the formula 5 is added first, and the sum divided by 6, so
    that one token more or less matters little when there are few."""
    return log_probability / length**exponent


@hypothesis_score.mistake
def multiplied(log_probability, length, exponent):
    """You multiply by the penalty. A log-probability is negative, so that makes long sequences *worse* than before."""
    return log_probability * ((5 + length) / 6) ** exponent


@hypothesis_score.mistake
def no_power(log_probability, length, exponent):
    """Your exponent multiplies, where it should be a power. At exponent 0 nothing should be left of the penalty:
    what is anything to the power of 0?"""
    return log_probability / ((5 + length) / 6 * exponent) if exponent else log_probability * math.inf


@hypothesis_score.mistake
def nothing_done(log_probability, length, exponent):
    """That is the log-probability as it is, and with it the shortest hypothesis has an advantage that it did nothing
    for. Where do length and exponent come in?"""
    return log_probability


split_by_pairs = Question(
    "13.split_by_pairs",
    10,
    hint="Take one word with two pronunciations. A coin puts each of them on one side or the other: how often do they "
    "land on different sides?",
    mistakes={
        5: "That is one in four: you ask that the first go to training *and* the second to testing. The other way "
        "round is as bad.",
        15: "That counts the words of which at least one pronunciation is in the test set. Both on the same side is "
        "harmless.",
        20: "Some pairs land on the same side by luck. For one word: how likely are two coins to differ?",
        40: "You count pronunciations. The question asks for words.",
    },
)

phoneme_error_rate = Question(
    "13.phoneme_error_rate",
    1 / 8,
    hint="Add up the edits of both words. Add up the phonemes of both references. Then divide, once.",
    mistakes={
        1 / 6: "You took the mean of the two words' own rates. A long word has more phonemes to get wrong, and counts "
        "for more: add up first, divide last.",
        1: "You counted edits. A rate is edits per phoneme of the references.",
        0.5: "That is the word error rate: one of the two words is wrong. Asked are its phonemes.",
        1 / 9: "You divided by the phonemes that the *model* wrote. The references are what it is measured against.",
        1 / 3: "That is the rate of the one wrong word. The right one has phonemes too.",
        12.5: "In percent, yes. Answer with the share, a number between 0 and 1.",
    },
)

encoder_vectors = Question(
    "13.encoder_vectors",
    300,
    hint="Count what is left after each stage: the spectrogram has a column for each 10 ms, and the second convolution "
    "keeps every other place.",
    mistakes={
        600: "That is how many columns the *spectrogram* has. Two convolutions stand between it and the encoder: what "
        "does the second one do to the length?",
        96_000: "Those are the samples. What does the spectrogram do with the samples of each 10 ms?",
        48_000: "You halve the samples. The spectrogram comes first, and makes one column of many samples.",
        1500: "So many it reads in any case, since the sound is filled up with silence to 30 seconds. How many of "
        "them are the voice?",
        150: "You halve twice. Only the second of the two convolutions leaves places out.",
        240: "You divide by the window, 25 ms, but windows overlap. A new one begins every 10 ms.",
    },
)

when_it_was_said = Question(
    "13.when_it_was_said",
    5.5,
    hint="How much time lies between one vector of the encoder and the next? A column of the spectrogram is 10 ms.",
    mistakes={
        2.75: "You count 10 ms a vector. That is a column of the spectrogram, and a vector comes of two.",
        5500: "That is the time in milliseconds. Answer in seconds.",
        11: "You count 40 ms a vector: halved twice. Only one of the two convolutions halves.",
        275 / 16_000: "You divide by the samples of a second. How many samples are behind one vector?",
        6.875: "You count 25 ms a vector. That is how long a window is, but the next one begins before it ends.",
        275 / 30: "The sound is 30 seconds long once silence fills it up, but it has far more than 30 vectors.",
    },
)
