"""A window MLP on the plays: seven minutes on one core."""

import time

import torch
from _plays import load_plays, write_rung

from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.schedules import warmup_cosine
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

SEED = 0
CONTEXT_LENGTH, D_EMBEDDING, D_HIDDEN = 8, 32, 512
LENGTH, BATCH_SIZE = 128, 16
TRAINING = TrainConfig(steps=6500, learning_rate=0.005, max_norm=1.0, log_every=250)
SCORED = 4096  # characters read at once when scoring; the overlap gives each of them a whole window


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    config = MLPConfig(
        vocab_size=tokenizer.vocab_size,
        context_length=CONTEXT_LENGTH,
        d_embedding=D_EMBEDDING,
        d_hidden=D_HIDDEN,
    )
    generator = torch.Generator().manual_seed(SEED)
    model = mlp(config, generator)

    def nats(split: str) -> float:
        return evaluate(model, tokens[split], length=SCORED, overlap=CONTEXT_LENGTH - 1)

    history = train(
        model,
        random_windows(tokens["train"], LENGTH, BATCH_SIZE, generator),
        TRAINING,
        schedule=warmup_cosine(TRAINING.steps, warmup=TRAINING.steps // 50),
        validate=lambda model: nats("validation"),
        progress=True,
    )
    write_rung(
        "mlp",
        model,
        tokenizer,
        history,
        {split: nats(split) for split in ("validation", "test")},
        rung="window MLP",
        chapter="04",
        command="python recipes/mlp.py",
        seed=SEED,
        seconds=round(time.process_time() - started, 1),
    )


if __name__ == "__main__":
    main()
