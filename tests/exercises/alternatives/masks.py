"""Right answers to the exercises of chapter 08, written in other ways."""

import numpy as np
import torch


def masked_softmax_by_hand(scores, mask):
    hidden = torch.where(mask, scores, -torch.inf)
    weights = torch.exp(hidden - hidden.amax(dim=-1, keepdim=True))
    return weights / weights.sum(dim=-1, keepdim=True)


def masked_softmax_mended_after(scores, mask):
    """Multiplying after the softmax, and dividing each row by its sum again."""
    weights = scores.double().softmax(dim=-1) * mask
    return weights / weights.sum(dim=-1, keepdim=True)


def masked_softmax_with_a_large_number(scores, mask):
    return torch.softmax(scores + torch.where(mask, 0.0, -1e9), dim=-1)


def masked_softmax_in_numpy(scores, mask):
    rows = []
    for row, allowed in zip(scores.numpy(), mask.numpy(), strict=True):
        weights = np.where(allowed, np.exp(np.where(allowed, row - row[allowed].max(), 0.0)), 0.0)
        rows.append(weights / weights.sum())
    return np.array(rows)


def cached_mask_by_positions(T, S):
    return torch.arange(S) <= torch.arange(S - T, S)[:, None]


def cached_mask_by_loops(T, S):
    return [[key <= query + S - T for key in range(S)] for query in range(T)]


def cached_mask_cut_from_the_square(T, S):
    return np.tri(S, dtype=bool)[S - T :]


def batch_mask_by_triangles(lengths, T):
    past = torch.ones(T, T, dtype=torch.bool).tril()
    return past & (torch.arange(T) < lengths[:, None])[:, None, None, :]


def batch_mask_by_loops(lengths, T):
    mask = np.zeros((len(lengths), 1, T, T), dtype=bool)
    for b, length in enumerate(lengths.tolist()):
        for i in range(T):
            mask[b, 0, i, : min(i + 1, length)] = True
    return mask


def leaks_by_loops(works):
    T = len(works)
    return sum(bool(works[i, j]) for i in range(T) for j in range(i + 1, T))


def leaks_by_a_mask(works):
    future = ~torch.ones_like(works).tril()
    return (works & future).sum()


ALTERNATIVES = {
    "08.masked_softmax": [
        masked_softmax_by_hand,
        masked_softmax_mended_after,
        masked_softmax_with_a_large_number,
        masked_softmax_in_numpy,
    ],
    "08.cached_mask": [cached_mask_by_positions, cached_mask_by_loops, cached_mask_cut_from_the_square],
    "08.batch_mask": [batch_mask_by_triangles, batch_mask_by_loops],
    "08.leaks": [leaks_by_loops, leaks_by_a_mask],
}
