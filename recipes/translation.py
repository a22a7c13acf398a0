"""The Transformer of chapter 12 learns to translate, under a minute on one core; the widget translates with it.

python recipes/translation.py             writes trained/translation
python tools/widget_data.py               then computes its steps for the page
"""

import functools
import time

import numpy as np
import torch
from _cards import TRAINED, write_card

from transformer_lib.data import translation
from transformer_lib.data.translation import Pair
from transformer_lib.generation import beam_search
from transformer_lib.masks import padding_mask
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.optimizers import decay_groups
from transformer_lib.schedules import trapezoid
from transformer_lib.training import BucketedPairs, MovingAverage, TrainConfig, pad_to_longest, save, train
from transformer_lib.training.losses import translation_loss

SEED, STEPS, BALANCED, BATCH_SIZE = 0, 700, 24_000, 48
CHINESE, ENGLISH = translation.vocabularies()
MODEL = TransformerConfig(
    vocab_size=ENGLISH.vocab_size,
    source_vocab_size=CHINESE.vocab_size,
    d_model=128,
    n_layers=2,
    n_heads=4,
    d_ff=512,
    dropout=0.0,
)


def encoded(pairs: list[Pair]) -> list[tuple[list[int], list[int]]]:
    """(characters, begin … end) of each pair, as ids."""
    return [
        (CHINESE.encode(p.chinese), ENGLISH.encode(translation.words(p.english), add_special_tokens=True))
        for p in pairs
    ]


def exact(model: torch.nn.Module, pairs: tuple[Pair, ...], batch: int = 256) -> float:
    """The share of pairs that greedy decoding translates without a mistake."""
    pairs, right = sorted(pairs, key=lambda pair: len(pair.chinese)), 0
    for start in range(0, len(pairs), batch):
        part = pairs[start : start + batch]
        source = pad_to_longest([CHINESE.encode(pair.chinese) for pair in part], CHINESE.pad)
        real = padding_mask((source != CHINESE.pad).sum(dim=1), source.shape[1])
        marks = {"bos": ENGLISH.bos, "eos": ENGLISH.eos, "pad": ENGLISH.pad}
        found = beam_search(model, source, beams=1, max_length=40, source_mask=real, **marks)
        for pair, [best] in zip(part, found, strict=True):
            right += translation.detokenise(ENGLISH.decode(best.tokens)) == pair.english
    return right / len(pairs)


def main() -> None:
    torch.set_num_threads(1)
    generator, text = torch.Generator().manual_seed(SEED), translation.load()
    drawn = translation.balanced(text.train, BALANCED, np.random.default_rng(SEED))
    drawn += text.train[::4]
    drawn += [pair for pair in text.train if pair.frame == "two clauses"]  # the hardest, more often
    model = transformer(MODEL, generator)
    optimizer = torch.optim.AdamW(decay_groups(model, 0.01), lr=2e-3, betas=(0.9, 0.98), fused=True)
    average = MovingAverage(optimizer, 0.95)
    started = time.process_time()
    train(
        model,
        BucketedPairs(encoded(drawn), generator, pad=ENGLISH.pad, batch_size=BATCH_SIZE),
        TrainConfig(steps=STEPS, max_norm=1.0),
        loss=functools.partial(translation_loss, pad=ENGLISH.pad, smoothing=0.1),
        optimizer=optimizer,
        schedule=trapezoid(STEPS, warmup=STEPS // 20, cooldown=STEPS * 3 // 5),
        progress=True,
    )
    seconds = time.process_time() - started  # of one core, however busy the machine is
    model.eval()
    with average.applied():
        facts = {
            "test_exact": round(exact(model, text.test), 4),
            "validation_exact": round(exact(model, text.validation), 4),
        }
        save(model.half(), TRAINED / "translation")
    command = "python recipes/translation.py"
    write_card("translation", chapter="12", command=command, seconds=round(seconds, 1), seed=SEED, **facts)


if __name__ == "__main__":
    main()
