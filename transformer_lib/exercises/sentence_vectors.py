"""Exercises of page 15a: one vector for a sentence, how it is trained, and what a search by it finds."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from transformer_lib.exercises.engine import Question, exercise


def _numbers(generator: np.random.Generator, *shape):
    """Round numbers around 0."""
    return torch.from_numpy(generator.normal(size=shape).round(1)).float()


middle_of_two = Question(
    "15a.middle_of_two",
    math.sqrt(0.8),
    hint="Let a and b have length 1. How long is a + b, and what is its product with a? Only the product of two "
    "vectors of length 1 is a cosine.",
    mistakes={
        0.8: "You averaged the two cosines, 1 and 0.6. That is the product of a with the mean of a and b, and this "
        "mean is shorter than 1.",
        0.6: "That is the cosine of a and b. The third vector lies between them, so it is nearer to both.",
        1.6: "That is the product of a with a + b. A cosine is at most 1: how long is a + b?",
        0.3: "You halved the cosine. Draw two arrows and the one between them: is the middle farther from each?",
        0.64: "You divided the mean of the two cosines by something that is too large. How long is a + b?",
    },
    rtol=2e-3,
)


def padded_vectors(generator):
    """A row that is full; one that is not, whose padding is far from 0; several."""
    yield torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), torch.tensor([2])
    yield torch.tensor([[[1.0, 2.0], [3.0, 6.0], [50.0, -50.0]]]), torch.tensor([2])
    yield _numbers(generator, 3, 5, 4), torch.tensor([5, 1, 3])
    yield _numbers(generator, 2, 6, 3), torch.tensor([2, 4])


@exercise("15a.masked_mean", inputs=padded_vectors)
def masked_mean(vectors, lengths):
    """The sum over the real positions, divided by how many there are."""
    real = torch.arange(vectors.shape[1]) < lengths[:, None]
    return (vectors * real[:, :, None]).sum(dim=1) / lengths[:, None]


def _real(vectors, lengths):
    return (torch.arange(vectors.shape[1]) < lengths[:, None])[:, :, None]


@masked_mean.mistake
def padding_counts(vectors, lengths):
    """Your mean includes the padding, so the same sentence gets another vector in a batch
    with a longer one."""
    return vectors.mean(dim=1)


@masked_mean.mistake
def divided_by_the_row(vectors, lengths):
    """You left the padding out of the sum, but you still count it in the number by which you divide."""
    return (vectors * _real(vectors, lengths)).mean(dim=1)


@masked_mean.mistake
def one_too_many(vectors, lengths):
    """You counted one position too many. A sentence of n tokens has none at position n, because positions are
    counted from 0."""
    real = (torch.arange(vectors.shape[1]) <= lengths[:, None])[:, :, None]
    return (vectors * real).sum(dim=1) / real.sum(dim=1)


@masked_mean.mistake
def the_first_vector(vectors, lengths):
    """That is the vector of the first position, which is another common way to get one vector. The question asks for
    the mean."""
    return vectors[:, 0]


@masked_mean.mistake
def the_last_vector(vectors, lengths):
    """That is the vector of the last real position, the only one that has seen the whole text in a causal model. The
    question asks for the mean."""
    return vectors[torch.arange(len(vectors)), lengths - 1]


@masked_mean.mistake
def the_largest(vectors, lengths):
    """You took the largest value of each component, which is called max pooling. The question asks for the mean."""
    return vectors.masked_fill(~_real(vectors, lengths), -torch.inf).amax(dim=1)


@masked_mean.mistake
def the_sum(vectors, lengths):
    """You added the vectors up, so a long sentence gets a long vector. Divide by the number of real positions."""
    return (vectors * _real(vectors, lengths)).sum(dim=1)


def sentences_and_partners(generator: np.random.Generator):
    """Two pairs, easy to check; partners that are confused; more pairs, with two scales."""
    yield torch.eye(2), torch.eye(2), 1.0
    yield torch.eye(2), torch.eye(2).flip(0), 2.0
    for n, scale in ((3, 5.0), (5, 20.0)):
        a, b = (F.normalize(_numbers(generator, n, 4), dim=1) for _ in range(2))
        yield a, b, scale


@exercise(
    "15a.contrastive_loss",
    inputs=sentences_and_partners,
    hint="For two sentences, write down the table of all cosines between sentences and partners. Each row is a "
    "distribution over partners once it has gone through softmax: which entry should be large?",
)
def contrastive_loss(a, b, scale):
    """Cross-entropy of finding each sentence's own partner among all partners of the batch."""
    return F.cross_entropy(scale * a @ b.T, torch.arange(len(a)))


def _rows(a, b, scale):
    return (scale * a @ b.T).log_softmax(dim=1)


@contrastive_loss.mistake
def no_scale(a, b, scale):
    """You left out the scale. Cosines lie between −1 and 1, so without it softmax can never be sure of a partner."""
    return F.cross_entropy(a @ b.T, torch.arange(len(a)))


@contrastive_loss.mistake
def sum_of_the_batch(a, b, scale):
    """You added the losses of all sentences. The question asks for their mean, so that the size of the batch does not
    change the loss."""
    return -_rows(a, b, scale).diag().sum()


@contrastive_loss.mistake
def partners_look_for_sentences(a, b, scale):
    """Your softmax runs over the sentences: each partner looks for its sentence. The question is the other way
    round."""
    return F.cross_entropy(scale * b @ a.T, torch.arange(len(a)))


@contrastive_loss.mistake
def only_the_own_partner(a, b, scale):
    """You pull each sentence to its partner and push nothing away. If all vectors were equal, this would be as small as
    it can be."""
    return -(scale * (a * b).sum(dim=1)).mean()


@contrastive_loss.mistake
def own_partner_left_out(a, b, scale):
    """You left the own partner out of the sum over partners. The loss is then no cross-entropy: it can be negative."""
    scores = scale * a @ b.T
    others = scores.masked_fill(torch.eye(len(a), dtype=torch.bool), -torch.inf)
    return (others.logsumexp(dim=1) - scores.diag()).mean()


@contrastive_loss.mistake
def sign_forgotten(a, b, scale):
    """You have the mean log-probability of the right partner. A loss should become smaller as it grows: one sign is
    missing."""
    return _rows(a, b, scale).diag().mean()


@contrastive_loss.mistake
def divided_by_the_scale(a, b, scale):
    """You divided by the scale, as one divides by a temperature. Here the cosines are multiplied by it."""
    return F.cross_entropy(a @ b.T / scale, torch.arange(len(a)))


def scores_and_wanted(generator: np.random.Generator):
    """One query, found and not; a tie; several queries at several k."""
    yield torch.tensor([[0.2, 0.9, 0.4]]), torch.tensor([1]), 1
    yield torch.tensor([[0.2, 0.9, 0.4]]), torch.tensor([0]), 2
    yield torch.tensor([[0.5, 0.5, 0.5, 0.1]]), torch.tensor([0]), 2
    yield torch.tensor([[0.0, 0.0, 0.7], [0.3, 0.2, 0.1]]), torch.tensor([0, 1]), 1
    for k in (1, 2, 5):
        yield _numbers(generator, 8, 12), torch.from_numpy(generator.integers(0, 12, 8)), k


@exercise(
    "15a.hits",
    inputs=scores_and_wanted,
    hint="Take one query. How many lines score at least as high as the wanted one, itself included? Compare this "
    "number with k.",
)
def hits(scores, wanted, k):
    """The share of queries with at most k lines that score as high as the wanted one, itself included."""
    of_wanted = scores.gather(1, wanted[:, None])
    return ((scores >= of_wanted).sum(dim=1) <= k).double().mean()


@hits.mistake
def ties_count_for_us(scores, wanted, k):
    """You are right about everything but ties. If many lines score the same, such as 0, then the wanted one has not
    been found among them: lines with an equal score count as ahead."""
    of_wanted = scores.gather(1, wanted[:, None])
    return ((scores > of_wanted).sum(dim=1) < k).double().mean()


@hits.mistake
def only_the_first(scores, wanted, k):
    """You looked at the first line alone. A query counts if the wanted line is among the first k."""
    return hits(scores, wanted, 1)


@hits.mistake
def a_count(scores, wanted, k):
    """You counted the queries. The question asks for their share."""
    return hits(scores, wanted, k) * len(scores)


@hits.mistake
def counted_from_zero(scores, wanted, k):
    """Your list is one line too long: the best line is the first, and not line 0."""
    return hits(scores, wanted, k + 1)


@hits.mistake
def the_lowest_scores(scores, wanted, k):
    """You took the lines with the lowest scores. A high cosine means near."""
    return hits(-scores, wanted, k)


@hits.mistake
def the_share_missed(scores, wanted, k):
    """That is the share of queries whose line was not found. The question asks for the others."""
    return 1 - hits(scores, wanted, k)
