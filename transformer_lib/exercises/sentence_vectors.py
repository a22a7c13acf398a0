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
        0.64: "You squared 0.8, or divided by something that is too large. 0.8 is the product of a with the mean of "
        "a and "
        "b, and no length: how long is that mean?",
        0.8 / 0.64: "You divided by a square, and the result is larger than any cosine. By which length does one "
        "divide?",
        1: "With a cosine of 1, the mean would point just where the first vector points. It lies between the two. If "
        "you came to 1 by a division: by which length does one divide?",
        math.degrees(math.acos(0.6)) / 2: "That is the angle, in degrees. The question asks for its cosine.",
        math.acos(0.6) / 2: "That is the angle, in radians. The question asks for its cosine.",
        math.degrees(math.acos(0.6)): "That is the angle between a and b, in degrees. The question asks for a cosine.",
        math.sqrt(0.6): "You took the root of their cosine. How long is a + b, and what is its product with a?",
        math.sqrt(3.2): "That is the length of a + b. What is its product with a, and what is a cosine?",
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


@masked_mean.mistake(padding={"left out": True, "included": False})
def over_the_features(vectors, lengths, *, padding):
    """You take the mean over the features, with the padding {padding}, and get one number for each token. The mean of a
    text runs over its tokens, so that a vector is left."""
    return vectors.mean(dim=-1) * (_real(vectors, lengths)[:, :, 0] if padding else 1)


@masked_mean.mistake
def the_first_left_out(vectors, lengths):
    """You leave out the first vector. Every real position counts here."""
    first = torch.zeros_like(lengths)[:, None] + vectors[:, 0] * 0
    rest = [v[1:n].mean(dim=0) if n > 1 else first[b] for b, (v, n) in enumerate(zip(vectors, lengths, strict=True))]
    return torch.stack(rest)


@masked_mean.mistake(which={"shortest": min, "longest": max})
def one_length_for_all(vectors, lengths, *, which):
    """You cut all texts at the length of the {which}. Each has its own length."""
    return vectors[:, : which(lengths.tolist())].mean(dim=1)


@masked_mean.mistake
def padding_added_in(vectors, lengths):
    """You divide by the right number, and the sum has the padding in it. What is added there?"""
    return vectors.sum(dim=1) / lengths[:, None]


@masked_mean.mistake
def one_mean_for_the_batch(vectors, lengths):
    """All of your texts have the same vector, the mean over the tokens of the whole batch. Each text has its own."""
    real = _real(vectors, lengths)[:, :, 0]
    return vectors[real].mean(dim=0).expand(len(vectors), -1)


@masked_mean.mistake
def padded_on_the_left(vectors, lengths):
    """You take the *last* positions of a row for the real ones. Here the padding stands at the end."""
    T = vectors.shape[1]
    real = (torch.arange(T) >= T - lengths[:, None])[:, :, None]
    return (vectors * real).sum(dim=1) / lengths[:, None]


@masked_mean.mistake
def one_too_few(vectors, lengths):
    """You leave out the last real position. A sentence of n tokens has them at the positions 0 to n − 1."""
    real = (torch.arange(vectors.shape[1]) < lengths[:, None] - 1)[:, :, None]
    return (vectors * real).sum(dim=1) / (lengths[:, None] - 1)


@masked_mean.mistake
def made_to_length_one(vectors, lengths):
    """You divide the mean by its length. That comes later, in the cosine; the exercise asks for the mean."""
    return F.normalize(masked_mean(vectors, lengths), dim=-1)


@masked_mean.mistake
def only_the_padding(vectors, lengths):
    """Yours is the mean of the padding. Which positions are real?"""
    padding = ~_real(vectors, lengths)
    return (vectors * padding).sum(dim=1) / padding.sum(dim=1)


def sentences_and_partners(generator: np.random.Generator):
    """Two pairs, easy to check; partners that are confused; more pairs, with two scales; a scale whose exponential is
    infinite, with cosines of 1 and ½ that float32 has exactly."""
    yield torch.eye(2), torch.eye(2), 1.0
    yield torch.eye(2), torch.eye(2).flip(0), 2.0
    for n, scale in ((3, 5.0), (5, 20.0)):
        a, b = (F.normalize(_numbers(generator, n, 4), dim=1) for _ in range(2))
        yield a, b, scale
    a = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]])
    yield a, a.clone(), 100.0


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


@contrastive_loss.mistake
def logarithm_of_the_mean(a, b, scale):
    """You take the mean of the probabilities, and then its logarithm. The loss is the mean of the *losses*: which of
    the two steps comes first?"""
    return -_rows(a, b, scale).diag().exp().mean().log()


@contrastive_loss.mistake(of={"1 minus the": 1, "the negative of the": 0})
def without_a_logarithm(a, b, scale, *, of):
    """You return {of} mean probability of the right partner. A cross-entropy is made of logarithms."""
    return of - _rows(a, b, scale).diag().exp().mean()


@contrastive_loss.mistake(how={"take the mean": 0.5, "add them": 1.0})
def in_both_directions(a, b, scale, *, how):
    """You let the sentences look for their partners *and* the partners for their sentences, and {how}. Many recipes do,
    but the exercise asks for one direction."""
    own = torch.arange(len(a))
    return how * (F.cross_entropy(scale * a @ b.T, own) + F.cross_entropy(scale * b @ a.T, own))


@contrastive_loss.mistake
def over_all_pairs(a, b, scale):
    """Your softmax runs over all pairs of the batch. Each sentence chooses among the partners, so each *row* sums to
    1."""
    return -(scale * a @ b.T).flatten().log_softmax(dim=0).unflatten(0, (len(a), -1)).diag().mean()


@contrastive_loss.mistake
def all_partners_are_right(a, b, scale):
    """You average over all cells of the table, as if every partner were the right one. Which cell of a row belongs to
    the own partner?"""
    return -_rows(a, b, scale).mean()


@contrastive_loss.mistake
def always_the_first(a, b, scale):
    """The first partner is the right one for all of your sentences. Sentence i belongs to partner i."""
    return F.cross_entropy(scale * a @ b.T, torch.zeros(len(a), dtype=torch.long))


@contrastive_loss.mistake(what={"infinity divided by infinity": True, "infinity": False})
def the_exponential_overflows(a, b, scale, *, what):
    """Right for small scales. But e to the power of 100 is more than a float32 holds, and {what} is left. Softmax does
    not change when a row of scores is moved by a constant: by which one?"""
    scores = scale * a @ b.T
    own, total = scores.diag(), scores.exp().sum(dim=1)
    return (-(own.exp() / total).log()).mean() if what else (total.log() - own).mean()


@contrastive_loss.mistake
def each_with_each_sentence(a, b, scale):
    """You compare the sentences with one another. Each is to find its *partner*."""
    return F.cross_entropy(scale * a @ a.T, torch.arange(len(a)))


@contrastive_loss.mistake
def one_loss_for_each(a, b, scale):
    """You return a loss for each sentence. Their mean is asked for: one number."""
    return -_rows(a, b, scale).diag()


@contrastive_loss.mistake
def each_pair_by_itself(a, b, scale):
    """You judge each pair by itself, right or not, with a sigmoid. Here the partners of a batch compete: a softmax runs
    over them."""
    return F.binary_cross_entropy_with_logits(scale * a @ b.T, torch.eye(len(a)))


@contrastive_loss.mistake
def in_bits(a, b, scale):
    """Yours is in bits. The losses of this book are in nats, with the natural logarithm."""
    return contrastive_loss(a, b, scale) / math.log(2)


def scores_and_wanted(generator: np.random.Generator):
    """One query, found and not; three equal lines, each of which some query wants; several queries at several k."""
    yield torch.tensor([[0.2, 0.9, 0.4]]), torch.tensor([1]), 1
    yield torch.tensor([[0.2, 0.9, 0.4]]), torch.tensor([0]), 2
    yield torch.tensor([[0.0, 0.0, 0.7], [0.3, 0.2, 0.1]]), torch.tensor([0, 1]), 1
    for k in (1, 2):  # whichever of the equal lines a sorting puts first
        yield torch.tensor([[0.5], [0.7], [0.4]]) * torch.tensor([1.0, 1.0, 1.0, 0.5]), torch.tensor([0, 1, 2]), k
    for k in (1, 2, 3, 5):
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
def ties_decided_by_the_sorting(scores, wanted, k):
    """You are right about everything but ties. Sorting puts lines with an equal score in some order, in which the
    wanted one may come first. The exercise counts all of them as ahead of it."""
    return (scores.topk(k, dim=1).indices == wanted[:, None]).any(dim=1).double().mean()


@hits.mistake
def queries_ranked_for_each_line(scores, wanted, k):
    """You rank the queries for each line. Each query has a row of scores, one for each line: rank the lines in it."""
    own = scores.gather(1, wanted[:, None])
    return ((scores.T[wanted] >= own).sum(dim=1) <= k).double().mean()


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


def _ranks(scores, wanted):
    """One for each query: how many lines score as high as the wanted one, itself included."""
    return (scores >= scores.gather(1, wanted[:, None])).sum(dim=1)


@hits.mistake
def below_k(scores, wanted, k):
    """Your list is one line too short: a wanted line at rank k is among the first k."""
    return (_ranks(scores, wanted) < k).double().mean()


@hits.mistake
def divided_by_k(scores, wanted, k):
    """You divide by k, as if each query had k wanted lines. It has one, and is a hit or none."""
    return hits(scores, wanted, k) / k


@hits.mistake
def the_number_of_the_line_for_its_score(scores, wanted, k):
    """You compare the scores with the *number* of the wanted line. Which score has that line?"""
    return ((scores >= wanted[:, None]).sum(dim=1) <= k).double().mean()


@hits.mistake(cut={"those beyond k count nothing": True, "all count": False})
def mean_of_the_inverse_ranks(scores, wanted, k, *, cut):
    """Yours is a mean of inverse ranks, in which {cut}. That is another measure: here a query is a hit or none, at
    whatever rank among the first k."""
    ranks = _ranks(scores, wanted)
    return ((ranks <= k) / ranks if cut else 1 / ranks).double().mean()


@hits.mistake
def in_percent(scores, wanted, k):
    """The right number, in percent. A share lies between 0 and 1."""
    return 100 * hits(scores, wanted, k)


@hits.mistake
def the_mean_rank(scores, wanted, k):
    """You return the mean rank of the wanted lines. The exercise asks for how many queries it is at most k, as a
    share."""
    return _ranks(scores, wanted).double().mean()


@hits.mistake
def one_for_each_query(scores, wanted, k):
    """You say of each query whether it is a hit. Their share is asked for: one number."""
    return _ranks(scores, wanted) <= k


@hits.mistake
def divided_by_the_lines(scores, wanted, k):
    """You divide by the number of lines. The share is one of the queries."""
    return hits(scores, wanted, k) * len(scores) / scores.shape[1]
