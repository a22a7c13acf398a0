"""Right answers to the exercises of page 15a, written in other ways."""

import math

import numpy as np
import torch

from transformer_lib.masks import padding_mask


def mean_by_loops(vectors, lengths):
    return torch.stack([row[:n].mean(dim=0) for row, n in zip(vectors, lengths.tolist(), strict=True)])


def mean_by_the_library_s_mask(vectors, lengths):
    real = padding_mask(lengths, vectors.shape[1])[:, 0, 0].to(vectors.dtype)
    return torch.einsum("btd,bt->bd", vectors, real / real.sum(dim=1, keepdim=True))


def mean_with_nan(vectors, lengths):
    real = torch.arange(vectors.shape[1]) < lengths[:, None]
    return vectors.masked_fill(~real[:, :, None], math.nan).nanmean(dim=1)


def loss_by_loops(a, b, scale):
    total = 0.0
    for i, sentence in enumerate(a):
        scores = scale * (b @ sentence)
        total += float((scores - scores[i]).exp().sum().log())
    return total / len(a)


def loss_in_numpy(a, b, scale):
    scores = scale * a.numpy() @ b.numpy().T
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = scores / scores.sum(axis=1, keepdims=True)
    return -np.log(np.diag(p)).mean()


def hits_by_loops(scores, wanted, k):
    found = 0
    for row, right in zip(scores.tolist(), wanted.tolist(), strict=True):
        ahead = sum(score >= row[right] for i, score in enumerate(row) if i != right)
        found += ahead < k
    return found / len(scores)


def hits_by_sorting(scores, wanted, k):
    of_wanted = scores[torch.arange(len(wanted)), wanted]
    next_best = scores.sort(dim=1, descending=True).values[:, k] if k < scores.shape[1] else -torch.inf
    return float((of_wanted > next_best).float().mean())


ALTERNATIVES = {
    "15a.masked_mean": [mean_by_loops, mean_by_the_library_s_mask, mean_with_nan],
    "15a.contrastive_loss": [loss_by_loops, loss_in_numpy],
    "15a.hits": [hits_by_loops, hits_by_sorting],
}
