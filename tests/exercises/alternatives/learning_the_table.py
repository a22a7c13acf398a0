"""Right answers to the exercises of chapter 04, written in other ways."""

import math

import numpy as np
import torch
from torch.nn import functional as F


def gradient_by_autograd(logits, target, scale):
    z = torch.tensor(logits, requires_grad=True)
    F.cross_entropy(scale * z[None], torch.tensor([target])).backward()
    return z.grad


def gradient_in_plain_python(logits, target, scale):
    weights = [math.exp(scale * (z - max(logits))) for z in logits]
    return [scale * (w / sum(weights) - (j == target)) for j, w in enumerate(weights)]


def floor_by_a_loop(counts):
    total = 0.0
    for row in counts.tolist():
        for n in row:
            if n:
                total -= n * math.log(n / sum(row))
    return total / counts.sum()


def floor_by_differences(counts):
    """H(context, next) - H(context)."""

    def entropy(n):
        p = n[n > 0] / n.sum()
        return -(p * np.log(p)).sum()

    return entropy(counts.ravel()) - entropy(counts.sum(axis=1))


def windows_by_a_loop(tokens, length, padding):
    return [
        [tokens[t - back] if t >= back else padding for back in range(length - 1, -1, -1)] for t in range(len(tokens))
    ]


def windows_by_unfolding(tokens, length, padding):
    return F.pad(torch.tensor(tokens), (length - 1, 0), value=padding).unfold(0, length, 1)


def descent_by_pytorch(counts, steps, learning_rate):
    inputs, targets = (torch.tensor(x) for x in np.repeat(np.argwhere(counts), counts[counts > 0], axis=0).T)
    W = torch.zeros(*counts.shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W], learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(W[inputs], targets).backward()
        optimizer.step()
    return W.detach()


def descent_by_loops(counts, steps, learning_rate):
    W = [[0.0] * len(counts) for _ in counts]
    for _ in range(steps):
        for i, row in enumerate(counts.tolist()):
            total = sum(math.exp(z) for z in W[i])
            p = [math.exp(z) / total for z in W[i]]
            W[i] = [z - learning_rate * (sum(row) * q - c) / counts.sum() for z, q, c in zip(W[i], p, row, strict=True)]
    return W


class Network(torch.nn.Module):
    def __init__(self, vocab_size, bend, width=2, hidden=8):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocab_size, width)
        self.layers = torch.nn.Sequential(torch.nn.Linear(2 * width, hidden), bend, torch.nn.Linear(hidden, vocab_size))

    def forward(self, window):
        return self.layers(self.embedding(window).flatten(start_dim=1))


def gaps_by(bend):
    def train(contexts, targets, questions, vocab_size):
        torch.manual_seed(0)
        model = Network(vocab_size, bend)
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(500):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.tensor(contexts)), torch.tensor(targets)).backward()
            optimizer.step()
        return model(torch.tensor(questions)).softmax(dim=-1).detach()

    return train


ALTERNATIVES = {
    "04.softmax_gradient": [gradient_by_autograd, gradient_in_plain_python],
    "04.loss_floor": [floor_by_a_loop, floor_by_differences],
    "04.descend": [descent_by_pytorch, descent_by_loops],
    "04.windows": [windows_by_a_loop, windows_by_unfolding],
    "04.fill_the_gaps": [gaps_by(torch.nn.Tanh()), gaps_by(torch.nn.ReLU())],
}
