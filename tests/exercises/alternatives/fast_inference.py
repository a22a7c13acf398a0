"""Right answers to the exercises of chapter 17, written in other ways."""

import math

import numpy as np
import torch
import torch.nn.functional as F


def bytes_by_a_tensor(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    held = np.broadcast_to(np.int8(0), (n_layers, 2, n_kv_heads, length, d_model // n_heads))
    return held.size * bytes_per_number


def bytes_by_a_share(n_layers, n_heads, n_kv_heads, d_model, length, bytes_per_number):
    of_a_token = 2 * d_model * n_kv_heads // n_heads
    return n_layers * length * of_a_token * bytes_per_number


def step_by_the_kernel(x, positions, w_q, w_k, w_v, keys, values):
    x = (x + positions[keys.shape[0]])[None]
    keys, values = torch.vstack((keys, x @ w_k)), torch.vstack((values, x @ w_v))
    return F.scaled_dot_product_attention(x @ w_q, keys, values)[0], keys, values


def step_in_numpy(x, positions, w_q, w_k, w_v, keys, values):
    x, positions, w_q, w_k, w_v, keys, values = map(np.asarray, (x, positions, w_q, w_k, w_v, keys, values))
    x = x + positions[len(keys)]
    keys, values = np.append(keys, [x @ w_k], axis=0), np.append(values, [x @ w_v], axis=0)
    scores = keys @ (x @ w_q) / math.sqrt(len(w_q[0]))
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ values, keys, values


def online_one_by_one(m, total, o, scores, values):
    for score, value in zip(scores.tolist(), values, strict=True):
        if score > m:
            total, o, m = total * math.exp(m - score), o * math.exp(m - score), score
        total, o = total + math.exp(score - m), o + math.exp(score - m) * value
    return m, total, o


def online_in_numpy(m, total, o, scores, values):
    top = max(m, scores.numpy().max())
    weights = np.exp(np.append(m, scores.numpy()) - top)
    return top, weights @ np.append(total, np.ones(len(scores))), weights @ np.vstack((o, values))


def pairs_by_a_mask(T, window):
    return sum(min(t, window) for t in range(1, T + 1))


def pairs_less_those_out_of_sight(T, window):
    gone = max(T - window, 0)
    return (T * (T + 1) - gone * (gone + 1)) // 2


def intensity_by_parts(n, a, b, bytes_per_number):
    operations = n * b * (a + a)
    read, written = n * a + a * b, n * b
    return operations / (read + written) / bytes_per_number


def intensity_by_reciprocals(n, a, b, bytes_per_number):
    return 2 / bytes_per_number / (1 / n + 1 / a + 1 / b)


def quantised_by_a_loop(w, bits):
    rows = []
    for group in w.tolist():
        low, high = min(group), max(group)
        step = (high - low) / (2**bits - 1)
        rows.append([low + step * round((x - low) / step) for x in group])
    return rows


def quantised_to_the_nearest_mark(w, bits):
    w = w.numpy()
    marks = np.linspace(w.min(axis=1), w.max(axis=1), 2**bits, axis=1)
    nearest = np.abs(w[:, :, None] - marks[:, None]).argmin(axis=2)
    return np.take_along_axis(marks, nearest, axis=1)


def linear_in_parallel(q, k, v):
    weights = (q @ k.T).tril()
    return weights / weights.sum(dim=1, keepdim=True) @ v


def linear_by_cumulative_sums(q, k, v):
    states = torch.einsum("td,te->tde", k, v).cumsum(dim=0)
    return torch.einsum("td,tde->te", q, states) / (q * k.cumsum(dim=0)).sum(dim=1, keepdim=True)


ALTERNATIVES = {
    "17.kv_cache_bytes": [bytes_by_a_tensor, bytes_by_a_share],
    "17.cached_step": [step_by_the_kernel, step_in_numpy],
    "17.online_softmax": [online_one_by_one, online_in_numpy],
    "17.window_pairs": [pairs_by_a_mask, pairs_less_those_out_of_sight],
    "17.arithmetic_intensity": [intensity_by_parts, intensity_by_reciprocals],
    "17.quantised": [quantised_by_a_loop, quantised_to_the_nearest_mark],
    "17.linear_attention": [linear_in_parallel, linear_by_cumulative_sums],
}
