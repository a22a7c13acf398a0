"""Exercises of chapter 08: who may look at whom."""

import math

import torch

from transformer_lib.exercises.engine import Question, exercise

visible_cells = Question(
    "08.visible_cells",
    55,
    hint="The first token sees one, the second sees two, and so on. What do the rows add up to?",
    mistakes={
        100: "That is every cell: a table in which each token sees all ten.",
        45: "That is the triangle without its diagonal. A token may look at itself.",
        50: "Half of the square is close, but the diagonal belongs to the mask whole, and not by half.",
        10: "That is what the last token sees. Each of the others has a row too.",
    },
)

window_reach = Question(
    "08.window_reach",
    10,
    hint="Through each further layer the horizon moves by as many tokens as the oldest one in sight can itself see "
    "before it.",
    mistakes={
        12: "Window times layers counts some tokens twice: the oldest one in sight of a layer is itself the newest "
        "of the window that it looks through.",
        9: "That is how many lie *before* the last token. It hears from itself too.",
        4: "That is one layer. But the second layer looks at outputs that have looked already.",
        64: "The windows overlap, so what is in sight adds up and does not multiply.",
        16: "One layer too many, and each with the whole window: the windows overlap in a token.",
        7: "That is what two such layers reach. The text goes through another.",
    },
)


def scores_and_masks(generator):
    """One row; a causal square; a wide cross; large scores; rows with one open cell."""
    yield torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[True, False, True]])
    yield torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[True, False], [True, True]])
    yield torch.from_numpy(generator.normal(size=(4, 4))), torch.ones(4, 4, dtype=torch.bool).tril()
    yield torch.from_numpy(generator.normal(size=(2, 5))), torch.arange(5).expand(2, 5) < 3
    yield torch.tensor([[900.0, 901.0, 899.0]] * 3), torch.tensor([[1, 0, 1], [0, 1, 1], [0, 0, 1]]) > 0


@exercise("08.masked_softmax", inputs=scores_and_masks)
def masked_softmax(scores, mask):
    """A forbidden score is minus infinity before the softmax."""
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1)


@masked_softmax.mistake
def multiplied_after_the_softmax(scores, mask):
    """Your rows do not sum to 1. The forbidden keys have no weight, but they still stand in the denominator, where a
    model can read them: the mask came after the softmax."""
    return scores.softmax(dim=-1) * mask


@masked_softmax.mistake
def scores_multiplied(scores, mask):
    """You set the forbidden scores to 0, and a score of 0 is a fair chance: its exponential is 1. Which score has an
    exponential of 0?"""
    return (scores * mask).softmax(dim=-1)


@masked_softmax.mistake
def blocked_for_allowed(scores, mask):
    """You hide what may be seen and show what may not. That is the polarity of nn.MultiheadAttention; here True means
    that the query may attend."""
    return scores.masked_fill(mask, -math.inf).softmax(dim=-1)


@masked_softmax.mistake
def softmax_over_the_queries(scores, mask):
    """Your columns sum to 1, where the rows should: each query shares out its attention over the keys."""
    return scores.masked_fill(~mask, -math.inf).softmax(dim=0)


@masked_softmax.mistake
def the_exponential_overflows(scores, mask):
    """Right for small scores. But e to the power of 900 is infinite, and infinity divided by infinity is not a number:
    a softmax does not change when a row is moved by a constant."""
    weights = torch.exp(scores) * mask
    return weights / weights.sum(dim=-1, keepdim=True)


@masked_softmax.mistake
def the_mask_added(scores, mask):
    """You add the mask to the scores, as 0 and 1. That makes the allowed keys a little likelier and forbids nothing.
    What is added to a forbidden score must be lower than any score."""
    return (scores + mask.to(scores.dtype)).softmax(dim=-1)


def queries_and_keys(generator):
    """A square, one new token, a few after a cache."""
    yield 1, 1
    yield 1, 4
    yield 3, 3
    yield 2, 5
    yield 4, 6


@exercise("08.cached_mask", inputs=queries_and_keys)
def cached_mask(T, S):
    """Query i stands at position i + S - T."""
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


@cached_mask.mistake
def aligned_to_the_first_key(T, S):
    """Right where T equals S. With a cache, your first query sees the first key alone, as if it stood at position 0. At
    which position does it stand?"""
    return torch.ones(T, S, dtype=torch.bool).tril()


@cached_mask.mistake
def cannot_see_itself(T, S):
    """Your queries see all that came before them and not themselves; on a square the first row is even empty."""
    return torch.ones(T, S, dtype=torch.bool).tril(S - T - 1)


@cached_mask.mistake
def sees_one_too_far(T, S):
    """Shifted by one: each query sees the key after its own, where its answer stands."""
    return torch.ones(T, S, dtype=torch.bool).tril(S - T + 1)


@cached_mask.mistake
def blocked_where_true(T, S):
    """True stands where looking is forbidden in yours. In this book it stands where looking is allowed."""
    return torch.ones(T, S, dtype=torch.bool).triu(S - T + 1)


@cached_mask.mistake
def the_cache_is_not_seen(T, S):
    """The new tokens see each other rightly, but not what the cache holds. The old keys are the past of all of them."""
    mask = torch.zeros(T, S, dtype=torch.bool)
    mask[:, S - T :] = torch.ones(T, T, dtype=torch.bool).tril()
    return mask


def lengths_and_widths(generator):
    """One text that fills its row, one that does not, several."""
    yield torch.tensor([1]), 1
    yield torch.tensor([2]), 2
    yield torch.tensor([1]), 3
    yield torch.tensor([2, 4, 1]), 4
    yield torch.tensor([5, 3]), 5


@exercise("08.batch_mask", inputs=lengths_and_widths)
def batch_mask(lengths, T):
    """The past, and of it only what is real."""
    keys = torch.arange(T)
    return (keys <= keys[:, None]) & (keys < lengths[:, None, None, None])


def _causal(T):
    return torch.ones(T, T, dtype=torch.bool).tril()


def _real(lengths, T):
    return torch.arange(T) < lengths[:, None]


@batch_mask.mistake
def padding_forgotten(lengths, T):
    """The future is hidden, and the padding is not: the lengths make no difference to yours."""
    return _causal(T).expand(len(lengths), 1, T, T)


@batch_mask.mistake
def future_forgotten(lengths, T):
    """The padding is hidden, and the future is not: each position sees what it is to predict."""
    return _real(lengths, T)[:, None, None, :].expand(len(lengths), 1, T, T)


@batch_mask.mistake
def joined_with_or(lengths, T):
    """Yours allows what either mask allows, so the future of a real token is open. A key must pass both."""
    return _causal(T) | _real(lengths, T)[:, None, None, :]


@batch_mask.mistake
def queries_hidden(lengths, T):
    """You close the rows of the padding, so that its queries may look at nothing: a softmax over nothing. It is the
    columns that must not be seen, since the keys are on the last axis. What a padded query sees does no harm: nobody
    reads it."""
    return _causal(T) & _real(lengths, T)[:, None, :, None]


@batch_mask.mistake
def no_axis_for_the_heads(lengths, T):
    """The right table in the wrong shape. (B, T, T) is taken for (H, T, T) when it meets the scores, one mask a head
    and not one a text: the heads need an axis of their own."""
    return _causal(T) & _real(lengths, T)[:, None, :]


@batch_mask.mistake
def one_token_too_long(lengths, T):
    """The first filler is seen. Positions count from 0, so a text of n tokens has none at position n."""
    return _causal(T) & (torch.arange(T) <= lengths[:, None, None, None])


def probes(generator):
    """Causal, leaky by one, everyone, blind, and by chance."""
    yield (torch.tensor([[True]]),)
    yield (torch.tensor([[True, True], [True, True]]),)
    yield (torch.ones(4, 4, dtype=torch.bool).tril(),)
    yield (torch.ones(4, 4, dtype=torch.bool).tril(1),)
    yield (torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) > 0,)
    yield (torch.from_numpy(generator.random((6, 6)) < 0.5),)


@exercise("08.leaks", inputs=probes)
def leaks(works):
    """Rows are outputs, columns inputs: the future is above the diagonal."""
    return int(works.triu(1).sum())


@leaks.mistake
def the_diagonal_counted(works):
    """You count the diagonal. An output that depends on its own input leaks nothing: that token has been read."""
    return int(works.triu().sum())


@leaks.mistake
def the_past_counted(works):
    """You count below the diagonal: outputs that depend on what came *before* them, as they should. The rows are the
    outputs."""
    return int(works.tril(-1).sum())


@leaks.mistake
def everything_counted(works):
    """You count every True. Most of them are a model doing its work: which inputs come after output i?"""
    return int(works.sum())


@leaks.mistake
def only_the_next(works):
    """You look one step ahead only, where most leaks begin. An output must not depend on any input after it."""
    return int(works.diagonal(1).sum())


@leaks.mistake
def whether_not_how_many(works):
    """You say whether there is a leak. Asked is how many pairs there are."""
    return int(works.triu(1).any())
