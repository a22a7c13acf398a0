"""How a model lies in memory: what changes the time of a step and no number that it computes."""

from torch import nn


def store_by_columns(model: nn.Module) -> None:
    """Lay out the weights of a model, in place, for a processor that writes one token at a time.

    The product of a matrix and one vector takes as long as reading the matrix, and PyTorch's product reads one that is
    at least as tall as wide in less time if its columns are contiguous: `bench/gpt.py` measures it. Values, shapes and
    names stay as they are, and so do weights that are shared. For a CPU only: FSDP, which shards weights, takes them
    by rows alone.

    Args:
        model: Its nn.Linear layers are changed.
    """
    for weight in {module.weight for module in model.modules() if isinstance(module, nn.Linear)}:
        if weight.shape[0] >= weight.shape[1]:
            weight.data = weight.data.mT.contiguous().mT
