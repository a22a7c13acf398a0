"""Exercises of chapter 15: what is hidden and what is asked, pairs and padding, and a blank filled from both sides."""

import numpy as np
import torch

from transformer_lib.exercises.engine import Question, exercise

IGNORE = -100


def _numbers(generator: np.random.Generator, *shape, decimals=1):
    """Round numbers around 0."""
    return torch.from_numpy(generator.normal(size=shape).round(decimals)).float()


masks_of_a_thousand = Question(
    "15.masks_of_a_thousand",
    120,
    hint="A token is chosen first, and then it is decided what the model sees in its place. Which two shares multiply?",
    mistakes={
        150: "That is how many are chosen to be predicted. What does the model see at each of those places?",
        800: "That is the share of the chosen tokens, taken of all tokens. Most tokens are not chosen at all.",
        135: "That is how many look different from what they were. Some of those show another word, not [MASK].",
        15: "That is how many become a random word; and as many stay as they were.",
        850: "That is how many are not chosen, and they are shown as they are.",
    },
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


def hidden_tokens(generator):
    """None chosen; one for each of the three fates; several rows; lots on the thresholds; a special token's id."""
    yield torch.tensor([[7, 8]]), torch.tensor([[False, False]]), torch.tensor([[0.1, 0.95]]), torch.tensor([[9, 9]]), 3
    yield (
        torch.tensor([[7, 8, 9, 6]]),
        torch.tensor([[True, True, True, False]]),
        torch.tensor([[0.2, 0.85, 0.95, 0.05]]),
        torch.tensor([[5, 4, 6, 5]]),
        3,
    )
    yield (
        torch.tensor([[7, 7, 7]]),
        torch.tensor([[True, True, True]]),
        torch.tensor([[0.8, 0.9, 0.0]], dtype=torch.float64),
        torch.tensor([[5, 6, 8]]),
        3,
    )
    yield (
        torch.from_numpy(generator.integers(4, 30, (3, 12))),
        torch.from_numpy(generator.random((3, 12)) < 0.5),
        torch.from_numpy(generator.random((3, 12))),
        torch.from_numpy(generator.integers(4, 30, (3, 12))),
        2,
    )


@exercise("15.mask_tokens", inputs=hidden_tokens)
def mask_tokens(tokens, chosen, lot, drawn, mask):
    """Below 0.8 the mask, from there to 0.9 the drawn token, above it the token itself; a label at each chosen one."""
    inputs = torch.where(chosen & (lot < 0.8), mask, tokens)
    inputs = torch.where(chosen & (lot >= 0.8) & (lot < 0.9), drawn, inputs)
    return inputs, torch.where(chosen, tokens, IGNORE)


def _hide(tokens, chosen, lot, drawn, mask):
    inputs = torch.where(chosen & (lot < 0.8), mask, tokens)
    return torch.where(chosen & (lot >= 0.8) & (lot < 0.9), drawn, inputs)


@mask_tokens.mistake
def always_the_mask(tokens, chosen, lot, drawn, mask):
    """Every chosen token of yours becomes the mask. Then the model learns that what it can see is never asked for,
    and when it is used there is no mask to see."""
    return torch.where(chosen, mask, tokens), torch.where(chosen, tokens, IGNORE)


@mask_tokens.mistake
def no_label_where_nothing_changed(tokens, chosen, lot, drawn, mask):
    """You ask only where the input differs from the token. The tenth that stays as it was is asked for too: that is
    what makes the model doubt every token it sees."""
    inputs = _hide(tokens, chosen, lot, drawn, mask)
    return inputs, torch.where(inputs != tokens, tokens, IGNORE)


@mask_tokens.mistake
def labels_everywhere(tokens, chosen, lot, drawn, mask):
    """You ask for every token, and most of them are there to be copied. The loss falls fast, and little is
    learned."""
    return _hide(tokens, chosen, lot, drawn, mask), tokens.clone()


@mask_tokens.mistake
def the_input_is_the_label(tokens, chosen, lot, drawn, mask):
    """Your labels are what the model sees, mask and all. What is asked for is what stood there before."""
    inputs = _hide(tokens, chosen, lot, drawn, mask)
    return inputs, torch.where(chosen, inputs, IGNORE)


@mask_tokens.mistake
def chosen_or_not(tokens, chosen, lot, drawn, mask):
    """The lot decides in yours whether or not a token was chosen. First comes the choice, and then, for the chosen
    ones alone, the lot."""
    inputs = torch.where(lot < 0.8, mask, torch.where(lot < 0.9, drawn, tokens))
    return inputs, torch.where(chosen, tokens, IGNORE)


@mask_tokens.mistake
def a_tenth_then_eight_tenths(tokens, chosen, lot, drawn, mask):
    """Of yours, a tenth becomes the mask and eight tenths a random token: the two are the wrong way round."""
    inputs = torch.where(chosen & (lot < 0.1), mask, tokens)
    inputs = torch.where(chosen & (lot >= 0.1) & (lot < 0.9), drawn, inputs)
    return inputs, torch.where(chosen, tokens, IGNORE)


@mask_tokens.mistake
def random_over_the_mask(tokens, chosen, lot, drawn, mask):
    """A lot below 0.8 is below 0.9 as well: your random ids come last, and overwrite every mask."""
    inputs = torch.where(chosen & (lot < 0.9), drawn, tokens)
    return inputs, torch.where(chosen, tokens, IGNORE)


@mask_tokens.mistake
def labels_of_the_others(tokens, chosen, lot, drawn, mask):
    """Your labels are the wrong way round: −100 stands at the chosen tokens, and all that can be seen is asked for."""
    return _hide(tokens, chosen, lot, drawn, mask), torch.where(chosen, IGNORE, tokens)


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


def padded_vectors(generator):
    """A row that is full; one that is not, whose padding is far from 0; several."""
    yield torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), torch.tensor([2])
    yield torch.tensor([[[1.0, 2.0], [3.0, 6.0], [50.0, -50.0]]]), torch.tensor([2])
    yield _numbers(generator, 3, 5, 4), torch.tensor([5, 1, 3])
    yield _numbers(generator, 2, 6, 3), torch.tensor([2, 4])


@exercise("15.masked_mean", inputs=padded_vectors)
def masked_mean(vectors, lengths):
    """The sum over the real positions, divided by how many there are."""
    real = torch.arange(vectors.shape[1]) < lengths[:, None]
    return (vectors * real[:, :, None]).sum(dim=1) / lengths[:, None]


def _real(vectors, lengths):
    return (torch.arange(vectors.shape[1]) < lengths[:, None])[:, :, None]


@masked_mean.mistake
def padding_counts(vectors, lengths):
    """The padding is averaged in. The same sentence then has another vector in a batch with a longer one."""
    return vectors.mean(dim=1)


@masked_mean.mistake
def divided_by_the_row(vectors, lengths):
    """The padding is out of your sum, and still in the number by which you divide."""
    return (vectors * _real(vectors, lengths)).mean(dim=1)


@masked_mean.mistake
def one_too_many(vectors, lengths):
    """A sentence of n tokens has none at position n: they are counted from 0."""
    real = (torch.arange(vectors.shape[1]) <= lengths[:, None])[:, :, None]
    return (vectors * real).sum(dim=1) / real.sum(dim=1)


@masked_mean.mistake
def the_first_vector(vectors, lengths):
    """That is the vector of the first position, the other usual way to one vector. Asked for is the mean."""
    return vectors[:, 0]


@masked_mean.mistake
def the_last_vector(vectors, lengths):
    """That is the vector of the last real position, which a causal model would have to use: there it alone has seen
    the whole text. Asked for is the mean."""
    return vectors[torch.arange(len(vectors)), lengths - 1]


@masked_mean.mistake
def the_largest(vectors, lengths):
    """You take the largest value of each component, max pooling. Asked for is the mean."""
    return vectors.masked_fill(~_real(vectors, lengths), -torch.inf).amax(dim=1)


@masked_mean.mistake
def the_sum(vectors, lengths):
    """Long sentences get long vectors in yours: divide by how many there are."""
    return (vectors * _real(vectors, lengths)).sum(dim=1)


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


def candidates(generator):
    """A right side that says nothing; one that overrules the left; longer ones."""
    yield torch.tensor([0.7, 0.3]).log(), torch.tensor([[0.5], [0.5]]).log()
    yield torch.tensor([0.8, 0.2]).log(), torch.tensor([[0.1, 0.5], [0.9, 0.6]]).log()
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
def not_normalised(log_left, log_right):
    """These are the joint probabilities. Divide by their sum: the candidates are all there is to choose from."""
    return (log_left + log_right.sum(dim=1)).exp()


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
