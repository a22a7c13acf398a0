"""Exercises of chapter 13: how far off a pronunciation is, how a search ranks what it finds, what a model needs."""

import math
from collections import Counter
from difflib import SequenceMatcher

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
    yield generator.integers(4, size=5).tolist(), generator.integers(4, size=8).tolist()


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


@edit_distance.mistake
def neighbors_exchanged_in_one_edit(a, b):
    """You let two neighbors change places in one edit. Here there are three kinds of edit, an insertion, a deletion,
    and a replacement: how many of these does an exchange take?"""
    d = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 2] == b[j - 1] and a[i - 1] == b[j - 2]:
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)
    return d[-1][-1]


@edit_distance.mistake
def stretches_counted(a, b):
    """You count the stretches in which the two differ, however long they are. An edit changes one symbol."""
    return sum(kind != "equal" for kind, *_ in SequenceMatcher(None, a, b, autojunk=False).get_opcodes())


@edit_distance.mistake(counted={"the larger of the two numbers": max, "both numbers together": sum})
def what_is_left_over(a, b, *, counted):
    """You count what one has and the other has not, {counted}, wherever it stands. *act* and *cat* have the same
    letters and are two edits apart."""
    ours, theirs = Counter(a), Counter(b)
    return counted([sum((ours - theirs).values()), sum((theirs - ours).values())])


@edit_distance.mistake
def decided_on_the_way(a, b):
    """You walk through both once and decide at each difference what to skip. The best choice there depends on what
    comes later: what would have to be tried besides?"""
    i = j = edits = 0
    while i < len(a) and j < len(b):
        if a[i] != b[j]:
            edits += 1
        left = (len(a) - i) - (len(b) - j) if a[i] != b[j] else 0
        i, j = i + (left >= 0), j + (left <= 0)
    return edits + (len(a) - i) + (len(b) - j)


@edit_distance.mistake(end={"first": 1, "last": 0})
def a_place_never_compared(a, b, *, end):
    """The {end} symbols of the two are never compared. The table has one row more than the first list has symbols, and
    one column more than the second: cell (i, j) is about the first i and the first j of them."""
    if not a or not b:
        return len(a) + len(b)
    return distance(a[1:], b[1:]) if end else distance(a[:-1], b[:-1])


@edit_distance.mistake
def lengths_compared(a, b):
    """You compare lengths. Two lists of the same length may differ at every place."""
    return abs(len(a) - len(b))


@edit_distance.mistake(edit={"insertions": 1, "deletions": 0})
def one_kind_of_edit_forgotten(a, b, *, edit):
    """Your table has no {edit}. A cell is reached in three ways: from the left, from above, and across."""
    d = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = d[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            d[i][j] = min(d[i][j], (d[i - 1][j] if edit else d[i][j - 1]) + 1)
    return d[-1][-1]


@edit_distance.mistake
def what_they_share(a, b):
    """You count what the two share in order, the longest common subsequence. The exercise asks what it costs to turn
    one into the other."""
    return (len(a) + len(b) - _without_replacements(a, b)) // 2


def _without_replacements(a, b):
    """The edits if there were only insertions and deletions."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        new = [i]
        for j, y in enumerate(b, 1):
            new.append(row[j - 1] if x == y else min(row[j], new[-1]) + 1)
        row = new
    return row[-1]


def outputs_and_references(generator):
    """A right one, a wrong one, a second reference that is right; then several at random."""
    yield [["AH"]], [[["AH"]]]
    yield [["AH", "B"], ["K"]], [[["AH"]], [["K"]]]
    yield [["K"], ["K"]], [[["AH"]], [["K"]]]  # the first says what the other word is
    yield [["R", "EH", "D"]], [[["R", "IY", "D"], ["R", "EH", "D"]]]
    yield [["R", "EH"], ["T"]], [[["R", "EH", "D"], ["R", "IY", "D", "Z"]], [["T"], ["D"]]]
    yield [["A", "B", "C", "D"], ["E"], ["F"]], [[["Z"]], [["E"]], [["F"]]]
    yield [["A"], ["B"], ["C"], ["D"], ["E"]], [[["A"]], [["Z"]], [["C"]], [["D", "E"], ["E"]], [["E"]]]
    yield [["A"], ["B"], ["C", "A"], ["D"]], [[["B"]], [["A"], ["B"]], [["C"]], [["D", "A"], ["A"]]]
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
def no_further_than_the_first_wrong_one(outputs, references):
    """You stop at the first output that is wrong. All of them are to be looked at: where does your loop end?"""
    return (word_error_rate(outputs, references) > 0) / len(outputs)


@word_error_rate.mistake
def whether_any_is_wrong(outputs, references):
    """Yours is 1 as soon as one output is wrong, however many are right. The share of those that are wrong is asked
    for."""
    return float(word_error_rate(outputs, references) > 0)


@word_error_rate.mistake
def phonemes_counted(outputs, references):
    """You count wrong *phonemes*: that is the phoneme error rate. A word with one wrong phoneme is wrong, and a word
    with five is not more so."""
    return error_rates(outputs, references).symbol_error_rate


@word_error_rate.mistake
def in_percent(outputs, references):
    """The right number, in percent. Return the share, between 0 and 1: the page can multiply by a hundred."""
    return 100 * error_rates(outputs, references).sequence_error_rate


@word_error_rate.mistake
def the_references_of_any_word(outputs, references):
    """You accept an output that is the reference of *another* word. Each output has its own list of references."""
    known = [r for right in references for r in right]
    return sum(output not in known for output in outputs) / len(outputs)


@word_error_rate.mistake
def the_right_length(outputs, references):
    """You compare lengths. An output is right if it *is* one of its references, symbol by symbol."""
    pairs = zip(outputs, references, strict=True)
    return sum(len(output) not in map(len, right) for output, right in pairs) / len(outputs)


@word_error_rate.mistake
def not_divided(outputs, references):
    """You count the wrong words. The exercise asks for their share."""
    return round(error_rates(outputs, references).sequence_error_rate * len(outputs))


@word_error_rate.mistake
def compared_with_the_list(outputs, references):
    """Every word is wrong to yours. You compare an output with the *list* of its references, and the two are never the
    same: it has to be one of those in it."""
    return sum(output != right for output, right in zip(outputs, references, strict=True)) / len(outputs)


@word_error_rate.mistake
def divided_by_the_references(outputs, references):
    """You divide by the number of all references. A word with two pronunciations is still one word."""
    wrong = error_rates(outputs, references).sequence_error_rate * len(outputs)
    return wrong / sum(map(len, references))


@word_error_rate.mistake
def phonemes_in_any_order(outputs, references):
    """You compare which phonemes occur, in any order. An output is right if it is one of its references, place by
    place."""
    pairs = zip(outputs, references, strict=True)
    return sum(sorted(output) not in map(sorted, right) for output, right in pairs) / len(outputs)


@word_error_rate.mistake
def every_reference_that_differs(outputs, references):
    """You count each reference that an output differs from. One that equals the output suffices to make it right."""
    pairs = [(output, r) for output, right in zip(outputs, references, strict=True) for r in right]
    return sum(output != r for output, r in pairs) / len(pairs)


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
        math.log(5 / 4) / math.log(2): "Your two lengths have the ratio 2. The formula adds 5 to both and divides both "
        "by 6: which ratio is left of the two?",
        math.log(5 / 4): "That is the logarithm of the ratio of the two log-probabilities. Which number times which "
        "other logarithm is as large?",
        math.log(4 / 3): "That is the logarithm of the ratio of the two lengths. The exponent stands before it: what "
        "is "
        "their product to equal?",
        math.log(7 / 4) / math.log(5 / 4): "You have the two logarithms the wrong way around, and the lengths without "
        "the 5 that the formula adds.",
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
        60: "That is half of all pronunciations, which go to testing. The question asks for words that are on both "
        "sides.",
        0.1: "That is a share of the hundred words. The question asks how many words.",
        0.25: "That is a chance for one word with two pronunciations, and of one of two orders. How many such words "
        "are "
        "there?",
        80: "Those are the words with one pronunciation, which cannot be on both sides.",
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
        8 / 9: "That is the share that is right. An error rate is 0 for a perfect model.",
        9: "That is how many phonemes the references have. How many edits does it take, for each of them?",
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
        50: "That is what one second becomes. How many seconds are there?",
        24_000: "Either you count the 80 bands, which together become one vector, or you halve the samples twice. What "
        "does the spectrogram make of the samples of each 10 ms?",
        3_000: "Those are the columns of a whole spectrogram of 30 seconds. How many stand for the voice, and what "
        "does "
        "the second convolution do to their number?",
        6: "Those are the seconds. How many vectors has each?",
        100: "Those are the columns of one second. Two convolutions come after them, and there are six seconds.",
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
        yield _phonemes(generator, 6), [_phonemes(generator, int(generator.integers(3, 8))) for _ in range(5)]


def _phonemes(generator, n):
    return [("AA", "AE", "K", "S")[i] for i in generator.integers(4, size=n)]


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


@letter_effects.mistake
def the_sum_of_all(whole, hidden):
    """You add the edits of all letters up. The question is which of them matter: return one number for each."""
    return sum(distance(one, whole) for one in hidden)


@letter_effects.mistake
def a_replacement_costs_two(whole, hidden):
    """A phoneme that becomes another costs you 2, as if it were deleted and one inserted. In the chapter's distance a
    replacement is one edit."""
    return [_without_replacements(one, whole) for one in hidden]


@letter_effects.mistake
def letters_of_the_phonemes(whole, hidden):
    """You join the phonemes to one text and count its letters. AH is one phoneme and two letters: compare the lists as
    they are."""
    return [distance("".join(one), "".join(whole)) for one in hidden]


@letter_effects.mistake
def only_which_places(whole, hidden):
    """You return which letters matter. The lab asks by how much each of them does: a number for each, 0 where nothing
    changes."""
    return [i for i, one in enumerate(hidden) if one != whole]


@letter_effects.mistake
def the_whole_word_too(whole, hidden):
    """You begin with the distance of the whole word from itself, which is 0. The list has one number for each
    letter."""
    return [0, *(distance(one, whole) for one in hidden)]


@letter_effects.mistake
def in_any_order(whole, hidden):
    """You compare which phonemes occur, in any order. Where they stand counts as well: which distance does the chapter
    use?"""
    return [sum(((Counter(one) - Counter(whole)) + (Counter(whole) - Counter(one))).values()) for one in hidden]


@letter_effects.mistake
def the_largest_effect(whole, hidden):
    """You return the letter, or the number, that stands out. Return the edits of each letter, all of them."""
    return max(distance(one, whole) for one in hidden)
