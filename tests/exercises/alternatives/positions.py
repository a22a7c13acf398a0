"""Right answers to the exercises of chapter 10, written in other ways."""

import math

import numpy as np
import torch

from transformer_lib.positions import Rotary


def read_by_all_hands_together(row, base):
    speeds = base ** (-np.arange(0, len(row), 2) / len(row))
    hands = row.numpy()[1::2] + 1j * row.numpy()[0::2]
    agreement = [(hands * np.exp(-1j * m * speeds)).real.sum() for m in range(1000)]
    return int(np.argmax(agreement))


def read_by_elimination(row, base):
    for m in range(1000):
        angles = [m / base ** (2 * i / len(row)) for i in range(len(row) // 2)]
        expected = [part for angle in angles for part in (math.sin(angle), math.cos(angle))]
        if max(abs(a - b) for a, b in zip(expected, row.tolist(), strict=True)) < 1e-6:
            return m
    return None


def moved_in_complex_numbers(keys, by, base):
    hands = torch.view_as_complex(keys.reshape(len(keys), -1, 2))
    angles = by * base ** (-torch.arange(0, keys.shape[1], 2, dtype=torch.float64) / keys.shape[1])
    return torch.view_as_real(hands * torch.polar(torch.ones_like(angles), angles)).flatten(1)


def moved_by_matrices(keys, by, base):
    turned = np.zeros(keys.shape)
    for i in range(0, keys.shape[1], 2):
        angle = by / base ** (i / keys.shape[1])
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turned[:, i : i + 2] = keys[:, i : i + 2].numpy() @ matrix.T
    return turned


def moved_by_the_librarys_halves(keys, by, base):
    halves = keys.view(len(keys), -1, 2).mT.reshape(1, 1, len(keys), -1)
    turned = Rotary(keys.shape[1], base)(halves, torch.full((len(keys),), by))
    return turned.view(len(keys), 2, -1).mT.flatten(1)


def moved_back_and_on(keys, by, base):
    """Undo the old rotation, then turn for the new positions."""
    old = torch.arange(len(keys))
    halves = keys.view(len(keys), -1, 2).mT.reshape(1, 1, len(keys), -1)
    turn = Rotary(keys.shape[1], base)
    return turn(turn(halves, -old), old + by).view(len(keys), 2, -1).mT.flatten(1)


def reordered_by_an_index(weight, n_heads):
    width = len(weight) // n_heads
    order = [h * width + i + j for h in range(n_heads) for i in range(width // 2) for j in (0, width // 2)]
    return weight[order]


def reordered_by_filling(weight, n_heads):
    result = np.empty(weight.shape)
    width = len(weight) // n_heads
    for h in range(0, len(weight), width):
        result[h : h + width : 2] = weight[h : h + width // 2]
        result[h + 1 : h + width : 2] = weight[h + width // 2 : h + width]
    return result


def reordered_by_einsum(weight, n_heads):
    parts = weight.view(n_heads, 2, -1, weight.shape[1])
    return torch.einsum("hpid->hipd", parts).reshape(weight.shape)


def counted(way, trained, length):
    """Pair by pair."""
    starts = range(length - trained + 1) if way == "shifted" else [0]
    met = {(start + m, start + n) for start in starts for m in range(trained) for n in range(m + 1)}
    if way == "distance":
        distances = {m - n for m, n in met}
        met = {(m, n) for m in range(length) for n in range(m + 1) if m - n in distances}
    return 1 - len(met) / (length * (length + 1) // 2)


def by_masks(way, trained, length):
    places = torch.arange(length)
    distances = places[:, None] - places
    new = places[:, None].expand(length, length) >= trained if way == "places" else distances >= trained
    return float(new[distances >= 0].double().mean())


ALTERNATIVES = {
    "10.read_clock": [read_by_all_hands_together, read_by_elimination],
    "10.moved": [moved_in_complex_numbers, moved_by_matrices, moved_by_the_librarys_halves, moved_back_and_on],
    "10.halves_to_neighbors": [reordered_by_an_index, reordered_by_filling, reordered_by_einsum],
    "10.never_met": [counted, by_masks],
}
