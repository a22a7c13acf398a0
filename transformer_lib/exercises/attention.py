"""Exercises of chapter 06: looking something up where no key fits exactly."""

import torch
from torch.nn import functional as F

from transformer_lib.exercises.engine import Question, exercise


def _normal(generator, *shape):
    return torch.from_numpy(generator.normal(size=shape))


def lookups(generator):
    """One key and several, narrow and wide values, no sharpness at all; the last would overflow an exponential."""
    yield torch.tensor([1.0]), torch.tensor([[2.0]]), torch.tensor([[5.0]]), 1.0
    yield torch.tensor([1.0, 0.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[4.0], [8.0]]), 1.0
    yield (
        torch.tensor([1.0, 2.0]),
        torch.tensor([[1.0, 0.0], [0.0, 2.0]]),
        torch.tensor([[4.0, 0, 1], [8.0, 1, 0]]),
        0.5,
    )
    yield _normal(generator, 4), _normal(generator, 6, 4), _normal(generator, 6, 2), 2.0
    yield _normal(generator, 3), _normal(generator, 5, 3), _normal(generator, 5, 3), 0.0
    yield torch.tensor([100.0, 1.0]), torch.tensor([[30.0, 0.0], [30.0, 1.0]]), torch.tensor([[1.0], [3.0]]), 1.0


@exercise("06.soft_lookup", inputs=lookups)
def soft_lookup(query, keys, values, sharpness):
    """Scores, softmax over the keys, weighted mean of the values."""
    weights = torch.softmax(sharpness * torch.mv(keys, query), dim=0)
    return weights @ values


@soft_lookup.mistake
def the_best_key_alone(query, keys, values, sharpness):
    """You return the value of one key, the best. That is the lookup before it was made soft: what do the other
    values count for, and what does the sharpness do in yours?"""
    return values[(keys @ query).argmax()]


@soft_lookup.mistake
def the_weights_themselves(query, keys, values, sharpness):
    """Those are the weights, one for each key. They say how much each value counts; the values themselves have
    not been used yet."""
    return torch.softmax(sharpness * (keys @ query), dim=0)


@soft_lookup.mistake
def scores_without_softmax(query, keys, values, sharpness):
    """The values are multiplied by the raw scores, which may be negative and sum to anything. The output would
    be no mean: what makes shares of scores?"""
    return (sharpness * (keys @ query)) @ values


@soft_lookup.mistake
def sharpness_after_softmax(query, keys, values, sharpness):
    """You multiply by the sharpness after the softmax, where it only scales the output. To make the weights
    more decided, what has to be made larger?"""
    return (sharpness * torch.softmax(keys @ query, dim=0)) @ values


@soft_lookup.mistake
def the_keys_returned(query, keys, values, sharpness):
    """The weights are right, and what you average with them are the keys. A key is for being found; what should
    be handed over when it is found?"""
    return torch.softmax(sharpness * (keys @ query), dim=0) @ keys


@soft_lookup.mistake
def an_exponential_that_overflows(query, keys, values, sharpness):
    """Right for scores of ordinary size. The exponential of a score in the thousands is more than a float can
    hold, and infinity over infinity is not a number. What may you take from all scores without changing a
    weight?"""
    weights = torch.exp(sharpness * (keys @ query))
    return weights / weights.sum() @ values


@soft_lookup.mistake
def divided_by_the_root_of_the_width(query, keys, values, sharpness):
    """You divide the scores by the root of their width, as the library does. Here the caller has chosen the
    sharpness, and nothing else scales the scores."""
    return torch.softmax(sharpness * (keys @ query) / len(query) ** 0.5, dim=0) @ values


def queries_and_keys(generator):
    """Fewer queries than keys, as many, and more; lengths from very short to very long."""
    yield torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 3.0]])
    yield torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[1.0, 0.0], [6.0, 8.0]])
    yield _normal(generator, 4, 3), _normal(generator, 2, 3)
    yield 30 * _normal(generator, 3, 5), _normal(generator, 6, 5) / 30


@exercise("06.cosine_weights", inputs=queries_and_keys)
def cosine_weights(Q, K):
    """Every vector to length 1, dot products, softmax along each row."""
    return torch.softmax(torch.einsum("td,sd->ts", F.normalize(Q, dim=1), F.normalize(K, dim=1)), dim=1)


@cosine_weights.mistake
def softmax_over_the_queries(Q, K):
    """Your columns sum to 1: each key shares itself out among the queries. It is a *query* that has one
    attention to spend: along which axis are its keys?"""
    return F.cosine_similarity(Q[:, None], K[None], dim=-1).softmax(dim=0)


@cosine_weights.mistake
def softmax_over_the_whole_table(Q, K):
    """Your whole table sums to 1, so the queries take attention away from each other. Each query looks things
    up on its own."""
    cosines = F.cosine_similarity(Q[:, None], K[None], dim=-1)
    return cosines.flatten().softmax(dim=0).view_as(cosines)


@cosine_weights.mistake
def the_dot_product(Q, K):
    """Those are the weights of the dot product. Make a key ten times as long: its cosine should not change, and
    with it no weight."""
    return (Q @ K.mT).softmax(dim=1)


@cosine_weights.mistake
def only_the_keys_normalised(Q, K):
    """The keys' lengths are gone, and the query's is still there: a query twice as long makes your weights more
    decided. Whose length does the cosine divide by?"""
    return (Q @ F.normalize(K, dim=1).mT).softmax(dim=1)


@cosine_weights.mistake
def only_the_queries_normalised(Q, K):
    """The queries' lengths are gone, and the keys' are still there, which are the ones that change the winner.
    Whose length does the cosine divide by?"""
    return (F.normalize(Q, dim=1) @ K.mT).softmax(dim=1)


@cosine_weights.mistake
def one_length_for_the_whole_matrix(Q, K):
    """You divide by the length of the whole matrix, one number for all rows. Each row is a vector and has a
    length of its own: what does `norm` need to be told?"""
    return (Q @ K.mT / (Q.norm() * K.norm())).softmax(dim=1)


@cosine_weights.mistake
def lengths_along_the_wrong_axis(Q, K):
    """You normalise each *feature*, across the rows. A row is a vector here: which axis runs along its
    numbers?"""
    return (F.normalize(Q, dim=0) @ F.normalize(K, dim=0).mT).softmax(dim=1)


@cosine_weights.mistake
def no_softmax_yet(Q, K):
    """Those are the scores, all between -1 and 1. What turns the scores of a query into weights?"""
    return F.cosine_similarity(Q[:, None], K[None], dim=-1)


def additive_inputs(generator):
    """Queries and keys of different number and width, and of the same."""
    one = torch.ones(1, 1)
    yield one, 2 * one, one, one / 2, torch.ones(1)
    for T, S, d_q, d_k, A in ((2, 3, 2, 2, 1), (3, 3, 2, 2, 4), (2, 4, 3, 5, 6)):
        yield tuple(_normal(generator, *shape) for shape in ((T, d_q), (S, d_k), (A, d_q), (A, d_k), (A,)))


def _pairs(Q, K, w_query, w_key):
    return (Q @ w_query.T)[:, None] + (K @ w_key.T)[None]


@exercise("06.additive_scores", inputs=additive_inputs)
def additive_scores(Q, K, w_query, w_key, v):
    """Each query's hidden features beside each key's: (T, 1, A) + (1, S, A)."""
    return torch.einsum("tsa,a->ts", torch.tanh(F.linear(Q, w_query).unsqueeze(1) + F.linear(K, w_key)), v)


@additive_scores.mistake
def tanh_forgotten(Q, K, w_query, w_key, v):
    """Without the bend in the middle, your score is one part that depends on the query and one that depends on
    the key. Softmax would not see the first at all."""
    return _pairs(Q, K, w_query, w_key) @ v


@additive_scores.mistake
def tanh_at_the_end(Q, K, w_query, w_key, v):
    """You bend the finished score. The bend belongs in the hidden layer, before v adds its features up."""
    return torch.tanh(_pairs(Q, K, w_query, w_key) @ v)


@additive_scores.mistake
def bent_before_they_meet(Q, K, w_query, w_key, v):
    """You bend the query's part and the key's part apart and then add them, so the two never meet inside the
    bend. What stands inside the brackets of tanh in the formula?"""
    return (torch.tanh(Q @ w_query.T)[:, None] + torch.tanh(K @ w_key.T)[None]) @ v


@additive_scores.mistake
def multiplied_instead_of_added(Q, K, w_query, w_key, v):
    """You multiply the query's features with the key's. What gives this score its name?"""
    return torch.tanh((Q @ w_query.T)[:, None] * (K @ w_key.T)[None]) @ v


@additive_scores.mistake
def keys_in_the_rows(Q, K, w_query, w_key, v):
    """Every number is right, and the table lies on its side: a row belongs to a query, a column to a key."""
    return additive_scores(Q, K, w_query, w_key, v).T


@additive_scores.mistake
def query_i_with_key_i_alone(Q, K, w_query, w_key, v):
    """You add row i of the queries to row i of the keys. That needs as many keys as queries, and leaves out
    every other pair. Where must an axis of length 1 stand, so that each meets each?"""
    return torch.tanh(Q @ w_query.T + K @ w_key.T) @ v


@additive_scores.mistake
def softmax_already(Q, K, w_query, w_key, v):
    """Those are the weights. The exercise asks for the scores, one step before."""
    return additive_scores(Q, K, w_query, w_key, v).softmax(dim=1)


output_numbers = Question(
    "06.output_numbers",
    24,
    hint="One output for whom? And as wide as what? Write the shapes of the weights and of the values side by side.",
    mistakes={
        40: "That is one output for each key, or value. Who asked?",
        60: "That is the number of weights. They are spent on the values; what is the shape of the result?",
        96: "The right number of outputs, each as wide as a query. What is an output a mean of?",
        160: "That is the size of the keys. They only help to find; what is handed over is something else.",
        240: "That is a value for every pair of query and key, before anything is added up. Over which axis does the "
        "mean run?",
        4: "That is how many numbers one output has. How many outputs are there?",
    },
)

never_chosen = Question(
    "06.never_chosen",
    "C",
    hint="Draw the four as points. A query is a direction, and it chooses the key that lies furthest in it. Which key "
    "is furthest in no direction?",
    mistakes={
        "A": "The query (1, 0) chooses this one. Ask the same of the others.",
        "B": "The query (0, 1) chooses this one. Ask the same of the others.",
        "D": "This one points away from the rest, and any query that points the same way chooses it. Pointing "
        "elsewhere is no handicap; what is?",
    },
)

without_tanh = Question(
    "06.without_tanh",
    0.7,
    hint="Multiply it out. Which part of a key's score depends on the query, and is that part different for the two "
    "keys?",
    mistakes={
        0.3: "Do the two keys change places? Write down the difference of their scores, and look for the query in it.",
        0.5: "That would be so if the scores became equal. What happens to their difference?",
        1.0: "A query five times as long would sharpen a *dot product*. What does it add to each score here?",
        3.5: "A weight is between 0 and 1, and the query's length does not multiply it. What does softmax do with a "
        "number that is added to all scores?",
        0.0: "For that, the first key's score would have to fall far below the other's. What does the query add to "
        "each of the two?",
    },
)
