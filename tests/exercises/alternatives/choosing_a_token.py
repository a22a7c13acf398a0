"""Right answers to the exercises of chapter 05, written in other ways."""

import math

import numpy as np
import torch


def temperature_by_hand(logits, temperature):
    z = logits - logits.max()
    weights = torch.exp(z / temperature) if temperature else (z == 0).double()
    return weights / weights.sum()


def temperature_in_plain_python(logits, temperature):
    z = [float(value) - float(max(logits)) for value in logits]
    weights = [math.exp(value / temperature) if temperature else float(value == 0) for value in z]
    return [weight / sum(weights) for weight in weights]


def nucleus_by_sorting(probabilities, p):
    ordered, ids = probabilities.sort(descending=True)
    ordered = torch.where(ordered.cumsum(0) - ordered < p, ordered, torch.zeros_like(ordered))
    return torch.zeros_like(probabilities).scatter(0, ids, ordered / ordered.sum())


def nucleus_by_a_loop(probabilities, p):
    kept, total = np.zeros(len(probabilities)), 0.0
    for token in np.argsort(-probabilities.numpy()):
        if total >= p:
            break
        kept[token] = float(probabilities[token])
        total += kept[token]
    return kept / total


def draw_by_a_loop(probabilities, u):
    for token, probability in enumerate(probabilities.tolist()):
        u -= probability
        if u < 0:
            return token
    raise AssertionError


def draw_by_searching(probabilities, u):
    return torch.searchsorted(probabilities.cumsum(0), torch.tensor(u), right=True)


def best_temperature_by_hand(logits, targets, temperatures):
    costs = []
    for temperature in temperatures:
        z = logits.double().numpy() / temperature
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        costs.append(-np.log(p[np.arange(len(p)), targets.numpy()]).mean())
    return temperatures[int(np.argmin(costs))]


def best_temperature_by_gathering(logits, targets, temperatures):
    def cost(temperature):
        return -(logits / temperature).log_softmax(dim=1).gather(1, targets[:, None]).sum()

    return float(min(temperatures, key=cost))


ALTERNATIVES = {
    "05.temperature_probabilities": [temperature_by_hand, temperature_in_plain_python],
    "05.top_p_probabilities": [nucleus_by_sorting, nucleus_by_a_loop],
    "05.draw": [draw_by_a_loop, draw_by_searching],
    "05.lab_temperature": [best_temperature_by_hand, best_temperature_by_gathering],
}
