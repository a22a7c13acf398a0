"""Exercises of chapter 15: what is hidden and what is asked, pairs, and blanks filled in two ways."""

import numpy as np
import torch
from torch import Tensor

from transformer_lib.exercises.engine import Question, exercise


def _numbers(generator: np.random.Generator, *shape, decimals=1):
    """Round numbers around 0."""
    return torch.from_numpy(generator.normal(size=shape).round(decimals)).float()


look_different = Question(
    "15.look_different",
    1000 * 0.3 * (0.6 + 0.2 * 49 / 50),
    hint="Of the three fates of a chosen token, one always changes what is seen, one never does, and one nearly always "
    "does. How often does the third leave things as they were?",
    mistakes={
        300: "That is how many are chosen. Some of them are shown as they are.",
        180: "That is how many become [MASK]. Another fate changes what is seen as well.",
        1000 - 238.8: "Those are the tokens that look as before. The question asks for the others.",
        1000 * 0.15 * (0.8 + 0.1 * 49 / 50): "You took the shares of BERT's own rule. Read the shares of this one "
        "again.",
        300 * (0.6 + 0.2 / 50): "You turned one chance round: a drawn token is the old one in one case of fifty, and "
        "another one in all the others.",
        294: "You let every chosen token but one in fifty change. Some of them become [MASK], and some are not "
        "touched.",
        300 * 0.8 * 49 / 50: "You let the marks be the old token in one case of fifty, too. Only the drawn ones can "
        "be.",
        0.2388: "That is a share of all tokens. How many are there?",
        23.88: "That is a share of all tokens, in percent. How many are there?",
        120: "That is how many are not replaced by [MASK]. Which of the three fates change what is seen?",
        240: "You counted every random token as a change. Can the drawn one, of 50, be the old one?",
        1000 * 0.3 * 0.2 * 49 / 50: "That is how many become another ordinary token. [MASK] looks different, too.",
        60: "That is how many are drawn at random. [MASK] looks different, too.",
        796: "You multiplied shares of all tokens. Only three tokens in ten are chosen at all.",
        135: "That is BERT's own rule. Read the shares of this one again.",
    },
    rtol=5e-4,
)

passes_to_score = Question(
    "15.passes_to_score",
    20,
    hint="Each factor is the probability of one token, given all the others and not itself. Which inputs does it take?",
    mistakes={
        1: "One pass suffices a causal model. Here a token that is seen is no longer predicted, so it must be hidden.",
        3: "That is 15% of them, as in training. To be scored, every token must be hidden once.",
        210: "You hide all beginnings, or all pairs. Each factor is the probability of one token, given *all* the "
        "others: "
        "how many are hidden at a time?",
        2**20: "You hide every set of tokens. Each factor is the probability of one token, given all the others: how "
        "many are hidden at a time?",
        190: "You hide pairs of tokens. Each factor is the probability of one token, given all the others.",
        21: "You counted one pass more, of the sentence as it is. What is not hidden is not predicted.",
        19: "You left one token out, perhaps the first. Here each token has others to be predicted from.",
        40: "You counted two passes for each token. One reads both of its sides.",
        22: "[CLS] and [SEP] are part of every input, but they are not scored.",
        400: "That is the number of pairs of tokens that attention compares in one pass.",
        2: "Many tokens hidden at once do not see each other. Each is to be given all the others.",
    },
)


def words_and_choices(generator: np.random.Generator):
    """One word, chosen by its second token; two words beside marks; nothing chosen; words that come apart; one word
    chosen as a whole and one in part; more."""
    yield torch.tensor([False, True, False]), torch.tensor([0, 0, 0])
    yield torch.tensor([False, True, False, False, False, False]), torch.tensor([-1, 0, 0, 1, 1, -1])
    yield torch.tensor([False, False]), torch.tensor([0, 1])
    yield torch.tensor([True, True, False]), torch.tensor([0, 0, 0])
    yield torch.tensor([False, False, False, True, False]), torch.tensor([-1, 3, 3, 7, -1])
    yield torch.tensor([True, False, False, False, False]), torch.tensor([0, 1, 0, 2, 2])
    yield torch.tensor([False, True, True, False, False, True]), torch.tensor([-1, 0, 0, 1, 2, 2])
    for _ in range(2):
        word = torch.from_numpy(np.repeat(np.arange(8), generator.integers(1, 5, 8)))
        word = torch.cat([torch.tensor([-1]), word, torch.tensor([-1])])
        yield torch.from_numpy(generator.random(len(word)) < 0.2) & (word >= 0), word


@exercise(
    "15.whole_words",
    inputs=words_and_choices,
    hint="Which words have a chosen token? Then which tokens belong to one of these words? No question about the "
    "order of the tokens is needed.",
)
def whole_words(chosen, word):
    """The words of the chosen tokens, and all tokens of these."""
    return torch.isin(word, word[chosen])


@whole_words.mistake
def unchanged(chosen, word):
    """Your choice is the old one. If one token of a word is chosen, its other tokens should be chosen as well."""
    return chosen.clone()


@whole_words.mistake
def only_from_the_first(chosen, word):
    """In yours a word is chosen only if its first token was. Any one of its tokens suffices."""
    first = torch.tensor([word[t] >= 0 and word[t] not in word[:t] for t in range(len(word))])
    return torch.isin(word, word[chosen & first])


@whole_words.mistake
def only_onward(chosen, word):
    """You go on from the chosen token to the end of its word. The tokens of the word that stand before it belong to it
    as well."""
    return torch.stack([(chosen[: t + 1] & (word[: t + 1] == word[t])).any() for t in range(len(word))])


@whole_words.mistake
def only_if_all(chosen, word):
    """You require every token of a word to be chosen. One is enough, and then the others follow."""
    return torch.tensor([bool(chosen[word == w].all()) and bool(w >= 0) for w in word])


@whole_words.mistake
def word_zero_is_none(chosen, word):
    """You take word 0 for no word, as happens to a number that is used as true or false. Words are counted from 0, and
    −1 says that there is none."""
    return torch.isin(word, word[chosen]) & (word > 0)


@whole_words.mistake
def the_number_of_a_word_as_true_or_false(chosen, word):
    """You keep the chosen tokens whose word is not 0: a number that is used as true or false. It says *which* word a
    token belongs to: which other tokens belong to the same?"""
    return chosen & (word != 0)


@whole_words.mistake
def neighbors(chosen, word):
    """You extend the choice by one token to each side. Words have different lengths, and a neighbor may belong to
    another word: what does `word` say?"""
    wide = chosen.clone()
    wide[1:] |= chosen[:-1]
    wide[:-1] |= chosen[1:]
    return wide & (word >= 0)


@whole_words.mistake
def marks_as_well(chosen, word):
    """You chose tokens that belong to no word as well. They are not to be hidden."""
    return torch.isin(word, word[chosen]) | (word < 0)


@whole_words.mistake
def the_other_words(chosen, word):
    """You chose the words none of whose tokens was chosen: it is the wrong way round."""
    return ~torch.isin(word, word[chosen]) & (word >= 0)


@whole_words.mistake
def only_the_others(chosen, word):
    """You choose the other tokens of the words and leave the chosen ones out. All tokens of such a word are to be
    hidden together."""
    return torch.isin(word, word[chosen]) & ~chosen


@whole_words.mistake
def by_majority(chosen, word):
    """You choose a word if more than half of its tokens are chosen. One of them is enough, and then the others
    follow."""
    return torch.tensor([bool(w >= 0) and bool(chosen[word == w].double().mean() > 0.5) for w in word])


@whole_words.mistake
def minus_one_reads_the_last_word(chosen, word):
    """You look up −1 in a table of words, and an index of −1 reads its *last* row: the marks are hidden together with
    the last word. What belongs to no word is never to be hidden."""
    hit = torch.isin(torch.arange(int(word.max()) + 1), word[chosen])
    return hit[word]


@whole_words.mistake
def all_words_at_once(chosen, word):
    """You hide every word as soon as one token is chosen. Only the words that have a chosen token are to be hidden."""
    return (word >= 0) & chosen.any()


@whole_words.mistake
def which_words(chosen, word):
    """You return the numbers of the words. The exercise asks for one True or False for each token, as in `chosen`."""
    return word[chosen].unique()


@whole_words.mistake
def which_tokens(chosen, word):
    """You return the places of the tokens. The exercise asks for one True or False for each token, as in `chosen`."""
    return torch.isin(word, word[chosen]).nonzero()[:, 0]


@whole_words.mistake
def the_first_token_of_each_chosen_word(chosen, word):
    """You hide the first token alone of each word that has a chosen one. All of its tokens are to be hidden."""
    first = torch.tensor([t == 0 or bool(word[t] != word[t - 1]) for t in range(len(word))])
    return torch.isin(word, word[chosen]) & first


@whole_words.mistake
def only_the_run(chosen, word):
    """You go from the chosen token to both sides as long as the word is the same. A word's tokens may come apart: look
    for its number in the whole row."""
    runs = torch.cat([torch.tensor([0]), (word[1:] != word[:-1]).long().cumsum(0)])
    return torch.isin(runs, runs[chosen]) & (word >= 0)


@whole_words.mistake
def the_number_of_the_word_for_the_place(chosen, word):
    """You use the number of a word as the place of a token. `word` says of each place to which word it belongs: compare
    it with the words of the chosen places."""
    places = chosen.nonzero()[:, 0]
    return torch.isin(word, places)


def two_passages(generator):
    """One token each; A longer; B longer; equal tokens in both."""
    yield [7], [8], 1, 2
    yield [7, 9, 6], [8], 1, 2
    yield [5], [5, 6, 5], 1, 2
    yield [12, 13], [14, 15, 16, 17], 101, 102


@exercise("15.sentence_pair", inputs=two_passages)
def sentence_pair(a, b, cls, sep):
    """A mark before A and one after each; the first two marks belong to A."""
    return [cls, *a, sep, *b, sep], [0] * (len(a) + 2) + [1] * (len(b) + 1)


@sentence_pair.mistake
def no_last_mark(a, b, cls, sep):
    """Nothing ends your B. In BERT each of the two passages is closed by its own separator."""
    return [cls, *a, sep, *b], [0] * (len(a) + 2) + [1] * len(b)


@sentence_pair.mistake
def the_separator_belongs_to_b(a, b, cls, sep):
    """Your segments change one token too early: the separator closes A and is a part of it."""
    return [cls, *a, sep, *b, sep], [0] * (len(a) + 1) + [1] * (len(b) + 2)


@sentence_pair.mistake
def segments_of_the_words_alone(a, b, cls, sep):
    """Your segments are shorter than the tokens: the special tokens have a segment too."""
    return [cls, *a, sep, *b, sep], [0] * len(a) + [1] * len(b)


@sentence_pair.mistake
def begins_twice(a, b, cls, sep):
    """B of yours begins with a mark of its own. There is one such mark, at the very start: its vector speaks for
    both."""
    return [cls, *a, sep, cls, *b, sep], [0] * (len(a) + 2) + [1] * (len(b) + 2)


@sentence_pair.mistake
def segments_counted_from_one(a, b, cls, sep):
    """Segments are rows of a table with two rows, and rows are counted from 0."""
    return [cls, *a, sep, *b, sep], [1] * (len(a) + 2) + [2] * (len(b) + 1)


@sentence_pair.mistake
def no_mark_between(a, b, cls, sep):
    """Nothing stands between your passages. Each of the two is closed by a separator of its own."""
    return [cls, *a, *b, sep], [0] * (len(a) + 1) + [1] * (len(b) + 1)


@sentence_pair.mistake
def no_first_mark(a, b, cls, sep):
    """Yours begins with A. The first token of all is a mark, whose vector speaks for both passages."""
    return [*a, sep, *b, sep], [0] * (len(a) + 1) + [1] * (len(b) + 1)


@sentence_pair.mistake
def no_marks_at_all(a, b, cls, sep):
    """Yours has the tokens of the two passages and no marks. One stands first of all, and one closes each passage."""
    return [*a, *b], [0] * len(a) + [1] * len(b)


@sentence_pair.mistake
def places_for_segments(a, b, cls, sep):
    """Your second list counts the places. A segment says to which of the two passages a token belongs: it is 0 or 1."""
    return [cls, *a, sep, *b, sep], list(range(len(a) + len(b) + 3))


@sentence_pair.mistake(first={"a segment of their own": 2, "segment 1": 1})
def marks_apart(a, b, cls, sep, *, first):
    """Your marks have {first}. Each of them belongs to one of the two passages, and there are two segments."""
    return [cls, *a, sep, *b, sep], [first, *[0] * len(a), first, *[1] * len(b), first]


@sentence_pair.mistake
def marks_in_the_first_segment(a, b, cls, sep):
    """All of your marks are in segment 0. The last one closes B and belongs to it."""
    return [cls, *a, sep, *b, sep], [*[0] * (len(a) + 2), *[1] * len(b), 0]


@sentence_pair.mistake
def segments_exchanged(a, b, cls, sep):
    """Your A is segment 1 and your B segment 0. Rows are counted from 0, and A comes first."""
    return [cls, *a, sep, *b, sep], [1] * (len(a) + 2) + [0] * (len(b) + 1)


@sentence_pair.mistake
def one_segment(a, b, cls, sep):
    """Your segments are all 0. They are there to tell B from A."""
    return [cls, *a, sep, *b, sep], [0] * (len(a) + len(b) + 3)


@sentence_pair.mistake
def two_lists_of_tokens(a, b, cls, sep):
    """You return the tokens of the two passages apart. They are one row of tokens, and the second list says which token
    belongs to which passage."""
    return [cls, *a, sep], [*b, sep]


@sentence_pair.mistake
def tokens_alone(a, b, cls, sep):
    """Your tokens are right. A second list is asked for, with the segment of each of them."""
    return [cls, *a, sep, *b, sep]


@sentence_pair.mistake
def b_before_a(a, b, cls, sep):
    """Your B stands before A. The first passage is A."""
    return sentence_pair(b, a, cls, sep)


def logits_and_targets(generator):
    """First, last, between; a longer one."""
    yield torch.tensor([2.0, 1.0]), 0
    yield torch.tensor([0.5, 1.5, 3.0]), 0
    yield torch.tensor([0.5, 3.0, 1.5, -1.0]), 2
    yield _numbers(generator, 12, decimals=4), 7
    yield _numbers(generator, 30, decimals=4), 4


@exercise("15.rank_of", inputs=logits_and_targets)
def rank_of(logits, target):
    """One more than the number of tokens with a larger score."""
    return int((logits > logits[target]).sum()) + 1


@rank_of.mistake
def counted_from_zero(logits, target):
    """The best has rank 0 in yours. Ranks are counted from 1, as in a race."""
    return int((logits > logits[target]).sum())


@rank_of.mistake
def from_the_worst(logits, target):
    """Yours counts from the lowest score up: the likeliest token comes last in it, and should come first."""
    return int((logits < logits[target]).sum()) + 1


@rank_of.mistake
def who_has_the_rank(logits, target):
    """The sorted order lists tokens by rank: at index i stands *which token* has the rank. You want to know at which
    index a token stands."""
    return int(logits.argsort(descending=True)[target]) + 1


@rank_of.mistake
def who_has_the_rank_from_below(logits, target):
    """You sorted from the lowest score up and read off *which token* stands at index target. You want to know at which
    index a token stands, counted from the top."""
    return int(logits.argsort()[target]) + 1


@rank_of.mistake
def without_the_sign(logits, target):
    """You compare the sizes of the scores without their signs. A score of −3 is less than one of 1."""
    return int((logits.abs() > logits[target].abs()).sum()) + 1


@rank_of.mistake(more={"as it is": 0, "plus 1": 1})
def how_far_behind_the_best(logits, target, *, more):
    """You return how far the score is behind the best one, {more}. A rank counts tokens: how many are ahead?"""
    return float(logits.max() - logits[target]) + more


@rank_of.mistake
def the_best_token(logits, target):
    """You return which token is the best. The question is how many are ahead of the target."""
    return int(logits.argmax())


@rank_of.mistake
def from_the_worst_and_zero(logits, target):
    """Yours counts from the lowest score up, and from 0. The likeliest token should come first, and have rank 1."""
    return int((logits < logits[target]).sum())


@rank_of.mistake
def one_too_many(logits, target):
    """Your ranks are one too large: the target counts as ahead of itself, or you begin at 2."""
    return int((logits >= logits[target]).sum()) + 1


@rank_of.mistake
def its_probability(logits, target):
    """You return the probability of the target. A rank counts tokens: how many are ahead?"""
    return float(logits.softmax(dim=0)[target])


def candidates(generator):
    """A right side that says nothing; one that overrules the left; longer ones."""
    yield torch.tensor([0.7, 0.3]).log(), torch.tensor([[0.5], [0.5]]).log()
    yield torch.tensor([0.8, 0.2]).log(), torch.tensor([[0.1, 0.5], [0.9, 0.6]]).log()
    far = torch.tensor([[-400.0, -500.0], [-401.0, -500.0]], dtype=torch.float64)  # whose product is below any float
    yield torch.tensor([0.5, 0.5], dtype=torch.float64).log(), far
    yield _numbers(generator, 4).log_softmax(0), -_numbers(generator, 4, 3).abs()
    yield _numbers(generator, 6).log_softmax(0), -_numbers(generator, 6, 8).abs()


@exercise("15.fill_from_both_sides", inputs=candidates)
def fill_from_both_sides(log_left, log_right):
    """Bayes: what the left says of each candidate, times what it makes of the right, over the sum of all."""
    return (log_left + log_right.sum(dim=1)).softmax(dim=0)


@fill_from_both_sides.mistake
def the_left_alone(log_left, log_right):
    """That is the causal model's guess before it has read on. The right side makes no difference to yours."""
    return log_left.softmax(dim=0)


@fill_from_both_sides.mistake
def the_right_alone(log_left, log_right):
    """You ask which candidate explains the right side best, and forget how likely it was to stand there at all."""
    return log_right.sum(dim=1).softmax(dim=0)


@fill_from_both_sides.mistake
def not_normalized(log_left, log_right):
    """These are the joint probabilities. Divide by their sum: the candidates are all there is to choose from."""
    return (log_left + log_right.sum(dim=1)).exp()


@fill_from_both_sides.mistake
def the_product_underflows(log_left, log_right):
    """Right for a short right side. The probabilities of a long one multiply to less than any float holds, and yours
    divides 0 by 0. What did chapter 0 do with a product of many probabilities?"""
    joint = log_left.exp() * log_right.exp().prod(dim=1)
    return joint / joint.sum()


@fill_from_both_sides.mistake
def still_logarithms(log_left, log_right):
    """These are the right probabilities' logarithms. A probability is not negative: one more step."""
    return (log_left + log_right.sum(dim=1)).log_softmax(dim=0)


@fill_from_both_sides.mistake
def mean_of_the_right(log_left, log_right):
    """You averaged over the tokens on the right. Their probabilities multiply, so the logarithms add up."""
    return (log_left + log_right.mean(dim=1)).softmax(dim=0)


@fill_from_both_sides.mistake
def only_the_next_token(log_left, log_right):
    """Only the first token on the right counts in yours. Each that follows depends on the candidate as well."""
    return (log_left + log_right[:, 0]).softmax(dim=0)


@fill_from_both_sides.mistake
def logarithms_multiplied(log_left, log_right):
    """You multiply logarithms. Probabilities multiply, and their logarithms add up."""
    return (log_left * log_right.sum(dim=1)).softmax(dim=0)


@fill_from_both_sides.mistake
def the_right_shared_out_token_by_token(log_left, log_right):
    """You turn each token on the right into shares of the candidates, and add these up. The tokens on the right are one
    continuation: its probability under a candidate is a product, and it is divided once, at the end."""
    joint = log_left.exp() * log_right.softmax(dim=0).sum(dim=1)
    return joint / joint.sum()


@fill_from_both_sides.mistake
def probabilities_on_the_right_added(log_left, log_right):
    """You add the probabilities of the tokens on the right. All of them have to come: what becomes of the probabilities
    then?"""
    joint = log_left.exp() * log_right.exp().sum(dim=1)
    return joint / joint.sum()


@fill_from_both_sides.mistake
def left_and_right_added(log_left, log_right):
    """You add what the left says and what the right says. Both have to hold: their probabilities multiply."""
    either = log_left.exp() + log_right.sum(dim=1).exp()
    return either / either.sum()


@fill_from_both_sides.mistake
def left_and_right_averaged(log_left, log_right):
    """You let the two sides vote, each with its own distribution, and take the mean. A candidate that one side rules
    out should be ruled out: what is done with the two then?"""
    return (log_left.softmax(dim=0) + log_right.sum(dim=1).softmax(dim=0)) / 2


@fill_from_both_sides.mistake
def the_likeliest_candidate(log_left, log_right):
    """You return which candidate is the likeliest. The exercise asks for the probabilities of all of them."""
    return int((log_left + log_right.sum(dim=1)).argmax())


@fill_from_both_sides.mistake
def divided_by_the_left(log_left, log_right):
    """You divide by what the left says. It is a factor of the product, as each token on the right is."""
    return (log_right.sum(dim=1) - log_left).softmax(dim=0)


@fill_from_both_sides.mistake
def softmax_of_probabilities(log_left, log_right):
    """You take the softmax of probabilities, which takes their exponential once more. Divide them by their sum, or take
    the softmax of the *logarithms*."""
    return (log_left + log_right.sum(dim=1)).exp().softmax(dim=0)


@fill_from_both_sides.mistake
def sums_of_the_logarithms(log_left, log_right):
    """You return the sums of the logarithms. Two steps are left: to make probabilities of them, and to let these sum to
    1."""
    return log_left + log_right.sum(dim=1)


class _Guesser:
    """A small masked model with fixed tables: what it says of a hole depends on the tokens beside it.

    It counts how often it is asked, and keeps what it was asked.
    """

    def __init__(self, seed: int, size: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.left, self.right = 2.5 * torch.randn(2, size, size, generator=generator)
        self.shift = 30 * torch.rand(50, generator=generator)

    def __call__(self, tokens: list[int]) -> Tensor:
        ids = torch.as_tensor(tokens).tolist()
        rows = []
        for t in range(len(ids)):
            row = torch.zeros(self.left.shape[0])
            if t > 0:
                row = row + self.left[ids[t - 1]]
            if t + 1 < len(ids):
                row = row + self.right[ids[t + 1]]
            rows.append(row + self.shift[t])  # no softmax minds what is added to a whole row
        return torch.stack(rows)

    def __repr__(self) -> str:
        return "a small model"


def lines_with_holes(_):
    """One hole; none; two beside each other; three; holes apart; one line that parts what is meant by the surest."""
    mask = 0
    for seed, tokens in enumerate(([3, 0, 2], [4, 1, 2], [3, 0, 0, 2], [1, 0, 0, 0, 5], [0, 4, 0, 0, 2, 0, 3, 0, 0])):
        for more in (0, 10):
            yield _Guesser(seed + more, 6), list(tokens), mask
    yield _Guesser(39, 6), [0, 0, 5, 0, 0], mask  # four senses of "surest" fill it in four ways
    for seed in (76, 161):
        yield _Guesser(seed, 6), [1, 0, 0, 0, 5], mask  # what is filled in first changes which hole is the surest then


def _fill(logits_of, tokens, mask, which, *, reread=True):
    ids = torch.as_tensor(tokens).tolist()
    p = logits_of(ids).softmax(dim=-1)
    while mask in ids:
        if reread:
            p = logits_of(ids).softmax(dim=-1)
        t = which([t for t, token in enumerate(ids) if token == mask], p)
        row = p[t].clone()
        row[mask] = -1
        ids[t] = int(row.argmax())
    return ids


def _sure(p, mask):
    kept = p.clone()
    kept[:, mask] = -1
    return kept.max(dim=-1).values


@exercise(
    "15.surest_first",
    inputs=lines_with_holes,
    hint="Go through your function with two holes. Which of the two is filled first, with what, and what does the "
    "model get to see before it fills the second?",
)
def surest_first(logits_of, tokens, mask):
    """Fill the hole whose best token is likeliest, read again, until none is left; a hole is not filled with a mask."""
    return _fill(logits_of, tokens, mask, lambda holes, p: max(holes, key=lambda t: float(_sure(p, mask)[t])))


@surest_first.mistake
def all_at_once(logits_of, tokens, mask):
    """You filled every hole from one reading. The later holes should be filled with the earlier ones in view: ask the
    model again after each."""
    return _fill(logits_of, tokens, mask, lambda holes, p: holes[0], reread=False)


@surest_first.mistake
def left_to_right(logits_of, tokens, mask):
    """You filled the holes from left to right. Which of them is the model surest of?"""
    return _fill(logits_of, tokens, mask, lambda holes, p: holes[0])


@surest_first.mistake
def right_to_left(logits_of, tokens, mask):
    """You filled the holes from right to left. Which of them is the model surest of?"""
    return _fill(logits_of, tokens, mask, lambda holes, p: holes[-1])


@surest_first.mistake
def in_the_order_of_the_first_reading(logits_of, tokens, mask):
    """You decide the order of the holes once, from the first reading. Each hole that is filled changes how sure the
    model is of the others: choose the next one from what it says then."""
    p = logits_of(torch.as_tensor(tokens).tolist()).softmax(dim=-1)
    first = _sure(p, mask)
    return _fill(logits_of, tokens, mask, lambda holes, _: max(holes, key=lambda t: float(first[t])))


@surest_first.mistake(taken={"the place and its token": True, "the place": False})
def softmax_over_the_places(logits_of, tokens, mask, *, taken):
    """You choose {taken} by a softmax that runs over the places of the line. At each place, the tokens of the
    vocabulary share the probability: along which axis do they lie?"""
    ids = torch.as_tensor(tokens).tolist()
    while mask in ids:
        logits = logits_of(ids)
        p = logits.softmax(dim=0)
        t = max((t for t, token in enumerate(ids) if token == mask), key=lambda t: float(_sure(p, mask)[t]))
        ids[t] = int(_sure_token(p[t] if taken else logits[t].softmax(dim=-1), mask))
    return ids


@surest_first.mistake
def least_sure_first(logits_of, tokens, mask):
    """You filled the hole that the model is least sure of. That is the last step of the lab; the function is to fill
    the surest one."""
    return _fill(logits_of, tokens, mask, lambda holes, p: min(holes, key=lambda t: float(_sure(p, mask)[t])))


@surest_first.mistake
def the_largest_logit(logits_of, tokens, mask):
    """You compared logits of different places. Adding 10 to all logits of one place changes no probability there, and
    would change your choice: what has to be compared?"""
    ids = torch.as_tensor(tokens).tolist()
    while mask in ids:
        logits = logits_of(ids).clone()
        logits[:, mask] = -torch.inf
        t = max((t for t, token in enumerate(ids) if token == mask), key=lambda t: float(logits[t].max()))
        ids[t] = int(logits[t].argmax())
    return ids


@surest_first.mistake
def only_one_hole(logits_of, tokens, mask):
    """You filled the surest hole and stopped. Go on until no hole is left."""
    ids = torch.as_tensor(tokens).tolist()
    holes = [t for t, token in enumerate(ids) if token == mask]
    if holes:
        p = logits_of(ids).softmax(dim=-1)
        t = max(holes, key=lambda t: float(_sure(p, mask)[t]))
        ids[t] = int(_sure_token(p[t], mask))
    return ids


def _sure_token(row, mask):
    kept = row.clone()
    kept[mask] = -1
    return kept.argmax()


@surest_first.mistake
def least_entropy_first(logits_of, tokens, mask):
    """You filled the hole with the least entropy. That is another sense of *sure*, which looks at the whole
    distribution: the function is to compare the probabilities of the best tokens."""

    def certain(holes, p):
        entropy = -(p * p.clamp(min=1e-30).log()).sum(dim=-1)
        return min(holes, key=lambda t: float(entropy[t]))

    return _fill(logits_of, tokens, mask, certain)


@surest_first.mistake
def largest_lead_first(logits_of, tokens, mask):
    """You filled the hole where the best token has the largest lead over the second. The function is to compare the
    probabilities of the best tokens alone."""

    def ahead(holes, p):
        kept = p.clone()
        kept[:, mask] = 0
        best, second = kept.topk(2, dim=-1).values.unbind(dim=-1)
        return max(holes, key=lambda t: float(best[t] - second[t]))

    return _fill(logits_of, tokens, mask, ahead)


@surest_first.mistake
def only_what_was_filled_in(logits_of, tokens, mask):
    """You return the tokens that were filled in. The whole line is asked for, with them in it."""
    filled = surest_first(logits_of, tokens, mask)
    return [new for old, new in zip(tokens, filled, strict=True) if old == mask]


@surest_first.mistake
def the_mask_may_win(logits_of, tokens, mask):
    """You let the mask be the best token of a hole, which stays a hole then. It is not to be chosen, however likely the
    model finds it."""
    ids = torch.as_tensor(tokens).tolist()
    holes = [t for t, token in enumerate(ids) if token == mask]
    while holes:
        p, token = logits_of(ids).softmax(dim=-1).max(dim=-1)
        best = max(holes, key=lambda t: float(p[t]))
        ids[best] = int(token[best])
        holes.remove(best)
    return ids


@surest_first.mistake
def every_token_anew(logits_of, tokens, mask):
    """You replaced tokens that were no holes. Only the holes are to be filled."""
    p = logits_of(list(tokens)).softmax(dim=-1)
    p[:, mask] = -1
    return p.argmax(dim=-1)


@surest_first.mistake
def what_filled_it_in_what_order(logits_of, tokens, mask):
    """You return in which order the holes were filled. The line is asked for, with all holes filled."""
    order = []

    def surest(holes, p):
        order.append(max(holes, key=lambda t: float(_sure(p, mask)[t])))
        return order[-1]

    _fill(logits_of, tokens, mask, surest)
    return order


@surest_first.mistake
def the_mask_taken_out_of_the_softmax(logits_of, tokens, mask):
    """You take the mask out *before* the softmax, so that its probability is shared out over the other tokens. A hole
    where the model gives much to the mask then looks surer than it is: here the softmax runs over the whole
    vocabulary."""

    def without(ids):
        logits = logits_of(ids).clone()
        logits[:, mask] = -torch.inf
        return logits

    return surest_first(without, tokens, mask)
