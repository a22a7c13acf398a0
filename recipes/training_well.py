"""One change to a training run at a time, at equal CPU-seconds, five seeds: forty minutes on one core.

A GPT of 63,168 parameters reads the plays for about ten seconds, its hidden matrices trained by Muon and all the rest
by AdamW: the base. Every other run differs from it in one setting, or, where AdamW's own settings are asked about, from
a run with AdamW alone. A run whose step is dearer gets fewer of them: the price of a step is measured beside that of
the others, in turns, before anything is compared, so that a busy machine slows all, and the number of steps is written
down. From there on a run depends on no clock. Runs of one seed share their first weights and, where the batch is the
same, their windows.

Rates are chosen on the validation plays with seeds of their own; the comparison is on the test plays. A finished run is
written down at once, and a second start goes on from there.
"""

import contextlib
import itertools
import json
import math
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from _cards import TRAINED, write_card
from _plays import load_plays
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from transformer_lib.architectures import LanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.feed_forward import FeedForward
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.optimizers import decay_groups, muon_and_adamw
from transformer_lib.schedules import Schedule, trapezoid, warmup_cosine
from transformer_lib.training import TrainConfig, evaluate, next_token_loss, random_windows, train

COMMAND = "python recipes/training_well.py"
LENGTH = 64
SIZES = {"context_length": LENGTH, "d_model": 48, "n_layers": 2, "n_heads": 3, "d_ff": 192}
STEPS, POINTS = 480, 6  # of AdamW alone with the base's batch, and on every curve
SEEDS, CHOOSING_SEEDS = range(5), (100, 101)  # batches choose with the first
SCORED = {"validation": 15_000, "test": 40_000}  # characters, spread over the plays of the set
WIDTHS = (48, 96, 192, 384)  # at which a step in bfloat16 is priced
RATES = {"AdamW": (1e-3, 2e-3, 4e-3, 8e-3, 16e-3), "Muon": (1e-2, 2e-2, 4e-2, 8e-2)}
BATCHES = (4, 8, 32, 64)
NOISE_AT, NOISE_BATCHES = (1 / 6, 1 / 2, 1.0), 64  # shares of the run, and batches whose gradients are compared


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything that a run may change."""

    rate: float = 4e-3
    muon: float = 0.0  # Muon's rate for the hidden matrices; 0 leaves them to AdamW
    beta2: float = 0.95
    decay: float = 0.0
    warmup: float = 0.05  # like the cool-down a share of the run
    schedule: str = "trapezoid"
    cooldown: float = 0.5
    batch: int = 16
    max_norm: float | None = 1.0
    initial: str = "GPT-2"
    dropout: float = 0.0
    epochs: float = 0.0  # over a piece of the plays, cut to be read so often; 0 draws from all
    scattered: bool = False  # whether the piece is made of short parts from everywhere
    order: str = "random"
    precision: str = "float32"
    compiled: bool = False
    length: float = 1.0  # of the run, beside the others
    same_steps: bool = False  # as without dropout, whatever they cost


def changes(rate: float, muon: float, of_batch: dict[int, float]) -> dict[tuple[str, str], Setting]:
    """What is compared: (what changes, what to) -> the whole setting; `of_batch` multiplies a batch's rates."""
    adamw, base = Setting(rate=rate), Setting(rate=rate, muon=muon)
    of_adamw: dict[str, dict[str, dict]] = {
        "AdamW": {"alone": {}},
        "AdamW's β₂": {"0.9": {"beta2": 0.9}, "0.99": {"beta2": 0.99}, "0.999": {"beta2": 0.999}},
        "AdamW's decay": {"0.1": {"decay": 0.1}, "1": {"decay": 1.0}},
        "AdamW without": {"warm-up": {"warmup": 0.0}, "clipping": {"max_norm": None}},
    }
    of_base: dict[str, dict[str, dict]] = {
        "base": {"": {}},
        "warm-up": {"none": {"warmup": 0.0}, "25% of the run": {"warmup": 0.25}},
        "schedule": {
            "cosine": {"schedule": "cosine"},
            "constant": {"schedule": "constant"},
            "short cool-down": {"cooldown": 0.2},
        },
        "batch": {
            str(batch): {"batch": batch, "rate": rate * factor, "muon": muon * factor}
            for batch, factor in of_batch.items()
        },
        "clipping": {"none": {"max_norm": None}, "at 0.25": {"max_norm": 0.25}},
        "first weights": {
            name: {"initial": name} for name in ("PyTorch's", "PyTorch's, small tables", "residuals not scaled")
        },
        "dropout": {"0.2": {"dropout": 0.2}, "0.2, same steps": {"dropout": 0.2, "same_steps": True}},
        "repeated data": {f"{n} epochs": {"epochs": float(n)} for n in (4, 16, 64)},
        "repeated data, dropout 0.2": {
            f"{n} epochs": {"epochs": float(n), "dropout": 0.2, "same_steps": True} for n in (16, 64)
        },
        "repeated data, scattered": {f"{n} epochs": {"epochs": float(n), "scattered": True} for n in (4, 16)},
        "data order": {"front to back": {"order": "front to back"}, "16 readers": {"order": "16 readers"}},
        "precision": {"bfloat16": {"precision": "bfloat16"}},
        "torch.compile": {"not counted": {"compiled": True}},
        "fresh data": {f"1/{n}": {"length": 1 / n} for n in (2, 4, 8, 16)},
    }
    return {
        (what, to): replace(start, **new)
        for start, table in ((adamw, of_adamw), (base, of_base))
        for what, tos in table.items()
        for to, new in tos.items()
    }


def new_model(setting: Setting, vocab_size: int, seed: int) -> LanguageModel:
    """The library's GPT; its weights as GPT-2's, PyTorch's, or GPT-2's without what depth takes off."""
    config = GPTConfig(vocab_size=vocab_size, dropout=setting.dropout, **SIZES)
    model = gpt(config, torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)  # of dropout, too
    for module in model.modules():
        if setting.initial.startswith("PyTorch's") and isinstance(module, nn.Linear) and module is not model.head:
            module.reset_parameters()
        elif setting.initial == "PyTorch's" and isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
        elif setting.initial == "residuals not scaled" and isinstance(module, MultiHeadAttention | FeedForward):
            onto_the_stream = module.w_o if isinstance(module, MultiHeadAttention) else module.down
            onto_the_stream.weight.data *= (2 * SIZES["n_layers"]) ** 0.5
    return model


def optimizer_of(model: nn.Module, setting: Setting) -> torch.optim.Optimizer:
    betas = (0.9, setting.beta2)
    if setting.muon:
        return muon_and_adamw(
            model, muon_lr=setting.muon, adamw_lr=setting.rate, betas=betas, weight_decay=setting.decay
        )
    return torch.optim.AdamW(decay_groups(model, setting.decay), setting.rate, betas)


def schedule_of(setting: Setting, steps: int) -> Schedule:
    warmup = round(setting.warmup * steps)
    if setting.schedule == "cosine":
        return warmup_cosine(steps, warmup=warmup)
    if setting.schedule == "constant":
        return lambda step: min(1.0, (step + 1) / max(warmup, 1))
    return trapezoid(steps, warmup=warmup, cooldown=max(1, round(setting.cooldown * steps)))


def batches_of(tokens: Tensor, setting: Setting, steps: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1000 + seed)
    if setting.epochs:
        piece = round(steps * setting.batch * LENGTH / setting.epochs)
        if setting.scattered:
            parts = tokens.split(500)[:-1]
            tokens = torch.cat([parts[i] for i in torch.randperm(len(parts), generator=generator)[: piece // 500]])
        else:
            start = int(torch.randint(len(tokens) - piece, (), generator=generator))
            tokens = tokens[start : start + piece]
    if setting.order == "random":
        return random_windows(tokens, LENGTH, setting.batch, generator)
    apart = LENGTH if setting.order == "front to back" else len(tokens) // setting.batch
    first = int(torch.randint(len(tokens), (), generator=generator))
    starts = first + torch.arange(setting.batch)[:, None] * apart
    each_step = LENGTH * setting.batch if setting.order == "front to back" else LENGTH
    windows = (
        tokens[(starts + step * each_step + torch.arange(LENGTH + 1)) % len(tokens)] for step in itertools.count()
    )
    return ((window[:, :-1], window[:, 1:]) for window in windows)


def attention_in(precision: str) -> contextlib.AbstractContextManager[None]:
    """In bfloat16 the fused kernel of attention is the slower one, as in recipes/gpt.py."""
    return sdpa_kernel(SDPBackend.MATH) if precision == "bfloat16" else contextlib.nullcontext()


def spread(tokens: Tensor, characters: int) -> Tensor:
    """Pieces of a thousand characters, evenly from all of a set."""
    pieces = tokens.split(1000)[:-1]
    return torch.cat([pieces[i * len(pieces) // (characters // 1000)] for i in range(characters // 1000)])


def cpu_seconds() -> float:
    """Of this process and of the compilers that it has started."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def compiled(model: nn.Module) -> nn.Module:
    """Forget what was compiled before: the code of every model is the same, its weights are not."""
    torch.compiler.reset()
    return torch.compile(model)


class Laboratory:
    """The plays, and what a run on them is."""

    def __init__(self) -> None:
        tokenizer, self.tokens = load_plays()
        self.vocab_size = tokenizer.vocab_size
        self.held_out = {split: spread(self.tokens[split], n) for split, n in SCORED.items()}

    def bits(self, model: nn.Module, split: str) -> float:
        nats = evaluate(model, self.held_out[split], length=LENGTH, overlap=LENGTH // 2, batch_size=64)
        return round(nats / math.log(2), 4)

    def run(self, setting: Setting, steps: int, seed: int, *, noise: bool = False) -> dict:
        model = new_model(setting, self.vocab_size, seed)
        trained = compiled(model) if setting.compiled else model
        batches = batches_of(self.tokens["train"], setting, steps, seed)
        seconds, curve, measured, aside = [], [], [], 0.0

        def validate(_: nn.Module) -> float:
            nonlocal aside
            now = cpu_seconds()
            seconds.append(round(now - started - aside, 2))
            curve.append(self.bits(model, "validation"))
            share = len(curve) / POINTS
            if noise and any(abs(share - at) < 0.1 / POINTS for at in NOISE_AT):
                measured.append(self.noise(model, share, seed))
            aside += cpu_seconds() - now
            return curve[-1]

        compiling = 0.0
        if setting.compiled:  # one backward pass compiles both; its gradient is dropped
            before = cpu_seconds()
            next_token_loss(trained, next(batches_of(self.tokens["train"], setting, steps, seed))).backward()
            compiling = cpu_seconds() - before
        started = cpu_seconds()
        with attention_in(setting.precision):
            history = train(
                trained,
                batches,
                TrainConfig(steps=steps, max_norm=setting.max_norm, log_every=math.ceil(steps / POINTS)),
                optimizer=optimizer_of(model, setting),
                schedule=schedule_of(setting, steps),
                precision=setting.precision,
                validate=validate,
            )
        return {
            "seed": seed,
            "steps": steps,
            "test": self.bits(model, "test"),
            "seconds": seconds,
            "validation": curve,
            "training": [round(entry["loss"] / math.log(2), 4) for entry in history],
            **({"noise": measured} if noise else {}),
            **({"compiling": round(compiling, 1)} if setting.compiled else {}),
        }

    def price_by_width(self, rounds: int = 5, steps: int = 3) -> dict[int, dict[str, list[float]]]:
        """Milliseconds of a step of AdamW alone in float32 and in bfloat16, in turns, for wider models."""
        found: dict[int, dict[str, list[float]]] = {}
        for width in WIDTHS:
            sizes = SIZES | {"d_model": width, "d_ff": 4 * width}
            model = gpt(GPTConfig(vocab_size=self.vocab_size, **sizes), torch.Generator().manual_seed(0))
            optimizer, batches = optimizer_of(model, Setting()), batches_of(self.tokens["train"], Setting(), 1, 0)
            found[width] = {"float32": [], "bfloat16": []}
            for turn, (precision, times) in itertools.product(range(rounds + 1), found[width].items()):
                before = cpu_seconds()
                with attention_in(precision):
                    train(model, batches, TrainConfig(steps=steps), optimizer=optimizer, precision=precision)
                if turn:  # the first warms up
                    times.append(round(1000 * (cpu_seconds() - before) / steps, 2))
        return found

    def noise(self, model: nn.Module, share: float, seed: int) -> dict:
        """McCandlish et al. 2018, appendix A.1: squared lengths of small batches' gradients, and of their mean."""
        generator, batch = torch.Generator().manual_seed(5000 + seed), 16
        small, total = 0.0, [torch.zeros_like(parameter) for parameter in model.parameters()]
        for _, windows in zip(
            range(NOISE_BATCHES), random_windows(self.tokens["train"], LENGTH, batch, generator), strict=False
        ):
            gradients = torch.autograd.grad(next_token_loss(model, windows), list(model.parameters()))
            small += sum(float(gradient.square().sum()) for gradient in gradients) / NOISE_BATCHES
            total = [old + new / NOISE_BATCHES for old, new in zip(total, gradients, strict=True)]
        large = sum(float(gradient.square().sum()) for gradient in total)
        return {"share": round(share, 3), "batch": batch, "batches": NOISE_BATCHES, "small": small, "large": large}

    def prices(self, settings: dict[str, Setting], rounds: int, steps: int = 12) -> dict[str, list[float]]:
        """Milliseconds of a step of each, in turns: a list of one number a round."""
        found: dict[str, list[float]] = {name: [] for name in settings}
        kept = {}
        for name, setting in settings.items():
            model = new_model(setting, self.vocab_size, 0)
            trained = compiled(model) if setting.compiled else model
            kept[name] = trained, optimizer_of(model, setting), batches_of(self.tokens["train"], setting, 1000, 0)
        for turn in range(rounds + 1):  # the first warms up, and compiles, which "cold" keeps
            for name, setting in settings.items():
                trained, optimizer, batches = kept[name]
                before = cpu_seconds()
                with attention_in(setting.precision):
                    config = TrainConfig(steps=steps, max_norm=setting.max_norm)
                    train(trained, batches, config, optimizer=optimizer, precision=setting.precision)
                if not turn and settings[name].compiled:
                    found["cold"] = [round(1000 * (cpu_seconds() - before), 0)]
                if turn:
                    found[name].append(round(1000 * (cpu_seconds() - before) / steps, 2))
        return found


def price_key(setting: Setting) -> str:
    """What of a setting a step's price depends on: batch, optimizer, clipping, dropout, precision, compiler."""
    clipped = setting.max_norm is not None
    return (
        f"batch {setting.batch}{' Muon' * bool(setting.muon)}{' unclipped' * (not clipped)}"
        f"{' dropout' * bool(setting.dropout)}{' bfloat16' * (setting.precision == 'bfloat16')}"
        f"{' compiled' * setting.compiled}"
    )


def main(shorter: int = 1, file: Path = TRAINED / "training_well" / "results.json") -> None:
    """Run everything, or everything `shorter` times as short, into the file."""
    torch.set_num_threads(1)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # in this process, for its time to be counted
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp()  # empty, for nothing to be compiled before
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = {"steps": STEPS // shorter, "prices": {}, "choosing": [], "chosen": {}, "runs": [], "spent": 0.0}
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else fresh
    laboratory, began = Laboratory(), cpu_seconds()

    def save() -> None:
        nonlocal began
        results["spent"], began = round(results["spent"] + cpu_seconds() - began, 1), cpu_seconds()
        text = json.dumps(results, ensure_ascii=False).replace('{"what"', '\n{"what"')
        partial = file.with_suffix(".partial")
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, file)

    def steps_of(setting: Setting) -> int:
        priced = replace(setting, dropout=0.0) if setting.same_steps else setting
        own = results["prices"][price_key(priced)]
        base = results["prices"]["batch 16"]
        dearer = statistics.median(mine / its for mine, its in zip(own, base, strict=True))
        return max(POINTS, round(results["steps"] / dearer * setting.length))

    def once(where: str, what: str, to: str, setting: Setting, seed: int) -> dict:
        for run in results[where]:
            if (run["what"], run["to"], run["seed"]) == (what, to, seed):
                return run
        noise = what == "base" and where == "runs"
        run = {"what": what, "to": to, **laboratory.run(setting, steps_of(setting), seed, noise=noise)}
        results[where].append(run)
        save()
        print(where, what, to, seed, run["steps"], run["seconds"][-1], run["validation"][-1], run["test"], flush=True)
        return run

    def choose(what: str, settings: dict[float, Setting], seeds: tuple[int, ...] = CHOOSING_SEEDS) -> float:
        def mean(rate: float) -> float:
            runs = [once("choosing", what, f"{rate:g}", settings[rate], seed) for seed in seeds]
            return sum(run["validation"][-1] for run in runs)

        results["chosen"][what] = min(settings, key=mean)
        return results["chosen"][what]

    if not results["prices"]:
        kinds = changes(4e-3, 0.02, dict.fromkeys(BATCHES, 1.0)).values()
        results["prices"] = laboratory.prices({price_key(kind): kind for kind in kinds}, max(2, 9 // shorter))
        save()
    rate = choose("AdamW", {rate: Setting(rate=rate) for rate in RATES["AdamW"]})
    muon = choose("Muon", {own: Setting(rate=rate, muon=own) for own in RATES["Muon"]})
    of_batch = {}
    for batch in BATCHES:
        factors = (1.0, (batch / 16) ** 0.5)
        settings = {own: Setting(rate=rate * own, muon=muon * own, batch=batch) for own in factors}
        of_batch[batch] = choose(f"batch {batch}", settings, CHOOSING_SEEDS[:1])
    compared = changes(rate, muon, of_batch)
    results["base"], results["of_batch"] = asdict(compared["base", ""]), of_batch
    for seed, ((what, to), setting) in itertools.product(SEEDS, compared.items()):
        once("runs", what, to, setting, seed)
    if "by_width" not in results:
        results["by_width"] = laboratory.price_by_width()
    save()
    write_card(
        file.parent.name,
        chapter="18",
        command=COMMAND,
        seeds=list(SEEDS),
        choosing_seeds=list(CHOOSING_SEEDS),
        seconds=results["spent"],
        settings={"steps": results["steps"], "scored": SCORED, **SIZES},
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:  # a trial: how many times as short, and where to
        main(int(sys.argv[1]), Path(sys.argv[2]) / "results.json")
    else:
        main()
