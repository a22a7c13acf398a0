"""An LSTM on the plays, in windows like the GPT's: minutes on one core, taken up where it was if interrupted.

Each window of the training begins with an empty state. The held-out plays are scored in two ways: as the GPT reads
them, in windows of 128 characters, and in long windows through which the state is carried on. Which of the two stands
on the ladder is chosen on the validation plays. The learning rate is the better of two that were tried for 120 steps.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _plays import TRAINED, load_plays, write_rung
from torch import nn

from transformer_lib.models.lstm import LSTMConfig, lstm
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, autocast, evaluate, load, next_token_loss, random_windows, save, train

SEED = 0
SIZES = {"d_embedding": 64, "d_hidden": 320}
LENGTH, BATCH_SIZE = 128, 32
TRAINING = TrainConfig(steps=3600, learning_rate=0.006, max_norm=1.0, log_every=200, checkpoint_every=100)
WARM_UP = 96
BFLOAT16 = True  # products of matrices: twice as fast on a processor that has it, slower on others
WAYS = {"windows": (LENGTH, LENGTH * 3 // 4), "carried": (4096, 256)}  # length and overlap of what is read at once
QUICK = 20_000  # characters of the validation plays that are scored along the way
CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"


def main(
    name: str = "lstm",
    *,
    build: Callable[[int, torch.Generator], nn.Module] = lambda vocab_size, generator: lstm(
        LSTMConfig(vocab_size=vocab_size, **SIZES), generator
    ),
    training: TrainConfig | None = None,
    ways: dict[str, tuple[int, int]] | None = None,
    bits: int | None = 8,
    rung: str = "LSTM",
) -> None:
    """Train and score the LSTM, or what `build` makes, which recipes/cnn.py sets beside it."""
    torch.set_num_threads(1)
    training, ways = training or TRAINING, ways or WAYS
    tokenizer, tokens = load_plays()
    generator = torch.Generator().manual_seed(SEED)
    model = build(tokenizer.vocab_size, generator)
    checkpoint = CHECKPOINTS / f"{name}.safetensors"
    seconds = checkpoint.with_suffix(".seconds")  # CPU time of the runs before this one, if there were any
    started, before = time.process_time(), float(seconds.read_text()) if seconds.exists() else 0.0

    def nats(model: nn.Module, split: str, way: str, characters: int | None = None) -> float:
        length, overlap = ways[way]
        return evaluate(model, tokens[split][:characters], length=length, overlap=overlap, batch_size=32)

    def validate(model: nn.Module) -> float:
        seconds.parent.mkdir(exist_ok=True)
        seconds.write_text(str(before + time.process_time() - started))
        return nats(model, "validation", list(ways)[-1], QUICK)

    history = train(
        model,
        random_windows(tokens["train"], LENGTH, BATCH_SIZE, generator),
        training,
        loss=autocast(next_token_loss) if BFLOAT16 else next_token_loss,
        schedule=trapezoid(training.steps, warmup=WARM_UP, cooldown=training.steps // 2),
        validate=validate,
        checkpoint=checkpoint,
        generators={"seed": generator},
        progress=True,
    )
    if bits is None:
        model.half()
    save(model, TRAINED / name, bits=bits)
    stored: Any = load(TRAINED / name)  # what is scored is what is stored
    scores = {way: {split: nats(stored, split, way) for split in ("validation", "test")} for way in ways}
    best = min(scores, key=lambda way: scores[way]["validation"])
    write_rung(
        name,
        model,
        tokenizer,
        history,
        scores[best],
        bits=bits,
        rung=rung,
        chapter="appendix",
        command=f"python recipes/{name}.py",
        seed=SEED,
        seconds=round(float(seconds.read_text()), 1),
        scored=best,
        nats_by_way=scores,
    )


if __name__ == "__main__":
    main()
