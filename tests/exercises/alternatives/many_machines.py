"""Right answers to the exercises of chapter 19, written in other ways."""

import numpy as np
import torch


def ring_with_roll(parts, step):
    n = len(parts)
    sent = np.eye(n)[(np.arange(n) - step) % n] * parts
    return parts + np.roll(sent, 1, axis=0)


def ring_from_the_sender(parts, step):
    n = len(parts)
    before, after = parts.tolist(), parts.tolist()
    for rank in range(n):
        part = (rank - step) % n
        after[(rank + 1) % n][part] += before[rank][part]
    return np.array(after)


def partial_with_slices(x, A, B, n):
    wide = A.shape[1] // n
    outputs = []
    for rank in range(n):
        mine = slice(rank * wide, (rank + 1) * wide)
        hidden = x @ A[:, mine]
        outputs.append((hidden * (hidden > 0)) @ B[mine])
    return outputs


def partial_in_torch(x, A, B, n):
    x, A, B = map(torch.from_numpy, (x, A, B))
    return [(x @ a).relu() @ b for a, b in zip(A.chunk(n, dim=1), B.chunk(n), strict=True)]


def clipped_whole(shards, max_norm):
    norm = np.linalg.norm(np.concatenate(shards))
    return [shard / max(1.0, norm / max_norm) for shard in shards]


def clipped_in_torch(shards, max_norm):
    squares = torch.tensor([float(np.dot(shard, shard)) for shard in shards], dtype=torch.float64)
    norm = float(squares.sum().sqrt())
    return [max_norm / norm * shard for shard in shards] if norm > max_norm else [shard.copy() for shard in shards]


def alternating_from_one_less(stage, stages, micro_batches):
    warm = min(stages - stage - 1, micro_batches)
    return "F" * warm + "FB" * (micro_batches - warm) + "B" * warm


def by_what_is_held(stage, stages, micro_batches):
    order, forwards, backwards = [], 0, 0
    while backwards < micro_batches:
        if forwards < micro_batches and forwards - backwards < stages - stage:
            order.append("F")
            forwards += 1
        else:
            order.append("B")
            backwards += 1
    return "".join(order)


ALTERNATIVES = {
    "19.ring_step": [ring_with_roll, ring_from_the_sender],
    "19.partial_outputs": [partial_with_slices, partial_in_torch],
    "19.clipped": [clipped_whole, clipped_in_torch],
    "19.one_forward_one_backward": [alternating_from_one_less, by_what_is_held],
}
