"""The bigram table again, learned from random windows of the plays: a minute on one core."""

import time

import torch
from _plays import load_plays, write_rung

from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
from transformer_lib.schedules import warmup_cosine
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

SEED = 0
LENGTH, BATCH_SIZE = 256, 64
TRAINING = TrainConfig(steps=2000, learning_rate=0.1, log_every=50)


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    config = NeuralBigramConfig(vocab_size=tokenizer.vocab_size)
    model = neural_bigram(config)

    def nats(split: str) -> float:
        return evaluate(model, tokens[split], length=LENGTH, batch_size=BATCH_SIZE)

    history = train(
        model,
        random_windows(tokens["train"], LENGTH, BATCH_SIZE, torch.Generator().manual_seed(SEED)),
        TRAINING,
        schedule=warmup_cosine(TRAINING.steps),
        validate=lambda model: nats("validation"),
        progress=True,
    )
    write_rung(
        "neural_bigram",
        model,
        tokenizer,
        history,
        {split: nats(split) for split in ("train", "validation", "test")},
        rung="neural bigram",
        chapter="04",
        command="python recipes/neural_bigram.py",
        seed=SEED,
        seconds=round(time.process_time() - started, 1),
    )


if __name__ == "__main__":
    main()
