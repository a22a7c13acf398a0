"""Right answers to the exercises of chapter 18, written in other ways."""

import numpy as np
import torch


def paired_in_numpy(base, changed):
    gaps = np.subtract(changed, base)
    return gaps.mean(), gaps.std(ddof=1) / np.sqrt(len(gaps))


def paired_in_torch(base, changed):
    gaps = torch.tensor(changed, dtype=torch.float64) - torch.tensor(base, dtype=torch.float64)
    return gaps.mean(), gaps.std() / len(gaps) ** 0.5


def clipped_as_one_vector(gradients, max_norm):
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    return gradients if norm <= max_norm else [max_norm / norm * gradient for gradient in gradients]


def clipped_by_torch(gradients, max_norm):
    parameters = [torch.zeros_like(gradient, requires_grad=True) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad for parameter in parameters]


def noise_from_variances(gradients, size):
    noise = size * gradients.var(dim=0).sum()
    signal = gradients.mean(dim=0).square().sum() - noise / (size * len(gradients))
    return (noise / signal).item()


def noise_of_the_paper(gradients, size):
    g = gradients.numpy()
    big = size * len(g)
    small, large = (g**2).sum(1).mean(), (g.mean(0) ** 2).sum()
    signal = (big * large - size * small) / (big - size)
    return (small - large) / (1 / size - 1 / big) / signal


def alarm_by_sorting(norms, window, factor):
    for step, norm in enumerate(norms):
        if step >= window:
            usual = float(np.median(norms[step - window : step]))
            if norm > factor * usual:
                return step
    return None


def alarm_as_an_array(norms, window, factor):
    norms = np.array(norms)
    usual = np.median(np.lib.stride_tricks.sliding_window_view(norms, window)[:-1], axis=1)
    found = np.flatnonzero(norms[window:] > factor * usual)
    return int(found[0]) + window if len(found) else None


ALTERNATIVES = {
    "18.paired": [paired_in_numpy, paired_in_torch],
    "18.clipped": [clipped_as_one_vector, clipped_by_torch],
    "18.noise_scale": [noise_from_variances, noise_of_the_paper],
    "18.first_alarm": [alarm_by_sorting, alarm_as_an_array],
}
EXAMPLES = {}
