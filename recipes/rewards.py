"""A reward that a program can verify: a small GPT learns addition from right and wrong, five seeds.

A GPT of 226 thousand parameters learns the sums of two numbers below 100 from labels until about 45% of its greedy
answers are right, one model a seed. From there it learns from rewards alone, 1 for the right answer and 0 otherwise:
with REINFORCE, RLOO and GRPO, whose rates are chosen on validation sums, and with labels again. Then GRPO takes four
steps for each batch of samples, and its baseline, its clipping and its KL term are left out one at a time.

Answers have three digits, units first, so that the probability of the right one is exact: no sampling stands between
pass@k and its value. Each run is written as soon as it is done, and a run that is there is not made again: to make all
anew, remove trained/rewards/results.json. Ten minutes on one core.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.training.policy_gradient import (
    group_advantages,
    grpo_loss,
    leave_one_out_advantages,
    pass_at_k,
    reinforce_loss,
)
from transformer_lib.training.preferences import continuation_log_probs

COMMAND = "python recipes/rewards.py"
SEEDS = range(5)
ALPHABET = "0123456789+="
PROMPT, ANSWER = 6, 3  # "27+58=" and "580": 085, units first
SIZES = {"d_model": 96, "n_layers": 2, "n_heads": 4, "d_ff": 384}
HELD_OUT = 1000  # sums for validation, and as many for the test
WATCHED, WATCHED_EVERY = 500, 50  # validation sums that a curve is made of, and the steps between its points
ENOUGH = 0.45  # greedy accuracy on validation sums at which labels stop
PROMPTS, SAMPLES, STEPS = 16, 8, 300
LABELS = PROMPTS * SAMPLES  # sums in a batch of ordinary training
INNER = 4  # steps for each batch of samples where a part of GRPO is left out
CLIP, BETA = 0.2, 0.04  # Shao et al. 2024, section 4.2, has this beta
RATES = {
    "REINFORCE": (3e-4, 1e-4),
    "RLOO": (3e-4, 1e-4),
    "GRPO": (3e-4, 1e-4),
    "labels": (1e-3, 3e-4),
}
CHOOSING = 0  # the seed whose validation sums choose a rate
PASSES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
LEFT_OUT = {
    "all parts": {},
    "no baseline": {"baseline": False},
    "no clipping": {"clip": math.inf},
    "no KL": {"beta": 0.0},
}
LEFT_OUT_SEEDS = range(3)


def all_sums() -> Tensor:
    """Every sum of two numbers below 100, (10000, 9), in an order that is always the same."""
    rows = [f"{a:02d}+{b:02d}=" + f"{a + b:03d}"[::-1] for a in range(100) for b in range(100)]
    table = torch.tensor([[ALPHABET.index(character) for character in row] for row in rows])
    return table[torch.randperm(len(table), generator=torch.Generator().manual_seed(0))]


def splits() -> tuple[Tensor, Tensor, Tensor]:
    """Training, validation and test sums."""
    table = all_sums()
    return table[2 * HELD_OUT :], table[:HELD_OUT], table[HELD_OUT : 2 * HELD_OUT]


@torch.no_grad()
def draw(model: nn.Module, prompts: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
    """`samples` answers to each prompt, (prompts * samples, 9); without a generator, the greedy one."""
    cache = model.new_cache(PROMPT + ANSWER)
    tokens, logits = prompts.repeat_interleave(samples, 0), None
    for place in range(ANSWER):
        read = tokens if place == 0 else tokens[:, -1:]
        logits = model(read, cache=cache)[:, -1]
        if generator is None:
            drawn = logits.argmax(-1, keepdim=True)
        else:
            drawn = torch.multinomial(logits.softmax(-1), 1, generator=generator)
        tokens = torch.cat((tokens, drawn), dim=1)
    return tokens


@torch.no_grad()
def right_probabilities(model: nn.Module, sums: Tensor) -> Tensor:
    """The exact probability of each right answer."""
    return continuation_log_probs(model, sums, PROMPT).sum(1).double().exp()


def greedy(model: nn.Module, sums: Tensor) -> float:
    return (draw(model, sums[:, :PROMPT], 1, None) == sums).all(1).double().mean().item()


def watched(model: nn.Module, validation: Tensor) -> float:
    return round(greedy(model, validation[:WATCHED]), 4)


def scores(model: nn.Module, sums: Tensor) -> dict[str, object]:
    p = right_probabilities(model, sums)
    return {
        "greedy": round(greedy(model, sums), 4),
        "pass": [round(pass_at_k(p, k).item(), 4) for k in PASSES],
    }


def label_steps(model: nn.Module, sums: Tensor, rate: float, seed: int) -> Iterator[int]:
    """Steps of ordinary training on sums with their answers; yields the number of steps so far."""
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.0)
    dice, step = torch.Generator().manual_seed(1000 + seed), 0
    while True:
        batch = sums[torch.randint(len(sums), (LABELS,), generator=dice)]
        loss = -continuation_log_probs(model, batch, PROMPT).mean()
        update(model, optimizer, loss)
        step += 1
        yield step


def update(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def new_model(seed: int) -> nn.Module:
    config = GPTConfig(vocab_size=len(ALPHABET), context_length=PROMPT + ANSWER, **SIZES)
    return gpt(config, torch.Generator().manual_seed(seed))


def half_trained(seed: int, train: Tensor, validation: Tensor) -> tuple[nn.Module, int]:
    """A model whose greedy answers on validation sums have just become right often ENOUGH, and the steps it took."""
    model = new_model(seed)
    for step in label_steps(model, train, 1e-3, seed):
        if step >= 100 and step % 5 == 0 and greedy(model, validation) >= ENOUGH:
            return model, step
    raise AssertionError


def advantages_of(method: str, rewards: Tensor, *, baseline: bool = True) -> Tensor:
    if method == "REINFORCE" or not baseline:  # rewards / std alone would be huge where all eight are right
        return rewards
    return leave_one_out_advantages(rewards) if method == "RLOO" else group_advantages(rewards)


def learn_from_rewards(
    model: nn.Module,
    method: str,
    rate: float,
    seed: int,
    train: Tensor,
    validation: Tensor,
    *,
    inner: int = 1,
    clip: float = CLIP,
    beta: float = 0.0,
    baseline: bool = True,
) -> dict[str, list]:
    """Change the model by STEPS steps; return its accuracies on the way, on validation sums."""
    reference = new_model(seed)
    reference.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.0)
    dice = torch.Generator().manual_seed(2000 + seed)
    curve: dict[str, list] = {"step": [], "greedy": [], "pass_1": [], "clipped": []}
    cut = 0.0
    for step in range(STEPS + 1):
        if step % WATCHED_EVERY == 0:
            curve["step"].append(step)
            curve["greedy"].append(watched(model, validation))
            curve["pass_1"].append(round(right_probabilities(model, validation[:WATCHED]).mean().item(), 4))
            curve["clipped"].append(round(cut, 4))
        if step == STEPS:
            return curve
        if step % inner == 0:
            wanted = train[torch.randint(len(train), (PROMPTS,), generator=dice)]
            tokens = draw(model, wanted[:, :PROMPT], SAMPLES, dice)
            right = (tokens == wanted.repeat_interleave(SAMPLES, 0)).all(1).float()
            A = advantages_of(method, right.view(PROMPTS, SAMPLES), baseline=baseline).flatten()
            with torch.no_grad():
                sampled = continuation_log_probs(model, tokens, PROMPT) if inner > 1 else None
                held = continuation_log_probs(reference, tokens, PROMPT) if beta else None
        log_probs = continuation_log_probs(model, tokens, PROMPT)
        if method == "GRPO":
            sampled_now = log_probs.detach() if sampled is None else sampled
            loss = grpo_loss(log_probs, sampled_now, A, clip=clip, reference=held, beta=beta)
            cut = ((log_probs - sampled_now).exp() - 1).abs().gt(CLIP).double().mean().item()
        else:
            loss = reinforce_loss(log_probs, A)
        update(model, optimizer, loss)
    raise AssertionError


class Results:
    """What has been measured, in a file that is written after each run; several processes may add to it."""

    def __init__(self, name: str) -> None:
        self.path = TRAINED / name / "results.json"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def found(self) -> dict[str, dict]:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def get(self, key: str, make: Callable[[], dict]) -> dict:
        """The result under a key; made if it is not there, with its seconds."""
        if key not in (found := self.found):
            started = time.process_time()
            made = {**make(), "seconds": round(time.process_time() - started, 1)}
            found = {**self.found, key: made}
            lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(run)}" for name, run in sorted(found.items()))
            self.path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
            print(key, made["seconds"], flush=True)
        return found[key]

    @property
    def seconds(self) -> float:
        return round(sum(run["seconds"] for run in self.found.values()), 1)


class Runs:
    """Every run of the recipe, each from the half-trained model of its seed."""

    def __init__(self) -> None:
        self.train, self.validation, self.test = splits()
        self.results = Results("rewards")
        self.starts: dict[int, dict[str, Tensor]] = {}

    def start(self, seed: int) -> dict:
        return self.results.get(f"start/{seed}", partial(self._start, seed))

    def run(self, name: str, rate: float, seed: int, **settings: object) -> dict:
        """The run of a method, or of GRPO with the settings that a name stands for."""
        return self.results.get(f"{name}/{rate}/{seed}", partial(self._run, name, rate, seed, **settings))

    def without(self, name: str, rate: float, seed: int) -> dict:
        return self.run(name, rate, seed, inner=INNER, **{"beta": BETA, **LEFT_OUT[name]})

    def best_rate(self, method: str) -> float:
        """That of the highest pass@1 on validation sums, which is the expected reward."""
        return max(RATES[method], key=lambda rate: self.run(method, rate, CHOOSING)["validation"]["pass"][0])

    def _scored(self, model: nn.Module) -> dict[str, object]:
        return {"validation": scores(model, self.validation), "test": scores(model, self.test)}

    def _start(self, seed: int) -> dict[str, object]:
        model, steps = half_trained(seed, self.train, self.validation)
        self.starts[seed] = {name: weight.clone() for name, weight in model.state_dict().items()}
        return {"steps": steps, **self._scored(model)}

    def _run(self, name: str, rate: float, seed: int, **settings: object) -> dict[str, object]:
        if seed not in self.starts:  # recipes that are resumed make it once more
            self._start(seed)
        model = new_model(seed)
        model.load_state_dict(self.starts[seed])
        if name == "labels":
            curve: dict[str, list] = {"step": [0], "greedy": [watched(model, self.validation)]}
            for step in label_steps(model, self.train, rate, 100 + seed):
                if step % WATCHED_EVERY == 0:
                    curve["step"].append(step)
                    curve["greedy"].append(watched(model, self.validation))
                if step == STEPS:
                    break
        else:
            method = "GRPO" if name in LEFT_OUT else name
            curve = learn_from_rewards(model, method, rate, seed, self.train, self.validation, **settings)
        return {"curve": curve, **self._scored(model)}


def main() -> None:
    torch.set_num_threads(1)
    runs = Runs()
    for seed in SEEDS:
        runs.start(seed)
    chosen = {method: runs.best_rate(method) for method in RATES}
    for method, rate in chosen.items():
        for seed in SEEDS:
            runs.run(method, rate, seed)
    for name in LEFT_OUT:
        for seed in LEFT_OUT_SEEDS:
            runs.without(name, chosen["GRPO"], seed)
    write_card(
        "rewards",
        chapter="21",
        command=COMMAND,
        seed=list(SEEDS),
        seconds=runs.results.seconds,
        parameters=sum(weight.numel() for weight in new_model(0).parameters()),
        rates=chosen,
        settings={"steps": STEPS, "prompts": PROMPTS, "samples": SAMPLES, "inner": INNER, "clip": CLIP, "beta": BETA},
    )


if __name__ == "__main__":
    main()
