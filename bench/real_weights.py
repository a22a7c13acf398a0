"""How fast SmolLM2 writes with this library: beside transformers' generate, and against what the memory allows.

    python bench/real_weights.py [--rounds 5] [--tokens 32] [--threads 1 2]

To write one token, every weight is read once: the embedding's rows are few, but the head is all of its matrix. So the
bound is the bandwidth of the memory over the bytes of the weights. A copy measures the bandwidth, in the same run and
with as many threads; it reads and writes each byte. Ours and theirs take turns, and the best of the rounds counts,
since what else the machine does only makes a round slower; one thread is timed by CPU seconds, several by the clock on
the wall. Theirs is the same model with the same weights, and the two must write the same.
"""

import argparse
import copy
import functools
import os
import resource
import time
import warnings

from _measure import OURS, Peer, processor, row, write  # first: it sets the number of threads

import torch  # isort: skip
from torch import nn

from transformer_lib.generation import generate
from transformer_lib.pretrained import smollm2
from transformer_lib.pretrained.hugging_face import to_hf
from transformer_lib.runtime import store_by_columns

COPIED = 2**28  # bytes, far more than a cache holds


def seconds(function, *arguments):
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    function(*arguments)
    return clock() - start


def bandwidth(rounds):
    """Bytes read and written in a second by a copy."""
    source = torch.ones(COPIED // 4)
    target = torch.zeros_like(source)
    return 2 * COPIED / min(seconds(target.copy_, source) for _ in range(3 * rounds))


def weights_read(model):
    """Numbers that one token needs: each linear map, the head among them, and each norm."""
    matrices = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Linear))
    return matrices + sum(p.numel() for p in model.parameters() if p.ndim == 1)


def by_rows(model):
    """As the weights of a linear layer lie unless somebody stores them otherwise."""
    other = copy.deepcopy(model)
    for weight in other.parameters():
        weight.data = weight.data.contiguous()
    return other


def in_bfloat16(model):
    """By rows: PyTorch's product reads columns of this format no faster."""
    return by_rows(model).bfloat16()


def in_int8(model):
    """Linear maps with weights in 8 bits and a scale for each, the inputs rounded to 8 bits as they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {nn.Linear}, dtype=torch.qint8)


def greedily(model):
    """A function that continues a prompt by n tokens, as transformers does."""

    def write(prompt, n):
        mask = torch.ones_like(prompt)
        return model.generate(prompt, attention_mask=mask, max_new_tokens=n, min_new_tokens=n, do_sample=False)

    return write


def per_second(runs, prompt, tokens, rounds):
    """Tokens a second of each writer: the time of `tokens` tokens less that of one, which reads the prompt too."""
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):  # a round to warm up
        for name in sorted(runs, reverse=bool(turn % 2)):
            long, short = (seconds(runs[name], prompt, n) for n in (tokens + 1, 1))
            if turn:
                best[name] = min(best[name], long - short)
    return {name: tokens / time for name, time in best.items()}


def rows_of(threads, prompt, tokens, rounds, model):
    """Of each format, what it reaches beside the bound, and beside what else can write in it."""
    torch.set_num_threads(threads)
    formats = {
        "float32": (4, lambda: model),
        "bfloat16": (2, lambda: in_bfloat16(model)),
        "int8": (1, lambda: in_int8(model)),
    }
    rows = []
    for name, (width, make) in formats.items():
        ours = make()
        runs = {OURS: functools.partial(generate, ours, temperature=0)}
        if name != "int8":
            runs["transformers"] = greedily(to_hf(ours))
        if name == "float32":
            if not torch.equal(*(write(prompt, tokens) for write in runs.values())):
                raise SystemExit("theirs writes another text: what follows would compare two models")
            runs["stored by rows"] = functools.partial(generate, by_rows(ours), temperature=0)
        speed = per_second(runs, prompt, tokens, rounds)
        speed["bound"] = bandwidth(rounds) / (width * weights_read(model))
        size = f"SmolLM2 in {name}, {threads} thread{'s' * (threads > 1)}"
        for peer in (Peer("transformers", package="transformers"), Peer("stored by rows"), Peer("bound")):
            if peer.name in speed:
                theirs = speed[peer.name]
                rows.append(
                    row("Writing, batch 1", size, peer, "tokens/s", speed[OURS], theirs, speed[OURS] / theirs, rounds)
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()

    started = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model, tokenizer = smollm2()
    store_by_columns(model)
    loading = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"loading: {loading:.1f} s of CPU, peak memory {peak / 1e6:.2f} GB, {before / 1e6:.2f} before it")

    prompt = torch.tensor([tokenizer.chat([{"role": "user", "content": "What is gravity?"}])])
    rows = [
        found
        for threads in options.threads
        for found in rows_of(threads, prompt, options.tokens, options.rounds, model)
    ]
    threads = " and ".join(map(str, options.threads)) + " threads"
    name = f"{processor()}, {os.cpu_count()} cores, {threads}"
    write(
        "real_weights",
        started,
        rows,
        processor=name,
        loading_seconds=round(loading, 1),
        peak_gigabytes=round(peak / 1e6, 2),
    )


if __name__ == "__main__":
    main()
