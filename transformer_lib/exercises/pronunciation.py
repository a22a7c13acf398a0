"""Exercises of chapter 13: how far off a pronunciation is, how a search ranks what it finds, what a model needs."""

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
    yield [], ["K", "AE"]
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
    yield [["K"], ["K"]], [[["AH"]], [["K"]]]  # the first says what the other word is
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


longer_wins = Question(
    "13.longer_wins",
    math.log(5 / 4) / math.log(12 / 9),
    rtol=0.01,
    hint="Write down both scores with an unknown exponent and set them equal. A quotient of two powers with the same "
    "exponent is a power of the quotient, and a logarithm brings the exponent down.",
    mistakes={
        math.log(5 / 4)
        / math.log(7 / 4): "You divided by a power of the length itself. The formula first adds 5 to each "
        "length, so that one token more or less matters little when there are few.",
        0.6: "That is the exponent of the page. With it, which of the two wins? The question asks where they tie.",
        -math.log(5 / 4)
        / math.log(12 / 9): "The size is right and the sign is not. Which of the two quotients did you turn over?",
        (5 / 4) / (12 / 9): "You treated the exponent as a factor. It is an exponent: a logarithm brings it down.",
        math.log(12 / 9) / math.log(5 / 4): "You have the two logarithms the wrong way around. Put your exponent into "
        "both scores: are they equal?",
        1: "At exponent 1, the first has −4/1.5 and the second −5/2: the longer one is ahead already.",
        5
        / 4: "That is the ratio of the two log-probabilities. Which power of 12/9, the ratio of the two lengths with 5 "
        "added, is as large?",
        4
        / 3: "That is the ratio of the two lengths, with 5 added to each. To which power must it be raised to make up "
        "for the ratio of the log-probabilities?",
    },
)

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
        50: "That is half of all words. Eighty of them have a single pronunciation, which cannot be on both sides.",
        0.5: "That is the chance for one word with two pronunciations. How many such words are there?",
    },
)

phoneme_error_rate = Question(
    "13.phoneme_error_rate",
    1 / 9,
    hint="Add up the edits of both words. Add up the phonemes of both references. Then divide, once.",
    mistakes={
        1 / 8: "You took the mean of the two words' own rates. A long word has more phonemes to get wrong, and counts "
        "for more: add up first, divide last.",
        1: "You counted edits. A rate is edits per phoneme of the references.",
        0.5: "That is the word error rate: one of the two words is wrong. The question asks for phonemes.",
        1 / 10: "You divided by the phonemes that the *model* wrote. The references are what it is measured against.",
        1 / 4: "That is the rate of the one wrong word. The right one has phonemes too.",
        1 / 5: "That is one edit for the five phonemes written for *wrist*. Divide by the phonemes of both references.",
        round(4 / 9, 9): "You compared place by place and left out the last phoneme that was written, which has no "
        "partner. Count edits instead: what is the cheapest way to turn one word into the other?",
        round(
            5 / 9, 9
        ): "You compared place by place, so that the W made everything after it wrong. How many edits does it take?",
        100 / 9: "In percent, yes. Answer with the share, a number between 0 and 1.",
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


def pronunciations_with_letters_hidden(generator):
    """Nothing hidden, no effect, one edit, several; a shift that only counting place by place would call large."""
    yield ["AH"], [["AH"]]
    yield ["N", "AY", "T"], [["N", "AY", "T"], ["AY", "T"], ["N", "EH", "T"]]
    yield ["K", "AE", "T"], [["AE", "T"], ["K", "T"], ["K", "AE"]]
    yield ["TH", "AO", "T"], [["T", "AO", "T"], ["TH", "OW", "T"], ["TH", "AO", "T"], ["S", "AH"], []]
    yield ["R", "EH", "K"], [["W", "R", "EH", "K"], ["R", "EH", "K"], ["W", "R", "EH", "K", "S"]]
    for _ in range(2):
        whole = generator.integers(4, size=6).tolist()
        yield whole, [generator.integers(4, size=int(generator.integers(3, 8))).tolist() for _ in range(5)]


@exercise("13.letter_effects", inputs=pronunciations_with_letters_hidden)
def letter_effects(whole, hidden):
    """The edit distance of each to the whole word's."""
    return [distance(one, whole) for one in hidden]


@letter_effects.mistake
def place_by_place(whole, hidden):
    """You compare place by place. A letter at the start that is hidden takes its phoneme along and moves all others
    up, which is one edit. Which distance does the chapter count with?"""
    return [sum(x != y for x, y in zip(one, whole, strict=False)) + abs(len(one) - len(whole)) for one in hidden]


@letter_effects.mistake
def only_whether_it_changed(whole, hidden):
    """You say whether a pronunciation changed. The lab asks by how much: a hidden vowel may cost one edit or three."""
    return [int(one != whole) for one in hidden]


@letter_effects.mistake
def only_the_lengths(whole, hidden):
    """You compare lengths. A hidden vowel often leaves as many phonemes as before, and one of them is another."""
    return [abs(len(one) - len(whole)) for one in hidden]


@letter_effects.mistake
def each_against_the_one_before(whole, hidden):
    """You compare each pronunciation with the one before it. What is the pronunciation of a word in which *nothing* is
    hidden?"""
    return [distance(one, before) for one, before in zip(hidden, [whole, *hidden[:-1]], strict=True)]


@letter_effects.mistake
def the_mean_of_all(whole, hidden):
    """You return one number for the word. The question is which of its letters matter: return one for each."""
    return sum(distance(one, whole) for one in hidden) / len(hidden)


@letter_effects.mistake
def divided_by_the_phonemes(whole, hidden):
    """You divide by the length of the word. That is useful for comparing words, but the lab asks for edits."""
    return [distance(one, whole) / len(whole) for one in hidden]
