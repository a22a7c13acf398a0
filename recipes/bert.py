"""A small BERT and its causal twin on the plays: half an hour on one core, taken up where it was if interrupted.

The twin has the same layers, the same characters, the same batches in size and number, and the same optimizer. What
differs is the mask, and with it the question: the character that was hidden, or the one that comes next.

python recipes/bert.py             train both and write trained/bert and trained/bert_twin
python recipes/bert_scores.py    fill blanks with both: trained/bert_scores
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from _cards import TRAINED, write_card
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.data import shakespeare
from transformer_lib.masks import CAUSAL
from transformer_lib.models.bert import BertConfig, bert, bert_for_pre_training
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.positions import LearnedPositions, sinusoidal_positions
from transformer_lib.schedules import trapezoid
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import (
    PassageSampler,
    TrainConfig,
    autocast,
    cross_entropy,
    mask_tokens,
    masked_token_loss,
    pre_training_loss,
    save,
    train,
)

SEED = 0
MARKS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")  # their ids come after those of the characters
CONTEXT_LENGTH = 96
SIZES = {"context_length": CONTEXT_LENGTH, "d_model": 128, "n_layers": 4, "n_heads": 4, "d_ff": 512}
LENGTHS = (16, 32, 64, 96)  # of the rows of a batch: any of them, so that short texts are nothing new
TOKENS = 2048  # in a batch, marks included, or a few less
TRAINING = TrainConfig(steps=6000, max_norm=1.0, log_every=200, checkpoint_every=100)
MUON, ADAMW = 0.02, 4e-3  # learning rates, of the matrices between hidden states and of all the rest
POSITIONS = 0.03  # the learned positions start as sines of this size, which say already what is near
CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"

Batch = tuple[Tensor, ...]


def marks_of(tokenizer: CharacterTokenizer) -> dict[str, int]:
    """The id of each mark."""
    return {mark: tokenizer.vocab_size + i for i, mark in enumerate(MARKS)}


def config_of(tokenizer: CharacterTokenizer) -> BertConfig:
    """The sizes of both models."""
    return BertConfig(vocab_size=tokenizer.vocab_size + len(MARKS), **SIZES)


def lines_of(tokenizer: CharacterTokenizer, text: str) -> PassageSampler:
    """The lines of a text, with their ends."""
    return PassageSampler([tokenizer.encode(line) for line in text.splitlines(keepends=True)])


def add_special_tokens(passages: Tensor, marks: dict[str, int]) -> Tensor:
    """[CLS] passage [SEP]."""
    cls, sep = (passages.new_full((len(passages), 1), marks[name]) for name in ("[CLS]", "[SEP]"))
    return torch.cat([cls, passages, sep], dim=1)


def masked_batches(
    lines: PassageSampler, marks: dict[str, int], generator: torch.Generator, *, pairs: float = 0.5, **how: Any
) -> Iterator[Batch]:
    """A share `pairs` of the batches are pairs of passages for both heads; the others, single passages for the first.

    `how` goes to mask_tokens.
    """
    how = {"mask": marks["[MASK]"], "special": marks.values(), "vocab_size": max(marks.values()) + 1} | how
    sizes = [(length, TOKENS // length) for length in LENGTHS]
    single = [lines.passages(length - 2, size, generator) for length, size in sizes]
    double = [lines.pairs(*size, generator, cls=marks["[CLS]"], sep=marks["[SEP]"]) for size in sizes]
    while True:
        which = int(torch.randint(len(LENGTHS), (), generator=generator))
        if float(torch.rand((), generator=generator)) < pairs:
            tokens, segments, random_next = next(double[which])
            yield *mask_tokens(tokens, generator=generator, **how), segments, random_next
        else:
            yield mask_tokens(add_special_tokens(next(single[which]), marks), generator=generator, **how)


def masked_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Of both heads where there are pairs, of the first where there are none."""
    return pre_training_loss(model, batch) if len(batch) == 4 else masked_token_loss(model.masked, batch)


def causal_batches(lines: PassageSampler, marks: dict[str, int], generator: torch.Generator) -> Iterator[Batch]:
    """(inputs, targets): [CLS] and a passage, and the character that follows each."""
    streams = [lines.passages(length, TOKENS // length, generator) for length in LENGTHS]
    while True:
        rows = add_special_tokens(next(streams[int(torch.randint(len(LENGTHS), (), generator=generator))]), marks)
        yield rows[:, :-2], rows[:, 1:-1]


def causal_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy of the next token, where none may look ahead."""
    inputs, targets = batch
    return cross_entropy(model(inputs, mask=CAUSAL), targets)


@torch.no_grad()
def mean_loss(model: nn.Module, loss: Callable[[nn.Module, Batch], Tensor], batches: list[Batch]) -> float:
    """Mean over batches of equal size."""
    model.eval()
    value = sum(float(loss(model, batch)) for batch in batches) / len(batches)
    model.train()
    return value


def learn(
    name: str,
    build: Callable[[BertConfig, torch.Generator], nn.Module],
    batches: Callable[[PassageSampler, dict[str, int], torch.Generator], Iterator[Batch]],
    loss: Callable[[nn.Module, Batch], Tensor],
) -> None:
    """Train one of the two, and write trained/NAME."""
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    config, marks = config_of(tokenizer), marks_of(tokenizer)
    generator = torch.Generator().manual_seed(SEED)
    model = build(config, generator)
    positions = next(part for part in model.modules() if isinstance(part, LearnedPositions)).table.weight
    positions.data.copy_(POSITIONS * sinusoidal_positions(CONTEXT_LENGTH, config.d_model))
    checkpoint = CHECKPOINTS / f"{name}.safetensors"
    seconds = checkpoint.with_suffix(".seconds")  # CPU time of the runs before this one, if there were any
    started, before = time.process_time(), float(seconds.read_text()) if seconds.exists() else 0.0
    drawn = batches(lines_of(tokenizer, text.validation), marks, torch.Generator().manual_seed(SEED))
    held_out = [next(drawn) for _ in range(24)]

    def validate(model: nn.Module) -> float:
        seconds.parent.mkdir(exist_ok=True)
        seconds.write_text(str(before + time.process_time() - started))
        return mean_loss(model, loss, held_out)

    optimizer = muon_and_adamw(
        model,
        muon_lr=MUON,
        adamw_lr=ADAMW,
        weight_decay=0.01,
        dtype=torch.bfloat16,
    )
    with sdpa_kernel(SDPBackend.MATH):  # in bfloat16 the fused kernel of attention is the slower one
        history = train(
            model,
            batches(lines_of(tokenizer, text.train), marks, generator),
            TRAINING,
            loss=autocast(loss),
            optimizer=optimizer,
            schedule=trapezoid(TRAINING.steps, warmup=TRAINING.steps // 20, cooldown=TRAINING.steps * 6 // 10),
            validate=validate,
            checkpoint=checkpoint,
            generators={"seed": generator},
            progress=True,
        )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    save(model.half(), TRAINED / name)
    tokenizer.save(TRAINED / name / "tokenizer.json")
    (TRAINED / name / "log.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    write_card(
        name,
        chapter="15",
        command="python recipes/bert.py",
        seed=SEED,
        seconds=round(float(seconds.read_text()), 1),
        parameters=parameters,
        steps=TRAINING.steps,
        tokens_read=TRAINING.steps * TOKENS,
    )


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    learn("bert", bert_for_pre_training, masked_batches, masked_loss)
    learn("bert_twin", bert, causal_batches, causal_loss)


if __name__ == "__main__":
    main()
