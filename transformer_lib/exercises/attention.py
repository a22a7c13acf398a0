"""Exercises of chapter 06: looking something up where no key fits exactly."""

import math
import re

import numpy as np
import torch
from torch.nn import functional as F

from transformer_lib.exercises.engine import Question, exercise


def _normal(generator, *shape):
    return torch.from_numpy(generator.normal(size=shape))


doubled_query = Question(
    "06.doubled_query",
    math.exp(6),
    hint="The ratio of two weights depends only on the difference of the two scores. How large is that difference for "
    "the first query, and how large for the second?",
    mistakes={
        40.17: "Twice the query does double the scores. The weights, however, are exponentials of the scores: what "
        "happens to an exponential when its exponent doubles?",
        20: "The weights would stay as they are if the query only gained a length that softmax ignores. Softmax "
        "ignores what is added to all scores; here every score is multiplied. What happens to their differences?",
        6: "That is the difference of the two scores, and you doubled it correctly. Which ratio of weights does "
        "softmax make of such a difference?",
        10: "A longer query makes the attention more concentrated, not less. Which score grows faster, that of *bread* "
        "or that of *baked*?",
        80: "You multiplied the ratio by 4. The scores only double, and a ratio of weights is the exponential of their "
        "difference: what happens to an exponential when its exponent doubles?",
        8000: "You cubed the ratio. By which factor did the scores grow?",
        9: "That is a score, or the square of one. A ratio of weights is the exponential of a *difference* of two "
        "scores.",
        math.exp(
            1.5
        ): "You took the root of the ratio, as if the difference of the scores were halved. Does it double or halve?",
        math.exp(
            2
        ): "You took the exponential of the factor 2. It is the *difference of the scores* that stands in the "
        "exponent.",
        math.exp(12): "You doubled the difference twice. Both scores double once.",
        0.99196: "That is a weight, a share of the whole. The question asks for a ratio of two weights.",
        math.exp(-6): "A fraction is upside down: that is the weight of *baked* beside that of *bread*.",
        400 / 401: "That is the share of one of the two words in the weight of both. The question asks for the ratio.",
        math.exp(9): "You cubed the ratio, as if the scores had tripled. By which factor did they grow?",
    },
    rtol=1e-2,  # 20 squared is as good an answer as e to the sixth
)


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
    large = [[100.0, 1.0]], [[30.0, 0.0], [30.0, 1.0]], [[1.0], [3.0]]  # in double precision, with logsumexp exact
    query, keys, values = (torch.tensor(rows, dtype=torch.float64) for rows in large)
    yield query[0], keys, values, 1.0
    yield query[0], keys, values, 2.0


@exercise("06.soft_lookup", inputs=lookups)
def soft_lookup(query, keys, values, sharpness):
    """Scores, softmax over the keys, weighted mean of the values."""
    weights = torch.softmax(sharpness * torch.mv(keys, query), dim=0)
    return weights @ values


@soft_lookup.mistake
def the_best_key_alone(query, keys, values, sharpness):
    """You return the value of the best match alone, so the other values count for nothing and the sharpness has no
    effect. In a soft lookup every value counts: what decides how much?"""
    return values[(keys @ query).argmax()]


@soft_lookup.mistake
def the_weights_themselves(query, keys, values, sharpness):
    """You return the weights, one for each key. They say how much each value counts, and the values have not
    been used yet: what is left to do with the two?"""
    return torch.softmax(sharpness * (keys @ query), dim=0)


@soft_lookup.mistake
def scores_without_softmax(query, keys, values, sharpness):
    """You multiply the values by the raw scores, which may be negative and need not sum to 1, so your output is not
    an average of the values. What turns scores into weights?"""
    return (sharpness * (keys @ query)) @ values


@soft_lookup.mistake
def sharpness_after_softmax(query, keys, values, sharpness):
    """You multiply by the sharpness after softmax, where it makes the whole output larger and the weights no more
    concentrated. What has to grow so that one weight wins over the others?"""
    return (sharpness * torch.softmax(keys @ query, dim=0)) @ values


@soft_lookup.mistake
def the_keys_returned(query, keys, values, sharpness):
    """Your weights are right, but you average the keys with them. A key says how something can be found; what
    should be returned once it has been found?"""
    return torch.softmax(sharpness * (keys @ query), dim=0) @ keys


@soft_lookup.mistake
def an_exponential_that_overflows(query, keys, values, sharpness):
    """Your lookup is right for scores of ordinary size. The exponential of a score in the thousands, however, is
    larger than any float, and infinity divided by infinity is not a number. What can you subtract from all scores
    without changing a weight?"""
    weights = torch.exp(sharpness * (keys @ query))
    return weights / weights.sum() @ values


@soft_lookup.mistake
def the_largest_subtracted_before_the_sharpness(query, keys, values, sharpness):
    """You subtract the largest score from scores that are already multiplied by the sharpness. Which number must be
    subtracted so that the largest exponent is 0?"""
    scores = keys @ query
    weights = torch.exp(sharpness * scores - scores.max())
    return weights / weights.sum() @ values


@soft_lookup.mistake
def divided_by_the_largest_score(query, keys, values, sharpness):
    """You divide the scores by the largest one. Nothing overflows, but the differences between the scores change,
    and with them the weights. Which operation makes all scores smaller and leaves their differences as they are?"""
    scores = sharpness * (keys @ query)
    return torch.softmax(scores / scores.max(), dim=0) @ values


@soft_lookup.mistake
def sharpness_forgotten(query, keys, values, sharpness):
    """Your weights are the same at every sharpness. It belongs to the scores: where, before or after softmax, can a
    factor change how concentrated the weights are?"""
    return torch.softmax(keys @ query, dim=0) @ values


@soft_lookup.mistake
def divided_by_the_sharpness(query, keys, values, sharpness):
    """You divide by the sharpness, which makes it a temperature: the larger yours is, the flatter the weights. At
    sharpness 0, which should give the plain average, yours has no answer at all."""
    return torch.softmax(keys @ query / sharpness, dim=0) @ values


@soft_lookup.mistake
def the_plain_sum(query, keys, values, sharpness):
    """You multiply each value by the exponential of its score and add, which is most of the way. The weights of a
    query must sum to 1: what are yours still to be divided by?"""
    scores = sharpness * (keys @ query)
    return torch.exp(scores - scores.max()) @ values


@soft_lookup.mistake
def divided_by_the_root_of_the_width(query, keys, values, sharpness):
    """You divide the scores by the square root of their width, as the library's `attention` does. Here the caller
    chooses the sharpness, and nothing else should scale the scores."""
    return torch.softmax(sharpness * (keys @ query) / len(query) ** 0.5, dim=0) @ values


@soft_lookup.mistake(power={"the squared distance": 2, "the distance": 1})
def the_distance_as_the_score(query, keys, values, sharpness, *, power):
    """Your score is {power}, with a minus sign. The exercise scores with dot products, which favor long keys."""
    distances = (keys - query).norm(dim=1) ** power
    return torch.softmax(-sharpness * distances, dim=0) @ values


@soft_lookup.mistake
def weights_to_a_power(query, keys, values, sharpness):
    """You raise the weights to the power of the sharpness, and then they no longer sum to 1. Raising to a power is
    right, if you divide by the sum afterwards; multiplying the scores is shorter."""
    return torch.softmax(keys @ query, dim=0) ** sharpness @ values


@soft_lookup.mistake
def the_cosine_as_the_score(query, keys, values, sharpness):
    """You divide by the lengths of the vectors, which makes cosines of the scores. The exercise scores with dot
    products."""
    return torch.softmax(sharpness * F.cosine_similarity(keys, query[None], dim=1), dim=0) @ values


@soft_lookup.mistake
def a_plain_share_of_the_scores(query, keys, values, sharpness):
    """You divide the scores by their sum. Scores may be negative, and softmax divides their *exponentials* by the sum
    of these."""
    scores = sharpness * (keys @ query)
    return scores / scores.sum() @ values


@soft_lookup.mistake
def the_plain_mean(query, keys, values, sharpness):
    """You return the plain average of the values, whatever the query. Where do the scores enter?"""
    return values.mean(dim=0)


@soft_lookup.mistake
def a_matrix_of_outputs(query, keys, values, sharpness):
    """You weight the values and do not add them up: one row for each key. The output is their sum, (d_v,)."""
    return torch.softmax(sharpness * (keys @ query), dim=0)[:, None] * values


@soft_lookup.mistake
def scores_clipped(query, keys, values, sharpness):
    """You cut off large scores, and then two large scores look alike. What can you subtract from all of them without
    changing a weight?"""
    return torch.softmax((sharpness * (keys @ query)).clamp(-50, 50), dim=0) @ values


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
    """Your columns sum to 1, so each key divides itself among the queries. It is each *query* that divides its
    attention among the keys: along which axis do the keys of one query lie?"""
    return F.cosine_similarity(Q[:, None], K[None], dim=-1).softmax(dim=0)


@cosine_weights.mistake
def softmax_over_the_whole_table(Q, K):
    """Your whole table sums to 1, so the queries compete for the same attention. Each query makes a lookup of its
    own: what should each of its rows sum to?"""
    cosines = F.cosine_similarity(Q[:, None], K[None], dim=-1)
    return cosines.flatten().softmax(dim=0).view_as(cosines)


@cosine_weights.mistake
def the_dot_product(Q, K):
    """Those are the weights of the dot product. Suppose that one key becomes ten times as long. What should happen
    to its cosine, and what happens to your score?"""
    return (Q @ K.mT).softmax(dim=1)


@cosine_weights.mistake
def only_the_keys_normalised(Q, K):
    """You removed the lengths of the keys, but a query twice as long still makes your weights more concentrated. By
    whose lengths does the cosine divide?"""
    return (Q @ F.normalize(K, dim=1).mT).softmax(dim=1)


@cosine_weights.mistake
def only_the_queries_normalised(Q, K):
    """You removed the lengths of the queries, but the lengths of the keys are still there, and they can change the
    winner. By whose lengths does the cosine divide?"""
    return (F.normalize(Q, dim=1) @ K.mT).softmax(dim=1)


@cosine_weights.mistake
def one_length_for_the_whole_matrix(Q, K):
    """You divide by one number for the whole matrix. Each row is a vector with a length of its own: what does `norm`
    need to be told to return one length per row?"""
    return (Q @ K.mT / (Q.norm() * K.norm())).softmax(dim=1)


@cosine_weights.mistake
def lengths_along_the_wrong_axis(Q, K):
    """You divide each *feature* by its length across the rows. Here a row is a vector: which axis runs along its
    components?"""
    return (F.normalize(Q, dim=0) @ F.normalize(K, dim=0).mT).softmax(dim=1)


@cosine_weights.mistake
def no_softmax_yet(Q, K):
    """You return the scores, which all lie between -1 and 1. What turns the scores of a query into weights?"""
    return F.cosine_similarity(Q[:, None], K[None], dim=-1)


def _cosines(Q, K):
    return F.cosine_similarity(Q[:, None], K[None], dim=-1)


@cosine_weights.mistake
def the_size_of_the_cosine(Q, K):
    """You take the absolute value, so a key that points the opposite way gets as much as one that points the same
    way."""
    return _cosines(Q, K).abs().softmax(dim=1)


@cosine_weights.mistake(length={"the sum of its absolute components": 1, "its largest absolute component": math.inf})
def another_length(Q, K, *, length):
    """You divide a vector by {length}. The cosine divides by its length, the root of the sum of its squares."""
    return (F.normalize(Q, dim=1, p=length) @ F.normalize(K, dim=1, p=length).mT).softmax(dim=1)


@cosine_weights.mistake
def divided_by_the_squared_lengths(Q, K):
    """You divide by the *squared* lengths. A vector divided by its length has length 1: where is the root?"""
    return (Q / Q.square().sum(dim=1, keepdim=True) @ (K / K.square().sum(dim=1, keepdim=True)).mT).softmax(dim=1)


@cosine_weights.mistake
def divided_by_the_sum(Q, K):
    """You divide the cosines by their sum, which may be negative or 0. The weights of attention are a softmax of the
    scores."""
    return _cosines(Q, K) / _cosines(Q, K).sum(dim=1, keepdim=True)


@cosine_weights.mistake
def lengths_after_softmax(Q, K):
    """You divide by the lengths after the softmax, when they have done their work. The score itself is the cosine:
    divide first."""
    weights = (Q @ K.mT).softmax(dim=1) / (Q.norm(dim=1)[:, None] * K.norm(dim=1))
    return weights / weights.sum(dim=1, keepdim=True)


@cosine_weights.mistake
def cosines_divided_by_the_root(Q, K):
    """You divide the cosines by the root of the width. With a sharpness of 1, nothing but the lengths divides."""
    return (_cosines(Q, K) / Q.shape[1] ** 0.5).softmax(dim=1)


@cosine_weights.mistake
def the_dot_product_divided_by_the_root(Q, K):
    """Those are the weights of the scaled dot product. The cosine divides by the lengths of the two vectors, and not by
    the root of their width."""
    return (Q @ K.mT / Q.shape[1] ** 0.5).softmax(dim=1)


@cosine_weights.mistake
def shares_of_absolute_cosines(Q, K):
    """You divide the sizes of the cosines by their sum. The weights of attention are a softmax of the scores, which
    keeps their signs."""
    return F.normalize(_cosines(Q, K).abs(), dim=1, p=1)


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
    """Without tanh, your score is a sum of one part that depends on the query and one that depends on the key.
    Which of the two would softmax not see at all?"""
    return _pairs(Q, K, w_query, w_key) @ v


@additive_scores.mistake
def tanh_at_the_end(Q, K, w_query, w_key, v):
    """You apply tanh to the finished score. In the formula it stands inside, around the hidden features: what does v
    multiply?"""
    return torch.tanh(_pairs(Q, K, w_query, w_key) @ v)


@additive_scores.mistake
def tanh_before_they_meet(Q, K, w_query, w_key, v):
    """You apply tanh to the query's part and to the key's part separately, so each part keeps to itself. What stands
    inside the parentheses of tanh in the formula?"""
    return (torch.tanh(Q @ w_query.T)[:, None] + torch.tanh(K @ w_key.T)[None]) @ v


@additive_scores.mistake
def multiplied_instead_of_added(Q, K, w_query, w_key, v):
    """You multiply the features of the query by those of the key. Look at the formula again: what gives additive
    attention its name?"""
    return torch.tanh((Q @ w_query.T)[:, None] * (K @ w_key.T)[None]) @ v


@additive_scores.mistake
def keys_in_the_rows(Q, K, w_query, w_key, v):
    """Every number is right, but rows and columns are exchanged. A row should belong to a query and a column to a
    key."""
    return additive_scores(Q, K, w_query, w_key, v).T


@additive_scores.mistake
def query_i_with_key_i_alone(Q, K, w_query, w_key, v):
    """You add row i of the queries to row i of the keys, which leaves out every other pair. Where must each of the
    two get an axis of length 1, so that every query meets every key?"""
    return torch.tanh(Q @ w_query.T + K @ w_key.T) @ v


@additive_scores.mistake
def softmax_already(Q, K, w_query, w_key, v):
    """You return the weights. The exercise asks for the scores, which come one step earlier."""
    return additive_scores(Q, K, w_query, w_key, v).softmax(dim=1)


@additive_scores.mistake
def subtracted(Q, K, w_query, w_key, v):
    """You subtract the key's part from the query's. The formula adds the two."""
    return torch.tanh((Q @ w_query.T)[:, None] - (K @ w_key.T)[None]) @ v


@additive_scores.mistake(
    other={
        "a sigmoid, whose values lie between 0 and 1": torch.sigmoid,
        "ReLU, which makes 0 of everything negative": torch.relu,
        "the sine": torch.sin,
    }
)
def another_function(Q, K, w_query, w_key, v, *, other):
    """You use {other}. The formula has tanh, with values from −1 to 1."""
    return other(_pairs(Q, K, w_query, w_key)) @ v


@additive_scores.mistake
def v_left_out(Q, K, w_query, w_key, v):
    """You add up the hidden features and do not use v. It says how much each of them counts."""
    return torch.tanh(_pairs(Q, K, w_query, w_key)).sum(dim=-1)


@additive_scores.mistake
def a_mean_of_the_features(Q, K, w_query, w_key, v):
    """You average over the hidden features. A product with v is a *sum* over them."""
    return torch.tanh(_pairs(Q, K, w_query, w_key)) @ v / len(v)


@additive_scores.mistake
def divided_by_the_root(Q, K, w_query, w_key, v):
    """You divide the scores by the square root of the number of hidden features. That belongs to dot products; the
    formula here divides by nothing."""
    return torch.tanh(_pairs(Q, K, w_query, w_key)) @ v / len(v) ** 0.5


@additive_scores.mistake
def not_yet_summed(Q, K, w_query, w_key, v):
    """You multiply each hidden feature by its entry of v and do not add them up. A score is one number."""
    return torch.tanh(_pairs(Q, K, w_query, w_key)) * v


output_numbers = Question(
    "06.output_numbers",
    24,
    hint="How many outputs are there, and how wide is each? Write the shapes of the weights and of the values side by "
    "side, and multiply the two matrices.",
    mistakes={
        40: "You counted one output for each key. Who asks in a lookup, and so receives an answer?",
        60: "That is the number of weights. They multiply the values: what is the shape of the result?",
        96: "You have the right number of outputs, but each of yours is as wide as a query. What is an output an "
        "average of?",
        160: "You multiplied the number of keys by their width. Keys serve to find; what is returned after something "
        "has been found?",
        240: "You counted one value for every pair of a query and a key, as before the sum. Over which axis does the "
        "weighted sum run?",
        4: "That is the width of one output. How many outputs are there?",
        84: "You added the numbers of weights to the outputs. The weights are used up inside: only the outputs are "
        "returned.",
        6: "That is how many outputs there are. How many numbers is each of them?",
        10: "That is how many values go in. How many outputs come out, and how wide are they?",
        64: "You multiplied the two widths. An output is an average of values: how wide is it, and how many are there?",
        16: "That is the width of a query. How many outputs are there, and how wide is each?",
    },
)


def none_of_them(value):
    """Whether somebody answers that there is no such key."""
    return isinstance(value, str) and value.strip().casefold() in ("none", "no key", "")


def more_than_one(value):
    """Whether somebody names several keys, as "A and B", "AB", or ["A", "B"]."""
    words = re.findall(r"\w+", value) if isinstance(value, str) else value
    return len({letter for word in words if set(word) <= set("ABCD") for letter in word}) > 1


never_chosen = Question(
    "06.never_chosen",
    "C",
    hint="Draw the four keys as points. A query is a direction, and it chooses the key that reaches farthest in that "
    "direction. Which key is farthest in no direction?",
    mistakes={
        "A": "Try the query (1, 0): it chooses this key. Ask the same of the other three.",
        "B": "Try the query (0, 1): it chooses this key. Ask the same of the other three.",
        none_of_them: "You say that each key wins for some query, perhaps for one that is a copy of it. Try it: with "
        "the query (1.2, 1.2), what are the four dot products?",
        more_than_one: "You name more than one. Draw the four points and try a query that points along each key that "
        "you named: a key need not win there, but does it win in *some* direction?",
        "D": "You may have thought that a key with negative components always loses. It does point away from the "
        "others, so a query that points the same way chooses it. What would keep a key from ever being the farthest?",
    },
)

without_tanh = Question(
    "06.without_tanh",
    0.7,
    hint="Multiply the score out. Which part of it depends on the query, and does that part differ between "
    "the two keys?",
    mistakes={
        0.3: "You expect the two keys to change places. Write down the difference of their scores. Where in it is the "
        "query?",
        0.5: "The two weights would be equal if the scores became equal. Write down the difference of the scores: what "
        "happens to it when the query changes?",
        1.0: "A query five times as long would sharpen a *dot product*. In this score, what does the query add to each "
        "of the two keys?",
        0.01422: "You multiplied the difference of the two scores by five, and let the other key win. Write down that "
        "difference: where in it is the query?",
        1
        / (
            1 + (3 / 7) ** 5
        ): "You multiplied the difference of the two scores by five. Write down that difference: where in it is the "
        "query?",
        0.14: "You divided the weight by the length of the query. What does softmax do with a number that is added to "
        "all scores?",
        3.5: "You multiplied the weight by the length of the query, but a weight is never larger than 1. What does "
        "softmax do with a number that is added to all scores?",
        0.0: "For that, the score of the first key would have to fall far below that of the second. What does the "
        "query add to each of the two?",
    },
)


READINGS = {4: 8.0, 8: 12.0, 12: 17.0, 16: 19.0, 20: 14.0, 23: 11.0}


def hours_and_sharpness(_):
    """The plain mean, the nearest reading, and both across midnight."""
    for hour in (9.0, 23.0, 1.0):
        yield hour, 0.0
    for hour in (4.0, 12.0, 16.0, 9.0, 14.25, 17.5, 21.25, 22.0, 3.0, 1.25, 0.5, 1.0):
        yield hour, 300.0


def _lookup_by(score, hour, sharpness):
    scores = torch.tensor([score(hour, reading) for reading in READINGS], dtype=torch.float64)
    weights = torch.softmax(sharpness * scores, dim=0)
    return (weights @ torch.tensor(list(READINGS.values()), dtype=torch.float64)).item()


def _apart(hour, reading, day=24.0):
    """The cosine of the angle between two hands of a clock that goes around once a day."""
    return math.cos((hour - reading) * math.tau / day)


def _within_a_tenth_of_a_degree(expected, given):
    return abs(float(expected) - float(given)) < 0.1


@exercise(
    "06.temperature",
    inputs=hours_and_sharpness,
    compare=_within_a_tenth_of_a_degree,
    hint="Which two numbers describe an hour so that 23:00 and 1:00 come out close together? Check your lookup at "
    "sharpness 0 first, and then at an hour that has a reading.",
)
def temperature(hour, sharpness):
    """Hours as points on a circle; the dot product of two is the cosine of the angle between them."""
    return _lookup_by(_apart, hour, sharpness)


@temperature.mistake
def midnight_is_a_wall(hour, sharpness):
    """Your lookup is right within the day, but it takes 1:00 to be 22 hours away from 23:00. The hours of a day
    form a circle: which keys would know that?"""
    return _lookup_by(lambda a, b: -((a - b) ** 2) / 30, hour, sharpness)


@temperature.mistake
def a_clock_of_twelve_hours(hour, sharpness):
    """Your clock goes around twice a day, so 4:00 and 16:00 have the same key, and their two readings are averaged.
    How far should the hand turn in an hour?"""
    return _lookup_by(lambda a, b: _apart(a, b, day=12.0), hour, sharpness)


@temperature.mistake
def the_hour_itself_as_the_key(hour, sharpness):
    """Your key is the hour as a plain number, so the product is always largest for the latest reading, and 23:00 wins
    at every hour. A dot product favors long keys: how could all keys be made equally long?"""
    return _lookup_by(lambda a, b: a * b / 100, hour, sharpness)


@temperature.mistake
def always_the_closest(hour, sharpness):
    """You return the closest reading at every sharpness. At sharpness 0 all readings should count equally: where does
    your lookup use the sharpness?"""
    return READINGS[max(READINGS, key=lambda reading: _apart(hour, reading))]


@temperature.mistake
def always_the_mean(hour, sharpness):
    """At sharpness 300 you return about the mean of the readings, where the closest one should win. If you divide by
    the sharpness: it is no temperature, and at 0 there is nothing to divide by. Otherwise: what does it multiply in
    your lookup?"""
    return sum(READINGS.values()) / len(READINGS)


@temperature.mistake
def sharpness_as_a_temperature(hour, sharpness):
    """You divide the scores by the sharpness, so your weights are even where one should win, and one wins where they
    should be even. Which way around does a *sharpness* act?"""
    return _lookup_by(_apart, hour, 1 / (sharpness + 1e-3))


@temperature.mistake
def one_direction_only(hour, sharpness):
    """You measure the way in one direction only, as a remainder by 24 does: from 23:00 to 1:00 it is two hours, and
    from 1:00 to 23:00 twenty-two. The shorter of the two ways counts."""
    return _lookup_by(lambda a, b: -((a - b) % 24), hour, sharpness)


@temperature.mistake
def the_other_direction_only(hour, sharpness):
    """You measure the way forward only, so a reading that is just past counts as nearly a day away. The shorter of the
    two ways counts."""
    return _lookup_by(lambda a, b: -((b - a) % 24), hour, sharpness)


@temperature.mistake(sign={"ahead": 1, "behind": -1})
def the_sine_of_the_angle(hour, sharpness, *, sign):
    """You take the sine of the angle between two hours, which is largest for a reading six hours {sign}. Which function
    of an angle is largest at 0?"""
    return _lookup_by(lambda a, b: sign * math.sin((b - a) * math.tau / 24), hour, sharpness)


@temperature.mistake
def a_straight_line_between_readings(hour, sharpness):
    """You draw a straight line between two readings. A soft lookup weights all six, and the sharpness decides how much
    the others count."""
    return float(np.interp(hour, list(READINGS), list(READINGS.values()), period=24))


@temperature.mistake(first={"0": 0, "1": 1})
def readings_evenly_around_the_clock(hour, sharpness, *, first):
    """You place the readings evenly around the clock, from number {first} on. Their hours are not even: the last two
    are three hours apart."""
    place = {reading: 4 * (i + int(first)) for i, reading in enumerate(READINGS)}
    return _lookup_by(lambda a, b: _apart(a, place[b]), hour, sharpness)


@temperature.mistake
def weights_that_do_not_sum_to_one(hour, sharpness):
    """You add up the readings, each times an exponential, and do not divide by the sum of these. At sharpness 0 yours
    is the sum of the readings."""
    return sum(math.exp(sharpness * (_apart(hour, at) - 1)) * value for at, value in READINGS.items())


@temperature.mistake(length=["0.2", "0.1", "0.05"])
def vectors_too_short(hour, sharpness, *, length):
    """Your vectors are too short, about {length}: their dot products hardly differ, so that even 300 is not sharp. How
    long must keys and queries be?"""
    return _lookup_by(lambda a, b: float(length) ** 2 * _apart(a, b), hour, sharpness)


@temperature.mistake
def degrees_taken_for_radians(hour, sharpness):
    """You give an angle in degrees to a function that expects radians. A whole turn is 2π."""
    return _lookup_by(lambda a, b: math.cos((a - b) * 15), hour, sharpness)


def pairs_and_questions(generator):
    """(N, P) owners and objects, and (N,) the owner asked for: four pairs as in training, and eight."""
    for pairs in (4, 8):
        owners = torch.from_numpy(generator.random((400, 8)).argsort(axis=1)[:, :pairs].copy())
        objects = torch.from_numpy(generator.integers(8, size=(400, pairs)))
        which = torch.from_numpy(generator.integers(pairs, size=(400, 1)))
        yield owners, objects, owners.gather(1, which)[:, 0]


def _nineteen_of_twenty(expected, given):
    expected, given = np.asarray(expected), np.asarray(given)
    return bool(expected.shape == given.shape and (expected == given).mean() >= 0.95)


@exercise(
    "06.recall",
    inputs=pairs_and_questions,
    compare=_nineteen_of_twenty,
    seconds=20.0,
    hint="Fewer than 95% of your answers are right for one of the two sizes. Print the mean weight on the right pair. "
    "If it is small, the network does not look in the right place: does the query come from the owner in the question, "
    "and do the keys come from the pairs? If it is large, look at what turns the output into an answer.",
)
def recall(owners, objects, asked):
    """The object of the owner asked for."""
    return objects[owners == asked[:, None]]


@recall.mistake
def the_place_of_the_pair(owners, objects, asked):
    """You return *where* the right pair stands, so your network found it. Which of the pair's two numbers is the answer
    to the question?"""
    return (owners == asked[:, None]).long().argmax(dim=1)


@recall.mistake
def the_owner_again(owners, objects, asked):
    """You return the owner in the question. The question asks what this owner *has*."""
    return asked.clone()


@recall.mistake
def the_first_pair(owners, objects, asked):
    """You return the object of the first pair, whatever the question is. Perhaps only the first row of the weights or
    of the output is used: where does the query enter?"""
    return objects[:, 0].clone()


@recall.mistake
def the_last_pair(owners, objects, asked):
    """You return the object of the last pair, whatever the question is. Where does the query enter?"""
    return objects[:, -1].clone()


@recall.mistake
def logits_in_place_of_answers(owners, objects, asked):
    """You return eight logits for each question, or their probabilities. Which of the eight is the answer?"""
    return F.one_hot(objects[owners == asked[:, None]], 8).double()


@recall.mistake
def the_question_among_the_objects(owners, objects, asked):
    """You look for the question among the *objects*, and return an owner. The question names an owner: keys come from
    the owners of the pairs."""
    return owners[torch.arange(len(asked)), (objects == asked[:, None]).long().argmax(dim=1)]


@recall.mistake
def the_number_as_a_place(owners, objects, asked):
    """You use the number of the owner as a place. The pairs of an example stand in any order: look for the pair that
    has this owner."""
    return objects[torch.arange(len(asked)), asked % objects.shape[1]]


@recall.mistake
def four_pairs_only(owners, objects, asked):
    """Right for four pairs. You look only at the first four of eight, as if P were always 4."""
    return ((owners[:, :4] == asked[:, None]) * objects[:, :4]).sum(dim=1)


@recall.mistake
def the_commonest_object(owners, objects, asked):
    """You return the commonest object, whatever the question is. Where does the query enter?"""
    return objects.mode(dim=1).values


unmoved_parameters = Question(
    "06.unmoved_parameters",
    640,
    hint="After a backward pass, look at which parameters have no gradient. The best match turns scores into a choice: "
    "which parameters act on the answer only through the scores?",
    mistakes={
        512: "You have the two matrices that make queries and keys. One table of embeddings also reaches the answer "
        "only through the scores: whose is it?",
        256: "You counted one matrix. The scores are made from queries *and* keys, so look at everything that acts "
        "only through them.",
        384: "You have one matrix and a table of embeddings. Queries and keys have a matrix each.",
        896: "Either you counted all three matrices, or the embeddings of the pairs beside that of the question. The "
        "values still reach the answer when one of them is chosen, so which "
        "of the three does receive a gradient?",
        128: "You counted one table of embeddings, and it belongs to the count. Matrices, too, may act on the answer "
        "only through the scores: which?",
        648: "You added a bias. The last layer acts on what comes out of attention, whichever value was chosen, so it "
        "receives a gradient.",
        136: "You counted the last layer. It acts on what comes out of attention, so it receives a gradient.",
        1024: "You counted all four of the square matrices that you could think of, or tables of embeddings that the "
        "value uses. What acts *only* through the scores?",
        768: "You counted the matrix of the values, too, or embeddings of the pairs. Both reach the answer through the "
        "value that was chosen, so they do receive a gradient.",
        0: "A parameter that never receives a gradient does not move. Which parameters act on the answer only through "
        "the scores, and what is the derivative of a best match with respect to a score?",
    },
)
