"""The first Transformer on the plays, two pre-norm blocks: four minutes on one core."""

import time

import torch
from _plays import load_plays, write_rung

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

SEED = 0
CONTEXT_LENGTH, D_MODEL, N_LAYERS, N_HEADS = 64, 96, 2, 4
BATCH_SIZE = 24
TRAINING = TrainConfig(steps=2600, max_norm=1.0, log_every=200)
MUON_RATE, ADAMW_RATE = 0.02, 4e-3
QUICK = 20_000  # characters of the validation plays that are scored along the way


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    config = GPTConfig(
        vocab_size=tokenizer.vocab_size,
        context_length=CONTEXT_LENGTH,
        d_model=D_MODEL,
        n_layers=N_LAYERS,
        n_heads=N_HEADS,
        d_ff=4 * D_MODEL,
    )
    generator = torch.Generator().manual_seed(SEED)
    model = gpt(config, generator)

    def nats(split: str, characters: int | None = None) -> float:
        """Each character with at least half a window before it."""
        text = tokens[split][:characters]
        return evaluate(model, text, length=CONTEXT_LENGTH, overlap=CONTEXT_LENGTH // 2, batch_size=64)

    history = train(
        model,
        random_windows(tokens["train"], CONTEXT_LENGTH, BATCH_SIZE, generator),
        TRAINING,
        optimizer=muon_and_adamw(model, muon_lr=MUON_RATE, adamw_lr=ADAMW_RATE),
        schedule=trapezoid(TRAINING.steps, warmup=TRAINING.steps // 50, cooldown=TRAINING.steps // 2),
        validate=lambda model: nats("validation", QUICK),
        progress=True,
    )
    write_rung(
        "first_transformer",
        model,
        tokenizer,
        history,
        {split: nats(split) for split in ("validation", "test")},
        rung="first Transformer",
        chapter="11",
        command="python recipes/first_transformer.py",
        seed=SEED,
        seconds=round(time.process_time() - started, 1),
    )


if __name__ == "__main__":
    main()
