"""The small GPT of the front page: a phone must have it within two seconds, so it has a quarter of a million weights.

In the page each weight of a matrix is one character, one of 63 levels a row (`_ext/weights.py`), and the card scores
the model with these rounded weights, beside the model as it was trained. Half an hour on one core.
"""

import sys
import time
from pathlib import Path

import torch
from _plays import load_plays, write_rung
from torch import Tensor, nn

from transformer_lib.ladder import bits_per_character
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

sys.path.append(str(Path(__file__).resolve().parents[1] / "_ext"))
import weights

SEED = 0
CONTEXT_LENGTH = 96
SIZES = {"d_model": 72, "n_layers": 4, "n_heads": 4, "d_ff": 288}
BATCH_SIZE = 32
TRAINING = TrainConfig(steps=6000, max_norm=1.0, log_every=500, checkpoint_every=500)
WARM_UP = 200
MUON_RATE, ADAMW_RATE, WEIGHT_DECAY = 0.02, 4e-3, 0.01
OVERLAP = CONTEXT_LENGTH * 3 // 4  # what a character of the held-out plays has before it, at least
QUICK = 20_000  # characters of the validation plays that are scored along the way
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "front_page.safetensors"


def score(model: nn.Module, tokens: Tensor) -> float:
    """Nats per character."""
    return evaluate(model, tokens, length=CONTEXT_LENGTH, overlap=OVERLAP, batch_size=32)


@torch.no_grad()
def round_weights(model: nn.Module) -> None:
    """Give a model, in place, the weights that the page will have."""
    for parameter in model.parameters():
        parameter.copy_(torch.from_numpy(weights.rounded(parameter.numpy())))


def main() -> None:
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    config = GPTConfig(vocab_size=tokenizer.vocab_size, context_length=CONTEXT_LENGTH, **SIZES)
    generator = torch.Generator().manual_seed(SEED)
    model = gpt(config, generator)
    started = time.process_time()
    history = train(
        model,
        random_windows(tokens["train"], CONTEXT_LENGTH, BATCH_SIZE, generator),
        TRAINING,
        optimizer=muon_and_adamw(model, muon_lr=MUON_RATE, adamw_lr=ADAMW_RATE, weight_decay=WEIGHT_DECAY),
        schedule=trapezoid(TRAINING.steps, warmup=WARM_UP, cooldown=TRAINING.steps // 2),
        validate=lambda model: score(model, tokens["validation"][:QUICK]),
        checkpoint=CHECKPOINT,
        generators={"seed": generator},
        progress=True,
    )
    seconds = time.process_time() - started
    as_trained = score(model, tokens["test"])
    stored = gpt(config)
    stored.load_state_dict(model.half().float().state_dict())
    round_weights(stored.eval())
    write_rung(
        "front_page",
        model.half(),
        tokenizer,
        history,
        {split: score(stored, tokens[split]) for split in ("validation", "test")},
        command="python recipes/front_page.py",
        seed=SEED,
        seconds=round(seconds, 1),
        as_trained=bits_per_character(as_trained, 1, 1),
    )


if __name__ == "__main__":
    main()
