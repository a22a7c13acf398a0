"""Right answers to the exercises of chapter 10, written in other ways."""

import math

import numpy as np
import torch

from transformer_lib.positions import Rotary


def row_by_a_loop(position, d_model, base):
    row = []
    for i in range(d_model // 2):
        angle = position / base ** (2 * i / d_model)
        row += [math.sin(angle), math.cos(angle)]
    return row


def row_in_complex_numbers(position, d_model, base):
    hands = np.exp(1j * position * float(base) ** (-np.arange(0, d_model, 2) / d_model))
    return np.stack((hands.imag, hands.real), axis=1).ravel()


def rotate_in_complex_numbers(x, position, base):
    hands = torch.view_as_complex(x.view(-1, 2))
    angles = position * base ** (-torch.arange(0, len(x), 2, dtype=torch.float64) / len(x))
    return torch.view_as_real(hands * torch.polar(torch.ones_like(angles), angles)).flatten()


def rotate_by_matrices(x, position, base):
    turned = np.zeros(len(x))
    for i in range(0, len(x), 2):
        angle = position / base ** (i / len(x))
        matrix = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        turned[i : i + 2] = matrix @ x[i : i + 2].numpy()
    return turned


def rotate_by_the_librarys_halves(x, position, base):
    halves = x.view(-1, 2).T.reshape(1, 1, 1, -1)
    return Rotary(len(x), base)(halves, torch.tensor([position])).view(2, -1).T.flatten()


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


ALTERNATIVES = {
    "10.sinusoidal_row": [row_by_a_loop, row_in_complex_numbers],
    "10.rotate": [rotate_in_complex_numbers, rotate_by_matrices, rotate_by_the_librarys_halves],
    "10.halves_to_neighbours": [reordered_by_an_index, reordered_by_filling, reordered_by_einsum],
}
