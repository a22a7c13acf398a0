"""Right answers to the exercises of chapter 15, written in other ways."""

import math

import numpy as np
import torch

from transformer_lib.masks import padding_mask


def mask_by_loops(tokens, chosen, lot, drawn, mask):
    inputs, labels = tokens.tolist(), [[-100] * tokens.shape[1] for _ in tokens]
    for b, t in chosen.nonzero().tolist():
        labels[b][t] = inputs[b][t]
        if lot[b, t] < 0.8:
            inputs[b][t] = mask
        elif lot[b, t] < 0.9:
            inputs[b][t] = int(drawn[b, t])
    return inputs, labels


def mask_by_assignment(tokens, chosen, lot, drawn, mask):
    inputs, labels = tokens.clone(), torch.full_like(tokens, -100)
    labels[chosen] = tokens[chosen]
    random = chosen & (lot < 0.9)
    inputs[random] = drawn[random]
    inputs[chosen & (lot < 0.8)] = mask
    return inputs, labels


def mask_in_numpy(tokens, chosen, lot, drawn, mask):
    tokens, chosen, lot, drawn = (x.numpy() for x in (tokens, chosen, lot, drawn))
    seen = np.select([lot < 0.8, lot < 0.9], [np.full_like(tokens, mask), drawn], tokens)
    return np.where(chosen, seen, tokens), np.where(chosen, tokens, -100)


def pair_by_appending(a, b, cls, sep):
    tokens, segments = [cls], [0]
    for segment, words in enumerate((a, b)):
        for token in [*words, sep]:
            tokens.append(token)
            segments.append(segment)
    return tokens, segments


def pair_in_torch(a, b, cls, sep):
    tokens = torch.tensor([cls, *a, sep, *b, sep])
    return tokens, (torch.arange(len(tokens)) > len(a) + 1).long()


def mean_by_loops(vectors, lengths):
    return torch.stack([row[:n].mean(dim=0) for row, n in zip(vectors, lengths.tolist(), strict=True)])


def mean_by_the_library_s_mask(vectors, lengths):
    real = padding_mask(lengths, vectors.shape[1])[:, 0, 0].to(vectors.dtype)
    return torch.einsum("btd,bt->bd", vectors, real / real.sum(dim=1, keepdim=True))


def mean_with_nan(vectors, lengths):
    real = torch.arange(vectors.shape[1]) < lengths[:, None]
    return vectors.masked_fill(~real[:, :, None], math.nan).nanmean(dim=1)


def rank_by_sorting(logits, target):
    return logits.argsort(descending=True).tolist().index(target) + 1


def rank_by_sorting_twice(logits, target):
    return (-logits).argsort().argsort()[target] + 1


def blank_by_products(log_left, log_right):
    joint = log_left.exp() * log_right.exp().prod(dim=1)
    return joint / joint.sum()


def blank_in_numpy(log_left, log_right):
    joint = np.exp(log_left.numpy() + log_right.numpy().sum(axis=1))
    return joint / joint.sum()


def blank_one_token_at_a_time(log_left, log_right):
    belief = log_left.exp()
    for column in log_right.T:
        belief = belief * column.exp()
        belief = belief / belief.sum()
    return belief


ALTERNATIVES = {
    "15.mask_tokens": [mask_by_loops, mask_by_assignment, mask_in_numpy],
    "15.sentence_pair": [pair_by_appending, pair_in_torch],
    "15.masked_mean": [mean_by_loops, mean_by_the_library_s_mask, mean_with_nan],
    "15.rank_of": [rank_by_sorting, rank_by_sorting_twice],
    "15.fill_from_both_sides": [blank_by_products, blank_in_numpy, blank_one_token_at_a_time],
}
