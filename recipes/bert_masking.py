"""Why 80/10/10: two ways to hide characters, three seeds of a small BERT each, three minutes on one core.

After training nothing is hidden, as when a model is put to use, and three things are measured on the validation plays:
whether the last layer's vectors still say which character stands there (by the head, and by a linear map fitted to
them), whether a wrong character is noticed, and what a hidden one costs in bits.
"""

import json
import math
import time
from collections.abc import Iterator

import torch
from _cards import TRAINED, write_card
from bert import add_special_tokens, lines_of, marks_of
from torch import Tensor

from transformer_lib.architectures import MaskedLanguageModel
from transformer_lib.data import shakespeare
from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.positions import sinusoidal_positions
from transformer_lib.schedules import trapezoid
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import PassageSampler, TrainConfig, mask_tokens, masked_token_loss, train

SEEDS = range(3)
RULES = {"80/10/10": (0.8, 0.1, 0.1), "always [MASK]": (1.0, 0.0, 0.0)}
LENGTH, ROWS = 32, 48
SIZES = {"context_length": LENGTH, "d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": 256}
STEPS, MUON, ADAMW = 700, 0.02, 4e-3
TYPOS = 0.1  # the share of characters that are replaced to see whether it is noticed


def batches(
    lines: PassageSampler, marks: dict[str, int], rule: str, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """(inputs, labels) of [CLS] passage [SEP], by a rule."""
    how = {"mask": marks["[MASK]"], "special": marks.values(), "vocab_size": max(marks.values()) + 1}
    for passages in lines.passages(LENGTH - 2, ROWS, generator):
        yield mask_tokens(add_special_tokens(passages, marks), shares=RULES[rule], generator=generator, **how)


def readable(x: Tensor, tokens: Tensor) -> float:
    """How often a linear map (least squares) reads the token (N,) off its vector (N, D); half to fit, half to test."""
    half = len(x) // 2
    inputs = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    targets = torch.nn.functional.one_hot(tokens).to(x.dtype)
    weight = torch.linalg.lstsq(inputs[:half], targets[:half]).solution
    return float(((inputs[half:] @ weight).argmax(dim=1) == tokens[half:]).double().mean())


def ranked_above(high: Tensor, low: Tensor) -> float:
    """The probability that one of `high` is above one of `low`, 0.5 if they are alike: the area under the ROC curve."""
    return float((high[:, None] > low[None]).double().mean() + (high[:, None] == low[None]).double().mean() / 2)


@torch.no_grad()
def measure(model: MaskedLanguageModel, lines: PassageSampler, marks: dict[str, int]) -> dict[str, float]:
    """What the module's docstring says, on passages that are the same for every model."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    passages = next(lines.passages(LENGTH - 2, 200, generator))
    tokens = add_special_tokens(passages, marks)
    x = model.encode(tokens)[:, 1:-1].flatten(0, 1)
    typo = torch.rand(passages.shape, generator=generator) < TYPOS
    wrong = torch.randint(min(marks.values()), passages.shape, generator=generator)
    typo &= wrong != passages
    shown = torch.where(typo, wrong, passages)
    log_p = model(add_special_tokens(shown, marks))[:, 1:-1].log_softmax(dim=-1).gather(2, shown[:, :, None]).squeeze(2)
    hidden = [next(batches(lines, marks, "always [MASK]", generator)) for _ in range(20)]
    return {
        "the head reads it": float((model.head(x).argmax(dim=1) == passages.flatten()).double().mean()),
        "a linear map reads it": readable(x, passages.flatten()),
        "a typo is noticed": ranked_above(log_p[~typo][:4000], log_p[typo]),
        "bits of a hidden one": sum(float(masked_token_loss(model, batch)) for batch in hidden)
        / len(hidden)
        / math.log(2),
    }


def run(rule: str, seed: int) -> dict[str, float]:
    """Train one model, and measure it; two rules with one seed start alike and read the same passages."""
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    marks = marks_of(tokenizer)
    model = bert(BertConfig(vocab_size=tokenizer.vocab_size + len(marks), **SIZES), torch.Generator().manual_seed(seed))
    model.embedding.positions.table.weight.data.copy_(0.03 * sinusoidal_positions(LENGTH, SIZES["d_model"]))
    train(
        model,
        batches(lines_of(tokenizer, text.train), marks, rule, torch.Generator().manual_seed(seed)),
        TrainConfig(steps=STEPS, max_norm=1.0),
        loss=masked_token_loss,
        optimizer=muon_and_adamw(model, muon_lr=MUON, adamw_lr=ADAMW, weight_decay=0.01, dtype=torch.bfloat16),
        schedule=trapezoid(STEPS, warmup=STEPS // 20, cooldown=STEPS * 6 // 10),
    )
    return measure(model, lines_of(tokenizer, text.validation), marks)


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    results = {rule: [run(rule, seed) for seed in SEEDS] for rule in RULES}
    (TRAINED / "bert_masking").mkdir(exist_ok=True)
    (TRAINED / "bert_masking" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_card(
        "bert_masking",
        chapter="15",
        command="python recipes/bert_masking.py",
        seed=list(SEEDS),
        seconds=round(time.process_time() - started, 1),
        settings={**SIZES, "steps": STEPS, "rows": ROWS},
    )


if __name__ == "__main__":
    main()
