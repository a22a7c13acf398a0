"""Where the time goes when a model writes: some minutes of one core, which should have nothing else to do.

    parts       milliseconds of a pass, by part of the model
    token       of one token, and of controls that take away all but a part of it; see `controls`
    length      of the next token, by the number of tokens before it, with a cache and without
    prompt      of reading so many tokens at once
    batch       of the next token of so many texts at once
    heads       of the attention of SmolLM2's layers alone, with 9, 3 and 1 key/value heads
    roof        what one core can do at best: operations in a second, and bytes read and written

SmolLM2 where no model is named. Times are CPU seconds of one thread, medians of rounds in which all calls of a group
take turns. A cache that is said to hold n positions is filled with random numbers, which takes no less time to read.
All of it is measured RUNS times. Writes trained/inference_speed/results.json: the median of the runs, and the least
and the most of them under "least" and "most".
"""

import copy
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.cache import KVCache
from transformer_lib.inspection import assert_cache_exact
from transformer_lib.masks import CAUSAL
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.positions import Rotary
from transformer_lib.pretrained import smollm2
from transformer_lib.runtime import store_by_columns
from transformer_lib.training import load

COMMAND = "python recipes/inference_speed.py"
RUNS, ROUNDS = 3, 3
HELD = (16, 128, 512, 1024, 2048, 4096)  # tokens in the cache
READ_AGAIN = (16, 64, 128, 256, 512, 1024)  # tokens read for each new one where there is no cache
AT_ONCE = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SHORT = 16  # tokens held where their number is not the question
KV_HEADS = {"MHA": 9, "GQA": 3, "MQA": 1}
KEYS = (128, 512, 1024, 2048, 4096)
MATRIX, COPIED = 2048, 2**28  # a matrix product's side; bytes of a copy, far more than a processor keeps by itself

Call = Callable[[], object]


def medians(calls: dict[str, Call], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of each call; they take turns, in an order that turns round, after a round to warm up."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name in sorted(calls, reverse=bool(turn % 2)):
            start = time.process_time()
            calls[name]()
            if turn:
                spent[name].append(1000 * (time.process_time() - start))
    return {name: float(f"{statistics.median(times):.4g}") for name, times in spent.items()}


def held(layers: Iterable[MultiHeadAttention], positions: int, batch: int = 1) -> list[KVCache]:
    """A cache for each layer that holds so many positions of noise, with room for one more."""
    caches = []
    for layer in layers:
        caches.append(KVCache(positions + 1))
        noise = torch.randn(batch, layer.n_kv_heads, positions, layer.d_head)
        caches[-1].append(noise, noise)
    return caches


def next_token(model: LanguageModel, positions: int, batch: int = 1) -> Call:
    """A call that reads one token after so many that are held, and takes it back."""
    cache = held((block.attention for block in model.blocks), positions, batch)
    token = torch.ones(batch, 1, dtype=torch.int64)

    def call() -> None:
        model(token, cache=cache)
        for layer in cache:
            layer.length = positions

    return call


def whole(model: LanguageModel, positions: int) -> Call:
    """A call that reads so many tokens at once."""
    tokens = torch.ones(1, positions, dtype=torch.int64)
    return lambda: model(tokens)


def parts(model: LanguageModel, call: Call, rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of a call by part: medians of what hooks before and after each module see go by."""
    kinds: dict[nn.Module, str] = {model.head: "head"}
    for block in model.blocks:
        kinds |= {block.attention: "attention", block.feed_forward: "feed-forward"}
        kinds |= {getattr(block.attention, name): "projections" for name in ("w_q", "w_k", "w_v", "w_o")}
    started, spent = {}, dict.fromkeys(kinds.values(), 0.0)

    def before(module: nn.Module, *_: object) -> None:
        started[module] = time.process_time()

    def after(module: nn.Module, *_: object) -> None:
        spent[kinds[module]] += 1000 * (time.process_time() - started[module])

    hooks = [hook for m in kinds for hook in (m.register_forward_pre_hook(before), m.register_forward_hook(after))]
    seen: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        spent.update(dict.fromkeys(spent, 0.0))
        start = time.process_time()
        call()
        total = 1000 * (time.process_time() - start)
        round_ = {**spent, "attention": spent["attention"] - spent["projections"]}
        round_["everything else"] = total - sum(round_.values())
        for name, value in round_.items():
            if turn:
                seen.setdefault(name, []).append(value)
    for hook in hooks:
        hook.remove()
    return {name: float(f"{statistics.median(values):.4g}") for name, values in seen.items()}


def attention_alone(model: LanguageModel, n_kv_heads: int, keys: int) -> Call:
    """A call that passes one position through as many attention layers as the model has, with so many keys held."""
    like = model.blocks[0].attention
    layers = [
        MultiHeadAttention(
            like.n_heads * like.d_head, like.n_heads, n_kv_heads, bias=False, rotary=Rotary(like.d_head)
        ).eval()
        for _ in model.blocks
    ]
    caches = held(layers, keys)
    x = torch.randn(1, 1, like.n_heads * like.d_head)

    def call() -> None:
        for layer, cache in zip(layers, caches, strict=True):
            layer(x, mask=CAUSAL, cache=cache)
            cache.length = keys

    return call


def products(matrices: Iterable[Tensor], rows: int) -> Call:
    """A call that multiplies every matrix with so many rows of ones, and does nothing else."""
    pairs = [(torch.ones(rows, matrix.shape[1], dtype=matrix.dtype), matrix) for matrix in matrices]

    def call() -> None:
        for x, matrix in pairs:
            F.linear(x, matrix)

    return call


def controls(model: LanguageModel, rounds: int = 3 * ROUNDS) -> dict[str, float]:
    """Milliseconds of one token, and of less and less of what makes it up.

    one token           as the model writes it
    no weights          one token of a model with as many layers and heads, whose matrices are next to nothing
    products            all matrices times one row, and nothing between them; "2 rows", "4 rows", "8 rows"
    layers              the same without the head
    layers in bfloat16  the same in half the bytes
    one layer again     the matrices of the first layer, as many times as there are layers: they stay in the processor
    one layer again in bfloat16
    reading             adding up as many numbers as the model has weights
    """
    layers = [[w for w in block.parameters() if w.ndim == 2] for block in model.blocks]
    every = [w for layer in layers for w in layer]
    halves = copy.deepcopy(model.blocks).to(torch.bfloat16)
    half_layers = [[w for w in block.parameters() if w.ndim == 2] for block in halves]
    like = model.blocks[0].attention
    empty = llama(
        LlamaConfig(
            vocab_size=8,
            context_length=64,
            d_model=2 * like.n_heads,
            n_layers=len(layers),
            n_heads=like.n_heads,
            n_kv_heads=like.n_kv_heads,
            d_ff=8,
        )
    ).eval()
    numbers = torch.ones(sum(w.numel() for w in every) + model.head.weight.numel())
    calls = {
        "one token": next_token(model, SHORT),
        "no weights": next_token(empty, SHORT),
        "products": products([*every, model.head.weight], 1),
        **{f"{n} rows": products([*every, model.head.weight], n) for n in (2, 4, 8)},
        "layers": products(every, 1),
        "layers in bfloat16": products([w for layer in half_layers for w in layer], 1),
        "one layer again": products(layers[0] * len(layers), 1),
        "one layer again in bfloat16": products(half_layers[0] * len(layers), 1),
        "reading": numbers.sum,
    }
    return medians(calls, rounds)


def roof(rounds: int = 3 * ROUNDS) -> dict[str, float]:
    """GFLOP/s of a large matrix product, GB/s of a large copy, which reads and writes, and of reading alone."""
    matrix, source = torch.randn(MATRIX, MATRIX), torch.ones(COPIED // 4)
    target = torch.zeros_like(source)
    spent = medians(
        {"product": lambda: matrix @ matrix, "copy": lambda: target.copy_(source), "reading": source.sum}, rounds
    )
    return {
        "GFLOP/s": round(2 * MATRIX**3 / spent["product"] / 1e6, 2),
        "GB/s": round(2 * COPIED / spent["copy"] / 1e6, 2),
        "GB/s, reading": round(COPIED / spent["reading"] / 1e6, 2),
    }


def processor() -> str:
    """Its name, where the system tells."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def measured(model: LanguageModel, small: LanguageModel) -> dict[str, dict]:
    """All results of one run."""
    results: dict[str, dict] = {"roof": roof()}
    results["token"] = controls(model)
    results["parts"] = {
        "our GPT, 1 token after 100": parts(small, next_token(small, 100)),
        "SmolLM2, 1 token after 100": parts(model, next_token(model, 100)),
        "SmolLM2, 1 token after 4000": parts(model, next_token(model, 4000)),
        "SmolLM2, 256 tokens at once": parts(model, whole(model, 256)),
    }
    length = medians(
        {f"cache {n}": next_token(model, n) for n in HELD} | {f"none {n}": whole(model, n) for n in READ_AGAIN}
    )
    results["length"] = {
        kind: {str(n): length[f"{kind} {n}"] for n in ns} for kind, ns in (("cache", HELD), ("none", READ_AGAIN))
    }
    results["prompt"] = medians({str(n): whole(model, n) for n in AT_ONCE})
    results["batch"] = medians({str(n): next_token(model, SHORT, n) for n in AT_ONCE[:-2]})
    heads = medians(
        {f"{name} {n}": attention_alone(model, KV_HEADS[name], n) for name in KV_HEADS for n in KEYS}, 3 * ROUNDS
    )
    results["heads"] = {name: {str(n): heads[f"{name} {n}"] for n in KEYS} for name in KV_HEADS}
    return results


def over_runs(runs: list, of: Callable[[list[float]], float]) -> Any:
    """The results of several runs made one, number by number."""
    if isinstance(runs[0], dict):
        return {key: over_runs([run[key] for run in runs], of) for key in runs[0]}
    return of(runs)


def main() -> None:
    torch.set_num_threads(1)
    started, clock = time.process_time(), time.time()
    small = load(TRAINED / "gpt").eval()
    model, _ = smollm2()
    store_by_columns(model)
    runs = []
    with torch.inference_mode():
        assert_cache_exact(model, torch.arange(48)[None], chunks=(40, *[1] * 8))
        for _ in range(RUNS):
            runs.append(measured(model, small))
            print(json.dumps(runs[-1], indent=1), flush=True)
    results = {
        "machine": {
            "processor": processor(),
            "threads": 1,
            "GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "torch": torch.__version__,
        },
        **over_runs(runs, statistics.median),
        "least": over_runs(runs, min),
        "most": over_runs(runs, max),
    }
    write_card(
        "inference_speed",
        chapter="17",
        command=COMMAND,
        seconds=round(time.process_time() - started, 1),
        wall_seconds=round(time.time() - clock, 1),
        runs=RUNS,
        rounds=ROUNDS,
    )
    path = TRAINED / "inference_speed" / "results.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
