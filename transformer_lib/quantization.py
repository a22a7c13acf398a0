"""Fewer bits a weight: a model whose matrices are stored in 8 or 4 bits, and read by PyTorch's packed products.

To write a token every weight is read once, so half the bytes take half the time at best. Only weights are rounded:

    8 bits    w ≈ s q           q in -127..127, a scale s for each row
    4 bits    w ≈ s q + z       q in -8..7, s and z for each 32 weights of a row

Scales are bfloat16, and the inputs of a product are rounded to it, which is what PyTorch's products are fast in. They
are made for a CPU. A quantized model writes; it does not train.

How the whole numbers are chosen is a different question from how they are read. `round_to_nearest` takes the nearest of
each weight, and `gptq` lets later weights of a row make up for the errors of earlier ones (Frantar et al. 2022,
arXiv:2210.17323, Algorithm 1). Both return the weights as they are read back, with a float16 scale for each group:
bits + 16 / group bits a weight.
"""

import torch
from jaxtyping import BFloat16, Float, Int8
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
        q, scale = int8_rows(plain.weight.detach())
        self.register_buffer("q", q)
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

    Raises:
        ValueError: If they are not.
    """

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        if plain.in_features % GROUP or plain.out_features % 16:
            raise ValueError(
                f"plain has {plain.in_features} inputs and {plain.out_features} outputs, and must have multiples of "
                f"{GROUP} and 16: use Int8Linear"
            )
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


def int8_rows(weight: Float[Tensor, "F D"]) -> tuple[Int8[Tensor, "F D"], BFloat16[Tensor, " F"]]:
    """Round a matrix to whole numbers from -127 to 127, times a scale for each row.

        w ≈ s q,    s = max |w| / 127 of the row

    s q is exact in float32, and rounds to the same s and q again.

    Args:
        weight: (F, D), finite.

    Returns:
        q (F, D) and s (F,).
    """
    scale = (weight.float().abs().amax(dim=1) / 127).clamp(min=1e-12).bfloat16()
    rounded = (weight.float() / scale.float()[:, None]).round().clamp(-127, 127)
    return rounded.to(torch.int8).contiguous(), scale


def round_to_nearest(weight: Float[Tensor, "F D"], bits: int, group: int = GROUP) -> Float[Tensor, "F D"]:
    """Weights as they come back from so many bits: whole multiples of a scale, which a group of a row shares.

    Args:
        weight: (F, D), its rows the outputs.
        bits: Of each whole number, which is at most 2^(bits - 1) - 1 in magnitude: 2 to 8.
        group: Neighbors in a row that share a scale, the largest magnitude among them over the largest whole number.

    Raises:
        ValueError: If the bits are not from 2 to 8, or the groups do not fill a row.
    """
    _validate_groups(weight, bits, group)
    groups = weight.detach().unflatten(1, (-1, group))
    return _nearest(groups, _scale(groups, bits), bits).flatten(start_dim=1)


def gptq(
    weight: Float[Tensor, "F D"], hessian: Float[Tensor, "N N"], bits: int, group: int = GROUP, *, damping: float = 0.01
) -> Float[Tensor, "F D"]:
    """Weights as they come back from so many bits, chosen so that the layer's *outputs* change little.

    Column by column, each is rounded as `round_to_nearest` does, and its error is spread over the columns to its right
    so that the sum of squared output errors, tr(E H E^T), is as small as they can make it. With U the upper Cholesky
    factor of H^-1, column j's error e changes column k by -e U[j, k] / U[j, j] (Frantar et al. 2022, Algorithm 1, with
    blocks of one group). The scale of a group is taken from its weights as the errors before it have left them.

    Args:
        weight: (F, D), its rows the outputs.
        hessian: X^T X of the layer's inputs X (N, D), or any multiple of it.
        bits: As in `round_to_nearest`.
        group: As in `round_to_nearest`.
        damping: Added to the diagonal, as a share of its mean.

    Raises:
        ValueError: If the bits are not from 2 to 8, the groups do not fill a row, the Hessian does not fit, or damping
            is negative.
    """
    _validate_groups(weight, bits, group)
    D = weight.shape[1]
    if hessian.shape != (D, D):
        raise ValueError(f"hessian of shape {tuple(hessian.shape)} must be ({D}, {D}), X^T X of the layer's inputs X")
    if not hessian.diagonal().mean() > 0:
        raise ValueError(
            f"hessian has a diagonal of mean {hessian.diagonal().mean():.3g}, which must be positive: run some text "
            "through the layer and sum X^T X"
        )
    if damping < 0:
        raise ValueError(f"damping={damping} must not be negative: 0.01 keeps H safely invertible")
    damped = hessian.double() + damping * hessian.diagonal().double().mean() * torch.eye(
        D, dtype=torch.float64, device=hessian.device
    )
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper = torch.linalg.cholesky(inverse, upper=True).to(weight.dtype)
    left = weight.detach().clone()
    for start in range(0, D, group):
        columns = slice(start, start + group)
        block, u, errors = left[:, columns], upper[columns, columns], torch.empty_like(left[:, columns])
        scale = _scale(block, bits)
        for j in range(group):
            rounded = _nearest(block[:, [j]], scale, bits)
            errors[:, [j]] = (block[:, [j]] - rounded) / u[j, j]
            block[:, j + 1 :] -= errors[:, [j]] * u[j, j + 1 :]
            block[:, [j]] = rounded
        left[:, start + group :] -= errors @ upper[columns, start + group :]
    return left


def _scale(groups: Tensor, bits: int) -> Tensor:
    """One of the last dimension, as float16 keeps it."""
    top = 2 ** (bits - 1) - 1
    return (groups.abs().amax(dim=-1, keepdim=True) / top).clamp(min=2**-24).half().to(groups.dtype)


def _nearest(w: Tensor, scale: Tensor, bits: int) -> Tensor:
    top = 2 ** (bits - 1) - 1
    return (w / scale).round().clamp(-top, top) * scale


def _validate_groups(weight: Tensor, bits: int, group: int) -> None:
    if not 2 <= bits <= 8:
        raise ValueError(f"bits={bits} must be from 2 to 8: with one bit there is no zero, and more need no care")
    if group < 1 or weight.shape[1] % group:
        raise ValueError(f"group={group} must divide the {weight.shape[1]} columns of weight: groups fill a row")


def _finish(y: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    y = y.to(x.dtype).view(*x.shape[:-1], -1)
    return y if bias is None else y + bias
