"""Three experiments on heads, five seeds each, trained side by side: two minutes on one core.

Slices: heads that project all of d_model against heads that get a slice of it, on features in order, features mixed,
and features learned. Counts: 1 to 16 heads at equal parameters, asked for one thing or for two.
Repeats: a causal model of two layers that reads strings of letters over and over; its weights are kept.
"""

import copy
import json
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import Embedding, LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import Rotary

COMMAND = "python recipes/heads.py"
SEEDS = 5
D = 32
ITEMS, VALUES = 8, 8
STEPS, BATCH, LEARNING_RATE = 300, 64, 5e-3
HEADS = (1, 2, 4, 8, 16)
TASKS = {"one thing": (1, False), "two things": (2, False), "two, then FFN": (2, True)}  # things wanted, an FFN
REPEATS = {"vocab_size": 26, "length": 32, "shortest": 5, "longest": 16, "n_heads": 4, "n_layers": 2, "d_ff": D}
REPEAT_STEPS, REPEAT_BATCH, REPEAT_LEARNING_RATE = 300, 32, 1e-2

Batch = tuple[Tensor, ...]


class BlockDiagonal(nn.Module):
    """Each head's slice of the input through a small map of its own: what slicing makes of a projection."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        d_head = d_model // n_heads
        self.blocks = nn.Parameter(torch.randn(n_heads, d_head, d_head) / d_head**0.5)
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        slices = x.unflatten(-1, (len(self.blocks), -1))[..., None, :]  # (B, T, H, 1, Dh)
        return (slices @ self.blocks).flatten(start_dim=-3) + self.bias


class Lookup(nn.Module):
    """One attention layer between a query and ITEMS items, each the sum of two rows, and a way to read the answer.

    Args:
        names, contents: What an item is the sum of: tables (ITEMS, D) and (VALUES, D).
        n_heads: Heads.
        learned: Whether the tables are.
        sliced: Whether each head gets a slice of the input in place of a projection of it.
        wanted: What a query asks for: one thing or two, each with a table of its own for its name.
        feed_forward: Whether a feed-forward network stands between the attention and the answer.
    """

    def __init__(
        self,
        names: Tensor,
        contents: Tensor,
        n_heads: int,
        *,
        learned: bool,
        sliced: bool = False,
        wanted: int = 1,
        feed_forward: bool = False,
    ) -> None:
        super().__init__()
        self.names, self.contents = nn.Parameter(names.clone(), learned), nn.Parameter(contents.clone(), learned)
        asked = torch.randn(wanted, ITEMS, D) if learned else names.expand(wanted, -1, -1)
        self.asked = nn.Parameter(asked.clone(), learned)
        self.attention = MultiHeadAttention(D, n_heads)
        if sliced:
            for name in ("w_q", "w_k", "w_v"):
                setattr(self.attention, name, BlockDiagonal(D, n_heads))
        self.feed_forward = FeedForward(D, 2 * D) if feed_forward else nn.Identity()
        self.answer = nn.Linear(D, wanted * VALUES)

    def forward(self, names: Tensor, contents: Tensor, asked: Tensor) -> Tensor:
        """From names and contents (B, ITEMS) and what is asked for (B, wanted) to logits (B, wanted, VALUES)."""
        items = self.names[names] + self.contents[contents]
        query = torch.stack([table[asked[:, i]] for i, table in enumerate(self.asked)]).sum(dim=0)
        found = self.attention(query[:, None], items)[:, 0]
        return self.answer(self.feed_forward(found)).unflatten(-1, (-1, VALUES))


def lookups(batch: int, wanted: int, generator: torch.Generator) -> tuple[Batch, Tensor]:
    """Draw items with every name once, in any order; the target is the content of each item asked for."""
    names = torch.rand(batch, ITEMS, generator=generator).argsort(dim=1)
    contents = torch.randint(VALUES, (batch, ITEMS), generator=generator)
    places = torch.rand(batch, ITEMS, generator=generator).argsort(dim=1)[:, :wanted]
    return (names, contents, names.gather(1, places)), contents.gather(1, places)


def repeats(batch: int, generator: torch.Generator) -> tuple[Batch, Tensor]:
    """Draw strings that begin again and again; targets are -100 (none) where the next letter cannot be known."""
    length = REPEATS["length"]
    letters = torch.randint(REPEATS["vocab_size"], (batch, length), generator=generator)
    periods = torch.randint(REPEATS["shortest"], REPEATS["longest"] + 1, (batch, 1), generator=generator)
    places = torch.arange(length + 1)
    text = letters.gather(1, places % periods)
    return (text[:, :-1],), text[:, 1:].masked_fill(places[1:] <= periods, -100)


def reader(seed: int) -> LanguageModel:
    """The model that reads repeats; the chapter builds it in the same way to load its weights."""
    torch.manual_seed(seed)
    heads, vocab_size = REPEATS["n_heads"], REPEATS["vocab_size"]
    blocks = [
        Block(
            MultiHeadAttention(D, heads, rotary=Rotary(D // heads)),
            FeedForward(D, REPEATS["d_ff"]),
            lambda: PreNorm(LayerNorm(D)),
        )
        for _ in range(REPEATS["n_layers"])
    ]
    head = nn.Linear(D, vocab_size, bias=False)
    return LanguageModel(Embedding(nn.Embedding(vocab_size, D)), blocks, LayerNorm(D), head)


def train_together(
    models: list[nn.Module], draw: Callable[[torch.Generator], tuple[Batch, Tensor]], steps: int, learning_rate: float
) -> dict[str, Tensor]:
    """Train models of one shape side by side, each on batches of its own; return their weights, stacked."""
    parameters, buffers = stack_module_state(models)
    trained = {name: value for name, value in parameters.items() if value.requires_grad}
    bare = copy.deepcopy(models[0]).to("meta")
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(models))]
    optimizer = torch.optim.AdamW(trained.values(), learning_rate, weight_decay=0.0)
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 50, 2 * (1 - step / steps)))

    def forward(weights: dict[str, Tensor], inputs: Batch) -> Tensor:
        return functional_call(bare, (weights, buffers), inputs)

    for _ in range(steps):
        batches = [draw(generator) for generator in generators]
        inputs = tuple(torch.stack(parts) for parts in zip(*(one for one, _ in batches), strict=True))
        targets = torch.stack([target for _, target in batches])
        with sdpa_kernel(SDPBackend.MATH):  # the one that vmap can batch
            logits = vmap(forward)(parameters, inputs)
        # one sum for all: no model's loss touches another's weights, and AdamW divides its scale out
        loss = len(models) * F.cross_entropy(logits.flatten(0, -2), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        warm.step()
    return {name: value.detach() for name, value in parameters.items()}


def train_lookups(make: Callable[[], Lookup], wanted: int, steps: int = STEPS, seeds: int = SEEDS) -> list[Lookup]:
    """Train a lookup with each seed."""
    models = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        models.append(make())
    weights = train_together([*models], lambda generator: lookups(BATCH, wanted, generator), steps, LEARNING_RATE)
    for i, model in enumerate(models):
        model.load_state_dict({name: value[i] for name, value in weights.items()})
    return models


def accuracies(models: list[Lookup]) -> list[float]:
    """How often each model has all that was asked for right."""
    inputs, targets = lookups(4000, len(models[0].asked), torch.Generator().manual_seed(SEEDS))
    with torch.no_grad():
        guesses = [model(*inputs).argmax(-1) for model in models]
    return [round((guess == targets).all(dim=1).double().mean().item(), 4) for guess in guesses]


def size(model: Lookup) -> int:
    """The parameters of its attention layer."""
    return sum(parameter.numel() for parameter in model.attention.parameters())


def tables(layout: str) -> tuple[Tensor, Tensor]:
    """Names in the first quarter of the features, contents in the third; or that, turned; or random, to be learned."""
    if layout == "learned":
        return torch.randn(ITEMS, D) / 2, torch.randn(VALUES, D) / 2
    names = F.pad(2 * torch.eye(ITEMS), (0, D - ITEMS))
    contents = F.pad(2 * torch.eye(VALUES), (D // 2, D // 2 - VALUES))
    if layout == "in order":
        return names, contents
    turn = torch.linalg.qr(torch.randn(D, D))[0]
    return names @ turn, contents @ turn


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    slices = {}
    for layout in ("in order", "mixed", "learned"):
        for sliced in (False, True):
            models = train_lookups(
                lambda layout=layout, sliced=sliced: Lookup(
                    *tables(layout), 4, learned=layout == "learned", sliced=sliced
                ),
                wanted=1,
            )
            found = {"accuracy": accuracies(models), "parameters": size(models[0])}
            slices.setdefault(layout, {})["sliced" if sliced else "projected"] = found
            print(layout, sliced, found, round(time.process_time() - started, 1), flush=True)

    counts = {}
    for task, (wanted, feed_forward) in TASKS.items():
        for n_heads in HEADS:
            models = train_lookups(
                lambda n=n_heads, w=wanted, f=feed_forward: Lookup(
                    *tables("learned"), n, learned=True, wanted=w, feed_forward=f
                ),
                wanted,
            )
            found = {"accuracy": accuracies(models), "parameters": size(models[0])}
            counts.setdefault(task, {})[n_heads] = found
            print(task, n_heads, found, round(time.process_time() - started, 1), flush=True)

    readers: list[nn.Module] = [reader(seed) for seed in range(SEEDS)]
    weights = train_together(readers, lambda g: repeats(REPEAT_BATCH, g), REPEAT_STEPS, REPEAT_LEARNING_RATE)
    write_card(
        "heads", command=COMMAND, seed=list(range(SEEDS)), seconds=round(time.process_time() - started, 1), **REPEATS
    )
    save_file({name: value.contiguous() for name, value in weights.items()}, TRAINED / "heads" / "readers.safetensors")
    results = {"slices": slices, "counts": counts}
    (TRAINED / "heads" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
