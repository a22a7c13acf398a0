"""Right answers to the exercises of page 17b, written in other ways."""

import numpy as np
import torch


def gathered_one_by_one(memory, table, length):
    size = memory.shape[1]
    return torch.stack([memory[table[p // size], p % size] for p in range(length)])


def gathered_in_numpy(memory, table, length):
    return np.concatenate([memory.numpy()[block] for block in table])[:length]


def finish_by_passes(lengths, places):
    times, running, now, waiting = [0] * len(lengths), {}, 0, list(range(len(lengths)))
    while waiting or running:
        while waiting and len(running) < places:
            running[i] = lengths[i := waiting.pop(0)]
        now += 1
        for i in list(running):
            running[i] -= 1
            if not running[i]:
                times[i] = now
                del running[i]
    return times


def finish_with_argmin(lengths, places):
    free, times = np.zeros(places, int), []
    for length in lengths:
        place = free.argmin()
        free[place] += length
        times.append(int(free[place]))
    return times


def write_by_divmod(table, length, size, users, free):
    place, offset = divmod(length, size)
    if offset == 0:
        return table + free[-1:], None
    shared = users[table[place]] != 1
    return (table[:-1] + free[-1:], table[-1]) if shared else (table[:], None)


def write_with_early_returns(table, length, size, users, free):
    new = list(table)
    if length == len(table) * size:
        new.append(free[-1])
        return new, None
    last = new[-1]
    if users[last] == 1:
        return new, None
    new[-1] = free[-1]
    return new, last


def empty_in_numpy(lengths, size):
    lengths = np.array(lengths)
    held = -(-lengths // size) * size
    return (held - lengths).sum() / held.sum()


def empty_by_rest(lengths, size):
    empty = sum((size - length % size) % size for length in lengths)
    return empty / (empty + sum(lengths))


def mean_by_passes(lengths, places, order):
    return np.mean(finish_by_passes([lengths[i] for i in order], places))


def mean_with_places(lengths, places, order):
    ends, total = [0] * places, 0
    for number in order:
        place = ends.index(min(ends))
        ends[place] += lengths[number]
        total += ends[place]
    return total / len(order)


ALTERNATIVES = {
    "17b.gathered": [gathered_one_by_one, gathered_in_numpy],
    "17b.finish_times": [finish_by_passes, finish_with_argmin],
    "17b.before_the_write": [write_by_divmod, write_with_early_returns],
    "17b.empty_share": [empty_in_numpy, empty_by_rest],
    "17b.mean_finish": [mean_by_passes, mean_with_places],
}
