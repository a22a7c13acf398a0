import torch
from comparisons import close, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib.feed_forward import FeedForward, SwiGLU

BENDS = {
    nn.ReLU(): lambda x: torch.where(x > 0, x, 0.0),
    nn.GELU(): lambda x: x * torch.special.ndtr(x),
    nn.SiLU(): lambda x: x / (1 + (-x).exp()),
}


def inputs(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(list(BENDS)), st.booleans())
def test_feed_forward_equals_its_equation(d_model, d_ff, activation, bias):
    layer = randomise(FeedForward(d_model, d_ff, activation, bias=bias).double())
    x = inputs(2, 3, d_model)
    b_up, b_down = (layer.up.bias, layer.down.bias) if bias else (0.0, 0.0)
    hidden = BENDS[activation](torch.einsum("btd,fd->btf", x, layer.up.weight) + b_up)
    close(layer(x), torch.einsum("btf,df->btd", hidden, layer.down.weight) + b_down)


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9))
def test_swiglu_equals_its_equation(d_model, d_ff):
    layer = randomise(SwiGLU(d_model, d_ff).double())
    x = inputs(2, 3, d_model)
    gate = torch.einsum("btd,fd->btf", x, layer.gate.weight)
    hidden = gate / (1 + (-gate).exp()) * torch.einsum("btd,fd->btf", x, layer.up.weight)
    close(layer(x), torch.einsum("btf,df->btd", hidden, layer.down.weight))


def test_the_default_bend_is_the_exact_gelu():
    layer = randomise(FeedForward(4, 8).double())
    x = inputs(1, 2, 4)
    hidden = layer.up(x)
    close(layer(x), layer.down(hidden * torch.special.ndtr(hidden)))


def test_no_position_sees_another():
    for layer in (FeedForward(4, 8), SwiGLU(4, 8)):
        layer = randomise(layer.double())
        x = inputs(2, 5, 4)
        close(layer(x), torch.stack([layer(x[:, t : t + 1])[:, 0] for t in range(5)], dim=1))


def test_two_thirds_of_the_width_make_as_many_parameters():
    def parameters(module):
        return sum(p.numel() for p in module.parameters())

    assert parameters(SwiGLU(96, 256)) == parameters(FeedForward(96, 384, bias=False))


def test_dropout_is_inside_and_for_training_only():
    layer = randomise(FeedForward(4, 64, nn.ReLU(), dropout=0.5).double())
    x = inputs(1, 1, 4).expand(4000, 1, 4)
    torch.manual_seed(0)
    outputs = layer(x)
    assert outputs.std(dim=0).min() > 0.1
    deviation = (outputs.mean(dim=0) - layer.eval()(x)[0]).abs() / (outputs.std(dim=0) / 4000**0.5)
    assert deviation.max() < 4  # the kept features are scaled up, so the mean over masks is the plain output
    close(layer(x), layer(x), atol=0)


def test_gradients():
    for layer in (FeedForward(3, 5), SwiGLU(3, 5)):
        layer = randomise(layer.double())
        assert torch.autograd.gradcheck(layer, inputs(2, 2, 3).requires_grad_())
