"""What the parts of a block do to training, on the plays: norms, depth and warm-up; activations. 25 minutes, one core.

Writes trained/block/results.json, losses in bits per character:

    depth        runs of narrow models by norm, depth, steps, warm-up, learning rate and seed: 10 or 20 means of the run
    activations  runs of feed-forward networks of equal size by activation and seed: mean of the last steps

All models of one shape train side by side. Those of one seed read the same text and, where their parts have the same
shapes, begin with the same weights.
"""

import itertools
import json
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm, PreNorm, Residual
from transformer_lib.feed_forward import FeedForward, SwiGLU
from transformer_lib.ladder import bits_per_character
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions
from transformer_lib.training import random_windows

D, HEADS, LENGTH, BATCH = 32, 2, 32, 4
DEPTHS, SEEDS = (2, 6, 18), 3
RATES = {  # post-norm is given a lower one too: its deep stacks did best at the lowest of three
    "pre": (1e-3, 3e-3, 1e-2),
    "post": (3e-4, 1e-3, 3e-3, 1e-2),
    "no residual": (1e-3, 3e-3, 1e-2),
}
PANELS = {  # steps -> the norms that are compared, the steps of one mean
    200: (("pre", "post", "no residual"), 20),
    1000: (("pre", "post"), 50),
}
ACTIVATIONS = {  # activation -> a network of about 8 D^2 weights
    "none": lambda: FeedForward(D, 4 * D, nn.Identity(), bias=False),
    "ReLU": lambda: FeedForward(D, 4 * D, nn.ReLU(), bias=False),
    "GELU": lambda: FeedForward(D, 4 * D, nn.GELU(), bias=False),
    "SwiGLU": lambda: SwiGLU(D, 8 * D // 3),
}
ACTIVATION_RATE, ACTIVATION_WARM_UP, ACTIVATION_STEPS, ACTIVATION_SEEDS = 5e-3, 40, 500, 6


class NoResidual(Residual):
    """What is left of PreNorm without the path around the sublayer."""

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """Return sublayer(norm(x))."""
        return sublayer(self.norm(x))


NORMS = {"pre": PreNorm, "post": PostNorm, "no residual": NoResidual}


def decoder(vocab_size: int, depth: int, norm: str, feed_forward: Callable[[], nn.Module], seed: int) -> LanguageModel:
    """A narrow decoder with unit embeddings and Glorot's weights, as in Xiong et al. 2020, section 3."""
    torch.manual_seed(seed)

    def block() -> Block:
        return Block(MultiHeadAttention(D, HEADS, bias=False), feed_forward(), lambda: NORMS[norm](LayerNorm(D)))

    model = LanguageModel(
        Embedding(nn.Embedding(vocab_size, D), LearnedPositions(LENGTH, D)),
        [block() for _ in range(depth)],
        nn.Identity() if norm == "post" else LayerNorm(D),
        nn.Linear(D, vocab_size, bias=False),
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.5**0.5)  # two of them add up to a stream of variance 1
    return model


def train_together(
    models: list[LanguageModel],
    seeds: list[int],
    rates: list[float],
    warm_ups: list[int],
    steps: int,
    every: int,
    text: Tensor,
) -> list[list[float]]:
    """Train models of one shape side by side; their losses, each the mean of `every` steps on text not read before."""
    rows = [nn.utils.parameters_to_vector(model.parameters()).detach().requires_grad_() for model in models]
    shapes = {name: parameter.shape for name, parameter in models[0].named_parameters()}
    optimizer = torch.optim.Adam(
        [{"params": [row], "lr": rate} for row, rate in zip(rows, rates, strict=True)], betas=(0.9, 0.98), fused=True
    )
    factors = [lambda step, w=w: min(1.0, (step + 1) / max(w, 1)) for w in warm_ups]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
    windows = {seed: random_windows(text, LENGTH, BATCH, torch.Generator().manual_seed(seed)) for seed in set(seeds)}

    def forward(row: Tensor, tokens: Tensor) -> Tensor:
        pieces = row.split([shape.numel() for shape in shapes.values()])
        weights = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        return functional_call(models[0], weights, tokens)

    losses = []
    for _ in range(steps):
        batches = {seed: next(windows[seed]) for seed in sorted(windows)}
        inputs, targets = (torch.stack(parts) for parts in zip(*(batches[seed] for seed in seeds), strict=True))
        with sdpa_kernel(SDPBackend.MATH):  # the one that vmap can batch
            logits = vmap(forward)(torch.stack(rows), inputs)
        each = F.cross_entropy(logits.flatten(0, 2), targets.flatten(), reduction="none")
        each = each.unflatten(0, (len(models), -1)).mean(dim=1)
        optimizer.zero_grad()
        each.sum().backward()
        optimizer.step()
        schedule.step()
        losses.append(each.detach())
    means = torch.stack(losses, dim=1).unflatten(1, (-1, every)).mean(dim=2)
    return [[round(bits_per_character(x, 1, 1), 4) for x in row] for row in means.tolist()]


def depth_runs(vocab_size: int, text: Tensor, steps: int) -> list[dict[str, object]]:
    runs: list[dict[str, object]] = []
    norms, every = PANELS[steps]
    for depth, norm in itertools.product(DEPTHS, norms):
        warm_ups = (steps // 4,) if norm == "no residual" else (0, steps // 4)  # it is hard enough with a warm-up
        settings = list(itertools.product(RATES[norm], warm_ups, range(SEEDS)))
        rates, warmed, seeds = (list(column) for column in zip(*settings, strict=True))
        models = [decoder(vocab_size, depth, norm, ACTIVATIONS["GELU"], seed) for seed in seeds]
        curves = train_together(models, seeds, rates, warmed, steps, every, text)
        for (rate, warm_up, seed), bits in zip(settings, curves, strict=True):
            run = {"norm": norm, "depth": depth, "steps": steps, "warm_up": warm_up, "rate": rate, "seed": seed}
            runs.append(run | {"bits": bits})
            print(*run.values(), bits[-1], flush=True)
    return runs


def activation_runs(vocab_size: int, text: Tensor) -> list[dict[str, object]]:
    runs: list[dict[str, object]] = []
    seeds = list(range(ACTIVATION_SEEDS))
    for name, feed_forward in ACTIVATIONS.items():
        models = [decoder(vocab_size, 2, "pre", feed_forward, seed) for seed in seeds]
        size = sum(parameter.numel() for parameter in models[0].blocks[0].feed_forward.parameters())
        rates, warm_ups = [ACTIVATION_RATE] * ACTIVATION_SEEDS, [ACTIVATION_WARM_UP] * ACTIVATION_SEEDS
        for seed, bits in enumerate(train_together(models, seeds, rates, warm_ups, ACTIVATION_STEPS, 20, text)):
            last = round(sum(bits[-5:]) / 5, 4)
            runs.append({"activation": name, "weights": size, "seed": seed, "bits": last})
            print(name, size, seed, last, flush=True)
    return runs


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    results = {
        "activations": activation_runs(tokenizer.vocab_size, tokens["train"]),
        "depth": [run for steps in PANELS for run in depth_runs(tokenizer.vocab_size, tokens["train"], steps)],
    }
    write_card(
        "block",
        chapter="11",
        command="python recipes/block.py",
        seconds=round(time.process_time() - started),
        seed=f"0 to {SEEDS - 1} (depth), 0 to {ACTIVATION_SEEDS - 1} (activations)",
    )
    text = json.dumps(results).replace('{"norm"', '\n{"norm"').replace('{"activation"', '\n{"activation"')
    (TRAINED / "block" / "results.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
