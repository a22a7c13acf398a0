"""The training loop: draw a batch, measure the loss, follow the gradient down, and leave a trail to resume from."""

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from transformer_lib.optimizers import decay_groups
from transformer_lib.schedules import Schedule, constant
from transformer_lib.training.checkpoints import (
    Resumable,
    is_checkpoint,
    load_checkpoint,
    optimizer_settings,
    save_checkpoint,
)
from transformer_lib.training.distributed import Ranks
from transformer_lib.training.losses import next_token_loss
from transformer_lib.training.placement import PRECISIONS, autocast, device_of, is_first_rank, to_device

History = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, how fast, and how often to write it down."""

    steps: int
    learning_rate: float = 1e-3
    """AdamW's at its peak; like `weight_decay` not used when `train` is given an optimizer."""
    weight_decay: float = 0.0
    """Of matrices, and of them alone: see `optimizers.decay_groups`."""
    accumulate: int = 1
    """Batches whose gradients are averaged for one step; each counts alike, whatever it scores."""
    max_norm: float | None = None
    """Longer gradients are shortened to this length; None leaves all as they are."""
    log_every: int = 100
    """Steps from one entry of the history to the next."""
    checkpoint_every: int = 1000
    """Steps from one checkpoint to the next."""

    def __post_init__(self) -> None:
        for name in ("steps", "accumulate", "log_every", "checkpoint_every"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name}={value} must be at least 1: it is counted")
        for name in ("learning_rate", "max_norm"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValueError(f"{name}={value} must be above 0: nothing would be learned")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay={self.weight_decay} must be at least 0: below it the weights would grow")


def train(
    model: nn.Module,
    batches: Iterable[Any],
    config: TrainConfig,
    *,
    loss: Callable[[nn.Module, Any], Tensor] = next_token_loss,
    optimizer: torch.optim.Optimizer | None = None,
    schedule: Schedule = constant,
    validate: Callable[[nn.Module], float] | None = None,
    checkpoint: str | Path | None = None,
    changed: Collection[str] = (),
    log: str | Path | None = None,
    generators: Mapping[str, Resumable] | None = None,
    device: torch.device | str | None = None,
    precision: str = "float32",
    progress: bool = False,
) -> History:
    """Train a model in place.

    Given a `checkpoint`, the run is written there as it goes; where the file is there already, the run goes on from
    it, and bit for bit as if it had never stopped: same weights, optimizer, schedule, data and randomness.

    Where `parallelize` has spread the model over several processes, all of them call this alike. Every process draws
    the whole of each batch and computes its share of the rows; the history is the same on all, and the first writes it.

    Args:
        model: What is trained; left in the mode, training or evaluation, that it came in. Or what `parallelize` made.
        batches: `accumulate` for each step, or more, of what `loss` takes; (inputs, targets) for next_token_loss. To
            resume, they must follow from the states of the generators, as random_windows do, or have a state of their
            own, as BucketedPairs have.
        config: Length, speed and bookkeeping.
        loss: From the model and a batch to the scalar that is lowered.
        optimizer: AdamW with the learning rate and weight decay of `config` unless given.
        schedule: From the step, counted from 0, to a factor of each parameter group's learning rate.
        validate: Called with the model at each entry of the history, which takes what it returns.
        checkpoint: The file to write to and resume from, or the folder where several processes train, which any number
            of them resumes from; None writes nothing. It holds the settings of the run, of
            `config`, the optimizer, the schedule and the batches, and is refused where one of them is another now.
        changed: Names of settings that may be others than in the checkpoint: a longer run resumes with
            ["steps", "schedule"].
        log: The file for the history so far, each entry a line of JSON; its folder is made. None writes nothing.
        generators: By name, every generator that the batches, or anything else in the run, draw from. Needed with a
            checkpoint ({} if there is none); PyTorch's own are always saved.
        device: Where the model is moved to; None trains it where it is. Each batch is moved to it.
        precision: "float32", or "bfloat16" for matrix products in it: see `autocast`.
        progress: Whether to show a progress bar.

    Returns:
        The history, an entry every `log_every` steps and one at the end: `step` (steps done), `loss` (mean since the
        entry before), `learning_rate` (of the first parameter group), and `validation` where there is `validate`.

    Raises:
        FloatingPointError: If the loss stops being a number.
        ValueError: If the precision is unknown, the batches end early, or the checkpoint is damaged or of another run.

    Example:

        >>> from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
        >>> from transformer_lib.training.batches import random_windows
        >>> batches = random_windows(torch.arange(4).repeat(9), 8, 4, torch.Generator().manual_seed(0))
        >>> table = neural_bigram(NeuralBigramConfig(vocab_size=4))
        >>> [entry] = train(table, batches, TrainConfig(steps=20, learning_rate=0.1))
        >>> entry["step"], entry["loss"] < 1.38  # what a guess among four costs: ln 4
        (20, True)
    """
    if checkpoint is not None and generators is None:
        raise ValueError("generators must be named with a checkpoint, {} if nothing is random: their states are saved")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} must be one of {', '.join(PRECISIONS)}")
    if precision == "bfloat16":
        loss = autocast(loss)
    if device is not None:
        model.to(device)
    generators = dict(generators or {})
    if isinstance(batches, Resumable):
        generators["batches"] = batches
    if optimizer is None:
        groups = decay_groups(model, config.weight_decay) if config.weight_decay else model.parameters()
        optimizer = torch.optim.AdamW(groups, config.learning_rate, weight_decay=0.0)
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", float(group["lr"]))
    ranks = Ranks(model)
    ranks.validate_optimizer(optimizer)
    settings = dataclasses.asdict(config) | optimizer_settings(optimizer) if checkpoint is not None else {}
    if checkpoint is not None:
        settings |= {"precision": precision, "schedule": [schedule(step) for step in _spread(config.steps)]}
        if describe := getattr(batches, "settings", None):
            settings |= {f"batches.{name}": value for name, value in describe().items()}

    done, losses, history = 0, [], History()
    if checkpoint is not None and is_checkpoint(checkpoint):
        record = load_checkpoint(checkpoint, model, optimizer, generators, config=settings, changed=changed)
        done, losses, history = record["step"], record["losses"], record["history"]

    was_training = model.training
    model.train()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    bar = tqdm(total=config.steps, initial=done, disable=not (progress and is_first_rank()), unit="step")
    together = zip(*[iter(batches)] * config.accumulate, strict=False)
    for parts in itertools.islice(together, config.steps - done):
        for group in optimizer.param_groups:
            rate = group["initial_lr"] * schedule(done)
            group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate
        optimizer.zero_grad()
        losses.append(0.0)
        for part, batch in enumerate(parts, start=1):
            with ranks.gradients(complete=part == config.accumulate):
                value = loss(model, to_device(ranks.share(batch), device_of(model))) / config.accumulate
                value.backward()
            losses[-1] += value.item()
        losses[-1] = ranks.mean(losses[-1])
        if config.max_norm is not None:
            nn.utils.clip_grad_norm_(parameters, config.max_norm)
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss is {losses[-1]} at step {done}: lower the learning rate")
        optimizer.step()
        done += 1
        bar.update()

        if done % config.log_every == 0 or done == config.steps:
            entry = {
                "step": done,
                "loss": sum(losses) / len(losses),
                "learning_rate": float(optimizer.param_groups[0]["lr"]),
            }
            if validate is not None:
                entry["validation"] = validate(model)
            history.append(entry)
            if log is not None and is_first_rank():
                Path(log).parent.mkdir(parents=True, exist_ok=True)
                Path(log).write_text("".join(json.dumps(entry) + "\n" for entry in history), encoding="utf-8")
            losses = []
            bar.set_postfix({name: f"{entry[name]:.4f}" for name in ("loss", "validation") if name in entry})
        if checkpoint is not None and (done % config.checkpoint_every == 0 or done == config.steps):
            record = {"step": done, "losses": losses, "history": history}
            save_checkpoint(checkpoint, model, optimizer, generators, config=settings, record=record)
    bar.close()
    model.train(was_training)
    if done < config.steps:
        raise ValueError(f"batches ended after {done} of steps={config.steps}: give as many, or train for fewer steps")
    return history


def _spread(steps: int) -> list[int]:
    """Nine steps from the first to the last, at which a schedule is compared with another."""
    return [(steps - 1) * eighth // 8 for eighth in range(9)]
