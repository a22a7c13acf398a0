"""How fast byte-pair encoding trains and encodes, beside the Rust libraries and beside the plain loop.

    python bench/tokenization.py [--vocab-size 4096] [--few 4] [--sample 100000]

All times are CPU seconds of one thread on the training plays, the best of up to three. The three trainers must find the
same merges, and all encoders the same ids, or the run stops. The plain loop counts all pairs of the text anew for each
merge, so it trains only a few merges; it encodes only a sample, and keeps nothing in a cache.
"""

import os

os.environ |= {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

import argparse
import json
import time
from collections import Counter
from itertools import pairwise

import tiktoken
import tokenizers
from _measure import Peer, row, write
from tokenizers import models, pre_tokenizers, trainers

from transformer_lib.data import shakespeare
from transformer_lib.tokenizers.bpe import BYTES, BPETokenizer
from transformer_lib.tokenizers.pair_counts import merge
from transformer_lib.tokenizers.pretokenize import GPT2, pretokenize
from transformer_lib.tokenizers.tokenizer_json import from_printable

LIBRARY, RUST, TIKTOKEN, PLAIN = "this library", "tokenizers (Rust)", "tiktoken (Rust)", "plain loop"


def timed(function):
    """Return the CPU seconds of a call, the best of three if they are few, and what it returned."""
    times = []
    while len(times) < 3 and sum(times) < 6:
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def rust_training(text, vocab_size):
    rust = tokenizers.Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    rust.train_from_iterator(
        [text], trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    )
    return rust


def merges_of(rust):
    return [tuple(map(from_printable, pair)) for pair in json.loads(rust.to_str())["model"]["merges"]]


def plain_training(text, vocab_size):
    """Return the merges: count every pair of the text, merge the commonest, and begin again."""
    ids = {token: i for i, token in enumerate(BYTES)}
    pieces = [[ids[bytes([byte])] for byte in piece.encode()] for piece in pretokenize(text)]
    tokens, merges = list(BYTES), []
    while len(tokens) < vocab_size:
        counts = Counter(pair for piece in pieces for pair in pairwise(piece))
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        pieces = [merge(piece, best, len(tokens)) for piece in pieces]
        merges.append((tokens[best[0]], tokens[best[1]]))
        tokens.append(b"".join(merges[-1]))
    return merges


def plain_encoding(text, tokenizer):
    return [tokenizer.vocabulary[t] for piece in pretokenize(text) for t in list(tokenizer.steps(piece))[-1]]


def print_table(title, rows, unit):
    """Print name and figure of each row, and how many times as long it takes as the first."""
    print(f"\n{title}\n{'':20}{unit:>12}{'time, relative':>18}")
    for name, figure, seconds in rows:
        print(f"{name:20}{figure:12.2f}{seconds / rows[0][2]:18.2f}", flush=True)


def record(task, size, rows, unit):
    """The row of the common table for each of the Rust libraries."""
    ours, *others = (found for found in rows if found[0] in (LIBRARY, RUST, TIKTOKEN))
    packages = {RUST: "tokenizers", TIKTOKEN: "tiktoken"}
    return [
        row(task, size, Peer(packages[name], package=packages[name]), unit, ours[1], figure, seconds / ours[2], 3)
        for name, figure, seconds in others
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocab-size", type=int, default=4096, help="tokens that the full training makes")
    parser.add_argument("--few", type=int, default=4, help="merges that all three trainers make")
    parser.add_argument("--sample", type=int, default=100_000, help="characters that the plain loop encodes")
    options = parser.parse_args()
    started = time.process_time()
    text = shakespeare.load().train
    megabytes = len(text.encode()) / 1e6

    ours_time, ours = timed(lambda: BPETokenizer.train(text, options.vocab_size))
    rust_time, rust = timed(lambda: rust_training(text, options.vocab_size))
    assert ours.merges == merges_of(rust)
    rows = [(LIBRARY, ours_time, ours_time), (RUST, rust_time, rust_time)]
    print_table(f"Training: {len(ours.merges):,} merges on {len(text):,} characters", rows, "seconds")
    size = f"{len(text):,} characters, {len(ours.merges):,} merges"
    recorded = record("Training a tokenizer", size, rows, "s")

    few = len(BYTES) + options.few
    rows = []
    for name, train in (
        (LIBRARY, lambda: BPETokenizer.train(text, few).merges),
        (RUST, lambda: merges_of(rust_training(text, few))),
        (PLAIN, lambda: plain_training(text, few)),
    ):
        seconds, merges = timed(train)
        assert merges == ours.merges[: options.few]
        rows.append((name, seconds, seconds))
    print_table(f"Training: the first {options.few} merges alone", rows, "seconds")

    def cold():
        return BPETokenizer(ours.merges).encode(text)

    reference = tiktoken.Encoding("plays", pat_str=GPT2, mergeable_ranks=ours.vocabulary, special_tokens={})
    part = text[: options.sample]
    ids = ours.encode(text)
    rows = []
    for name, encode, expected, amount in (
        (LIBRARY, cold, ids, megabytes),
        ("  pieces known", lambda: ours.encode(text), ids, megabytes),
        (RUST, lambda: rust.encode(text).ids, ids, megabytes),
        (TIKTOKEN, lambda: reference.encode_ordinary(text), ids, megabytes),
        (PLAIN, lambda: plain_encoding(part, ours), ours.encode(part), len(part.encode()) / 1e6),
    ):
        seconds, found = timed(encode)
        assert found == expected
        rows.append((name, amount / seconds, seconds / amount))
    print_table(f"Encoding: {len(text):,} characters to {len(ids):,} tokens", rows, "MB/s")
    size = f"{len(text):,} characters, {len(ids):,} tokens"
    write("tokenization", started, recorded + record("Encoding, a new tokenizer", size, rows, "MB/s"))


if __name__ == "__main__":
    main()
