import pytest
import torch
from comparisons import close, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib.norms import LayerNorm, RMSNorm

PEERS = [(LayerNorm, nn.LayerNorm), (RMSNorm, nn.RMSNorm)]


def inputs(*shape, seed=0):
    return 3 * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 1


@pytest.mark.parametrize(("ours", "theirs"), PEERS)
@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    d_model=st.integers(2, 17),
    eps=st.sampled_from([1e-12, 1e-5, 0.1]),
)
def test_equals_pytorch(ours, theirs, shape, d_model, eps):
    reference = randomise(theirs(d_model, eps).double())
    norm = ours(d_model, eps).double()
    norm.load_state_dict(reference.state_dict())
    x, y = inputs(*shape, d_model).requires_grad_(), inputs(*shape, d_model).requires_grad_()
    close(norm(x), reference(y))
    norm(x).square().sum().backward()
    reference(y).square().sum().backward()
    close(x.grad, y.grad)
    close(norm.weight.grad, reference.weight.grad)


def test_equal_to_their_equations():
    x = inputs(2, 3, 5)
    mean = x.sum(dim=-1, keepdim=True) / 5
    variance = (x - mean).square().sum(dim=-1, keepdim=True) / 5
    close(LayerNorm(5).double()(x), (x - mean) / (variance + 1e-5).sqrt())
    close(RMSNorm(5).double()(x), x / (x.square().sum(dim=-1, keepdim=True) / 5 + 1e-5).sqrt())


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_nothing_is_shared_between_tokens(norm):
    layer, x = randomise(norm(6).double()), inputs(2, 4, 6)
    changed = x.clone()
    changed[0, 1] += torch.arange(6) ** 2
    same = layer(changed) == layer(x)
    assert not same[0, 1].any()
    same[0, 1] = True
    assert same.all()


@pytest.mark.parametrize("norm", [LayerNorm, RMSNorm])
def test_gradients(norm):
    layer, x = randomise(norm(4).double()), inputs(2, 3, 4).requires_grad_()
    parameters = dict(layer.named_parameters())

    def of_all(x, *values):
        return torch.func.functional_call(layer, dict(zip(parameters, values, strict=True)), x)

    assert torch.autograd.gradcheck(of_all, (x, *parameters.values()))


def test_a_layer_norm_without_a_shift():
    reference, norm = randomise(nn.LayerNorm(5, bias=False).double()), LayerNorm(5, bias=False).double()
    norm.load_state_dict(reference.state_dict())
    close(norm(inputs(3, 5)), reference(inputs(3, 5)))
    assert repr(norm) == "LayerNorm(5, eps=1e-05, bias=False)"


def test_size_invariance():
    x = inputs(3, 8)
    close(RMSNorm(8, eps=0.0).double()(7 * x), RMSNorm(8, eps=0.0).double()(x))
    close(LayerNorm(8, eps=0.0).double()(7 * x + 2), LayerNorm(8, eps=0.0).double()(x))


def test_print_shows_the_sizes():
    assert repr(LayerNorm(8, 1e-6)) == "LayerNorm(8, eps=1e-06)"
    assert repr(RMSNorm(8)) == "RMSNorm(8, eps=1e-05)"
