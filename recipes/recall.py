"""What a memory of fixed size forgets: softmax against linear attention on associative recall, three seeds each.

A sequence is n items, each a name and a value, and then one name; the answer is its value. One layer of one head reads
it, with softmax attention (which keeps all n keys and values) or with linear attention (Katharopoulos et al. 2020),
which keeps a matrix of d x d numbers and a vector of d, however many items there were. Squared attention is linear
attention whose features are all products of two: it has the same weights to train, and only its state is larger, by a
factor of d. Each model, of one kind, d and n, is trained at every rate of RATES, or until one gets practically all
validation items right; the one with the best mean on them is scored on others. Some are trained once more for three
times as many steps, to see whether time was what they lacked.

Writes trained/recall/results.json: the rate and the accuracy of each seed by kind, width d and number of items n.
Minutes on one core.
"""

import json
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from heads import train_together
from torch import Tensor, nn
from torch.func import functional_call

from transformer_lib.attention import MultiHeadAttention

COMMAND = "python recipes/recall.py"
SEEDS = 3
NAMES, VALUES = 64, 16
MODELS = {  # kind and width, and the numbers of items it is trained for
    ("softmax", 16): (16, 64),
    ("softmax", 8): (16, 64),
    ("linear", 8): (16,),
    ("linear", 16): (4, 8, 16, 32, 64),
    ("linear", 32): (16,),
    ("squared", 16): (16,),
}
STEPS, BATCH, RATES = 1500, 64, (1e-2, 3e-2, 3e-3)
ENOUGH = 0.999  # a model that is so often right needs no other rate
LONGER = ("linear", 16, (16, 64))  # trained for 3 * STEPS as well
SCORED = 4000
VALIDATION, TEST = SEEDS, SEEDS + 1  # seeds of the items that a rate is chosen by, and of those that are scored


def one_each(x: Tensor) -> Tensor:
    """As many features as there were: elu(x) + 1 (Katharopoulos et al. 2020)."""
    return F.elu(x) + 1


def products(x: Tensor) -> Tensor:
    """All products of two features (…, d * d), so that phi(q) . phi(k) is (q . k)^2 / d."""
    return (x[..., :, None] * x[..., None, :]).flatten(-2) / x.shape[-1] ** 0.5


def attention_by(phi: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """What `attention` is with phi(q) . phi(k) for exp(q . k / sqrt(d)); all keys in view."""

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: object = None, *, dropout: float = 0.0) -> Tensor:
        query, key = phi(query), phi(key)
        state = key.mT @ value  # (…, features, d): all that is kept of the items
        return query @ state / (query @ key.sum(dim=-2)[..., None]).clamp(min=1e-6)

    return attend


linear_attention = attention_by(one_each)
squared_attention = attention_by(products)


class Recall(nn.Module):
    """From names and values (B, n) and one name (B,) to the logits of its value, by one head of width d.

    Args:
        kind: "softmax", "linear", or "squared".
        d: Features of an item, and of the head.
    """

    def __init__(self, kind: str, d: int) -> None:
        super().__init__()
        self.names, self.values = nn.Embedding(NAMES, d), nn.Embedding(VALUES, d)
        self.asked = nn.Embedding(NAMES, d)
        self.attention = MultiHeadAttention(d, 1)
        if kind != "softmax":
            self.attention.attend = {"linear": linear_attention, "squared": squared_attention}[kind]
        self.answer = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, VALUES))

    def forward(self, names: Tensor, values: Tensor, asked: Tensor) -> Tensor:
        items = self.names(names) + self.values(values)
        return self.answer(self.attention(self.asked(asked)[:, None], items)[:, 0])


def draw(n: int, size: int, generator: torch.Generator) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Items with n different names, one of the names, and its value."""
    names = torch.rand(size, NAMES, generator=generator).argsort(dim=1)[:, :n]
    values = torch.randint(VALUES, (size, n), generator=generator)
    which = torch.randint(n, (size, 1), generator=generator)
    return (names, values, names.gather(1, which)[:, 0]), values.gather(1, which)[:, 0]


def trained(kind: str, d: int, n: int, rate: float, steps: int = STEPS) -> Callable[[int], list[float]]:
    """Train one model a seed; return how often each is right on items drawn with another seed."""
    models: list[nn.Module] = []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        models.append(Recall(kind, d))
    weights = train_together(models, lambda generator: draw(n, BATCH, generator), steps, rate)

    def accuracies(seed: int) -> list[float]:
        inputs, targets = draw(n, SCORED, torch.Generator().manual_seed(seed))
        scores = []
        for i, model in enumerate(models):
            own = {name: value[i] for name, value in weights.items()}
            with torch.no_grad():
                guesses = functional_call(model, own, inputs).argmax(-1)
            scores.append(round((guesses == targets).double().mean().item(), 4))
        return scores

    return accuracies


def at_its_best_rate(kind: str, d: int, n: int) -> dict[str, object]:
    """The rate that does best on validation items, and the accuracy of each seed on the test items at that rate."""
    runs, validation = {}, {}
    for rate in RATES:
        runs[rate] = trained(kind, d, n, rate)
        validation[rate] = runs[rate](VALIDATION)
        if sum(validation[rate]) > SEEDS * ENOUGH:
            break
    best = max(validation, key=lambda rate: sum(validation[rate]))
    found: dict[str, object] = {"rate": best, "accuracy": runs[best](TEST), "validation": validation}
    if (kind, d) == LONGER[:2] and n in LONGER[2]:
        found["longer"] = trained(kind, d, n, best, 3 * STEPS)(TEST)
    return found


def main() -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    results: dict[str, dict[str, dict[str, object]]] = {}
    for (kind, d), items in MODELS.items():
        for n in items:
            found = results.setdefault(kind, {}).setdefault(str(d), {})[str(n)] = at_its_best_rate(kind, d, n)
            print(kind, d, n, found, round(time.process_time() - started, 1), flush=True)
    save(results, time.process_time() - started)


def save(results: dict, seconds: float) -> None:
    """Write the results and their card."""
    write_card(
        "recall",
        chapter="17a",
        command=COMMAND,
        seed=list(range(SEEDS)),
        seconds=round(seconds, 1),
        names=NAMES,
        values=VALUES,
        steps=STEPS,
        rates=list(RATES),
    )
    (TRAINED / "recall" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
