"""How fast SmolLM2 writes with this library: beside transformers' generate, and against what the memory allows.

    python bench/real_weights.py [--rounds 5] [--tokens 32] [--threads 1]

To write one token, every weight is read once: the embedding's rows are few, but the head is all of its matrix. So the
bound is the bandwidth of the memory over the bytes of the weights. A copy measures the bandwidth, in the same run and
with as many threads; it reads and writes each byte. Ours and theirs take turns, and the best of the rounds counts,
since what else the machine does only makes a round slower; one thread is timed by CPU seconds, several by the clock on
the wall. Theirs is the same model with the same weights, and the two must write the same.
"""

import argparse
import copy
import functools
import resource
import time
import warnings

import torch
from attention import processor
from torch import nn

from transformer_lib.generation import generate
from transformer_lib.pretrained import smollm2
from transformer_lib.pretrained.hugging_face import llama_to_hf

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


def in_bfloat16(model):
    """By rows: PyTorch's product reads columns of this format no faster."""
    rounded = copy.deepcopy(model).bfloat16()
    for weight in rounded.parameters():
        weight.data = weight.data.contiguous()
    return rounded


def in_int8(model):
    """Linear maps with weights in 8 bits and a scale for each, the inputs rounded to 8 bits as they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {nn.Linear}, dtype=torch.qint8)


def per_second(runs, prompt, tokens, rounds):
    """Tokens a second of each writer: the time of `tokens` tokens less that of one, which reads the prompt too."""
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):  # a round to warm up
        for name in sorted(runs, reverse=bool(turn % 2)):
            long, short = (seconds(runs[name], prompt, n) for n in (tokens + 1, 1))
            if turn:
                best[name] = min(best[name], long - short)
    return {name: tokens / time for name, time in best.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {processor()}, {options.threads} threads\n")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    model, tokenizer = smollm2()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"loading: {wall:.1f} s ({cpu:.1f} s of CPU), peak memory {peak / 1e6:.2f} GB, {before / 1e6:.2f} before it\n"
    )

    prompt = torch.tensor([tokenizer.chat([{"role": "user", "content": "What is gravity?"}])])
    mask = torch.ones_like(prompt)
    titles = ("MB a token", "GB/s", "bound", "ours", "theirs", "of bound", "of theirs")
    print(f"{'tokens a second':16}" + "".join(f"{title:>11}" for title in titles))
    formats = {
        "float32": (4, lambda: model),
        "bfloat16": (2, lambda: in_bfloat16(model)),
        "int8": (1, lambda: in_int8(model)),
    }
    for name, (width, make) in formats.items():
        ours = make()
        runs = {"ours": functools.partial(generate, ours, temperature=0)}
        if name != "int8":
            theirs = llama_to_hf(ours)

            def write(prompt, n, theirs=theirs):
                return theirs.generate(prompt, attention_mask=mask, max_new_tokens=n, min_new_tokens=n, do_sample=False)

            if name == "float32" and not torch.equal(
                write(prompt, options.tokens), runs["ours"](prompt, options.tokens)
            ):
                raise SystemExit("theirs writes another text: what follows would compare two models")
            runs["theirs"] = write
        speed = per_second(runs, prompt, options.tokens, options.rounds)
        memory, size = bandwidth(options.rounds), width * weights_read(model)
        bound, other = memory / size, speed.get("theirs", float("nan"))
        print(
            f"{name:16}{size / 1e6:11.0f}{memory / 1e9:11.1f}{bound:11.1f}{speed['ours']:11.1f}{other:11.1f}"
            f"{speed['ours'] / bound:11.0%}{speed['ours'] / other:11.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
