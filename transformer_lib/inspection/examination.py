"""An examination: every invariant that applies to a model and a batch, in one report."""

import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.inspection.evaluation import assert_repeatable, assert_rows_independent, assert_tied
from transformer_lib.inspection.invariants import assert_cache_exact, assert_causal
from transformer_lib.inspection.steps import Loss, assert_all_move, assert_finite_alone
from transformer_lib.inspection.targets import assert_targets

Test = Callable[[], None]
WIDTH = 76  # of a report, in characters


@dataclass(frozen=True)
class Finding:
    """One invariant, whether it holds ("holds", "FAILS", or "?" where that cannot be told), and why not."""

    invariant: str
    verdict: str
    message: str = ""


@dataclass(frozen=True)
class Report:
    """What `examine` found; print it."""

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> list[str]:
        """The invariants that do not hold."""
        return [finding.invariant for finding in self.findings if finding.verdict == "FAILS"]

    def __str__(self) -> str:
        lines = [f"{found.verdict:5}  {found.invariant}" for found in self.findings]
        for found in self.findings:
            if found.message:
                lines += ["", *textwrap.wrap(f"{found.invariant}: {found.message}.", WIDTH)]
        return "\n".join(lines)


def examine(
    model: nn.Module,
    batch: tuple[Tensor, Tensor] | None = None,
    *,
    loss: Loss | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    ignore: int | None = None,
) -> Report:
    """Run every invariant that applies, and say which hold.

    Args:
        model: A LanguageModel; left as it is.
        batch: (inputs, targets), both (B, T), for the invariants of training; without it those of the model alone.
        loss: From the model and the batch to the scalar that is lowered; None takes the mean cross-entropy.
        optimizer: Of the model's parameters; None takes AdamW.
        ignore: A token that no position may be asked for, such as padding.

    Returns:
        The report, in the order in which it is best read: a model that is wrong makes everything after it wrong.

    Raises:
        ValueError: If the model is no LanguageModel.

    Example:

        >>> from transformer_lib.models.gpt import GPTConfig, gpt
        >>> model = gpt(GPTConfig(vocab_size=11, context_length=16, d_model=8, n_layers=1, n_heads=2, d_ff=8))
        >>> examine(model).failed
        []
    """
    if not isinstance(model, LanguageModel):
        raise ValueError(
            f"model={type(model).__name__} must be a LanguageModel: call the assert_ functions for another"
        )
    repeats = _finding("evaluation mode repeats itself", lambda: assert_repeatable(model))
    comparisons: dict[str, Test] = {
        "no output depends on a later token": lambda: assert_causal(model),
        "reading in chunks with a cache changes nothing": lambda: assert_cache_exact(model),
        "a text has the same logits alone": lambda: assert_rows_independent(model),
    }
    tests: dict[str, Test] = {}
    if hasattr(getattr(model, "config", None), "tied"):
        tests["head and embedding are tied as configured"] = lambda: assert_tied(model)
    if batch is not None:
        tests |= _of_training(model, batch, loss or _plain(ignore), optimizer, ignore)
    findings = [repeats]
    for name, test in comparisons.items():  # what does not repeat itself cannot be compared with anything
        findings.append(Finding(name, "?") if repeats.message else _finding(name, test))
    return Report((*findings, *(_finding(name, test) for name, test in tests.items())))


def _of_training(
    model: LanguageModel, batch: Any, loss: Loss, optimizer: torch.optim.Optimizer | None, ignore: int | None
) -> dict[str, Test]:
    def backward() -> None:
        if (value := loss(model, batch)).requires_grad:
            value.backward()

    return {
        "the loss is no worse than a uniform guess": lambda: _assert_better_than_uniform(model, batch, loss),
        "every row alone has a finite loss": lambda: assert_finite_alone(model, batch, loss),
        "each position is asked for the next token, with equal weight": lambda: assert_targets(
            model, backward, ignore=ignore
        ),
        "a step moves every parameter": lambda: assert_all_move(model, batch, loss, optimizer),
    }


def _plain(ignore: int | None) -> Loss:
    """The mean cross-entropy, defined here because an inspection must not trust the training that it inspects."""

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        if ignore is not None and not (targets != ignore).any():
            raise ValueError(f"targets hold nothing but ignore={ignore}: there is no mean of nothing")
        skipped = -100 if ignore is None else ignore
        return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=skipped)

    return loss


def _assert_better_than_uniform(model: LanguageModel, batch: Any, loss: Loss) -> None:
    with torch.no_grad():
        value, uniform = float(loss(model, batch)), math.log(model.vocab_size)
    if not value < uniform + 0.5:
        raise AssertionError(
            f"the loss is {value:.3g} nats, and a uniform guess among {model.vocab_size} tokens costs {uniform:.3g}. "
            "Likely cause: weights that were loaded in another order, targets of another text, or logits too large"
        )


def _finding(name: str, test: Test) -> Finding:
    try:
        test()
    except AssertionError as error:
        return Finding(name, "FAILS", str(error))
    return Finding(name, "holds")
