"""A training step compiled by torch.compile, ours and theirs in the same mode: what `bench/gpt.py` compares in eager.

    python bench/compiled.py [--rounds 9]

Two minutes of one core, most of it spent by the compiler, which is not timed: the first step of each is not counted.
Models, batch and optimizer are those of the smallest size in bench/gpt.py.
"""

import argparse
import time

from _measure import OURS, Peer, compare, write  # first: it sets the number of threads

import torch  # isort: skip
from gpt import SIZES, Size, pairs, training_step


def rows_of(size: Size, rounds: int, backend: str = "inductor") -> list[dict]:
    """A row for each peer; both models are compiled alike, each with its own default of what breaks a graph."""
    assert size.batch is not None
    sequences, length = size.batch
    batch = torch.randint(size.vocab_size, (sequences, length + 1))
    name = f"{size.shape}, batch {sequences} × {length}"
    rows = []
    for library, models in pairs(size).items():
        for model in models:
            model.train().compile(backend=backend)
        ours, theirs = (training_step(model, batch) for model in models)
        peers = [Peer(library, theirs, library)]
        rows += compare("Training step, compiled", name, Peer(OURS, ours), peers, rounds, tokens=sequences * length)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    started = time.process_time()
    write("compiled", started, rows_of(SIZES[0], rounds))


if __name__ == "__main__":
    main()
