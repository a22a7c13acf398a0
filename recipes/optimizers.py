"""AdamW or Muon for the hidden matrices, each at several rates, then each without warm-up: two minutes on one core.

A small GPT on the plays, three seeds. The embeddings, norms and biases are AdamW's in every run, at one rate: only who
trains the matrices between hidden states is varied. The rate of each is chosen on the validation plays, for the test
plays to be looked at there alone.
"""

import json
import time
from collections.abc import Iterator

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import ChainedOptimizer, Muon, hidden_matrices
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

COMMAND = "python recipes/optimizers.py"
SEEDS = range(3)
LENGTH, BATCH_SIZE, STEPS, WARM_UP = 32, 16, 160, 16
SIZES = {"context_length": LENGTH, "d_model": 32, "n_layers": 2, "n_heads": 2, "d_ff": 128}
REST = 4e-3  # AdamW's rate for all that is no hidden matrix
RATES = {"AdamW": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3), "Muon": (1e-2, 2e-2, 4e-2, 8e-2)}
BETAS = 0.9, 0.95
SCORED = 16_000  # characters of each set


def new_model(vocab_size: int, seed: int) -> nn.Module:
    return gpt(GPTConfig(vocab_size=vocab_size, **SIZES), torch.Generator().manual_seed(seed))


def optimizer_of(model: nn.Module, matrices: str, rate: float) -> ChainedOptimizer:
    hidden = hidden_matrices(model)
    known = {id(weight) for weight in hidden}
    rest = [weight for weight in model.parameters() if id(weight) not in known]
    of_matrices = Muon(hidden, rate) if matrices == "Muon" else torch.optim.AdamW(hidden, rate, BETAS, weight_decay=0.0)
    return ChainedOptimizer(of_matrices, torch.optim.AdamW(rest, REST, BETAS, weight_decay=0.0))


def batches_of(tokens: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    return random_windows(tokens, LENGTH, BATCH_SIZE, torch.Generator().manual_seed(1000 + seed))


def bits(model: nn.Module, tokens: dict[str, Tensor]) -> dict[str, float]:
    """Per character of both sets' beginnings, each character with at least half a window before it."""
    return {
        split: evaluate(model, tokens[split][:SCORED], length=LENGTH, overlap=LENGTH // 2, batch_size=64)
        / torch.tensor(2.0).log().item()
        for split in ("validation", "test")
    }


def compared(tokens: dict[str, Tensor], vocab_size: int, matrices: str, rate: float, warmup: int, seed: int) -> dict:
    model = new_model(vocab_size, seed)
    started = time.process_time()
    train(
        model,
        batches_of(tokens["train"], seed),
        TrainConfig(steps=STEPS, max_norm=1.0),
        optimizer=optimizer_of(model, matrices, rate),
        schedule=trapezoid(STEPS, warmup=warmup, cooldown=STEPS // 2),
    )
    seconds = time.process_time() - started
    setting = {"matrices": matrices, "rate": rate, "warm_up": warmup, "seed": seed}
    return {
        **setting,
        **bits(model, tokens),
        "ms_per_step": 1000 * seconds / STEPS,
    }


def best_rate(runs: list[dict], matrices: str) -> float:
    """The rate whose mean over the seeds is lowest on the validation plays."""
    return min(
        RATES[matrices],
        key=lambda rate: sum(r["validation"] for r in runs if (r["matrices"], r["rate"]) == (matrices, rate)),
    )


def main() -> None:
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    started = time.process_time()
    runs: list[dict] = []

    def go(matrices: str, rate: float, warmup: int) -> None:
        for seed in SEEDS:
            runs.append(compared(tokens, tokenizer.vocab_size, matrices, rate, warmup, seed))
            print({key: round(x, 4) if isinstance(x, float) else x for key, x in runs[-1].items()}, flush=True)

    for matrices, rates in RATES.items():
        for rate in rates:
            go(matrices, rate, WARM_UP)
    best = {matrices: best_rate(runs, matrices) for matrices in RATES}
    for matrices in RATES:
        go(matrices, best[matrices], 0)
    settings = {"steps": STEPS, "warm_up": WARM_UP, "batch": BATCH_SIZE, "rest": REST, "scored": SCORED, **SIZES}
    write_card(
        "optimizers",
        command=COMMAND,
        seed=list(SEEDS),
        seconds=round(time.process_time() - started, 1),
        settings=settings,
    )
    results = {"best": best, "runs": runs}
    (TRAINED / "optimizers" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
