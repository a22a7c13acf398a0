"""Weights in 8 and 4 bits: rounded as far as the format says and no further, and read rightly by PyTorch's products."""

import pytest
import torch
from torch import nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.quantization import Int4Linear, Int8Linear, gptq, quantize, round_to_nearest

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


def layer_with_inputs(seed=0, F=12, D=32, N=400):
    """A weight, and inputs whose features go together, as those of a trained layer do."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(N, 5, generator=generator) @ torch.randn(5, D, generator=generator)
    return torch.randn(F, D, generator=generator), inputs + 0.3 * torch.randn(N, D, generator=generator)


def test_every_weight_read_back_is_a_whole_multiple_of_its_groups_scale():
    weight, inputs = layer_with_inputs()
    for back in (round_to_nearest(weight, 3, 8), gptq(weight, inputs.T @ inputs, 3, 8)):
        for group in back.unflatten(1, (-1, 8)).flatten(end_dim=1):
            assert len(group.unique()) <= 7  # -3 to 3
    nearest = round_to_nearest(weight, 3, 8).unflatten(1, (-1, 8))
    step = weight.unflatten(1, (-1, 8)).abs().amax(dim=2, keepdim=True) / 3
    assert ((nearest - weight.unflatten(1, (-1, 8))).abs() <= step / 2 * 1.002).all()


def by_optimal_brain_surgery(weight, hessian, bits, group, damping=0.01):
    """GPTQ by its definition: a fresh inverse for every column, and the best change of the columns that are left."""
    w, D = weight.double().clone(), weight.shape[1]
    damped = hessian.double() + damping * hessian.diagonal().double().mean() * torch.eye(D, dtype=torch.float64)
    top = 2 ** (bits - 1) - 1
    for j in range(D):
        if j % group == 0:
            scale = (w[:, j : j + group].abs().amax(dim=1) / top).half().double()
        rounded = (w[:, j] / scale).round().clamp(-top, top) * scale
        left = damped[j:, j:]
        # minimize d H d^T with d_0 fixed: the free part is -H_ff^-1 H_f0 d_0
        change = (rounded - w[:, j])[:, None]
        if j + 1 < D:
            w[:, j + 1 :] -= change * torch.linalg.solve(left[1:, 1:], left[1:, 0])
        w[:, j] = rounded
    return w


def test_gptq_is_optimal_brain_surgery_column_by_column():
    weight, inputs = layer_with_inputs()
    weight, hessian = weight.double(), inputs.double().T @ inputs.double()
    torch.testing.assert_close(gptq(weight, hessian, 4, 8), by_optimal_brain_surgery(weight, hessian, 4, 8))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_gptq_changes_the_outputs_less_and_the_weights_more(bits):
    for seed in range(3):
        weight, inputs = layer_with_inputs(seed)
        nearest, solved = round_to_nearest(weight, bits), gptq(weight, inputs.T @ inputs, bits)
        worse, better = ((inputs @ (back - weight).T).norm() for back in (nearest, solved))
        assert better < 0.7 * worse and (solved - weight).norm() > (nearest - weight).norm()


def test_gptq_of_inputs_that_go_their_own_ways_is_rounding_to_nearest():
    weight, _ = layer_with_inputs()
    torch.testing.assert_close(gptq(weight, torch.eye(32), 4), round_to_nearest(weight, 4))


def test_refusals_of_roundings():
    weight = torch.zeros(4, 32)
    for call, words in (
        (lambda: round_to_nearest(weight, 1), "bits=1"),
        (lambda: round_to_nearest(weight, 4, 5), "group=5 must divide"),
        (lambda: gptq(weight, torch.eye(3), 4), r"hessian of shape \(3, 3\)"),
        (lambda: gptq(weight, torch.zeros(32, 32), 4), "a diagonal of mean 0, which must be positive"),
        (lambda: gptq(weight, torch.eye(32), 4, damping=-0.1), "damping=-0.1"),
        (lambda: Int4Linear(torch.nn.Linear(40, 16)), "plain has 40 inputs and 16 outputs"),
        (lambda: Int4Linear(torch.nn.Linear(32, 8)), "plain has 32 inputs and 8 outputs"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    assert not round_to_nearest(weight, 4).any() and not gptq(weight, torch.eye(32), 4).any()
