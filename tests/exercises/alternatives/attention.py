"""Right answers to the exercises of chapter 06, written in other ways."""

import math

import numpy as np
import torch


def lookup_in_plain_python(query, keys, values, sharpness):
    scores = [sharpness * sum(q * k for q, k in zip(query.tolist(), key, strict=True)) for key in keys.tolist()]
    shares = [math.exp(score - max(scores)) for score in scores]
    columns = zip(*values.tolist(), strict=True)
    return [sum(s * v for s, v in zip(shares, column, strict=True)) / sum(shares) for column in columns]


def lookup_in_numpy(query, keys, values, sharpness):
    scores = sharpness * (keys.numpy() @ query.numpy())
    weights = np.exp(scores - scores.max())
    return (weights[:, None] * values.numpy()).sum(axis=0) / weights.sum()


def cosine_weights_by_lengths(Q, K):
    scores = Q @ K.T / Q.norm(dim=1, keepdim=True) / K.norm(dim=1)
    return scores.exp() / scores.exp().sum(dim=1, keepdim=True)


def cosine_weights_by_torch(Q, K):
    return torch.cosine_similarity(Q[:, None], K[None], dim=-1).softmax(dim=-1)


def additive_by_loops(Q, K, w_query, w_key, v):
    return [[float(torch.tanh(w_query @ q + w_key @ k) @ v) for k in K] for q in Q]


def additive_by_concatenation(Q, K, w_query, w_key, v):
    """One matrix on query and key side by side, as the network is often drawn."""
    T, S = len(Q), len(K)
    pairs = torch.cat((Q.repeat_interleave(S, dim=0), K.repeat(T, 1)), dim=1)
    return (torch.tanh(pairs @ torch.cat((w_query, w_key), dim=1).T) @ v).view(T, S)


READINGS = {4: 8.0, 8: 12.0, 12: 17.0, 16: 19.0, 20: 14.0, 23: 11.0}


def temperature_by_hands_of_a_clock(hour, sharpness):
    hand = lambda h: torch.stack((torch.cos(h * math.pi / 12), torch.sin(h * math.pi / 12)), dim=-1)  # noqa: E731
    keys, values = hand(torch.tensor(list(READINGS)).float()), torch.tensor(list(READINGS.values()))
    return (sharpness * keys @ hand(torch.tensor(float(hour)))).softmax(dim=0) @ values


def temperature_by_squared_distance_around_the_day(hour, sharpness):
    scores = [-(min(abs(hour - h), 24 - abs(hour - h)) ** 2) / 20 for h in READINGS]
    shares = [math.exp(sharpness * (score - max(scores))) for score in scores]
    return sum(s * v for s, v in zip(shares, READINGS.values(), strict=True)) / sum(shares)


def recall_by_loops(owners, objects, asked):
    return [
        dict(zip(o.tolist(), x.tolist(), strict=True))[a]
        for o, x, a in zip(owners, objects, asked.tolist(), strict=True)
    ]


def recall_by_weights(owners, objects, asked):
    """Hard attention, written as such: all the weight on the pair whose owner is asked for."""
    weights = (owners == asked[:, None]).double()
    return (weights * objects).sum(dim=1).round().long().numpy()


ALTERNATIVES = {
    "06.soft_lookup": [lookup_in_plain_python, lookup_in_numpy],
    "06.cosine_weights": [cosine_weights_by_lengths, cosine_weights_by_torch],
    "06.additive_scores": [additive_by_loops, additive_by_concatenation],
    "06.temperature": [temperature_by_hands_of_a_clock, temperature_by_squared_distance_around_the_day],
    "06.recall": [recall_by_loops, recall_by_weights],
}

EXAMPLES = {"06.never_chosen": {"none_of_them": "none", "more_than_one": "A and B"}}
