"""Whether BERT or its twin fills blanks better may depend on the seed: three of each, small. Four minutes on one core.

python recipes/bert_seeds.py    writes trained/bert_seeds

The models are those of recipes/bert.py with half the layers, half the width and an eighth of the steps; the blanks and
the pairs of the test plays are those of recipes/bert_scores.py.
"""

import json
import time
from collections.abc import Callable, Iterator

import torch
from _cards import TRAINED, write_card
from bert import (
    ADAMW,
    CONTEXT_LENGTH,
    MUON,
    POSITIONS,
    causal_batches,
    causal_loss,
    lines_of,
    marks_of,
    masked_batches,
    masked_loss,
)
from bert_scores import BLANKS, PAIRS, draw_blanks, score_blanks, score_pairs
from torch import Tensor, nn

from transformer_lib.data import shakespeare
from transformer_lib.models.bert import BertConfig, bert, bert_for_pre_training
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.positions import LearnedPositions, sinusoidal_positions
from transformer_lib.schedules import trapezoid
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import TrainConfig, train

SEEDS = range(3)
SIZES = {"context_length": CONTEXT_LENGTH, "d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": 256}
STEPS = 700

Batches = Iterator[tuple[Tensor, ...]]


def learn(
    model: nn.Module, batches: Batches, loss: Callable[[nn.Module, tuple[Tensor, ...]], Tensor], steps: int = STEPS
) -> nn.Module:
    """Train one of the two as recipes/bert.py does, for fewer steps."""
    positions = next(part for part in model.modules() if isinstance(part, LearnedPositions)).table.weight
    positions.data.copy_(POSITIONS * sinusoidal_positions(*positions.shape))
    train(
        model,
        batches,
        TrainConfig(steps=steps, max_norm=1.0),
        loss=loss,
        optimizer=muon_and_adamw(model, muon_lr=MUON, adamw_lr=ADAMW, weight_decay=0.01, dtype=torch.bfloat16),
        schedule=trapezoid(steps, warmup=steps // 20, cooldown=steps * 6 // 10),
    )
    return model.eval()


def run(seed: int) -> dict:
    """Both models of one seed, and what they make of the test plays."""
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    marks, lines = marks_of(tokenizer), lines_of(tokenizer, text.train)
    config = BertConfig(vocab_size=tokenizer.vocab_size + len(marks), **SIZES)
    generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
    both = learn(bert_for_pre_training(config, generators[0]), masked_batches(lines, marks, generators[0]), masked_loss)
    twin = learn(bert(config, generators[1]), causal_batches(lines, marks, generators[1]), causal_loss)
    with torch.no_grad():
        rows = draw_blanks(tokenizer, lines_of(tokenizer, text.test), BLANKS, torch.Generator().manual_seed(0))
        plays = [lines_of(tokenizer, shakespeare.plays()[title]) for title in shakespeare.SPLIT["test"]]
        return score_blanks(both.masked, twin, rows, marks) | {"pairs": score_pairs(both, tokenizer, plays, PAIRS)}


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    results = [run(seed) for seed in SEEDS]
    (TRAINED / "bert_seeds").mkdir(exist_ok=True)
    (TRAINED / "bert_seeds" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_card(
        "bert_seeds",
        chapter="15",
        command="python recipes/bert_seeds.py",
        seed=list(SEEDS),
        seconds=round(time.process_time() - started, 1),
        settings={**SIZES, "steps": STEPS, "blanks": BLANKS, "pairs": PAIRS},
    )


if __name__ == "__main__":
    main()
