"""Right answers to the exercises of chapter 14, written in other ways."""

import numpy as np
import torch


def parameters_by_shapes(vocab_size, context_length, d_model, n_layers):
    D, F = d_model, 4 * d_model
    layer = [(D,), (D,), *[(D, D), (D,)] * 4, (D,), (D,), (F, D), (F,), (D, F), (D,)]
    shapes = [(vocab_size, D), (context_length, D), *layer * n_layers, (D,), (D,)]
    return sum(int(np.prod(shape)) for shape in shapes)


def parameters_by_parts(vocab_size, context_length, d_model, n_layers):
    norm = 2 * d_model
    attention = 4 * (d_model * d_model + d_model)
    network = d_model * 4 * d_model + 4 * d_model + 4 * d_model * d_model + d_model
    return vocab_size * d_model + context_length * d_model + n_layers * (attention + network + 2 * norm) + norm


def pairs_by_a_loop(tokens, length):
    starts = range(0, len(tokens) - length, length)
    inputs = [tokens[start : start + length].tolist() for start in starts]
    return inputs, [tokens[start + 1 : start + length + 1].tolist() for start in starts]


def pairs_in_numpy(tokens, length):
    tokens = tokens.numpy()
    at = np.arange((len(tokens) - 1) // length)[:, None] * length + np.arange(length)
    return tokens[at], tokens[at + 1]


def induction_by_a_loop(weights, period):
    return [sum(float(head[t, t - period + 1]) for t in range(period, 2 * period)) / period for head in weights]


def induction_by_indexing(weights, period):
    t = torch.arange(period, weights.shape[-1])
    return weights[:, t, t - (period - 1)].mean(dim=1)


def own_by_cosine(D, s, p):
    cosine = s / (s**2 + p**2) ** 0.5  # between a row and the stream
    return cosine * (s * D**0.5) * D**0.5


def own_by_shares(D, s, p):
    return D * s / (1 + (p / s) ** 2) ** 0.5


ALTERNATIVES = {
    "14.gpt_parameters": [parameters_by_shapes, parameters_by_parts],
    "14.inputs_and_targets": [pairs_by_a_loop, pairs_in_numpy],
    "14.induction_score": [induction_by_a_loop, induction_by_indexing],
    "14.own_logit": [own_by_cosine, own_by_shares],
}
