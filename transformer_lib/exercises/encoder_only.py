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
        22: "[CLS] and [SEP] are part of every input, but they are not scored.",
        400: "That is the number of pairs of tokens that attention compares in one pass.",
        2: "Many tokens hidden at once do not see each other. Each is to be given all the others.",
    },
)


def words_and_choices(generator: np.random.Generator):
    """One word, chosen by its second token; two words beside marks; nothing chosen; words that come apart; more."""
    yield torch.tensor([False, True, False]), torch.tensor([0, 0, 0])
    yield torch.tensor([False, True, False, False, False, False]), torch.tensor([-1, 0, 0, 1, 1, -1])
    yield torch.tensor([False, False]), torch.tensor([0, 1])
    yield torch.tensor([False, False, False, True, False]), torch.tensor([-1, 3, 3, 7, -1])
    yield torch.tensor([True, False, False, False, False]), torch.tensor([0, 1, 0, 2, 2])
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
    return torch.stack([bool(chosen[word == w].all()) and bool(w >= 0) for w in word])


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
    """One hole; none; two beside each other; three; holes apart."""
    mask = 0
    for seed, tokens in enumerate(([3, 0, 2], [4, 1, 2], [3, 0, 0, 2], [1, 0, 0, 0, 5], [0, 4, 0, 0, 2, 0, 3, 0, 0])):
        for more in (0, 10):
            yield _Guesser(seed + more, 6), list(tokens), mask


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
