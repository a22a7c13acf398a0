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
        if score == -math.inf:
            continue
        if score > m:
            total, o, m = total * math.exp(m - score), o * math.exp(m - score), score
        total, o = total + math.exp(score - m), o + math.exp(score - m) * value
    return m, total, o


def online_in_numpy(m, total, o, scores, values):
    scores = scores.numpy()
    if np.isneginf(scores).all():
        return m, total, o
    top = max(m, scores.max())
    weights = np.exp(np.append(m, scores) - top)
    return top, weights @ np.append(total, np.ones(len(scores))), weights @ np.vstack((o, values))


def intensity_by_parts(n, a, b, bytes_per_number):
    operations = n * b * (a + a)
    read, written = n * a + a * b, n * b
    return operations / (read + written) / bytes_per_number


def intensity_by_reciprocals(n, a, b, bytes_per_number):
    return 2 / bytes_per_number / (1 / n + 1 / a + 1 / b)


def flops_in_one_sum(prompt, new, D):
    keys = prompt * prompt + (new - 1) * prompt + (new - 1) * new // 2
    return 24 * (prompt + new - 1) * D**2 + 4 * keys * D


def flops_by_a_loop(prompt, new, D):
    flops, cached, arriving = 0, 0, prompt
    for _ in range(new):
        cached += arriving
        flops += arriving * (2 * 12 * D * D) + 2 * (2 * arriving * cached * D)
        arriving = 1
    return flops


def rest_in_numpy(p, q):
    p, q = p.numpy(), q.numpy()
    rest = np.where(p > q, p - q, 0)
    return rest / rest.sum()


def rest_by_what_is_not_shared(p, q):
    shared = torch.minimum(p, q)
    return [float(x) / (1 - float(shared.sum())) for x in p - shared]


ALTERNATIVES = {
    "17.kv_cache_bytes": [bytes_by_a_tensor, bytes_by_a_share],
    "17.cached_step": [step_by_the_kernel, step_in_numpy],
    "17.online_softmax": [online_one_by_one, online_in_numpy],
    "17.arithmetic_intensity": [intensity_by_parts, intensity_by_reciprocals],
    "17.written_flops": [flops_in_one_sum, flops_by_a_loop],
    "17.after_rejection": [rest_in_numpy, rest_by_what_is_not_shared],
}
