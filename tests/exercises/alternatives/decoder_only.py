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


def suffix_by_a_loop(nats, prefix_lengths):
    kept = [float(x) for row, p in zip(nats, prefix_lengths, strict=True) for x in row[int(p) - 1 :]]
    return sum(kept) / len(kept)


def suffix_in_numpy(nats, prefix_lengths):
    nats = nats.numpy()
    shown = np.arange(1, nats.shape[1] + 1)[None] < prefix_lengths.numpy()[:, None]
    return np.ma.masked_array(nats, shown).mean()


def induction_by_a_loop(weights, period):
    return [sum(float(head[t, t - period + 1]) for t in range(period, 2 * period)) / period for head in weights]


def induction_by_indexing(weights, period):
    t = torch.arange(period, weights.shape[-1])
    return weights[:, t, t - (period - 1)].mean(dim=1)


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


ALTERNATIVES = {
    "14.gpt_parameters": [parameters_by_shapes, parameters_by_parts],
    "14.inputs_and_targets": [pairs_by_a_loop, pairs_in_numpy],
    "14.suffix_loss": [suffix_by_a_loop, suffix_in_numpy],
    "14.induction_score": [induction_by_a_loop, induction_by_indexing],
    "14.written_flops": [flops_in_one_sum, flops_by_a_loop],
}
