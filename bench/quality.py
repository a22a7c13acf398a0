"""Quality per minute: bits per character of held-out plays against the seconds of training, for two recipes.

    python bench/quality.py [--repeats 2]

Five minutes of one core. The common recipe for a processor is nanoGPT's: 4 layers of 4 heads, 128 wide, a context of
64, 12 windows a batch, 2,000 steps of AdamW that rise to 1e-3 in 100 and fall along a cosine to 1e-4. Ours is below.
Both learn from the same plays with the same characters, are built by this library and trained by its `train`, and are
scored on the same validation plays in the same way: what differs is the recipe. Ours runs before the common one and
after it.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from _measure import Peer, row, write  # first: it sets the number of threads

import torch  # isort: skip
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.data import shakespeare
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.optimizers import decay_groups, muon_and_adamw
from transformer_lib.schedules import Schedule, trapezoid, warmup_cosine
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import TrainConfig, evaluate, random_windows, train

CONTEXT = 64
SCORED = 20_000  # characters of the validation plays
POINTS = 10  # of the curve


@dataclass(frozen=True)
class Recipe:
    name: str
    build: Callable[[int, torch.Generator], LanguageModel]
    """From the size of the vocabulary and the source of the weights."""
    batch_size: int
    steps: int
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    schedule: Schedule


def common_model(vocab_size: int, generator: torch.Generator) -> LanguageModel:
    sizes = {"d_model": 128, "n_layers": 4, "n_heads": 4, "d_ff": 512}
    return gpt(GPTConfig(vocab_size=vocab_size, context_length=CONTEXT, bias=False, **sizes), generator)


def our_model(vocab_size: int, generator: torch.Generator) -> LanguageModel:
    sizes = {"d_model": 128, "n_layers": 2, "n_heads": 4, "d_ff": 352}
    return llama(LlamaConfig(vocab_size=vocab_size, context_length=CONTEXT, tied=True, **sizes), generator)


COMMON = Recipe(
    "the common recipe",
    common_model,
    batch_size=12,
    steps=2000,
    optimizer=lambda model: torch.optim.AdamW(decay_groups(model, 0.1), 1e-3, betas=(0.9, 0.99), fused=True),
    schedule=warmup_cosine(2000, warmup=100, floor=0.1),
)
OURS = Recipe(
    "ours",
    our_model,
    batch_size=16,
    steps=400,
    optimizer=lambda model: muon_and_adamw(model, muon_lr=0.02, adamw_lr=4e-3),
    schedule=trapezoid(400, warmup=10, cooldown=240),
)

Curve = list[tuple[float, float]]
"""(CPU seconds of training, bits per character), oldest first."""


def curve_of(recipe: Recipe, tokens: dict[str, Tensor], vocab_size: int, seed: int) -> Curve:
    """Train, and score along the way on a clock that stands still meanwhile."""
    generator = torch.Generator().manual_seed(seed)
    model = recipe.build(vocab_size, generator)
    curve: Curve = []
    paused, started = 0.0, time.process_time()

    def score(model: nn.Module) -> float:
        nonlocal paused
        before = time.process_time()
        nats = evaluate(model, tokens["validation"][:SCORED], length=CONTEXT, overlap=CONTEXT // 2, batch_size=64)
        curve.append((round(before - started - paused, 2), round(nats / math.log(2), 4)))
        paused += time.process_time() - before
        print(f"{recipe.name:20} {curve[-1][0]:7.1f} s {curve[-1][1]:7.3f} bits per character", flush=True)
        return nats

    train(
        model,
        random_windows(tokens["train"], CONTEXT, recipe.batch_size, generator),
        TrainConfig(steps=recipe.steps, max_norm=1.0, log_every=max(1, recipe.steps // POINTS)),
        optimizer=recipe.optimizer(model),
        schedule=recipe.schedule,
        validate=score,
    )
    return curve


def seconds_to_reach(curve: Curve, bits: float) -> float:
    """When the curve first was at `bits` or below; infinity where it never was."""
    return next((seconds for seconds, reached in curve if reached <= bits), math.inf)


def load_plays() -> tuple[dict[str, Tensor], int]:
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    encoded = {
        split: torch.from_numpy(tokenizer.encode_array(getattr(text, split))) for split in ("train", "validation")
    }
    return encoded, tokenizer.vocab_size


def compare(ours: Recipe, common: Recipe, tokens: dict[str, Tensor], vocab_size: int, repeats: int):
    """The row, and both recipes' curves; a run's number is its seed.

    Ours is timed until it is where the common recipe ends, the median of its runs; so a run that is never there counts.
    """
    before = (repeats + 1) // 2
    our_curves = [curve_of(ours, tokens, vocab_size, seed) for seed in range(before)]
    their_curve = curve_of(common, tokens, vocab_size, 0)
    our_curves += [curve_of(ours, tokens, vocab_size, seed) for seed in range(before, repeats)]
    theirs, target = their_curve[-1]
    mine = statistics.median(seconds_to_reach(curve, target) for curve in our_curves)
    size = f"to {target:.3f} bits per character"
    found = row("Quality per minute", size, Peer(common.name), "s", mine, theirs, theirs / mine or math.nan, repeats)
    return found, {"ours": our_curves, "theirs": their_curve}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    started = time.process_time()
    tokens, vocab_size = load_plays()
    found, curves = compare(OURS, COMMON, tokens, vocab_size, repeats)
    write("quality", started, [found], curves=curves)


if __name__ == "__main__":
    main()
