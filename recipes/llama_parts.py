"""From GPT to LLaMA, a part at a time: each of four swapped alone, then all of them. 45 minutes on one core.

    norm             LayerNorm               -> RMSNorm
    feed_forward     GELU                    -> SwiGLU
    positions        learned                 -> rotary
    n_kv_heads       one for each query head -> one for two

All variants have as many parameters, within a thousandth: what a part saves goes to the feed-forward network's width.
None has biases, as LLaMA has none. Those of one seed read the same windows in the same order, and begin with the same
weights wherever their shapes are the same. The learning rates are those of recipes/gpt.py; whether they favour GELU is
seen by trying it and SwiGLU at half and twice Muon's rate. A run that was interrupted goes on after the last variant
done.

Writes trained/llama_parts/results.json: the runs; bits by place in a window longer than those trained on, which learned
positions cannot read; and the time of a step and of a norm.
"""

import json
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward, SwiGLU
from transformer_lib.ladder import bits_per_character
from transformer_lib.norms import LayerNorm, RMSNorm
from transformer_lib.optimizers import muon_and_adamw
from transformer_lib.positions import LearnedPositions, Rotary
from transformer_lib.schedules import trapezoid
from transformer_lib.training import (
    TrainConfig,
    autocast,
    evaluate,
    next_token_loss,
    random_windows,
    token_nll,
    train,
)

D, LAYERS, HEADS, D_FF, CONTEXT_LENGTH, BATCH = 128, 4, 4, 512, 128, 16
SEEDS = 4
TRAINING = TrainConfig(steps=450, max_norm=1.0, log_every=50)
WARM_UP, COOL_DOWN = 30, 225
MUON, ADAMW, WEIGHT_DECAY = 0.02, 4e-3, 0.01
OTHER_RATES, OTHER_SEEDS = (0.01, 0.04), 2
OVERLAP = CONTEXT_LENGTH // 4  # what a held-out character has before it, at least
FAR, FAR_WINDOWS, STRIDE = 3 * CONTEXT_LENGTH, 128, 32
ROUNDS = 9  # of timing, each variant once in every one
CHECKPOINT = Path(__file__).resolve().parent / "checkpoints" / "llama_parts.json"

loss = autocast(next_token_loss)


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


def optimizer_of(model: nn.Module, muon: float = MUON) -> torch.optim.Optimizer:
    return muon_and_adamw(model, muon_lr=muon, adamw_lr=ADAMW, weight_decay=WEIGHT_DECAY, dtype=torch.bfloat16)


def bits(nats: float) -> float:
    return round(bits_per_character(nats, 1, 1), 5)


def far_bits(model: LanguageModel, text: Tensor) -> list[float]:
    """Bits of the characters at each STRIDE places of windows of FAR, up to what the model can read."""
    length = min(FAR, model.context_length or FAR)
    starts = torch.linspace(0, len(text) - FAR - 1, FAR_WINDOWS).long()
    rows = [token_nll(model, text[start : start + length + 1], length=length)[1:] for start in starts.tolist()]
    return [bits(nats) for nats in torch.stack(rows).mean(dim=0).unflatten(0, (-1, STRIDE)).mean(dim=1).tolist()]


def run(name: str, seed: int, muon: float, vocab_size: int, tokens: dict[str, Tensor]) -> dict[str, object]:
    """Train a variant once, and score it on all of the test plays."""
    model = decoder(vocab_size, VARIANTS[name], seed)
    batches = random_windows(tokens["train"], CONTEXT_LENGTH, BATCH, torch.Generator().manual_seed(seed))
    schedule = trapezoid(TRAINING.steps, warmup=WARM_UP, cooldown=COOL_DOWN)
    started = time.process_time()
    history = train(model, batches, TRAINING, loss=loss, optimizer=optimizer_of(model, muon), schedule=schedule)
    seconds = time.process_time() - started
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        test = evaluate(model, tokens["test"], length=CONTEXT_LENGTH, overlap=OVERLAP, batch_size=32)
        far = far_bits(model, tokens["validation"])
    return {
        "variant": name,
        "seed": seed,
        "muon": muon,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "d_ff": VARIANTS[name].d_ff,
        "test": bits(test),
        "training": [bits(entry["loss"]) for entry in history],
        "far": far,
        "seconds": round(seconds, 1),
    }


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
        config, optimizer = TrainConfig(steps=3, max_norm=1.0), optimizer_of(model)
        return lambda: train(model, batches, config, loss=loss, optimizer=optimizer)

    actions = {name: steps(parts) for name, parts in VARIANTS.items()}
    return {name: round(seconds / 3, 5) for name, seconds in interleaved(actions).items()}


def norm_microseconds(width: int) -> dict[str, float]:
    """The time of each norm, there and back, on as many numbers in rows of a width."""
    x = torch.randn(BATCH * CONTEXT_LENGTH * D // width, width, requires_grad=True)
    towards = torch.randn_like(x)

    def there_and_back(norm: nn.Module) -> None:
        for _ in range(20):
            norm(x).backward(towards)

    actions = {part.__name__: partial(there_and_back, part(width)) for part in (LayerNorm, RMSNorm)}
    return {name: round(seconds / 20 * 1e6, 1) for name, seconds in interleaved(actions).items()}


def main() -> None:
    torch.set_num_threads(1)
    tokenizer, tokens = load_plays()
    settings = {"training": asdict(TRAINING), "seeds": SEEDS, "d_model": D, "layers": LAYERS, "batch": BATCH}
    record = json.loads(CHECKPOINT.read_text()) if CHECKPOINT.exists() else {"settings": settings, "runs": []}
    if record["settings"] != settings:
        raise ValueError(f"{CHECKPOINT} is of a run with other settings: move it away to begin anew")
    runs = record["runs"]
    CHECKPOINT.parent.mkdir(exist_ok=True)
    (TRAINED / "llama_parts").mkdir(parents=True, exist_ok=True)
    planned = [(name, seed, MUON) for seed in range(SEEDS) for name in VARIANTS]
    planned += [(name, seed, rate) for rate in OTHER_RATES for seed in range(OTHER_SEEDS) for name in ("GPT", "SwiGLU")]
    done = {(one["variant"], one["seed"], one["muon"]) for one in runs}
    with sdpa_kernel(SDPBackend.MATH):  # in bfloat16 the fused kernel of attention is the slower one
        for key in planned:
            if key not in done:
                runs.append(run(*key, tokenizer.vocab_size, tokens))
                print({name: value for name, value in runs[-1].items() if name != "training"}, flush=True)
                CHECKPOINT.write_text(json.dumps(record))
        steps = step_seconds(tokenizer.vocab_size, tokens["train"])
    results = {
        "stride": STRIDE,
        "step_seconds": steps,
        "norm_microseconds": {str(width): norm_microseconds(width) for width in (D, 8 * D)},
        "runs": runs,
    }
    text = json.dumps(results).replace('{"variant"', '\n{"variant"')
    (TRAINED / "llama_parts" / "results.json").write_text(text + "\n", encoding="utf-8")
    write_card(
        "llama_parts",
        chapter="16",
        command="python recipes/llama_parts.py",
        seeds=f"0 to {SEEDS - 1}",
        steps=TRAINING.steps,
        seconds=round(sum(one["seconds"] for one in runs)),
    )


if __name__ == "__main__":
    main()
