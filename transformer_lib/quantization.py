"""Fewer bits a weight: a model whose matrices are stored in 8 or 4 bits, and read by PyTorch's packed products.

To write a token every weight is read once, so half the bytes are at best half the time. Only weights are rounded, once:

    8 bits    w ≈ s q           q in -127..127, a scale s for each row
    4 bits    w ≈ s q + z       q in -8..7, s and z for each 32 weights of a row

Scales are bfloat16, and the inputs of a product are rounded to it, which is what PyTorch's products are fast in. They
are made for a CPU. A quantized model writes; it does not train.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

GROUP = 32  # weights of a row that share a scale, in 4 bits


class Int8Linear(nn.Module):
    """A linear map with a weight in 8 bits.

    Args:
        plain: The map whose weight is rounded.
    """

    q: Tensor
    scale: Tensor

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        weight = plain.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp(min=1e-12).bfloat16()
        rounded = (weight / scale.float()[:, None]).round().clamp(-127, 127)
        self.register_buffer("q", rounded.to(torch.int8).contiguous())
        self.register_buffer("scale", scale)
        self.bias = plain.bias

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B F"]:
        """Apply the map to the last dimension."""
        y = torch._weight_int8pack_mm(x.reshape(-1, x.shape[-1]).bfloat16(), self.q, self.scale)
        return _finish(y, x, self.bias)


class Int4Linear(nn.Module):
    """A linear map with a weight in 4 bits.

    Args:
        plain: The map whose weight is rounded; its inputs are a multiple of 32, its outputs of 16.
    """

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        groups = plain.weight.detach().float().unflatten(1, (-1, GROUP))  # (F, D / 32, 32)
        low, high = groups.aminmax(dim=2)
        scale = ((high - low) / 15).clamp(min=1e-12).bfloat16()
        zero = (low + 8 * scale.float()).bfloat16()
        offset = groups - zero.float()[..., None]
        rounded = (offset / scale.float()[..., None]).round().clamp(-8, 7)
        q = (rounded + 8).to(torch.int32).flatten(start_dim=1)
        self.register_buffer("q", torch.ops.aten._convert_weight_to_int4pack_for_cpu(q, 1))
        self.register_buffer("scale_and_zero", torch.stack((scale, zero), dim=2).transpose(0, 1).contiguous())
        self.bias = plain.bias

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B F"]:
        """Apply the map to the last dimension."""
        flat = x.reshape(-1, x.shape[-1]).bfloat16()
        y = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.q, GROUP, self.scale_and_zero)
        return _finish(y, x, self.bias)


def quantize(model: nn.Module, bits: int) -> None:
    """Round the weights of a model's linear maps to 8 or 4 bits, in place; embeddings and norms stay as they are.

    A matrix that is also an embedding is kept in 8 bits, as SmolLM2's file has it, and so is one whose sizes the
    4-bit product does not take.

    Args:
        model: On the CPU and in evaluation mode. `runtime.fuse_projections` comes before this.
        bits: 8 or 4.

    Raises:
        ValueError: If bits is neither, or the model is in training mode.
    """
    if bits not in (4, 8):
        raise ValueError(f"bits={bits} must be 4 or 8: there is no product for others")
    if model.training:
        raise ValueError("model is in training mode, and rounded weights cannot learn: call model.eval() first")
    embeddings = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                fits = child.in_features % GROUP == 0 and child.out_features % 16 == 0
                in_4_bits = bits == 4 and fits and child.weight not in embeddings
                setattr(parent, name, Int4Linear(child) if in_4_bits else Int8Linear(child))


def _finish(y: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    y = y.to(x.dtype).view(*x.shape[:-1], -1)
    return y if bias is None else y + bias
