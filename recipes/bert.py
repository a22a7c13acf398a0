"""A small BERT and its causal twin on the plays: twenty minutes on one core, taken up where it was if interrupted.

The twin has the same layers, the same vocabulary, the same batches in size and number, and the same optimizer. What
differs is the mask, and with it the question: the token that was hidden, or the token that comes next.

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
from transformer_lib.schedules import trapezoid
from transformer_lib.tokenizers.wordpiece import WordPieceTokenizer, frequency
from transformer_lib.training import (
    Lines,
    TrainConfig,
    cross_entropy,
    in_bfloat16,
    mask_tokens,
    masked_token_loss,
    pre_training_loss,
    save,
    train,
)

SEED = 0
VOCABULARY = 4000
CONTEXT_LENGTH = 64
MODEL = BertConfig(vocab_size=VOCABULARY, context_length=CONTEXT_LENGTH, d_model=96, n_layers=4, n_heads=4, d_ff=384)
LENGTHS = (16, 32, 64)  # of the rows of a batch: any of them, so that short texts are nothing new
TOKENS = 2048  # in a batch, special ones included
TRAINING = TrainConfig(steps=2400, max_norm=1.0, log_every=200, checkpoint_every=50)
MUON, ADAMW = 0.02, 3e-3  # learning rates, of the matrices between hidden states and of all the rest
CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"

Batch = tuple[Tensor, ...]


def train_tokenizer() -> WordPieceTokenizer:
    """The words of the training plays, and the commonest parts of the others."""
    return WordPieceTokenizer.train(shakespeare.load().train, VOCABULARY, score=frequency)


def lines_of(tokenizer: WordPieceTokenizer, split: str) -> list[list[int]]:
    """Token ids of each line that is not empty."""
    lines = getattr(shakespeare.load(), split).splitlines()
    return [tokenizer.encode(line, parse_special=False) for line in lines if line.strip()]


def framed(tokenizer: WordPieceTokenizer, passages: Tensor) -> Tensor:
    """[CLS] passage [SEP]."""
    cls, sep = (passages.new_full((len(passages), 1), tokenizer.special_tokens[name]) for name in ("[CLS]", "[SEP]"))
    return torch.cat([cls, passages, sep], dim=1)


def masked_batches(
    tokenizer: WordPieceTokenizer, lines: Lines, generator: torch.Generator, *, pairs: float = 0.5, **how: Any
) -> Iterator[Batch]:
    """A share `pairs` of the batches are pairs of passages for both heads; the others, single passages for the first.

    `how` goes to mask_tokens.
    """
    special = tokenizer.special_tokens
    how = {"mask": special["[MASK]"], "special": special.values(), "vocab_size": tokenizer.vocab_size} | how
    sizes = [(length, TOKENS // length) for length in LENGTHS]
    single = [lines.passages(length - 2, size, generator) for length, size in sizes]
    double = [lines.pairs(*size, generator, cls=special["[CLS]"], sep=special["[SEP]"]) for size in sizes]
    while True:
        which = int(torch.randint(len(LENGTHS), (), generator=generator))
        if float(torch.rand((), generator=generator)) < pairs:
            tokens, segments, random_next = next(double[which])
            yield *mask_tokens(tokens, generator=generator, **how), segments, random_next
        else:
            yield mask_tokens(framed(tokenizer, next(single[which])), generator=generator, **how)


def masked_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Of both heads where there are pairs, of the first where there are none."""
    return pre_training_loss(model, batch) if len(batch) == 4 else masked_token_loss(model.masked, batch)


def causal_batches(tokenizer: WordPieceTokenizer, lines: Lines, generator: torch.Generator) -> Iterator[Batch]:
    """(inputs, targets): [CLS] and a passage, and the token that follows each."""
    streams = [lines.passages(length, TOKENS // length, generator) for length in LENGTHS]
    while True:
        rows = framed(tokenizer, next(streams[int(torch.randint(len(LENGTHS), (), generator=generator))]))
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
    model: nn.Module,
    batches: Callable[[Lines, torch.Generator], Iterator[Batch]],
    loss: Callable[[nn.Module, Batch], Tensor],
    tokenizer: WordPieceTokenizer,
) -> None:
    """Train one of the two, and write trained/NAME."""
    generator = torch.Generator().manual_seed(SEED + 1)
    checkpoint = CHECKPOINTS / f"{name}.safetensors"
    seconds = checkpoint.with_suffix(".seconds")  # CPU time of the runs before this one, if there were any
    started, before = time.process_time(), float(seconds.read_text()) if seconds.exists() else 0.0
    drawn = batches(Lines(lines_of(tokenizer, "validation")), torch.Generator().manual_seed(SEED))
    held_out = [next(drawn) for _ in range(40)]

    def validate(model: nn.Module) -> float:
        seconds.parent.mkdir(exist_ok=True)
        seconds.write_text(str(before + time.process_time() - started))
        return mean_loss(model, loss, held_out)

    with sdpa_kernel(SDPBackend.MATH):  # in bfloat16 the fused kernel of attention is the slower one
        history = train(
            model,
            batches(Lines(lines_of(tokenizer, "train")), generator),
            TRAINING,
            loss=in_bfloat16(loss),
            optimizer=muon_and_adamw(model, muon_lr=MUON, adamw_lr=ADAMW, weight_decay=0.01),
            schedule=trapezoid(TRAINING.steps, warmup=TRAINING.steps // 20, cooldown=TRAINING.steps * 7 // 10),
            validate=validate,
            checkpoint=checkpoint,
            generators={"seed": generator},
            progress=True,
        )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    save(model.half(), TRAINED / name, MODEL)
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
    tokenizer = train_tokenizer()
    learn(
        "bert",
        bert_for_pre_training(MODEL, torch.Generator().manual_seed(SEED)),
        lambda lines, generator: masked_batches(tokenizer, lines, generator),
        masked_loss,
        tokenizer,
    )
    learn(
        "bert_twin",
        bert(MODEL, torch.Generator().manual_seed(SEED)),
        lambda lines, generator: causal_batches(tokenizer, lines, generator),
        causal_loss,
        tokenizer,
    )


if __name__ == "__main__":
    main()
