"""Which scores learn to look up by direction, and which by length: six scores, five seeds, five learning rates each.

An example has eight keys, each with a value, and one query. The query is a turned copy of the direction of the right
key, and the turn is not told: a learner sees only the value that it should have returned. In the task "direction" the
keys' lengths are random, from 1/4 to 4, and mean nothing. In the task "length" each direction occurs twice, with length
2 and with length 1/2, and the longer of the two is right.

Every learner may turn queries and keys by matrices of its own and learns one sharpness. "key network" is the dot
product with keys passed through one hidden layer of tanh; "additive, no bias" is the additive score as Bahdanau et al.
(2015, arXiv:1409.0473) print it. Writes trained/scores/results.json: for each score and task, the share of right keys
after 300 and 600 steps by learning rate and seed, on data for choosing the learning rate and on other data for the
report; the number of parameters; and the time that the dot product and the additive score take. Minutes on one core.
"""

import json
import math
import time
from collections.abc import Callable

import torch
from _cards import TRAINED, write_card
from torch import Tensor

COMMAND = "python recipes/scores.py"
SEEDS, D, S, DV = 5, 8, 8, 4
HIDDEN = {"additive": 64, "key network": 48}
LEARNING_RATES = (0.005, 0.01, 0.02, 0.05, 0.1)
CHECKPOINTS, BATCH, SCORED = (300, 600), 48, 2000
TASKS = ("direction", "length")

Parameters = dict[str, Tensor]


def unit(*shape: int, generator: torch.Generator) -> Tensor:
    """Random directions."""
    x = torch.randn(*shape, generator=generator)
    return x / x.norm(dim=-1, keepdim=True)


def draw(n: int, task: str, turn: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """n lookups for each seed: queries (SEEDS, n, 1, D), keys, values, and the number of the right key."""
    right = torch.randint(S, (SEEDS, n, 1, 1), generator=generator)
    if task == "direction":
        directions = unit(SEEDS, n, S, D, generator=generator)
        lengths = 4 ** (2 * torch.rand(SEEDS, n, S, 1, generator=generator) - 1)
    else:
        directions = unit(SEEDS, n, S // 2, D, generator=generator).repeat(1, 1, 2, 1)  # keys j and j + S/2
        same_half = (torch.arange(S)[:, None] < S // 2) == (right < S // 2)
        lengths = torch.where(same_half, 2.0, 0.5)
    queries = directions.gather(2, right.expand(-1, -1, -1, D)) @ turn
    values = torch.randn(SEEDS, n, S, DV, generator=generator)
    return queries, directions * lengths, values, right[..., 0, 0]


def dot(p: Parameters, q: Tensor, k: Tensor) -> Tensor:
    """(q W_Q) . (k W_K)."""
    return (q @ p["w_q"]) @ (k @ p["w_k"]).mT


def cosine(p: Parameters, q: Tensor, k: Tensor) -> Tensor:
    """The same, divided by both lengths."""
    q, k = q @ p["w_q"], k @ p["w_k"]
    return (q / q.norm(dim=-1, keepdim=True)) @ (k / k.norm(dim=-1, keepdim=True)).mT


def additive(p: Parameters, q: Tensor, k: Tensor) -> Tensor:
    """v . tanh(q W_Q + k W_K + b), with b absent where it was not given."""
    hidden = (q @ p["w_q"])[..., :, None, :] + (k @ p["w_k"])[..., None, :, :]
    return torch.tanh(hidden + p["b"] if "b" in p else hidden) @ p["v"]


def key_network(p: Parameters, q: Tensor, k: Tensor) -> Tensor:
    """(q W_Q) . f(k), with f one hidden layer of tanh."""
    return (q @ p["w_q"]) @ (torch.tanh(k @ p["w_k"] + p["b"]) @ p["w_out"] + p["b_out"]).mT


Score = Callable[[Parameters, Tensor, Tensor], Tensor]
A, N = HIDDEN["additive"], HIDDEN["key network"]
LEARNERS: dict[str, tuple[Score, dict[str, tuple[int, ...]]]] = {
    "dot": (dot, {"w_q": (D, D), "w_k": (D, D)}),
    "dot, 64 wide": (dot, {"w_q": (D, A), "w_k": (D, A)}),
    "cosine": (cosine, {"w_q": (D, D), "w_k": (D, D)}),
    "additive": (additive, {"w_q": (D, A), "w_k": (D, A), "b": (A,), "v": (A,)}),
    "additive, no bias": (additive, {"w_q": (D, A), "w_k": (D, A), "v": (A,)}),
    "key network": (key_network, {"w_q": (D, D), "w_k": (D, N), "b": (N,), "w_out": (N, D), "b_out": (D,)}),
}


def parameters(shapes: dict[str, tuple[int, ...]], generator: torch.Generator) -> Parameters:
    """Every matrix with variance one over its inputs, biases normal (they would never differ from zero otherwise)."""
    p = {
        name: torch.randn(SEEDS, *shape, generator=generator) / math.sqrt(shape[0] if name != "b" else 1)
        for name, shape in shapes.items()
    }
    p["sharpness"] = torch.ones(SEEDS)
    return {name: value.requires_grad_() for name, value in p.items()}


def learn(name: str, task: str, learning_rate: float) -> dict[str, dict[str, list[float]]]:
    """Train five learners side by side, each with data of its own; the shares of right keys at each checkpoint."""
    score, shapes = LEARNERS[name]
    each = torch.vmap(score)
    generator = torch.Generator().manual_seed(6)
    turn = torch.linalg.qr(torch.randn(SEEDS, 1, D, D, generator=generator))[0]
    p = parameters(shapes, generator)
    optimizer = torch.optim.Adam(p.values(), lr=learning_rate)
    shares = {}
    for step in range(1, max(CHECKPOINTS) + 1):
        q, k, values, right = draw(BATCH, task, turn, generator)
        weights = (p["sharpness"][:, None, None, None] * each(p, q, k)).softmax(dim=-1)
        wanted = values.gather(2, right[..., None, None].expand(-1, -1, 1, DV))
        loss = (weights @ values - wanted).square().mean(dim=(1, 2, 3)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in CHECKPOINTS:
            shares[str(step)] = {
                part: scored(each, p, task, turn, seed) for part, seed in (("chosen on", 7), ("reported", 8))
            }
    return shares


def scored(each: Score, p: Parameters, task: str, turn: Tensor, seed: int) -> list[float]:
    """The share of lookups, of each learner, whose right key has the highest score."""
    q, k, _, right = draw(SCORED, task, turn, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        best = (p["sharpness"][:, None, None, None] * each(p, q, k)).argmax(dim=-1)[..., 0]
    return [round(share, 4) for share in (best == right).double().mean(dim=1).tolist()]


def seconds(score: Score, shapes: dict[str, tuple[int, ...]], n: int, width: int) -> float:
    """Processor time for the scores of n queries and n keys, the best of five runs."""
    generator = torch.Generator().manual_seed(0)
    p = {name: torch.randn(shape, generator=generator) / math.sqrt(width) for name, shape in shapes.items()}
    q, k = torch.randn(2, n, width, generator=generator)
    runs = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(10):
            score(p, q, k)
        runs.append((time.process_time() - started) / 10)
    return min(runs)


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    results: dict[str, dict[str, dict[str, dict[str, dict[str, list[float]]]]]] = {}
    for name in LEARNERS:
        for task in TASKS:
            for learning_rate in LEARNING_RATES:
                found = learn(name, task, learning_rate)
                results.setdefault(name, {}).setdefault(task, {})[str(learning_rate)] = found
                print(name, task, learning_rate, found, round(time.process_time() - started), flush=True)
    sizes = {
        name: 1 + sum(map(math.prod, shapes.values())) for name, (_, shapes) in LEARNERS.items()
    }  # 1: the sharpness
    width, n = 64, 256
    square = {"w_q": (width, width), "w_k": (width, width)}
    times = {
        "dot": seconds(dot, square, n, width),
        "additive": seconds(additive, {**square, "b": (width,), "v": (width,)}, n, width),
    }
    write_card(
        "scores",
        chapter="06",
        command=COMMAND,
        seed=list(range(SEEDS)),
        seconds=round(time.process_time() - started, 1),
        learning_rates=LEARNING_RATES,
        steps=CHECKPOINTS,
        batch=BATCH,
    )
    report = {"shares": results, "parameters": sizes, "seconds for 256 x 256 pairs": times}
    (TRAINED / "scores" / "results.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
