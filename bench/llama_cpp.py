"""SmolLM2 in 8 and in 4 bits beside llama.cpp, which reads the same file: speed, and what the bits cost in prediction.

    python bench/llama_cpp.py [--rounds 9] [--tokens 16]

Half a minute of one core. The file holds 4-bit weights with a scale and an offset for each 32 (Q4_1), and the head in
8 bits; llama.cpp reads it as it is. For 8 bits (Q8_0) its matrices are rounded again, from the same numbers, and
written to a file of the same metadata. Ours has a scale for each row in 8 bits, and for each 32 weights in 4.
llama.cpp rounds the inputs of a product to 8 bits too, ours to bfloat16: the formats are alike, not equal, and so the
texts may part. CPU seconds of one thread; a token is the time of `tokens` + 1 of them less that of one, which reads
the prompt. The bound is a copy's bandwidth over the bytes of the weights.
"""

import argparse
import copy
import json
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from math import log
from pathlib import Path

from _measure import Peer, row, take_turns, write  # first: it sets the number of threads

import numpy as np  # isort: skip
import torch
from torch import nn

from transformer_lib.data import shakespeare, weights
from transformer_lib.generation import generate
from transformer_lib.pretrained import smollm2
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.gguf_formats import BLOCK, FORMATS
from transformer_lib.quantization import quantize
from transformer_lib.runtime import fuse_projections

SCORED = 1200  # characters of the validation plays
ALIGNMENT, Q8_0 = 32, 8


def as_q8_0(tensor: np.ndarray) -> bytes:
    """A matrix in blocks of 32: a float16 scale, and 32 numbers of 8 bits."""
    blocks = tensor.reshape(-1, BLOCK)
    scale = (np.abs(blocks).max(axis=1) / 127).astype("<f2")
    safe = np.where(scale == 0, 1, scale).astype(np.float32)
    stored = np.empty(len(blocks), FORMATS[Q8_0].stored)
    stored["d"], stored["q"] = scale, np.clip(np.rint(blocks / safe[:, None]), -127, 127)
    return stored.tobytes()


def write_q8_0(source: Path, target: Path) -> None:
    """Copy a GGUF file with its matrices in Q8_0, and its vectors in float32."""
    file, content = GGUF(source), source.read_bytes()
    table = content.index(struct.pack("<Q", len(first := next(iter(file)))) + first.encode())
    entries, data = [], bytearray()
    for name, tensor in file.items():
        kind, numbers = (Q8_0, as_q8_0(tensor.numpy())) if tensor.ndim == 2 else (0, tensor.numpy().tobytes())
        sizes = struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        entries.append(struct.pack("<Q", len(name)) + name.encode() + sizes + struct.pack("<IQ", kind, len(data)))
        data += numbers + bytes(-len(numbers) % ALIGNMENT)
    head = content[:table] + b"".join(entries)
    target.write_bytes(head + bytes(-len(head) % ALIGNMENT) + data)


def llama_cpp(path: Path, prompt: list[int]) -> Callable[[int], object]:
    """A function that continues a prompt by n tokens, in this process and with one thread."""
    import xllamacpp  # here, for what needs no llama.cpp to be imported without it

    options = xllamacpp.CommonParams()
    options.model.path = str(path)
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = options.n_threads_http = options.n_parallel = 1
    options.n_ctx, options.warmup, options.verbosity, options.cache_prompt = 512, False, 0, False
    server = xllamacpp.Server(options)
    request = {"prompt": prompt, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    return lambda n: server.handle_completions({**request, "max_tokens": n})


def ours_in(model: nn.Module, bits: int) -> nn.Module:
    model = copy.deepcopy(model)
    fuse_projections(model)
    quantize(model, bits)
    return model


def bits_per_character(model: nn.Module, tokens: torch.Tensor, characters: int) -> float:
    with torch.inference_mode():
        nats = nn.functional.cross_entropy(model(tokens[:, :-1])[0], tokens[0, 1:], reduction="sum")
    return float(nats) / log(2) / characters


def copied(n_bytes: int) -> Callable[[], object]:
    """A copy that reads and writes so many bytes in all."""
    source = torch.ones(n_bytes // 8)
    target = torch.zeros_like(source)
    return lambda: target.copy_(source)


def weight_bytes(file: GGUF) -> int:
    """Bytes of a file's tensors, each of which is read to write a token."""
    formats = {f.name: f for f in FORMATS.values()}
    kinds = {name: formats[file.format(name)] for name in file}
    return sum(file[name].numel() // kind.weights * kind.stored.itemsize for name, kind in kinds.items())


def rows_of(bits: int, path: Path, model: nn.Module, prompt: list[int], tokens: int, rounds: int) -> list[dict]:
    """Tokens a second: beside llama.cpp, and against what the memory allows."""
    format = {8: "Q8_0", 4: "Q4_1"}[bits]
    runs = (lambda n: generate(model, [prompt], n, temperature=0)), llama_cpp(path, prompt)
    calls = [lambda run=run, n=n: run(n) for run in runs for n in (tokens + 1, 1)]
    bound = copied(weight_bytes(GGUF(path)))
    spent = [
        ((ours - first) / tokens, (theirs - first_of_theirs) / tokens, least)
        for ours, first, theirs, first_of_theirs, least in take_turns([*calls, bound], rounds)
    ]
    ours, *others = (1 / statistics.median(column) for column in zip(*spent, strict=True))
    rows = []
    for number, (peer, rate) in enumerate(
        zip((Peer(f"llama.cpp {format}", package="xllamacpp"), Peer("bound")), others, strict=True), start=1
    ):
        ratio = statistics.median(seconds[number] / seconds[0] for seconds in spent)
        rows.append(
            row("Writing, batch 1", f"SmolLM2 in {bits} bits, 1 thread", peer, "tokens/s", ours, rate, ratio, rounds)
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    model, tokenizer = smollm2()
    prompt = tokenizer.chat([{"role": "user", "content": "What is gravity?"}])
    text = shakespeare.load().validation[:SCORED]
    scored = torch.tensor([tokenizer.encode(text)])
    bits_of = {"32": bits_per_character(model, scored, SCORED)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(weights.SMOLLM2.path(weights.SMOLLM2_FILE))
        write_q8_0(stored, wide := Path(folder) / "q8_0.gguf")
        for bits, path in ((8, wide), (4, stored)):
            rounded = ours_in(model, bits)
            bits_of[str(bits)] = bits_per_character(rounded, scored, SCORED)
            rows += rows_of(bits, path, rounded, prompt, options.tokens, options.rounds)
    print(json.dumps(bits_of))
    write("llama_cpp", started, rows, bits_per_character={k: round(v, 4) for k, v in bits_of.items()})


if __name__ == "__main__":
    main()
