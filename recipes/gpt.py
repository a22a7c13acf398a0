"""A GPT on the plays: half an hour on one core, taken up where it was if interrupted.

On two processes, which share each batch: torchrun --nproc-per-node 2 recipes/gpt.py

The products of matrices run in bfloat16, half as fast again on a processor that has it. Where it has not they are
slower, and BFLOAT16 = False is quicker.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import torch
from _plays import load_plays, write_rung
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, autocast, evaluate, next_token_loss, random_windows, train
from transformer_lib.training.distributed import Ranks, parallelize, process_group

SEED = 0
CONTEXT_LENGTH = 128
SIZES = {"d_model": 160, "n_layers": 4, "n_heads": 5, "d_ff": 640}
BATCH_SIZE = 32
TRAINING = TrainConfig(steps=3600, max_norm=1.0, log_every=200, checkpoint_every=200)
WARM_UP = 96
MUON_RATE, ADAMW_RATE, WEIGHT_DECAY = 0.02, 4e-3, 0.01
BFLOAT16 = True
OVERLAP = CONTEXT_LENGTH * 3 // 4  # what a character of the held-out plays has before it, at least
QUICK = 20_000  # characters of the validation plays that are scored along the way
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "gpt.safetensors"


def precision() -> contextlib.AbstractContextManager[None]:
    """In bfloat16 the fused kernel of attention is the slower one, backwards above all."""
    return sdpa_kernel(SDPBackend.MATH) if BFLOAT16 else contextlib.nullcontext()


def main(
    name: str = "gpt",
    *,
    build: Callable[[GPTConfig, torch.Generator], nn.Module] = gpt,
    checkpoint: Path | None = None,
    rung: str = "GPT",
    chapter: str = "14",
    command: str = "python recipes/gpt.py",
) -> None:
    """Train and score the GPT, or what `build` makes of its sizes, which recipes/llama.py sets beside it."""
    torch.set_num_threads(1)
    checkpoint = checkpoint or CHECKPOINT
    tokenizer, tokens = load_plays()
    config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=CONTEXT_LENGTH, **SIZES)
    generator = torch.Generator().manual_seed(SEED)
    model = parallelize(build(config, generator))
    ranks = Ranks(model)
    seconds = checkpoint.with_suffix(".seconds")  # CPU time of the runs before this one, if there were any
    started, before = time.process_time(), float(seconds.read_text()) if seconds.exists() else 0.0

    def nats(split: str, characters: int | None = None) -> float:
        text = tokens[split][:characters]
        return evaluate(model, text, length=CONTEXT_LENGTH, overlap=OVERLAP, batch_size=32)

    def validate(model: nn.Module) -> float:
        if ranks.rank == 0:
            seconds.parent.mkdir(exist_ok=True)
            seconds.write_text(str(before + time.process_time() - started))
        return nats("validation", QUICK)

    with precision():
        history = train(
            model,
            random_windows(tokens["train"], CONTEXT_LENGTH, BATCH_SIZE, generator),
            TRAINING,
            loss=autocast(next_token_loss) if BFLOAT16 else next_token_loss,
            optimizer=muon_and_adamw(model, muon_lr=MUON_RATE, adamw_lr=ADAMW_RATE, weight_decay=WEIGHT_DECAY),
            schedule=trapezoid(TRAINING.steps, warmup=WARM_UP, cooldown=TRAINING.steps // 2),
            validate=validate,
            checkpoint=checkpoint,
            generators={"seed": generator},
            progress=True,
        )
    model.half().float()  # what is scored is what is stored
    scores = {split: nats(split) for split in ("validation", "test")}
    if ranks.rank > 0:
        return
    if ranks.parallel:
        command = command.replace("python", f"torchrun --nproc-per-node {ranks.n}", 1)
    write_rung(
        name,
        model.half(),
        tokenizer,
        history,
        scores,
        rung=rung,
        chapter=chapter,
        command=command,
        seed=SEED,
        seconds=round(float(seconds.read_text()), 1),
    )


if __name__ == "__main__":
    with process_group():
        main()
