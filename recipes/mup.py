"""Learning rates across widths, in the standard form and in muP: twenty minutes on one core, resumed if stopped.

A small GPT of two layers and four heads on the plays, as narrow as 64 features and as wide as 512, each trained at
rates a factor of two apart. In the standard form all begins as GPT-2 does, with N(0, 0.02), and has one rate; muP
scales beginnings and rates beside a base, where the two are the same model, step for step, and are trained once. The
base is the widest: 0.02 is a choice for wide models. What comes of a base of 64 is tried, too, with one seed. AdamW
without decay, the same windows of text for all widths and rates of a seed, a fixed number of steps, products of
matrices in bfloat16. Hardly a character is read twice.

Writes trained/mup/results.json: for each run the bits per character on the beginning of the validation plays.
"""

import json
import math
import time
from collections.abc import Iterator
from itertools import product

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor

from transformer_lib.architectures import LanguageModel
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.mup import begin_as_base, mup_groups
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

COMMAND = "python recipes/mup.py"
WIDTHS = 64, 128, 256, 512
STANDARD, MUP, NARROW = "standard", "muP", "muP beside 64"
BASES = {MUP: 512, NARROW: 64}
SEEDS = (0, 1, 2)
STEPS, BATCH_SIZE, LENGTH, WARM_UP = 150, 8, 64, 15
SIZES = {"context_length": LENGTH, "n_layers": 2, "n_heads": 4, "tied": False}
BETAS = 0.9, 0.95
SCORED = 8_000  # characters of the validation plays
RATES = {  # powers of two, for each way and width: those about its best, and the best ones of the other end
    STANDARD: {64: range(-12, -4), 128: range(-11, -5), 256: range(-12, -6), 512: range(-13, -6)},
    MUP: dict.fromkeys((64, 128, 256), range(-14, -8)),
    NARROW: {128: range(-11, -5), 256: range(-11, -5), 512: range(-10, -5)},
}


def build(width: int, vocab_size: int, seed: int) -> LanguageModel:
    config = GPTConfig(d_model=width, d_ff=4 * width, vocab_size=vocab_size, **SIZES)
    return gpt(config, torch.Generator().manual_seed(seed))


def settings() -> Iterator[tuple[int, str, int, float]]:
    """Seed, way, width and rate of each run: seed by seed, every other rate first, narrow models before wide ones."""
    for ways, seeds in (((STANDARD, MUP), SEEDS), ((NARROW,), SEEDS[:1])):
        for seed, parity, width, way in product(seeds, (0, 1), WIDTHS, ways):
            for power in RATES[way].get(width, ()):
                if power % 2 == parity:
                    yield seed, way, width, 2.0**power


def trained(seed: int, way: str, width: int, rate: float, tokens: dict[str, Tensor], vocab_size: int) -> dict:
    """One run: what it came to on the validation plays, or null where the loss stopped being a number."""
    started = time.process_time()
    model = build(width, vocab_size, seed)
    groups = [{"params": list(model.parameters()), "lr": rate}]
    if way in BASES:
        base = build(BASES[way], vocab_size, seed)
        begin_as_base(model, base)
        groups = mup_groups(model, base, rate)
    run = {"way": way, "width": width, "rate": rate, "seed": seed}
    try:
        [*_, last] = train(
            model,
            random_windows(tokens["train"], LENGTH, BATCH_SIZE, torch.Generator().manual_seed(seed)),
            TrainConfig(steps=STEPS, log_every=STEPS // 4),
            optimizer=torch.optim.AdamW(groups, rate, BETAS, weight_decay=0.0, fused=True),
            schedule=trapezoid(STEPS, warmup=WARM_UP, cooldown=STEPS // 2),
            precision="bfloat16",
        )
        text = tokens["validation"][:SCORED]
        nats = evaluate(model, text, length=LENGTH, batch_size=32)
        bits = {"training": last["loss"] / math.log(2), "validation": nats / math.log(2)}
    except FloatingPointError:
        bits = {"training": None, "validation": None}
    bits = {split: value and round(value, 4) for split, value in bits.items()}
    return run | bits | {"seconds": round(time.process_time() - started, 2)}


def main() -> None:
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    path = TRAINED / "mup" / "results.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    done = {(run["seed"], run["way"], run["width"], run["rate"]) for run in runs}
    for setting in settings():
        if setting in done:
            continue
        runs.append(trained(*setting, tokens, tokenizer.vocab_size))
        print(runs[-1], flush=True)
        path.parent.mkdir(exist_ok=True)
        facts = {"bases": BASES, "steps": STEPS, "batch": BATCH_SIZE, "length": LENGTH, "scored": SCORED}
        text = json.dumps(facts | {"runs": runs}, ensure_ascii=False).replace('{"way"', '\n{"way"')
        path.write_text(text + "\n", encoding="utf-8")
    write_card(
        "mup", chapter="18", command=COMMAND, seconds=round(sum(run["seconds"] for run in runs)), seed=list(SEEDS)
    )


if __name__ == "__main__":
    main()
