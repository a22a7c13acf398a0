"""The book's GPT learns what two judges prefer: DPO from pairs, and a reward with a hole, five and three seeds.

The first judge measures verse: a finished line should have ten syllables. The GPT writes two continuations of each
prompt, the judge says which one is better, and DPO learns from the pairs, at one rate, with several beta. Its samples
are compared with the GPT's own on prompts of the test plays.

The second judge was to reward exclamations, and counts exclamation marks. The policy gradient (RLOO) finds out, unless
a KL term holds it: the reward is less beta nats for each nat of ln(policy / GPT).

Each run is written as soon as it is done, and a run that is there is not made again: to make all anew, remove
trained/preferences/results.json. Ten minutes on one core.
"""

import re
from functools import cache, partial

import torch
from _cards import TRAINED, write_card
from rewards import Results, update
from torch import Tensor, nn

from transformer_lib.data import shakespeare
from transformer_lib.generation import generate
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import evaluate, load
from transformer_lib.training.policy_gradient import leave_one_out_advantages, reinforce_loss
from transformer_lib.training.preferences import continuation_log_probs, dpo_loss

COMMAND = "python recipes/preferences.py"
SEEDS = range(5)
PROMPT, LENGTH = 24, 64  # characters: the end of a speaker's name, and what is said
PAIRS, BATCH, STEPS, RATE = 256, 8, 40, 2e-4
BETAS = (0.03, 0.1, 0.3)
WATCHED = (0, 10, 20, 40)  # steps at which a policy is scored
PROMPTS = 96  # of the test plays
KNOWN = 64  # pairs whose likelihood is followed
SCORED = 8_000  # characters of the test plays, for bits

HACKS, HACK_SEEDS = (0.0, 0.2), range(3)
HACK_PROMPTS, HACK_SAMPLES, HACK_LENGTH, HACK_STEPS, HACK_RATE = 6, 6, 32, 35, 3e-4


def syllables(line: str) -> int:
    """Groups of vowels, without a silent e at the end of a word."""
    return len(re.findall(r"[aeiouy]+", re.sub(r"e\b", "", line.lower())))


def metre(text: str) -> float:
    """Minus the mean distance of the finished lines from ten syllables; -10 where no line was finished."""
    lines = [line for line in text.split("\n")[:-1] if line and not line.endswith(":") and line[0] != "["]
    return -sum(abs(syllables(line) - 10) for line in lines) / len(lines) if lines else -10.0


def marks(text: str) -> float:
    """What the second judge counts."""
    return float(text.count("!"))


@cache
def words() -> frozenset[str]:
    """The words of the training plays, of two letters or more, and O and I."""
    return frozenset(re.findall(r"[a-z]{2,}", shakespeare.load().train.lower())) | {"o"}


def exclamations(text: str) -> float:
    """What was wanted: how many different words, known from the plays, have a mark behind them."""
    return float(len({word for word in re.findall(r"([a-z]+)!", text.lower()) if word in words()}))


@cache
def tokenizer() -> CharacterTokenizer:
    return CharacterTokenizer.load(TRAINED / "gpt" / "tokenizer.json")


def gpt() -> nn.Module:
    return load(TRAINED / "gpt").eval()


def prompts(text: str, count: int, generator: torch.Generator) -> Tensor:
    """The last characters before somebody begins to speak, at random places of a text, (count, PROMPT)."""
    places = [match.end() for match in re.finditer(r"[A-Z]:\n", text) if match.end() >= PROMPT]
    drawn = torch.randint(len(places), (count,), generator=generator).tolist()
    return torch.tensor([tokenizer().encode(text[places[i] - PROMPT : places[i]]) for i in drawn])


def written(model: nn.Module, prompt: Tensor, length: int, generator: torch.Generator) -> Tensor:
    return generate(model, prompt, length, generator=generator)


def texts(tokens: Tensor) -> list[str]:
    return [tokenizer().decode(row[PROMPT:].tolist()) for row in tokens]


@torch.no_grad()
def nats(model: nn.Module, tokens: Tensor) -> Tensor:
    """ln p of each continuation (B,)."""
    return torch.cat([continuation_log_probs(model, part, PROMPT).sum(1) for part in tokens.split(80)])


@cache
def pairs_of(seed: int) -> tuple[Tensor, Tensor]:
    """The GPT's continuations that won and that lost; where the judge sees no difference, the pair is dropped."""
    reference, dice = gpt(), torch.Generator().manual_seed(seed)
    asked = prompts(shakespeare.load().train, PAIRS, dice)
    one, other = (written(reference, asked, LENGTH, dice) for _ in range(2))
    a, b = (torch.tensor([metre(text) for text in texts(tokens)]) for tokens in (one, other))
    better = (a > b)[:, None]
    differ = a != b
    return torch.where(better, one, other)[differ], torch.where(better, other, one)[differ]


def dpo(seed: int, beta: float) -> dict[str, object]:
    """One run: what is seen of it at the steps of WATCHED, and a few samples at its end."""
    reference, policy = gpt(), gpt()
    won, lost = pairs_of(seed)
    of_won, of_lost = nats(reference, won), nats(reference, lost)
    plays = shakespeare.load()
    asked = prompts(plays.test, PROMPTS, torch.Generator().manual_seed(5000))
    own = torch.tensor([metre(t) for t in texts(written(reference, asked, LENGTH, torch.Generator().manual_seed(9)))])
    optimizer = torch.optim.AdamW(policy.parameters(), RATE, weight_decay=0.0)
    dice = torch.Generator().manual_seed(1000 + seed)
    curve: dict[str, list] = {}
    for step in range(STEPS + 1):
        if step in WATCHED:
            tokens = written(policy, asked, LENGTH, torch.Generator().manual_seed(7000 + seed))
            score = torch.tensor([metre(text) for text in texts(tokens)])
            seen = {
                "step": step,
                "win": ((score > own).double() + 0.5 * (score == own).double()).mean().item(),
                "score": score.mean().item(),
                "own": own.mean().item(),
                "kl": (nats(policy, tokens) - nats(reference, tokens)).mean().item(),
                "chosen": (nats(policy, won[:KNOWN]) - of_won[:KNOWN]).mean().item(),
                "rejected": (nats(policy, lost[:KNOWN]) - of_lost[:KNOWN]).mean().item(),
            }
            for name, value in seen.items():
                curve.setdefault(name, []).append(round(value, 4))
        if step < STEPS:
            i = torch.randint(len(won), (BATCH,), generator=dice)
            both = continuation_log_probs(policy, torch.cat((won[i], lost[i])), PROMPT).sum(1)
            update(policy, optimizer, dpo_loss(*both.chunk(2), of_won[i], of_lost[i], beta=beta))
    tested = torch.tensor(tokenizer().encode(plays.test[:SCORED]))
    bits = evaluate(policy, tested, length=128, overlap=64, batch_size=16) / torch.tensor(2.0).log().item()
    return {"pairs": len(won), "curve": curve, "bits": round(bits, 4), "samples": texts(tokens[:3])}


def hack(seed: int, beta: float) -> dict[str, object]:
    """The policy gradient on the second judge: at each step the judge's mean, what was wanted, and KL."""
    reference, policy = gpt(), gpt()
    optimizer = torch.optim.AdamW(policy.parameters(), HACK_RATE, weight_decay=0.0)
    dice = torch.Generator().manual_seed(3000 + seed)
    curve: dict[str, list] = {"reward": [], "wanted": [], "kl": []}
    samples: dict[str, list[str]] = {}
    for step in range(HACK_STEPS + 1):
        asked = prompts(shakespeare.load().train, HACK_PROMPTS, dice).repeat_interleave(HACK_SAMPLES, 0)
        tokens = written(policy, asked, HACK_LENGTH, dice)
        said = texts(tokens)
        reward = torch.tensor([marks(text) for text in said])
        log_probs = continuation_log_probs(policy, tokens, PROMPT)
        distance = log_probs.detach().sum(1) - nats(reference, tokens)
        for name, value in (
            ("reward", reward),
            ("wanted", torch.tensor([exclamations(text) for text in said])),
            ("kl", distance),
        ):
            curve[name].append(round(value.mean().item(), 4))
        if step % 10 == 0:
            samples[str(step)] = said[::HACK_SAMPLES]
        if step < HACK_STEPS:
            advantages = leave_one_out_advantages((reward - beta * distance).view(HACK_PROMPTS, HACK_SAMPLES))
            update(policy, optimizer, reinforce_loss(log_probs, advantages.flatten()))
    return {"curve": curve, "samples": samples}


def main() -> None:
    torch.set_num_threads(1)
    results = Results("preferences")
    for seed in HACK_SEEDS:
        for beta in HACKS:
            results.get(f"hack/{beta}/{seed}", partial(hack, seed, beta))
    for seed in SEEDS:
        for beta in BETAS:
            results.get(f"dpo/{beta}/{seed}", partial(dpo, seed, beta))
    write_card(
        "preferences",
        chapter="21",
        command=COMMAND,
        seed=list(SEEDS),
        seconds=results.seconds,
        settings={
            "pairs": PAIRS, "batch": BATCH, "steps": STEPS, "rate": RATE, "prompts": PROMPTS, "length": LENGTH,
            "known": KNOWN, "scored": SCORED, "hack_steps": HACK_STEPS, "hack_rate": HACK_RATE,
            "hack_prompts": HACK_PROMPTS, "hack_samples": HACK_SAMPLES, "hack_length": HACK_LENGTH,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
