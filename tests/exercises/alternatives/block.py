"""Right answers to the exercises of chapter 11, written in other ways."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def norm_per_head_in_numpy(x, n_heads):
    x = x.numpy()
    heads = np.split(x, n_heads, axis=-1)
    return np.concatenate(
        [(h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5) for h in heads], axis=-1
    )


def norm_per_head_of_torch(x, n_heads):
    h = x.unflatten(-1, (n_heads, -1))
    return F.layer_norm(h, h.shape[-1:]).flatten(-2)


def norm_per_group_of_torch(x, n_heads):
    return F.group_norm(x.reshape(-1, x.shape[-1]), n_heads).view(x.shape)


def norm_head_by_head(x, n_heads):
    x, width = x.clone(), x.shape[-1] // n_heads
    for token in x.view(-1, x.shape[-1]):
        for start in range(0, len(token), width):
            values = token[start : start + width].tolist()
            mean = sum(values) / width
            variance = sum((value - mean) ** 2 for value in values) / width
            for i, value in enumerate(values):
                token[start + i] = (value - mean) / (variance + 1e-5) ** 0.5
    return x


def block_parameters_of_torch(d_model, d_ff):
    layer = nn.TransformerEncoderLayer(d_model, 1, d_ff, device="meta")
    return sum(parameter.numel() for parameter in layer.parameters())


def block_parameters_multiplied_out(d_model, d_ff):
    return 4 * d_model**2 + 2 * d_model * d_ff + 9 * d_model + d_ff


def parts_as_differences_of_the_stream(x, weights, readout):
    before, found = 0.0, []
    for W in [*weights, None]:
        found.append(x @ readout - before)
        before = x @ readout
        if W is not None:
            x = x + F.layer_norm(x, x.shape) @ W
    return torch.stack(found)


def parts_in_numpy(x, weights, readout):
    x, readout = x.numpy(), readout.numpy()
    found = [x @ readout]
    for W in weights:
        written = (x - x.mean()) / np.sqrt(x.var() + 1e-5) @ W.numpy()
        found.append(written @ readout)
        x = x + written
    return np.array(found)


def scale_by_logarithms(kept, n):
    return float(np.sqrt(np.expm1(-2 / n * np.log(kept))))


def scale_by_bisection(kept, n):
    low, high = 0.0, 100.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + middle**2) ** (-n / 2) > kept else (low, middle)
    return low


ALTERNATIVES = {
    "11.norm_per_head": [
        norm_per_head_in_numpy,
        norm_per_head_of_torch,
        norm_per_group_of_torch,
        norm_head_by_head,
    ],
    "11.block_parameters": [block_parameters_of_torch, block_parameters_multiplied_out],
    "11.who_wrote_it": [parts_as_differences_of_the_stream, parts_in_numpy],
    "11.write_scale": [scale_by_logarithms, scale_by_bisection],
}
