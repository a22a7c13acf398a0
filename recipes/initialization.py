"""A small GPT from three beginnings, three seeds and two learning rates each: a minute on one core.

PyTorch draws embeddings from N(0, 1), and here the embedding is the head as well. GPT-2 draws all from N(0, 0.02).
The third beginning is PyTorch's but for the two tables, to see whether they are what matters.
"""

import json
import math
import time

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

BEGINNINGS = ("PyTorch", "small tables", "GPT-2")
SEEDS = (0, 1, 2)
RATES = (1e-3, 4e-3)
STEPS, BATCH_SIZE, LENGTH, WARM_UP = 200, 8, 64, 10
SIZES = {"d_model": 96, "n_layers": 2, "n_heads": 4, "d_ff": 384}
LOG_EVERY = 20
SCORED = 20_000  # characters of the validation plays


def begin(beginning: str, vocab_size: int, seed: int) -> LanguageModel:
    """The library's GPT with weights as one of the three has them."""
    model = gpt(GPTConfig(vocab_size=vocab_size, context_length=LENGTH, **SIZES), torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    for module in model.modules():
        of_pytorch = beginning == "PyTorch" or (beginning == "small tables" and not isinstance(module, nn.Embedding))
        if of_pytorch and isinstance(module, nn.Linear) and module is not model.head:
            module.reset_parameters()
        elif of_pytorch and isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
    return model


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    runs = []

    def bits(model: LanguageModel) -> float:
        text = tokens["validation"][:SCORED]
        return round(evaluate(model, text, length=LENGTH, overlap=LENGTH // 2, batch_size=32) / math.log(2), 4)

    for beginning in BEGINNINGS:
        for seed in SEEDS:
            for rate in RATES:
                model = begin(beginning, tokenizer.vocab_size, seed)
                first = bits(model)
                history = train(
                    model,
                    random_windows(tokens["train"], LENGTH, BATCH_SIZE, torch.Generator().manual_seed(seed)),
                    TrainConfig(steps=STEPS, learning_rate=rate, max_norm=1.0, log_every=LOG_EVERY),
                    schedule=trapezoid(STEPS, warmup=WARM_UP, cooldown=STEPS // 2),
                )
                curve = [round(entry["loss"] / math.log(2), 4) for entry in history]
                run = {"beginning": beginning, "seed": seed, "rate": rate, "first": first, "last": bits(model)}
                runs.append(run | {"training": curve})
                print(run, flush=True)

    write_card(
        "initialization",
        chapter="14",
        command="python recipes/initialization.py",
        seeds=list(SEEDS),
        steps=STEPS,
        batch_size=BATCH_SIZE,
        seconds=round(time.process_time() - started, 1),
    )
    text = json.dumps({"log_every": LOG_EVERY, "length": LENGTH, "runs": runs})
    text = text.replace('{"beginning"', '\n{"beginning"')
    (TRAINED / "initialization" / "results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
