"""What the tests of the Transformer share: random weights, exact comparison, strategies of sizes."""

import math

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block


def close(actual: Tensor, expected: Tensor, atol: float = 1e-12) -> None:
    """Every number equal to rounding, shapes and dtypes equal; for float64."""
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=atol)


def randomise(module: nn.Module, seed: int = 0, std: float = 0.5) -> nn.Module:
    """Every parameter random, biases and norms too: what is 0 or 1 by default would hide an error."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            offset = 1.0 if parameter.ndim == 1 else 0.0
            fan_in = parameter.shape[-1] if parameter.ndim > 1 else 4
            parameter.copy_(offset + std * torch.randn(parameter.shape, generator=generator) * math.sqrt(4 / fan_in))
    return module


def softmax_by_hand(scores: Tensor, mask: Tensor | None) -> Tensor:
    """exp(s) / sum exp(s) over the open keys, row by row."""
    weights = scores.exp()
    if mask is not None:
        weights = torch.where(mask, weights, 0.0)
    return weights / weights.sum(dim=-1, keepdim=True)


@st.composite
def masks(draw, *shape: int):
    """A random boolean mask without an empty row."""
    seed, density = draw(st.integers(0, 1000)), draw(st.sampled_from([0.2, 0.5, 0.9]))
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(shape, generator=generator) < density
    sure = torch.randint(shape[-1], shape[:-1], generator=generator)
    return mask.scatter(-1, sure[..., None], True)


def copy_attention(theirs: nn.MultiheadAttention, ours: MultiHeadAttention) -> None:
    """Copy weights from PyTorch's layer, which keeps the three projections one upon the other."""
    with torch.no_grad():
        for layer, weight in zip((ours.w_q, ours.w_k, ours.w_v), theirs.in_proj_weight.chunk(3), strict=True):
            layer.weight.copy_(weight)
        ours.w_o.weight.copy_(theirs.out_proj.weight)
        if theirs.in_proj_bias is not None:
            for layer, bias in zip((ours.w_q, ours.w_k, ours.w_v), theirs.in_proj_bias.chunk(3), strict=True):
                layer.bias.copy_(bias)
            ours.w_o.bias.copy_(theirs.out_proj.bias)


def copy_layer(theirs: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer, ours: Block) -> None:
    """Copy weights from PyTorch's layer of an encoder or a decoder."""
    copy_attention(theirs.self_attn, ours.attention)
    residuals = [ours.attention_residual, ours.feed_forward_residual]
    if ours.cross_attention is not None:
        copy_attention(theirs.multihead_attn, ours.cross_attention)
        residuals.insert(1, ours.cross_residual)
    for number, residual in enumerate(residuals, start=1):
        residual.norm.load_state_dict(getattr(theirs, f"norm{number}").state_dict())
    ours.feed_forward.up.load_state_dict(theirs.linear1.state_dict())
    ours.feed_forward.down.load_state_dict(theirs.linear2.state_dict())
