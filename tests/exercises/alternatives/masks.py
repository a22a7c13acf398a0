"""Right answers to the exercises of chapter 08, written in other ways."""

import numpy as np
import torch


def masked_softmax_by_hand(scores, mask):
    hidden = torch.where(mask, scores, -torch.inf)
    largest = torch.where(mask.any(dim=-1, keepdim=True), hidden.amax(dim=-1, keepdim=True), 0.0)
    weights = torch.exp(hidden - largest)
    return weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-30)


def masked_softmax_without_the_nan(scores, mask):
    return torch.softmax(torch.where(mask, scores, -torch.inf), dim=-1).nan_to_num(0.0)


def masked_softmax_with_a_large_number(scores, mask):
    return torch.softmax(scores + torch.where(mask, 0.0, -1e9), dim=-1) * mask


def masked_softmax_by_the_logarithm_of_the_sum(scores, mask):
    hidden = scores.masked_fill(~mask, -torch.inf)
    return torch.exp(hidden - hidden.logsumexp(dim=-1, keepdim=True)).nan_to_num(0.0)


def masked_softmax_in_numpy(scores, mask):
    rows = []
    for row, allowed in zip(scores.numpy(), mask.numpy(), strict=True):
        weights = np.zeros(len(row))
        if allowed.any():
            weights[allowed] = np.exp(row[allowed] - row[allowed].max())
            weights /= weights.sum()
        rows.append(weights)
    return np.array(rows)


def packed_mask_by_loops(documents):
    ids = documents.tolist()
    return [[j <= i and ids[i] == ids[j] for j in range(len(ids))] for i in range(len(ids))]


def packed_mask_of_blocks(documents):
    _, lengths = torch.unique_consecutive(documents, return_counts=True)
    return torch.block_diag(*[torch.ones(n, n).tril() for n in lengths.tolist()]).bool()


def packed_mask_in_numpy(documents):
    ids = documents.numpy()
    return np.tri(len(ids), dtype=bool) & np.equal.outer(ids, ids)


def left_padded_mask_by_loops(lengths, T):
    mask = np.zeros((len(lengths), 1, T, T), dtype=bool)
    for b, length in enumerate(lengths.tolist()):
        for i in range(T):
            mask[b, 0, i, T - length : i + 1] = True
            mask[b, 0, i, i] = True
    return mask


def left_padded_mask_by_positions(lengths, T):
    query, key = torch.arange(T)[:, None], torch.arange(T)
    start = (T - lengths)[:, None, None, None]
    return (key <= query) & (key >= torch.minimum(start, query))


def answer_leaks_by_walking(mask, n_layers):
    T = len(mask)
    found = []
    for i in range(T - 1):
        here = {i}
        for _ in range(n_layers):
            here |= {j for at in here for j in range(T) if mask[at, j]}
        found.append(i + 1 in here)
    return found


def answer_leaks_by_a_power(mask, n_layers):
    step = mask.double() + torch.eye(len(mask), dtype=torch.float64)
    return torch.linalg.matrix_power(step, n_layers).diagonal(1) > 0


ALTERNATIVES = {
    "08.masked_softmax": [
        masked_softmax_by_hand,
        masked_softmax_without_the_nan,
        masked_softmax_with_a_large_number,
        masked_softmax_by_the_logarithm_of_the_sum,
        masked_softmax_in_numpy,
    ],
    "08.packed_mask": [packed_mask_by_loops, packed_mask_of_blocks, packed_mask_in_numpy],
    "08.left_padded_mask": [left_padded_mask_by_loops, left_padded_mask_by_positions],
    "08.answer_leaks": [answer_leaks_by_walking, answer_leaks_by_a_power],
}
