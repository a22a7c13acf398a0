"""Right answers to the exercises of page 12a, written in other ways."""

import numpy as np


def shares_by_the_loop(n, d):
    counted = np.zeros(n)
    for t in range(1, n + 1):
        share = (1 - d) / (1 - d**t)
        counted *= 1 - share
        counted[t - 1] += share
    return counted


def shares_by_the_sum(n, d):
    return (1 - d) * np.power(float(d), np.arange(n)[::-1]) / (1 - d**n)


def factor_by_parts(t, steps, warmup, cooldown):
    if t < warmup:
        return (1 + t) / warmup
    if t < steps - cooldown:
        return 1
    return 1 - (t - (steps - cooldown)) / cooldown


def factor_by_interpolation(t, steps, warmup, cooldown):
    rising = np.interp(t, [-1, warmup - 1], [0, 1]) if warmup else 1
    return min(rising, np.interp(t, [steps - cooldown, steps], [1, 0]))


def steps_by_trying(a, share, rate, step):
    error, n = 1.0, 0
    while error > share:
        error -= rate * a * a * error if step == "gradient" else rate
        n += 1
    return n


def steps_by_logarithms(a, share, rate, step):
    if step == "orthogonal":
        return int(np.ceil((1 - share) / rate))
    return int(np.ceil(np.log(1 / share) / -np.log1p(-rate * a**2)))


ALTERNATIVES = {
    "12a.shares": [shares_by_the_loop, shares_by_the_sum],
    "12a.factor": [factor_by_parts, factor_by_interpolation],
    "12a.steps_needed": [steps_by_trying, steps_by_logarithms],
}
