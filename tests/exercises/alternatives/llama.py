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


def width_as_llama_does(d_ff, multiple):
    return multiple * math.ceil(2 * d_ff / 3 / multiple)


def shared_by_indexing(key, n_heads):
    return key[torch.arange(n_heads) * len(key) // n_heads]


def shared_by_expanding(key, n_heads):
    return key[:, None].expand(-1, n_heads // len(key), -1, -1).reshape(n_heads, *key.shape[1:])


def shared_by_a_loop(key, n_heads):
    return torch.stack([key[h // (n_heads // len(key))] for h in range(n_heads)])


def prompt_in_pieces(messages):
    lines = []
    for message in [*messages, {"role": "assistant"}]:
        lines.append("<|im_start|>" + message["role"])
        if "content" in message:
            lines.append(message["content"] + "<|im_end|>")
    return "\n".join(lines) + "\n"


def prompt_by_joining(messages):
    turns = [message["role"] + "\n" + message["content"] + "<|im_end|>\n" for message in messages]
    return "<|im_start|>" + "<|im_start|>".join([*turns, "assistant\n"])


def rows_by_indexing(weight, n_heads):
    d_head = len(weight) // n_heads
    order = [head * d_head + row for head in range(n_heads) for row in (*range(0, d_head, 2), *range(1, d_head, 2))]
    return weight[order]


def rows_in_numpy(weight, n_heads):
    w = weight.numpy()
    return w.reshape(n_heads, -1, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def share_by_a_loop(weights):
    return [[sum(float(row[0]) for row in head[1:]) / (len(head) - 1) for head in layer] for layer in weights]


def share_without_the_first(weights):
    T = weights.shape[-1]
    return (weights[..., 0].sum(dim=-1) - 1) / (T - 1)


ALTERNATIVES = {
    "16.rms_norm": [rms_by_torch, rms_in_numpy],
    "16.swiglu_width": [width_by_counting, width_as_llama_does],
    "16.share_heads": [shared_by_indexing, shared_by_expanding, shared_by_a_loop],
    "16.chat_prompt": [prompt_in_pieces, prompt_by_joining],
    "16.unpermute": [rows_by_indexing, rows_in_numpy],
    "16.sink_share": [share_by_a_loop, share_without_the_first],
}
