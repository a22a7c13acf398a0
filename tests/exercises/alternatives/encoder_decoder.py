"""Right answers to the exercises of chapter 12, written in other ways."""

import math

import numpy as np
import torch

from transformer_lib.masks import padding_mask


def teacher_forced_by_slices(words, begin, end):
    target = [begin, *words, end]
    return target[:-1], target[1:]


def teacher_forced_in_numpy(words, begin, end):
    target = np.array([begin, *words, end])
    return target[: len(words) + 1], target[1:]


def teacher_forced_by_loops(words, begin, end):
    inputs, labels, last = [], [], begin
    for word in words:
        inputs.append(last)
        labels.append(word)
        last = word
    return [*inputs, last], [*labels, end]


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


def penalty_by_cases(candidate_length, reference_length):
    if candidate_length > reference_length:
        return 1
    return math.e ** (1 - reference_length / candidate_length)


def penalty_in_numpy(candidate_length, reference_length):
    return np.exp(np.minimum(0, 1 - reference_length / candidate_length))


ALTERNATIVES = {
    "12.teacher_forced": [teacher_forced_by_slices, teacher_forced_in_numpy, teacher_forced_by_loops],
    "12.cross_mask": [cross_mask_by_loops, cross_mask_from_the_library, cross_mask_in_numpy],
    "12.clipped_precision": [clipped_by_crossing_out, clipped_by_counting],
    "12.brevity_penalty": [penalty_by_cases, penalty_in_numpy],
}
