"""Where training computes and in which precision: the device, the process, matrix products in bfloat16."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

PRECISIONS = ("float32", "bfloat16")


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first parameter, where its inputs belong; the CPU for a model without any."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def is_first_rank() -> bool:
    """Whether this process is the one to write: the first of those that train together, or the only one."""
    return not (dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def to_device(batch: Any, device: torch.device | str) -> Any:
    """Move the tensors of a batch, in whatever tuples, lists and dicts they stand.

    Args:
        batch: Tensors, or a tuple, list or dict of batches; anything else in it stays as it is.
        device: Where to; what is there already is not copied.
    """
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {name: to_device(part, device) for name, part in batch.items()}
    if isinstance(batch, tuple | list):
        parts = [to_device(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def autocast(loss: Callable[[nn.Module, Any], Tensor]) -> Callable[[nn.Module, Any], Tensor]:
    """Let a loss run its model's matrix products in bfloat16: faster where the processor has them, slower where not.

    Weights, gradients and the cross-entropy stay in float32 (Micikevicius et al. 2018, arXiv:1710.03740, section 3.1,
    keep float32 weights beside their half-precision copies; bfloat16 has float32's range, so no loss needs scaling).
    """

    def computed(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast(device_of(model).type, torch.bfloat16):
            return loss(model, batch)

    return computed
