"""The best GPT of the book: subword tokens, LLaMA's parts, dropout; well under two hours on one core.

The plays are short, so the model reads them about ten times over: dropout and weight decay hold back what it would
otherwise learn by heart. A token is 2.35 characters on average, which stretches both the context and the hour. Products
of matrices run in bfloat16, and the training step is compiled: where a processor lacks the one or the other, set it to
False and let the run take longer. The run is taken up where it was if interrupted.
"""

import contextlib
import json
import math
import time
from pathlib import Path

import torch
from _cards import TRAINED, write_card
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.data import shakespeare
from transformer_lib.ladder import bits_per_character
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.schedules import trapezoid
from transformer_lib.tokenizers.bpe import BYTES, BPETokenizer
from transformer_lib.training import TrainConfig, autocast, evaluate, load, next_token_loss, random_windows, save, train

NAME, COMMAND = "gpt_best", "python recipes/gpt_best.py"
SEED = 0
VOCAB_SIZE = 1024
CONTEXT_LENGTH = 128  # tokens, about 300 characters
SIZES = {"d_model": 256, "n_layers": 6, "n_heads": 4, "d_ff": 672, "tied": True, "dropout": 0.1}
BATCH_SIZE = 32
TRAINING = TrainConfig(steps=4400, max_norm=1.0, log_every=200, checkpoint_every=100)
WARM_UP = 96
MUON_RATE, ADAMW_RATE, WEIGHT_DECAY = 0.02, 4e-3, 0.03
BFLOAT16, COMPILED = True, True
OVERLAP = CONTEXT_LENGTH * 3 // 4  # what a token of the held-out plays has before it, at least
QUICK = 50_000  # characters of the validation plays that are scored along the way
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / f"{NAME}.safetensors"


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)  # of dropout
    generator = torch.Generator().manual_seed(SEED)
    text = shakespeare.load()
    # The first merges of a larger vocabulary are those of a smaller one: see recipes/tokens.py, which trained them.
    merges = BPETokenizer.load(TRAINED / "tokens" / "tokenizer.json").merges
    tokenizer = BPETokenizer(merges[: VOCAB_SIZE - len(BYTES)])
    splits = {"train": text.train, "quick": text.validation[:QUICK], "validation": text.validation, "test": text.test}
    tokens = {split: torch.tensor(tokenizer.encode(part)) for split, part in splits.items()}

    model = llama(LlamaConfig(vocab_size=VOCAB_SIZE, context_length=CONTEXT_LENGTH, **SIZES), generator)
    trained_model = torch.compile(model) if COMPILED else model  # the same weights; evaluated uncompiled
    seconds = CHECKPOINT.with_suffix(".seconds")  # CPU time of the runs before this one, if there were any
    started, before = time.process_time(), float(seconds.read_text()) if seconds.exists() else 0.0

    def bits(model: nn.Module, split: str) -> float:
        nats = evaluate(model, tokens[split], length=CONTEXT_LENGTH, overlap=OVERLAP, batch_size=32)
        return bits_per_character(nats, len(tokens[split]), len(splits[split]))

    def validate(model: nn.Module) -> float:
        seconds.parent.mkdir(exist_ok=True)
        seconds.write_text(str(before + time.process_time() - started))
        return bits(model, "quick")

    def loss(_: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return next_token_loss(trained_model, batch)

    with sdpa_kernel(SDPBackend.MATH) if BFLOAT16 else contextlib.nullcontext():
        history = train(
            model,
            random_windows(tokens["train"], CONTEXT_LENGTH, BATCH_SIZE, generator),
            TRAINING,
            loss=autocast(loss) if BFLOAT16 else loss,
            optimizer=muon_and_adamw(
                model, muon_lr=MUON_RATE, adamw_lr=ADAMW_RATE, weight_decay=WEIGHT_DECAY, dtype=torch.bfloat16
            ),
            schedule=trapezoid(TRAINING.steps, warmup=WARM_UP, cooldown=TRAINING.steps // 2),
            validate=validate,
            checkpoint=CHECKPOINT,
            generators={"seed": generator},
            progress=True,
        )

    in_full = bits(model, "validation")
    save(model, TRAINED / NAME, bits=8)
    stored = load(TRAINED / NAME)  # what is scored is what is stored
    scores = {split: bits(stored, split) for split in ("validation", "test")}
    tokenizer.save(TRAINED / NAME / "tokenizer.json")
    (TRAINED / NAME / "log.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    tokens_read = TRAINING.steps * BATCH_SIZE * CONTEXT_LENGTH
    write_card(
        NAME,
        rung="LLaMA, subword tokens",
        chapter="18",
        command=COMMAND,
        seed=SEED,
        seconds=round(float(seconds.read_text()), 1),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        epochs=round(tokens_read / len(tokens["train"]), 2),
        training_bits=history[-1]["loss"] / math.log(2) * len(tokens["train"]) / len(text.train),
        validation_before_8_bits=in_full,
        bits_per_character=scores,
    )


if __name__ == "__main__":
    main()
