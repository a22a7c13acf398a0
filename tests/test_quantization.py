"""Weights in 8 and 4 bits: rounded as far as the format says and no further, and read rightly by PyTorch's products."""

import pytest
import torch
from torch import nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.quantization import Int4Linear, Int8Linear, quantize

SIZES = {"vocab_size": 64, "context_length": 16, "d_model": 32, "n_layers": 2, "n_heads": 4, "d_ff": 64}


def identity_read(layer, width):
    """The weight that a map really has: what it makes of each unit vector."""
    with torch.no_grad():
        return layer(torch.eye(width)).T


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kind", "steps"), [(Int8Linear, 254), (Int4Linear, 15)])
def test_a_weight_is_off_by_at_most_half_a_step(kind, steps, bias):
    plain = nn.Linear(96, 48, bias=bias)
    nn.init.normal_(plain.weight, generator=torch.Generator().manual_seed(0))
    read = identity_read(kind(plain), 96) - (plain.bias[:, None] if bias else 0)
    rows = plain.weight.detach().unflatten(1, (-1, 32) if kind is Int4Linear else (1, -1))
    low, high = rows.aminmax(dim=2, keepdim=True)
    step = ((high - low) if kind is Int4Linear else 2 * rows.abs().amax(dim=2, keepdim=True)) / steps
    bfloat16 = 2**-7 * rows.abs().amax(dim=2, keepdim=True)  # of scale and zero, and of what the product returns
    assert ((read.view_as(rows) - rows).abs() <= step / 2 + bfloat16).all()


@pytest.mark.parametrize(("bits", "kinds"), [(8, {Int8Linear}), (4, {Int4Linear, Int8Linear})])
def test_a_quantized_model_says_nearly_the_same(bits, kinds):
    model = llama(LlamaConfig(n_kv_heads=2, tied=True, **SIZES), torch.Generator().manual_seed(0)).eval()
    tokens = torch.randint(64, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = model(tokens)
        embedding = model.embedding.tokens.weight.clone()
        quantize(model, bits)
        after, cache = model(tokens), model.new_cache(9)
        parts = torch.cat([model(part, cache=cache) for part in tokens.split([4, 1, 4], dim=1)], dim=1)
    assert not any(type(module) is nn.Linear for module in model.modules())
    assert {type(module) for module in model.modules()} & {Int4Linear, Int8Linear} == kinds
    assert torch.equal(model.embedding.tokens.weight, embedding) and type(model.head) is Int8Linear
    error = (after - before).norm() / before.norm()
    assert 0 < error < {8: 0.03, 4: 0.25}[bits]
    torch.testing.assert_close(parts, after, rtol=0, atol=float(0.03 * after.abs().max()))


def test_sizes_that_4_bits_do_not_take_stay_in_8():
    model = gpt(GPTConfig(**{**SIZES, "d_ff": 40})).eval()
    quantize(model, 4)
    assert type(model.blocks[0].feed_forward.down) is Int8Linear and type(model.blocks[0].attention.w_q) is Int4Linear


def test_refusals():
    model = gpt(GPTConfig(**SIZES))
    with pytest.raises(ValueError, match="bits=3"):
        quantize(model.eval(), 3)
    with pytest.raises(ValueError, match="training mode"):
        quantize(model.train(), 8)
