"""Bugs of steps: updates that are lost, shortened or start again, and a reference that moves along."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.optimizers import Muon
from transformer_lib.training.preferences import continuation_log_probs


@contextmanager
def lost_writes() -> Iterator[None]:
    """An in-place operation writes to a copy where a tensor is not contiguous: Adam's last one, on one kind of device.

    Source: https://github.com/pytorch/pytorch/issues/118115, acted out here on the CPU.
    """
    right = Tensor.addcdiv_

    def addcdiv_(self: Tensor, *args: Any, **options: Any) -> Tensor:
        right(self if self.is_contiguous() else self.contiguous(), *args, **options)
        return self

    setattr(Tensor, "addcdiv_", addcdiv_)  # noqa: B010, its type says otherwise
    try:
        yield
    finally:
        setattr(Tensor, "addcdiv_", right)  # noqa: B010


class ClippedMuon(Muon):
    """Clip the norm of what Newton-Schulz returns, as if it were the gradient.

    Source: https://github.com/deepspeedai/DeepSpeed/issues/8439.
    """

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Orthogonalize, clip to norm 1, and only then take the step."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            ahead = [self._look_ahead(parameter, group["momentum"]) for parameter in parameters]
            for parameter, direction in zip(parameters, self._orthogonalized_each(ahead), strict=True):
                parameter.grad = direction
            nn.utils.clip_grad_norm_(parameters, 1.0)
            with torch.no_grad():
                for parameter in parameters:
                    rows, columns = parameter.shape
                    parameter.add_(parameter.grad, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)

    def _orthogonalized_each(self, matrices: list[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return [direction for matrix in matrices for direction in self._orthogonalized([matrix])]


def resume_without_state(optimizer: torch.optim.AdamW) -> torch.optim.AdamW:
    """Make the optimizer anew, with its settings and without its moments, as a checkpoint of weights alone does.

    Source: https://github.com/KempnerInstitute/KempnerForge/pull/115.
    """
    [group] = optimizer.param_groups
    return torch.optim.AdamW(group["params"], group["lr"], group["betas"], weight_decay=group["weight_decay"])


def preference_loss(
    policy: nn.Module, pairs: tuple[Tensor, Tensor], reference: nn.Module, *, start: int, beta: float = 0.1
) -> Tensor:
    """DPO's loss of (chosen, rejected) texts (Rafailov et al. 2023, arXiv:2305.18290, equation 7).

    It is correct; the bug is to give the policy as its own reference.
    Source: https://github.com/YiyangZhou/POVID/issues/11.

    Args:
        policy: What is trained.
        pairs: Chosen and rejected texts, both (B, T).
        reference: What the policy was at the start.
        start: Where the answer begins, 1 or more; what stands before it is the prompt.
        beta: How strongly the policy is held to the reference.
    """
    chosen, rejected = (continuation_log_probs(policy, texts, start).sum(dim=-1) for texts in pairs)
    with torch.no_grad():
        held = [continuation_log_probs(reference, texts, start).sum(dim=-1) for texts in pairs]
    # `dpo_loss` refuses a beta of 0, which is one of the set-ups that are compared.
    return -F.logsigmoid(beta * ((chosen - held[0]) - (rejected - held[1]))).mean()
