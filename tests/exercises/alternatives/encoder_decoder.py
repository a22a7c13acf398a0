"""Right answers to the exercises of chapter 12, written in other ways."""

import numpy as np
import torch

from transformer_lib.masks import padding_mask


def first_mistakes_in_torch(right, lengths):
    wrong = ~right & (torch.arange(right.shape[1]) < lengths[:, None])
    return torch.where(wrong.any(dim=1), wrong.int().argmax(dim=1), -1)


def first_mistakes_by_loops(right, lengths):
    found = []
    for row, length in zip(right, lengths, strict=True):
        place = -1
        for t in range(int(length)):
            if place < 0 and not row[t]:
                place = t
        found.append(place)
    return found


def first_mistakes_in_numpy(right, lengths):
    runs = np.minimum.accumulate(right.numpy(), axis=1).sum(axis=1)  # right tokens before the first wrong one
    return np.where(runs >= lengths.numpy(), -1, runs)


def cross_mask_by_loops(source_lengths, S, T):
    return [[[[s < n for s in range(S)] for _ in range(T)]] for n in source_lengths.tolist()]


def cross_mask_from_the_library(source_lengths, S, T):
    return padding_mask(source_lengths, S) & torch.ones(T, 1, dtype=torch.bool)


def cross_mask_in_numpy(source_lengths, S, T):
    real = np.arange(S)[None, :] < source_lengths.numpy()[:, None]
    return np.repeat(real[:, None, None, :], T, axis=2)


def clipped_by_crossing_out(candidate, reference, n):
    left = [reference[i : i + n] for i in range(len(reference) - n + 1)]
    matches = total = 0
    for i in range(len(candidate) - n + 1):
        total += 1
        if (gram := candidate[i : i + n]) in left:
            left.remove(gram)
            matches += 1
    return matches, total


def clipped_by_counting(candidate, reference, n):
    ours = [" ".join(candidate[i : i + n]) for i in range(len(candidate) - n + 1)]
    theirs = [" ".join(reference[i : i + n]) for i in range(len(reference) - n + 1)]
    return [sum(min(ours.count(gram), theirs.count(gram)) for gram in set(ours)), len(ours)]


def surest_in_torch(eps, V):
    q = torch.full((V,), eps / V, dtype=torch.float64)
    q[0] += 1 - eps
    return q[0].item(), torch.special.entr(q).sum().item()


def surest_by_its_loss(eps, V):
    """As cross_entropy has it, at the logits that are best."""
    q = np.full(V, eps / V)
    q[-1] += 1 - eps
    logits = torch.from_numpy(np.log(np.maximum(q, 1e-300)))
    loss = torch.nn.functional.cross_entropy(logits[None], torch.tensor([V - 1]), label_smoothing=eps)
    return np.array([q[-1], loss.item()])


ALTERNATIVES = {
    "12.first_mistakes": [first_mistakes_in_torch, first_mistakes_by_loops, first_mistakes_in_numpy],
    "12.cross_mask": [cross_mask_by_loops, cross_mask_from_the_library, cross_mask_in_numpy],
    "12.clipped_precision": [clipped_by_crossing_out, clipped_by_counting],
    "12.surest": [surest_in_torch, surest_by_its_loss],
}
