"""Right answers to the exercises of chapter 16, written in other ways."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def rms_by_torch(x, weight, eps):
    return F.rms_norm(x, weight.shape, weight, eps)


def rms_in_numpy(x, weight, eps):
    x = x.numpy()
    return x * (np.mean(x**2, axis=-1, keepdims=True) + eps) ** -0.5 * weight.numpy()


def width_by_counting(d_ff, multiple):
    width = multiple
    while 3 * width < 2 * d_ff:
        width += multiple
    return width


def width_by_ceil(d_ff, multiple):
    return multiple * math.ceil(2 * d_ff / 3 / multiple)


def shared_by_indexing(key, n_heads):
    return key[torch.arange(n_heads) * len(key) // n_heads]


def shared_by_expanding(key, n_heads):
    return key[:, None].expand(-1, n_heads // len(key), -1, -1).reshape(n_heads, *key.shape[1:])


def shared_by_a_loop(key, n_heads):
    return torch.stack([key[h // (n_heads // len(key))] for h in range(n_heads)])


def file_rows_by_indexing(weight, n_heads):
    d_head = len(weight) // n_heads
    half = d_head // 2
    order = [h * d_head + side * half + i for h in range(n_heads) for i in range(half) for side in (0, 1)]
    return weight[order]


def file_rows_in_numpy(weight, n_heads):
    w = weight.numpy()
    return w.reshape(n_heads, 2, -1, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def quantize_by_nearest(block):
    low, high = min(block), max(block)
    d = (high - low) / 15
    places = [low + d * q for q in range(16)]
    return [min(range(16), key=lambda q: abs(places[q] - w)) for w in block], d, low


def quantize_in_torch(block):
    w = torch.from_numpy(block)
    m, d = w.min(), (w.max() - w.min()) / 15
    return ((w - m) / d).round().nan_to_num(), d, m


def groups_by_a_mask(scores, n_kv_heads):
    H = scores.shape[1]
    same = torch.eye(n_kv_heads).repeat_interleave(H // n_kv_heads, 0).repeat_interleave(H // n_kv_heads, 1).bool()
    apart = (scores[:, :, None] - scores[:, None, :]).abs()
    other = ~torch.eye(H, dtype=torch.bool)
    return float(apart[:, same & other].mean()), float(apart[:, ~same].mean())


def groups_by_loops(scores, n_kv_heads):
    rows, size = scores.tolist(), scores.shape[1] // n_kv_heads
    found = ([], [])
    for row in rows:
        for a in range(len(row)):
            for b in range(a + 1, len(row)):
                found[a // size != b // size].append(abs(row[a] - row[b]))
    return [np.mean(part) for part in found]


ALTERNATIVES = {
    "16.rms_norm": [rms_by_torch, rms_in_numpy],
    "16.swiglu_width": [width_by_counting, width_by_ceil],
    "16.share_heads": [shared_by_indexing, shared_by_expanding, shared_by_a_loop],
    "16.permute": [file_rows_by_indexing, file_rows_in_numpy],
    "16.quantize": [quantize_by_nearest, quantize_in_torch],
    "16.within_groups": [groups_by_a_mask, groups_by_loops],
}
