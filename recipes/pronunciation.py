"""A Transformer learns to pronounce: 80 minutes on one core with bfloat16, taken up where it was if interrupted.

python recipes/pronunciation.py             train, if no checkpoint of a whole run is there, and write the model
python recipes/pronunciation_scores.py    score what is in trained/pronunciation, in under two minutes
"""

import functools
import json
import time
from pathlib import Path

import torch
from _cards import TRAINED
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.data import pronunciation
from transformer_lib.data.pronunciation import LETTERS, PHONEMES
from transformer_lib.models.rotary_transformer import rotary_transformer
from transformer_lib.models.transformer import TransformerConfig
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.training import BucketedPairs, MovingAverage, TrainConfig, autocast, save, train, translation_loss

SEED = 0
MODEL = TransformerConfig(
    vocab_size=PHONEMES.vocab_size,
    source_vocab_size=LETTERS.vocab_size,
    d_model=192,
    n_layers=3,
    n_heads=4,
    d_ff=768,
    dropout=0.1,
)
BATCH_SIZE, EPOCHS = 128, 16
MUON, ADAMW = 0.015, 2e-3  # learning rates, of the matrices between hidden states and of all the rest
SMOOTHING, DECAY = 0.1, 0.998
FOLDER = TRAINED / "pronunciation"
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "pronunciation.safetensors"


def encoded(words: pronunciation.Dictionary) -> list[tuple[list[int], list[int]]]:
    """(letters, phonemes between begin and end), a pair for each pronunciation."""
    return [
        (LETTERS.encode(word), PHONEMES.encode(said, add_special_tokens=True))
        for word, said in pronunciation.pairs(words)
    ]


def mean_nats(model: nn.Module, pairs: list[tuple[list[int], list[int]]]) -> float:
    """Nats per phoneme, end included, told the right beginning; batches of like lengths weigh alike."""
    batches = BucketedPairs(pairs, torch.Generator().manual_seed(SEED), pad=PHONEMES.pad, batch_size=BATCH_SIZE)
    model.eval()
    with torch.no_grad():
        losses = [float(translation_loss(model, next(batches), pad=PHONEMES.pad)) for _ in range(batches.per_epoch)]
    model.train()
    return sum(losses) / len(losses)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    words = pronunciation.load()
    validation = encoded(words.validation)[::4]
    model = rotary_transformer(MODEL, generator)
    batches = BucketedPairs(encoded(words.train), generator, pad=PHONEMES.pad, batch_size=BATCH_SIZE)
    optimizer = muon_and_adamw(
        model, muon_lr=MUON, adamw_lr=ADAMW, betas=(0.9, 0.98), weight_decay=0.01, dtype=torch.bfloat16
    )
    average = MovingAverage(optimizer, DECAY)
    steps = EPOCHS * batches.per_epoch
    seconds = CHECKPOINT.with_suffix(".seconds")  # CPU time of the runs before this one, if there were any
    started, before = time.process_time(), float(seconds.read_text()) if seconds.exists() else 0.0

    def validate(model: nn.Module) -> float:
        seconds.parent.mkdir(exist_ok=True)
        seconds.write_text(str(before + time.process_time() - started))
        return mean_nats(model, validation)

    with sdpa_kernel(SDPBackend.MATH):  # in bfloat16 the fused kernel's backward is slower past length 8
        history = train(
            model,
            batches,
            TrainConfig(steps=steps, max_norm=1.0, log_every=batches.per_epoch // 2, checkpoint_every=500),
            loss=autocast(functools.partial(translation_loss, pad=PHONEMES.pad, smoothing=SMOOTHING)),
            optimizer=optimizer,
            schedule=trapezoid(steps, warmup=200, cooldown=steps * 7 // 10),
            validate=validate,
            checkpoint=CHECKPOINT,
            generators={"seed": generator},
            progress=True,
        )
    with average.applied():
        save(model.half(), FOLDER)
    (FOLDER / "log.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    facts = {"seed": SEED, "epochs": EPOCHS, "steps": steps, "seconds": round(float(seconds.read_text()), 1)}
    (FOLDER / "training.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
