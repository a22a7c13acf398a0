"""What the scale of the scores does to training: one lookup task, one head, six ways to score. Minutes on one core.

Sixteen keys stand beside sixteen values. A question asks for one of the keys, by a name that has to be learned, and the
answer is the value beside it. Everything but the way of scoring, the width d_k and the learning rate stays the same; at
the start each component of q and k has variance 1.

Every way of scoring has its own best rate, so each is given all of them: whoever reports the results chooses the rate
by `chosen_on`, and reports `accuracy`, which is measured on other examples.

Writes trained/scaling/results.json: the runs, and runs of the undivided scores that were given more steps.
"""

import json
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.attention import additive_attention, attention

NAMES, KEYS, VALUES, D_MODEL = 32, 16, 16, 64
NARROW, WIDE = (4, 16, 64), 256
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEEDS, STEPS, EVERY, BATCH = 4, 200, 50, 32
LONGER, PATIENT_RATES = 600, (3e-4, 1e-3, 3e-3)  # does the undivided head get there in the end?
DOT = {  # way -> the power of d_k that divides the scores, and the one that divides W_q at the start
    "1": (0.0, 0.0),
    "√d_k": (0.5, 0.0),
    "d_k": (1.0, 0.0),
    "in W_q": (0.0, 0.5),
}
ADDITIVE = {"additive": 0.5, "additive, large v": 0.0}  # way -> the power of d_k that divides v at the start


class Lookup(nn.Module):
    """From a question and a list of keys and values to logits of the value asked for."""

    def __init__(self, d_k: int, way: str, generator: torch.Generator) -> None:
        super().__init__()

        def drawn(*shape: int, fan_in: float = 1.0) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) / fan_in**0.5)

        self.way = way
        self.questions, self.keys = drawn(NAMES, D_MODEL), drawn(NAMES, D_MODEL)
        self.w_q, self.w_k = drawn(d_k, D_MODEL, fan_in=D_MODEL), drawn(d_k, D_MODEL, fan_in=D_MODEL)
        self.values, self.head = drawn(VALUES, D_MODEL), drawn(VALUES, D_MODEL, fan_in=D_MODEL)
        if way in ADDITIVE:
            self.v = drawn(d_k, fan_in=d_k ** (2 * ADDITIVE[way]))
        else:
            power, of_w_q = DOT[way]
            self.factor = d_k ** (0.5 - power)  # undoes the library's √d_k, and divides by what the way says
            self.w_q.data /= d_k**of_w_q

    def forward(self, question: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Answer questions (B,) about keys (B, S) and values (B, S) with logits (B, VALUES)."""
        q, k, v = self.questions[question][:, None], self.keys[keys], self.values[values]
        if self.way in ADDITIVE:
            read = additive_attention(q, k, v, self.w_q, self.w_k, self.v)
        else:
            read = attention(q @ self.w_q.T * self.factor, k @ self.w_k.T, v)
        return read[:, 0] @ self.head.T

    @torch.no_grad()
    def scores(self) -> Tensor:
        """What softmax is given for each question and key: (NAMES, NAMES)."""
        q, k = self.questions @ self.w_q.T, self.keys @ self.w_k.T
        if self.way in ADDITIVE:
            return torch.tanh(q[:, None] + k) @ self.v
        return q @ k.T * self.factor / len(self.w_q) ** 0.5


def examples(n: int, partner: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw questions (n,), keys and values (n, KEYS), answers (n,); partner says which question asks for which key."""
    keys = torch.rand(n, NAMES, generator=generator).argsort(dim=1)[:, :KEYS]
    values = torch.randint(VALUES, (n, KEYS), generator=generator)
    asked = torch.randint(KEYS, (n, 1), generator=generator)
    return partner[keys.gather(1, asked)[:, 0]], keys, values, values.gather(1, asked)[:, 0]


def train(d_k: int, way: str, rate: float, steps: int) -> list[dict[str, Any]]:
    """Train one model per seed, all at once; their accuracy on fresh examples, and their scores before and after."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
    partners = [torch.randperm(NAMES, generator=generator) for generator in generators]
    models = [Lookup(d_k, way, generator) for generator in generators]
    parameters, _ = torch.func.stack_module_state(models)
    optimizer = torch.optim.Adam(parameters.values(), lr=rate, fused=True)
    answer_each = torch.vmap(lambda own, *asked: torch.func.functional_call(models[0], own, asked))

    def draw(n: int) -> list[Tensor]:
        return [torch.stack(each) for each in zip(*map(examples, [n] * SEEDS, partners, generators), strict=True)]

    def accuracies(on: list[Tensor]) -> Tensor:
        with torch.no_grad():
            return (answer_each(parameters, *on[:3]).argmax(dim=-1) == on[3]).double().mean(dim=1)

    def matched_and_others() -> list[list[float]]:
        own, found = torch.eye(NAMES, dtype=torch.bool), []
        for i, (model, partner) in enumerate(zip(models, partners, strict=True)):
            model.load_state_dict({name: values[i] for name, values in parameters.items()})
            scores = model.scores()[partner]
            found.append([round(float(x), 3) for x in (scores[own].mean(), scores[~own].mean(), scores[~own].std())])
        return found

    test, choosing = draw(512), draw(512)
    before, curve = matched_and_others(), [accuracies(test)]
    for step in range(1, steps + 1):
        *asked, answer = draw(BATCH)
        optimizer.zero_grad()
        logits = answer_each(parameters, *asked)
        (F.cross_entropy(logits.flatten(0, 1), answer.flatten()) * SEEDS).backward()
        optimizer.step()
        if step % EVERY == 0:
            curve.append(accuracies(test))
    settings = {"d_k": d_k, "way": way, "rate": rate}
    results = zip(
        accuracies(choosing).tolist(), torch.stack(curve, dim=1).tolist(), before, matched_and_others(), strict=True
    )
    return [
        {
            **settings,
            "seed": seed,
            "chosen_on": round(chosen_on, 4),
            "accuracy": [round(x, 4) for x in curve],
            "scores": [was, became],
        }
        for seed, (chosen_on, curve, was, became) in enumerate(results)
    ]


def settings() -> Iterator[tuple[int, str, float]]:
    """Which width, way and rate to train: the widest head in every way, the others with and without √d_k."""
    yield from product((WIDE,), (*DOT, *ADDITIVE), RATES)
    yield from product(NARROW, ("1", "√d_k"), RATES)


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    runs, longer = [], []
    for setting in settings():
        runs += train(*setting, STEPS)
        print(*setting, [run["accuracy"][-1] for run in runs[-SEEDS:]], flush=True)
    for rate in PATIENT_RATES:
        longer += train(WIDE, "1", rate, LONGER)
        print("longer", rate, [run["accuracy"][-1] for run in longer[-SEEDS:]], flush=True)
    write_card(
        "scaling",
        chapter="07",
        command="python recipes/scaling.py",
        seconds=round(time.process_time() - started),  # of one core, however busy the machine is
        seed=f"0 to {SEEDS - 1}",
    )
    results = json.dumps(
        {"steps": STEPS, "longer_steps": LONGER, "every": EVERY, "runs": runs, "longer": longer}, ensure_ascii=False
    )
    (TRAINED / "scaling" / "results.json").write_text(results.replace('{"d_k"', '\n{"d_k"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
