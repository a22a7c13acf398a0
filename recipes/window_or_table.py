"""The same characters, read by a window MLP and looked up in a table: five seeds, eight minutes on one core.

The table of order n+1 and the network with a window of n both see the last n characters. Each place of the test plays
belongs to a group, by how often the training plays had held the n characters before it. The five networks of a length
get less than a sixth of the steps of `recipes/mlp.py`, whose single long run is scored as well.
"""

import dataclasses
import json
import math
import time
from collections.abc import Mapping

import mlp as long_run
import numpy as np
import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import nn

from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.ngram import KneserNey, NGramModel
from transformer_lib.schedules import warmup_cosine
from transformer_lib.training import load, random_windows, token_nll, train

COMMAND = "python recipes/window_or_table.py"
SEEDS = range(5)
LENGTHS = (4, 8)
STEPS = 1000
GROUPS = {"never": (0, 0), "1–9": (1, 9), "10–99": (10, 99), "100 or more": (100, math.inf)}


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    test = tokens["test"]
    counted = NGramModel(max(LENGTHS) + 1, tokenizer.vocab_size).fit(tokens["train"].numpy())
    times = {length: times_seen(tokens["train"].numpy(), test.numpy(), length) for length in LENGTHS}

    results = {}
    for length in LENGTHS:
        table = counted.using(KneserNey(), order=length + 1)
        groups = {name: (low <= times[length]) & (times[length] <= high) for name, (low, high) in GROUPS.items()}
        networks = []
        for seed in SEEDS:
            before = time.process_time()
            model = fresh_and_trained(tokens["train"], tokenizer.vocab_size, length, seed)
            networks.append({**by_group(nats(model, test), groups), "seconds": time.process_time() - before})
            print(f"window {length}, seed {seed}: {networks[-1]['all']:.3f} bits", flush=True)
        results[length] = {
            "share_of_places": {name: float(here[length:].mean()) for name, here in groups.items()},
            "table": {**by_group(table.token_nll(test.numpy()), groups), "parameters": table_size(counted, length + 1)},
            "networks": networks,
        }
    trained = load(TRAINED / "mlp")
    results[long_run.CONTEXT_LENGTH]["long_run"] = by_group(nats(trained, test), groups)
    new = times[8][8:] == 0  # eight characters that are new: did the plays hold the last four of them?
    results["new_8_with_old_4"] = float((times[4][8:][new] > 0).mean())

    write_card(
        "window_or_table",
        command=COMMAND,
        seeds=list(SEEDS),
        steps=STEPS,
        seconds=round(time.process_time() - started, 1),
    )
    file = TRAINED / "window_or_table" / "results.json"
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def times_seen(train: np.ndarray, test: np.ndarray, length: int) -> np.ndarray:
    """(len(test),): how often `train` holds the `length` tokens before each token of `test`; -1 at its beginning."""
    base = int(max(train.max(), test.max())) + 1
    weights = base ** np.arange(length)

    def codes(tokens: np.ndarray) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(tokens[:-1], length) @ weights

    known, counts = np.unique(codes(train), return_counts=True)
    asked = codes(test)
    places = np.searchsorted(known, asked).clip(max=len(known) - 1)
    return np.concatenate([np.full(length, -1), np.where(known[places] == asked, counts[places], 0)])


def by_group(nats: np.ndarray, groups: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Bits per character in each group, and over the whole text as `all`."""
    bits = nats / math.log(2)
    return {"all": float(bits.mean()), **{name: float(bits[here].mean()) for name, here in groups.items()}}


def table_size(counted: NGramModel, order: int) -> int:
    """How many different n-grams a table with back-off keeps, of all orders up to this one."""
    return sum(counted.using(KneserNey(), order=n).n_ngrams for n in range(1, order + 1))


def fresh_and_trained(train_tokens: torch.Tensor, vocab_size: int, length: int, seed: int) -> nn.Module:
    """The network of the long run with another window, another seed and fewer steps."""
    config = MLPConfig(
        vocab_size=vocab_size,
        context_length=length,
        d_embedding=long_run.D_EMBEDDING,
        d_hidden=long_run.D_HIDDEN,
    )
    generator = torch.Generator().manual_seed(seed)
    model = mlp(config, generator)
    settings = dataclasses.replace(long_run.TRAINING, steps=STEPS, log_every=STEPS)
    windows = random_windows(train_tokens, long_run.LENGTH, long_run.BATCH_SIZE, generator)
    train(model, windows, settings, schedule=warmup_cosine(STEPS, warmup=STEPS // 50))
    return model


def nats(model: nn.Module, test: torch.Tensor) -> np.ndarray:
    """-ln p of every token of a text, each with a whole window before it."""
    return token_nll(model, test, length=long_run.SCORED, overlap=model.context_length - 1).numpy()


if __name__ == "__main__":
    main()
