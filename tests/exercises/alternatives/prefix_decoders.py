"""Right answers to the exercises of page 14a, written in other ways."""

import statistics

import numpy as np


def suffix_by_a_loop(nats, prefix_lengths):
    kept = [float(x) for row, p in zip(nats, prefix_lengths, strict=True) for x in row[int(p) - 1 :]]
    return sum(kept) / len(kept)


def suffix_in_numpy(nats, prefix_lengths):
    nats = nats.numpy()
    shown = np.arange(1, nats.shape[1] + 1)[None] < prefix_lengths.numpy()[:, None]
    return np.ma.masked_array(nats, shown).mean()


def undecided_in_numpy(gaps):
    before, now = np.array([row[-2:] for row in gaps]).T
    error = now.std(ddof=1) / np.sqrt(len(now))
    return bool(abs(now.mean()) <= 2 * error) or bool(abs((now - before).mean()) > 2 * error)


def undecided_by_statistics(gaps):
    now, before = [row[-1] for row in gaps], [row[-2] for row in gaps]
    most = 2 * statistics.stdev(now) / len(now) ** 0.5
    decided = abs(statistics.mean(now)) > most and abs(statistics.mean(now) - statistics.mean(before)) <= most
    return not decided


ALTERNATIVES = {
    "14a.suffix_loss": [suffix_by_a_loop, suffix_in_numpy],
    "14a.undecided": [undecided_in_numpy, undecided_by_statistics],
}
