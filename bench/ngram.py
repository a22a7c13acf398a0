"""How fast the n-gram model counts and scores Shakespeare, and in how much memory.

    python bench/ngram.py [--orders 1 2 3 4 5 6 7 8]

Times are CPU seconds of one thread. Memory is the peak of a process of its own, in which one model is made and used; an
interpreter that has only loaded the text is the first row. Beside it runs what one would write first, a dictionary that
holds a Counter for each context: it counts one order, where the model counts that order and all below it.
"""

import argparse
import math
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from transformer_lib.data import shakespeare
from transformer_lib.ngram import AddK, JelinekMercer, KneserNey, NGramModel, Unsmoothed
from transformer_lib.tokenizers.characters import CharacterTokenizer

ORDERS = (1, 2, 3, 4, 5, 6, 7, 8)
BASELINE_ORDERS = (3, 4, 5)
K = 0.01


@dataclass(frozen=True)
class Cost:
    """One order in one process: CPU seconds, bytes."""

    order: int
    fit: float
    scores: dict[str, float]  # by smoothing: reading the counts anew and scoring the test plays
    sample: float  # per token
    peak_bytes: int
    stored_bytes: int
    n_ngrams: int
    nats_per_token: float  # add-k, from the first token with a full context on: what the baseline must agree with


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def timed(function, *arguments, **options):
    start = time.process_time()
    result = function(*arguments, **options)
    return time.process_time() - start, result


def cost_of_model(order: int) -> Cost:
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    train, test = tokenizer.encode_array(text.train), tokenizer.encode_array(text.test)
    fit, counted = timed(NGramModel(order, tokenizer.vocab_size, KneserNey()).fit, train)
    scores = {}
    for smoothing in (Unsmoothed(), AddK(K), JelinekMercer(), KneserNey()):
        seconds, nats = timed(lambda smoothing=smoothing: counted.using(smoothing).token_nll(test))
        scores[type(smoothing).__name__] = seconds
        if smoothing == AddK(K):
            nats_per_token = float(nats[order - 1 :].mean())
    sample, _ = timed(counted.sample, 1000, generator=np.random.default_rng(0))
    return Cost(order, fit, scores, sample / 1000, peak_bytes(), counted.memory_bytes, counted.n_ngrams, nats_per_token)


def cost_of_dictionary(order: int) -> Cost:
    text = shakespeare.load()
    vocab_size = len(set(text.train))

    def fit() -> dict[str, Counter]:
        table: dict[str, Counter] = defaultdict(Counter)
        for i in range(order - 1, len(text.train)):
            table[text.train[i - order + 1 : i]][text.train[i]] += 1
        return table

    def score() -> float:
        totals = {context: counter.total() for context, counter in table.items()}
        nothing: Counter = Counter()
        nats = 0.0
        for i in range(order - 1, len(text.test)):
            context = text.test[i - order + 1 : i]
            count = table.get(context, nothing)[text.test[i]]
            nats -= math.log((count + K) / (totals.get(context, 0) + K * vocab_size))
        return nats / (len(text.test) - order + 1)

    fit_seconds, table = timed(fit)
    score_seconds, nats_per_token = timed(score)
    n_ngrams = sum(map(len, table.values()))
    return Cost(order, fit_seconds, {"AddK": score_seconds}, 0.0, peak_bytes(), 0, n_ngrams, nats_per_token)


def load_only() -> int:
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    _ = tokenizer.encode_array(text.train), tokenizer.encode_array(text.test)
    return peak_bytes()


def alone(function, *arguments):
    """Call a function in a fresh process of one thread."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, nargs="+", default=ORDERS)
    orders = tuple(parser.parse_args().orders)

    print(f"text loaded, nothing counted: {alone(load_only) / 1e6:.0f} MB peak\n")
    print("order   n-grams   fit s   score s: none  add-k     JM     KN   sample ms/token   stored MB   peak MB")
    costs = {}
    for order in orders:
        cost = costs[order] = alone(cost_of_model, order)
        scores = " ".join(f"{seconds:6.2f}" for seconds in cost.scores.values())
        print(
            f"{order:5} {cost.n_ngrams:9,} {cost.fit:7.2f}          {scores} {cost.sample * 1e3:17.2f}"
            f" {cost.stored_bytes / 1e6:11.1f} {cost.peak_bytes / 1e6:9.0f}",
            flush=True,
        )

    print("\nbeside a dictionary of Counters (its figure / ours)\norder        fit s        score s         peak MB")
    for order in sorted(set(orders) & set(BASELINE_ORDERS)):
        ours, theirs = costs[order], alone(cost_of_dictionary, order)
        assert ours.n_ngrams == theirs.n_ngrams
        assert math.isclose(ours.nats_per_token, theirs.nats_per_token, rel_tol=1e-9)
        pairs = (
            f"{b:7.2f} = {b / a:4.1f}x"
            for a, b in [
                (ours.fit, theirs.fit),
                (ours.scores["AddK"], theirs.scores["AddK"]),
                (ours.peak_bytes / 1e6, theirs.peak_bytes / 1e6),
            ]
        )
        print(f"{order:5} ", "  ".join(pairs), flush=True)


if __name__ == "__main__":
    main()
