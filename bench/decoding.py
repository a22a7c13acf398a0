"""What the caches of an encoder-decoder save: a target written with them, and by reading the prefix anew at each step.

    python bench/decoding.py [--rounds 3]

The translator of chapter 12 writes targets of a given length, since it may not end, from sources of 16 characters. Both
ways run in turn, in one process of one thread, and CPU seconds are compared, as the median over the rounds; a step
writes one token for each source of the batch. That they write the same is asserted in float64, where no rounding
decides; there is an encoder, and a search, in either.
"""

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.data import translation
from transformer_lib.generation import beam_search
from transformer_lib.training import load

TRAINED = Path(__file__).resolve().parents[1] / "trained" / "translation"
BATCHES, BEAMS, LENGTHS, SOURCE = (1, 64), (1, 4), (8, 16, 32, 64), 16


class Prefix:
    """All that is kept of the past without a cache: the tokens themselves, for the search to rearrange."""

    tokens: torch.Tensor | None = None

    def reorder(self, rows):
        if self.tokens is not None:
            self.tokens = self.tokens[rows]


class Reread:
    """A model to search with that has no cache: each step reads the prefix whole, and projects the memory again."""

    def __init__(self, model: EncoderDecoder) -> None:
        self.model, self.vocab_size, self.encode = model, model.vocab_size, model.encode

    def new_cache(self, capacity, memory_length):
        return [(Prefix(), Prefix())]

    def decode(self, last, memory, *, memory_mask, cache):
        ((prefix, _),) = cache
        prefix.tokens = last if prefix.tokens is None else torch.cat((prefix.tokens, last), dim=1)
        return self.model.decode(prefix.tokens, memory, memory_mask=memory_mask)


def written(model, sources, beams, length):
    """The targets of a batch, `length` tokens each: the model may not write end, and -1 is no token."""
    english = translation.vocabularies()[1]
    found = beam_search(model, sources, beams=beams, max_length=length, bos=english.bos, eos=-1, pad=english.eos)
    return [hypothesis.tokens for row in found for hypothesis in row]


def seconds(call, *arguments) -> float:
    start = time.process_time()
    call(*arguments)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cached = load(TRAINED).eval()
    exact = load(TRAINED).eval().double()
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, one thread\n")
    print(f"{'CPU milliseconds a step':28} {'cached':>9} {'reread':>9} {'ratio':>7}")
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        sources = torch.randint(3, translation.vocabularies()[0].vocab_size, (batch, SOURCE), generator=generator)
        for beams in BEAMS:
            for length in LENGTHS:
                both = written(exact, sources, beams, length), written(Reread(exact), sources, beams, length)
                assert both[0] == both[1] and {len(tokens) for tokens in both[0]} == {length}
                turns = [
                    [seconds(written, model, sources, beams, length) for model in (cached, Reread(cached))]
                    for _ in range(rounds)
                ]
                a, b = (1e3 * statistics.median(column) / length for column in zip(*turns, strict=True))
                ratio = statistics.median(reread / kept for kept, reread in turns)
                name = f"batch {batch}, beams {beams}, length {length}"
                print(f"{name:28} {a:9.2f} {b:9.2f} {ratio:7.1f}", flush=True)


if __name__ == "__main__":
    main()
