"""From GPT to LLaMA, a part at a time: each of four swapped alone, then all of them. Sixteen minutes on one core.

    norm             LayerNorm               -> RMSNorm
    feed_forward     GELU                    -> SwiGLU
    positions        learned                 -> rotary
    n_kv_heads       one for each query head -> one for two

All variants have as many parameters, within a hundredth: what a part saves goes to the feed-forward network's width.
None has biases, as LLaMA has none. Those of one seed read the same windows in the same order, and begin with the same
weights wherever their shapes are the same.

Each variant has a learning rate of its own: the best of at least three on the validation plays after TUNING steps, and
where the best is the highest or the lowest tried, a further one is tried. After a warm-up the rate stays, so that one
run gives the scores of every length: at each milestone the average of about the last hundred steps' weights is scored
on test plays. An interrupted run of the recipe goes on after the last training done.

Writes trained/llama_parts/results.json: the rates tried; the runs; as a control, a GPT at the lower rate of most
variants; bits by place in a window longer than those trained on, which learned positions cannot read; and
the time of a step and of a norm.
"""

import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward, SwiGLU
from transformer_lib.ladder import bits_per_character
from transformer_lib.norms import LayerNorm, RMSNorm
from transformer_lib.optimizers import ChainedOptimizer, muon_and_adamw
from transformer_lib.positions import LearnedPositions, Rotary
from transformer_lib.training import MovingAverage, TrainConfig, evaluate, random_windows, token_nll, train

D, LAYERS, HEADS, D_FF, CONTEXT_LENGTH, BATCH = 48, 2, 4, 192, 48, 4
SEEDS = ((0, 1, 2), (3, 4))  # those of a group train side by side
CONTROL = ("GPT", 0.5, (0, 1, 2))  # is a lead over the GPT one of the lower rate that most variants have?
MILESTONES = (225, 450, 900, 1800, 3600)
TUNING, TUNING_SEED, RATES = 600, 0, (0.5, 1.0, 2.0)  # the rates are multiples of those of recipes/gpt.py
MUON_RATE, ADAMW_RATE, WEIGHT_DECAY = 0.02, 4e-3, 0.01
WARM_UP, AVERAGE = 100, 0.99
OVERLAP = CONTEXT_LENGTH // 4  # what a held-out character has before it, at least
CHARACTERS = {"validation": 20_000, "test": 20_000}  # the beginning of each set is scored
FAR, FAR_WINDOWS, STRIDE = 3 * CONTEXT_LENGTH, 128, 12
ROUNDS = 9  # of timing, each variant once in every one
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "llama_parts.json"


@dataclass(frozen=True)
class Parts:
    """A GPT unless said otherwise."""

    norm: type[nn.Module] = LayerNorm
    feed_forward: str = "GELU"
    positions: str = "learned"
    n_kv_heads: int = HEADS

    @property
    def d_ff(self) -> int:
        """The width of the feed-forward network, with what the other parts save."""
        attention = 2 * D * (D // HEADS) * (HEADS - self.n_kv_heads)
        table = CONTEXT_LENGTH * D if self.positions == "rotary" else 0
        matrices = 3 if self.feed_forward == "SwiGLU" else 2
        return round((2 * D * D_FF + attention + table / LAYERS) / (matrices * D))


GPT = Parts()
SWAPS = {
    "RMSNorm": {"norm": RMSNorm},
    "SwiGLU": {"feed_forward": "SwiGLU"},
    "RoPE": {"positions": "rotary"},
    "GQA": {"n_kv_heads": HEADS // 2},
}
VARIANTS = {
    "GPT": GPT,
    **{name: replace(GPT, **swap) for name, swap in SWAPS.items()},
    "all four": replace(GPT, **{part: value for swap in SWAPS.values() for part, value in swap.items()}),
}


def decoder(vocab_size: int, parts: Parts, seed: int) -> LanguageModel:
    """Put the parts together, with GPT-2's first weights: N(0, 0.02), smaller where they write to the stream."""
    rotary = Rotary(D // HEADS) if parts.positions == "rotary" else None

    def feed_forward() -> nn.Module:
        if parts.feed_forward == "SwiGLU":
            return SwiGLU(D, parts.d_ff)
        return FeedForward(D, parts.d_ff, nn.GELU(approximate="tanh"), bias=False)

    def block() -> Block:
        attention = MultiHeadAttention(D, HEADS, parts.n_kv_heads, bias=False, rotary=rotary)
        return Block(attention, feed_forward(), lambda: PreNorm(parts.norm(D)))

    tokens = nn.Embedding(vocab_size, D)
    head = nn.Linear(D, vocab_size, bias=False)
    head.weight = tokens.weight
    embedding = Embedding(tokens, LearnedPositions(CONTEXT_LENGTH, D) if rotary is None else None)
    model = LanguageModel(embedding, [block() for _ in range(LAYERS)], parts.norm(D), head)
    for name, weight in model.named_parameters():
        if weight.ndim == 2:
            std = 0.02 / (2 * LAYERS) ** 0.5 if name.endswith(("w_o.weight", "down.weight")) else 0.02
            nn.init.normal_(weight, std=std, generator=torch.Generator().manual_seed(seed + zlib.crc32(name.encode())))
    return model


def optimizer_of(models: Sequence[nn.Module], rates: Sequence[float]) -> torch.optim.Optimizer:
    """Muon and AdamW, with a rate for each model that multiplies those of both."""
    parts = []
    for rate in sorted({*rates}):
        alike = nn.ModuleList(model for model, own in zip(models, rates, strict=True) if own == rate)
        muon, adamw = rate * MUON_RATE, rate * ADAMW_RATE
        parts.append(
            muon_and_adamw(alike, muon_lr=muon, adamw_lr=adamw, weight_decay=WEIGHT_DECAY, dtype=torch.bfloat16)
        )
    return ChainedOptimizer(*parts) if len(parts) > 1 else parts[0]


def windows(text: Tensor, seeds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (seeds, B, T) of windows, those of a seed always the same."""
    each = [random_windows(text, CONTEXT_LENGTH, BATCH, torch.Generator().manual_seed(seed)) for seed in seeds]
    for pairs in zip(*each, strict=True):
        inputs, targets = zip(*pairs, strict=True)
        yield torch.stack(inputs), torch.stack(targets)


def side_by_side(models: nn.ModuleList, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The sum of the losses of models of one shape, each on its own windows: small models are quicker together."""
    inputs, targets = batch
    own = [dict(model.named_parameters()) for model in models]
    weights = {name: torch.stack([each[name] for each in own]) for name in own[0]}
    with sdpa_kernel(SDPBackend.MATH):  # the one that vmap can batch
        logits = vmap(lambda weight, tokens: functional_call(models[0], weight, (tokens,)))(weights, inputs)
    return len(models) * F.cross_entropy(logits.flatten(0, 2), targets.flatten())


def bits(nats: float) -> float:
    return round(bits_per_character(nats, 1, 1), 5)


def far_bits(model: LanguageModel, text: Tensor) -> list[float]:
    """Bits of the characters at each STRIDE places of windows of FAR, up to what the model can read."""
    length = min(FAR, model.context_length or FAR)
    starts = torch.linspace(0, len(text) - FAR - 1, FAR_WINDOWS).long()
    rows = [token_nll(model, text[start : start + length + 1], length=length)[1:] for start in starts.tolist()]
    return [bits(nats) for nats in torch.stack(rows).mean(dim=0).unflatten(0, (-1, STRIDE)).mean(dim=1).tolist()]


def trained(
    variant: str,
    settings: Sequence[tuple[float, int]],
    vocab_size: int,
    text: Tensor,
    scored: Tensor,
    milestones: Sequence[int],
) -> tuple[nn.ModuleList, list[dict[str, object]]]:
    """Train a variant with some rates and seeds; the averaged models, and the bits of each at each milestone."""
    rates, seeds = zip(*settings, strict=True)
    models = nn.ModuleList(decoder(vocab_size, VARIANTS[variant], seed) for seed in seeds)
    batches, optimizer = windows(text, seeds), optimizer_of(models, rates)
    average, seconds = MovingAverage(optimizer, AVERAGE), 0.0
    curves: list[list[float]] = [[] for _ in seeds]
    for before, after in itertools.pairwise((0, *milestones)):
        started = time.process_time()
        config = TrainConfig(steps=after - before, log_every=after)
        schedule = lambda step, before=before: min(1.0, (before + step + 1) / WARM_UP)  # noqa: E731
        train(models, batches, config, loss=side_by_side, optimizer=optimizer, schedule=schedule)
        seconds += time.process_time() - started
        with average.applied():
            for model, curve in zip(models, curves, strict=True):
                curve.append(bits(evaluate(model, scored, length=CONTEXT_LENGTH, overlap=OVERLAP, batch_size=32)))
            weights = {name: weight.clone() for name, weight in models.state_dict().items()}
    models.load_state_dict(weights)
    each = round(seconds / len(seeds), 1)
    return models, [
        {"variant": variant, "rate": rate, "seed": seed, "bits": curve, "seconds": each}
        for rate, seed, curve in zip(rates, seeds, curves, strict=True)
    ]


def interleaved(actions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each, the median over rounds in which each comes once, so that a busy spell falls on all."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, act in actions.items():
            started = time.process_time()
            act()
            taken[name].append(time.process_time() - started)
    return {name: median(times) for name, times in taken.items()}


def step_seconds(vocab_size: int, text: Tensor) -> dict[str, float]:
    """The time of a step of training, by variant."""

    def steps(parts: Parts) -> Callable[[], object]:
        model = decoder(vocab_size, parts, 0)
        batches = random_windows(text, CONTEXT_LENGTH, BATCH, torch.Generator().manual_seed(0))
        config, optimizer = TrainConfig(steps=10), optimizer_of([model], [1.0])
        return lambda: train(model, batches, config, optimizer=optimizer)

    actions = {name: steps(parts) for name, parts in VARIANTS.items()}
    return {name: round(seconds / 10, 5) for name, seconds in interleaved(actions).items()}


def norm_microseconds(width: int) -> dict[str, float]:
    """The time of each norm, there and back, on 2^18 numbers in rows of a width."""
    x = torch.randn(2**18 // width, width, requires_grad=True)
    towards = torch.randn_like(x)

    def there_and_back(norm: nn.Module) -> None:
        for _ in range(20):
            norm(x).backward(towards)

    actions = {part.__name__: partial(there_and_back, part(width)) for part in (LayerNorm, RMSNorm)}
    return {name: round(seconds / 20 * 1e6, 1) for name, seconds in interleaved(actions).items()}


def main() -> None:
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    scored = {split: tokens[split][:characters] for split, characters in CHARACTERS.items()}
    settings = {"d_model": D, "layers": LAYERS, "context_length": CONTEXT_LENGTH, "batch": BATCH, "d_ff": D_FF}
    settings |= {"tuning": TUNING, "milestones": list(MILESTONES), "warm_up": WARM_UP}
    record = (
        json.loads(CHECKPOINT.read_text()) if CHECKPOINT.exists() else {"settings": settings, "tuning": {}, "runs": {}}
    )
    if record["settings"] != settings:
        raise ValueError(f"{CHECKPOINT} is of a run with other settings: move it away to begin anew")
    CHECKPOINT.parent.mkdir(exist_ok=True)

    def done(kind: str, variant: str, settings: Sequence[tuple[float, int]]) -> list[dict[str, object]]:
        """Some trainings, or what is written down of them."""
        key = f"{variant}, {settings}"
        if key not in record[kind]:
            split, milestones = ("validation", (TUNING,)) if kind == "tuning" else ("test", MILESTONES)
            models, found = trained(variant, settings, tokenizer.vocab_size, tokens["train"], scored[split], milestones)
            for model, one in zip(models, found, strict=True):
                one["d_ff"], one["parameters"] = VARIANTS[variant].d_ff, sum(p.numel() for p in model.parameters())
                if kind == "runs":
                    one["far"] = far_bits(model, tokens["validation"])
            record[kind][key] = found
            CHECKPOINT.write_text(json.dumps(record))
            print(kind, key, *((one["bits"], one["seconds"]) for one in found), flush=True)
        return record[kind][key]

    rates: dict[str, float] = {}
    for variant in VARIANTS:
        tried = done("tuning", variant, [(rate, TUNING_SEED) for rate in RATES])
        while variant not in rates:
            by_rate = {one["rate"]: one["bits"][-1] for one in tried}
            best = min(by_rate, key=by_rate.__getitem__)
            if min(by_rate) < best < max(by_rate):
                rates[variant] = best
            else:
                further = best / 2 if best == min(by_rate) else best * 2
                tried = tried + done("tuning", variant, [(further, TUNING_SEED)])
    runs = [
        one
        for seeds, variant in itertools.product(SEEDS, VARIANTS)
        for one in done("runs", variant, [(rates[variant], seed) for seed in seeds])
    ]
    variant, rate, seeds = CONTROL
    controls = done("runs", variant, [(rate, seed) for seed in seeds])
    tuning = list(itertools.chain.from_iterable(record["tuning"].values()))
    results = {
        "settings": settings,
        "rates": rates,
        "stride": STRIDE,
        "step_seconds": step_seconds(tokenizer.vocab_size, tokens["train"]),
        "norm_microseconds": {str(width): norm_microseconds(width) for width in (D, 1024)},
        "tuning": tuning,
        "runs": runs,
        "controls": controls,
    }
    (TRAINED / "llama_parts").mkdir(parents=True, exist_ok=True)
    text = json.dumps(results).replace('{"variant"', '\n{"variant"')
    (TRAINED / "llama_parts" / "results.json").write_text(text + "\n", encoding="utf-8")
    write_card(
        "llama_parts",
        chapter="16",
        command="python recipes/llama_parts.py",
        seeds=f"0 to {max(map(max, SEEDS))}",
        steps=MILESTONES[-1],
        seconds=round(sum(one["seconds"] for one in tuning + runs + controls)),
    )


if __name__ == "__main__":
    main()
