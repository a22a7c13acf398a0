"""Right answers to the exercises of page 17c, written in other ways."""

import numpy as np
import torch


def quantized_by_a_loop(w, bits):
    rows = []
    for group in w.tolist():
        low, high = min(group), max(group)
        step = (high - low) / (2**bits - 1)
        rows.append([low + step * round((x - low) / step) for x in group])
    return rows


def quantized_to_the_nearest_mark(w, bits):
    w = w.numpy()
    marks = np.linspace(w.min(axis=1), w.max(axis=1), 2**bits, axis=1)
    nearest = np.abs(w[:, :, None] - marks[:, None]).argmin(axis=2)
    return np.take_along_axis(marks, nearest, axis=1)


def mended_by_the_inverse(w, rounded, H):
    inverse = torch.linalg.inv(H)
    return w[1:] + (rounded - w[0]) * inverse[1:, 0] / inverse[0, 0]


def mended_by_cholesky(w, rounded, H):
    upper = torch.linalg.cholesky(torch.linalg.inv(H), upper=True)
    return w[1:] - (w[0] - rounded) / upper[0, 0] * upper[0, 1:]


def rounded_token_by_token(x, threshold):
    x = x.numpy().copy()
    columns = np.flatnonzero((np.abs(x) <= threshold).all(axis=0))
    for row in x:
        scale = np.abs(row[columns]).max() / 127
        row[columns] = np.rint(row[columns] / scale) * scale
    return x


def rounded_in_two_parts(x, threshold):
    large = (x.abs() > threshold).any(dim=0)
    out, rest = x.clone(), x[:, ~large]
    d = rest.abs().max(dim=1).values[:, None] / 127
    out[:, ~large] = torch.round(rest / d) * d
    return out


def unpacked_by_bits(packed):
    halves = packed & 15, packed >> 4
    return torch.hstack([half.to(torch.int8) for half in halves]) - 8


def unpacked_by_divmod(packed):
    rows = []
    for row in packed.tolist():
        pairs = [divmod(byte, 16) for byte in row]
        rows.append([low - 8 for _, low in pairs] + [high - 8 for high, _ in pairs])
    return rows


def best_in_a_loop(w, bits, fractions):
    top, best = 2 ** (bits - 1) - 1, None
    for fraction in fractions:
        d = fraction * max(abs(x) for x in w.tolist()) / top
        error = sum((max(-top, min(top, round(x / d))) * d - x) ** 2 for x in w.tolist())
        if best is None or error < best[0]:
            best = error, fraction
    return best[1]


def best_in_numpy(w, bits, fractions):
    top, w = 2 ** (bits - 1) - 1, w.numpy()
    d = np.array(fractions)[:, None] * np.abs(w).max() / top
    errors = ((np.clip(np.rint(w / d), -top, top) * d - w) ** 2).mean(axis=1)
    return fractions[errors.argmin()]


ALTERNATIVES = {
    "17c.quantized": [quantized_by_a_loop, quantized_to_the_nearest_mark],
    "17c.made_good": [mended_by_the_inverse, mended_by_cholesky],
    "17c.rounded_inputs": [rounded_token_by_token, rounded_in_two_parts],
    "17c.unpacked": [unpacked_by_bits, unpacked_by_divmod],
    "17c.best_fraction": [best_in_a_loop, best_in_numpy],
}
