"""Right answers to the exercises of chapter 21, written in other ways."""

import math

import numpy as np
import torch


def dpo_by_probabilities(chosen, rejected, reference_chosen, reference_rejected, beta):
    won, lost = (chosen - reference_chosen).exp(), (rejected - reference_rejected).exp()
    return -(won**beta / (won**beta + lost**beta)).log().mean()


def dpo_in_a_loop(chosen, rejected, reference_chosen, reference_rejected, beta):
    total = 0.0
    for w, lost, rw, rl in zip(chosen, rejected, reference_chosen, reference_rejected, strict=True):
        total += math.log(1 + math.exp(-beta * (w - rw - lost + rl)))
    return total / len(chosen)


def leave_one_out_by_a_factor(rewards):
    K = rewards.shape[1]
    return (rewards - rewards.mean(1, keepdim=True)) * K / (K - 1)


def leave_one_out_in_a_loop(rewards):
    out = np.zeros(rewards.shape)
    for p, row in enumerate(rewards.numpy()):
        for k, reward in enumerate(row):
            out[p, k] = reward - np.delete(row, k).mean()
    return out


def clipped_by_cases(ratio, advantage, clip):
    bound = torch.where(advantage > 0, torch.full_like(ratio, 1 + clip), torch.full_like(ratio, 1 - clip))
    beyond = torch.where(advantage > 0, ratio > bound, ratio < bound)
    return torch.where(beyond, bound, ratio) * advantage


def clipped_in_numpy(ratio, advantage, clip):
    r, a = ratio.numpy(), advantage.numpy()
    return np.where(a >= 0, np.minimum(r, 1 + clip) * a, np.maximum(r, 1 - clip) * a)


def pass_by_a_product(n, c, k):
    wrong = 1.0
    for i in range(k):
        wrong *= max(n - c - i, 0) / (n - i)
    return 1 - wrong


def pass_by_gamma_functions(n, c, k):
    if n - c < k:
        return 1.0

    def ln_choose(a):
        return math.lgamma(a + 1) - math.lgamma(k + 1) - math.lgamma(a - k + 1)

    return 1 - math.exp(ln_choose(n - c) - ln_choose(n))


def penalized_token_by_token(rewards, log_probs, reference, beta):
    out = rewards.clone()
    for t in range(log_probs.shape[1]):
        out = out - beta * log_probs[:, t] + beta * reference[:, t]
    return out


def penalized_in_einsum(rewards, log_probs, reference, beta):
    return rewards + beta * torch.einsum("bn->b", reference - log_probs)


ALTERNATIVES = {
    "21.dpo_loss": [dpo_by_probabilities, dpo_in_a_loop],
    "21.leave_one_out": [leave_one_out_by_a_factor, leave_one_out_in_a_loop],
    "21.clipped": [clipped_by_cases, clipped_in_numpy],
    "21.pass_at_k": [pass_by_a_product, pass_by_gamma_functions],
    "21.penalized": [penalized_token_by_token, penalized_in_einsum],
}
