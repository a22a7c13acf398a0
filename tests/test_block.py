import pytest
import torch
from comparisons import close, copy_layer, masks, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm, PreNorm
from transformer_lib.cache import KVCache
from transformer_lib.feed_forward import FeedForward, SwiGLU
from transformer_lib.inspection import assert_permutation_equivariant, dependency_mask
from transformer_lib.masks import CAUSAL, causal_mask, padding_mask
from transformer_lib.norms import LayerNorm, RMSNorm
from transformer_lib.positions import Rotary

sizes = st.integers(1, 6)
few = settings(max_examples=25)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def block(d_model, n_heads, d_ff, residual=PreNorm, *, cross=False, activation=None, dropout=0.0):
    return Block(
        MultiHeadAttention(d_model, n_heads),
        FeedForward(d_model, d_ff, activation or nn.ReLU()),
        lambda: residual(LayerNorm(d_model), dropout),
        MultiHeadAttention(d_model, n_heads) if cross else None,
    ).double()


def peers(kind, n_heads, d_head, d_ff, pre_norm, gelu):
    d_model = n_heads * d_head
    theirs = kind(
        d_model,
        n_heads,
        d_ff,
        dropout=0.0,
        activation="gelu" if gelu else "relu",
        norm_first=pre_norm,
        batch_first=True,
    ).double()
    randomise(theirs)
    ours = block(
        d_model,
        n_heads,
        d_ff,
        PreNorm if pre_norm else PostNorm,
        cross=kind is nn.TransformerDecoderLayer,
        activation=nn.GELU() if gelu else nn.ReLU(),
    )
    copy_layer(theirs, ours)
    return theirs, ours


@few
@given(st.integers(1, 3), sizes, sizes, sizes, st.booleans(), st.booleans(), st.data())
def test_equals_pytorch_encoder_layer(n_heads, d_head, d_ff, T, pre_norm, gelu, data):
    theirs, ours = peers(nn.TransformerEncoderLayer, n_heads, d_head, d_ff, pre_norm, gelu)
    x = draw(2, T, n_heads * d_head)
    mask = data.draw(st.one_of(st.none(), masks(T, T)))
    close(ours(x, mask=mask), theirs(x, src_mask=None if mask is None else ~mask))
    real = data.draw(masks(2, 1, 1, T))
    close(ours(x, mask=real), theirs(x, src_key_padding_mask=~real[:, 0, 0]))


@few
@given(st.integers(1, 3), sizes, sizes, sizes, sizes, st.booleans(), st.booleans(), st.data())
def test_equals_pytorch_decoder_layer(n_heads, d_head, d_ff, T, S, pre_norm, gelu, data):
    theirs, ours = peers(nn.TransformerDecoderLayer, n_heads, d_head, d_ff, pre_norm, gelu)
    x, memory = draw(2, T, n_heads * d_head), draw(2, S, n_heads * d_head, seed=1)
    real = data.draw(masks(2, 1, 1, S))
    expected = theirs(x, memory, tgt_mask=~causal_mask(T), memory_key_padding_mask=~real[:, 0, 0])
    close(ours(x, mask=CAUSAL, memory=memory, memory_mask=real), expected)


def test_equal_gradients():
    theirs, ours = peers(nn.TransformerEncoderLayer, 2, 4, 12, True, True)
    x, y = draw(2, 5, 8).requires_grad_(), draw(2, 5, 8).requires_grad_()
    ours(x, mask=CAUSAL).square().sum().backward()
    theirs(y, src_mask=~causal_mask(5)).square().sum().backward()
    close(x.grad, y.grad, atol=1e-9)
    close(ours.attention.w_v.weight.grad, theirs.self_attn.in_proj_weight.grad[16:], atol=1e-9)
    close(ours.feed_forward.up.weight.grad, theirs.linear1.weight.grad, atol=1e-9)


def test_where_each_residual_normalises():
    norm, x = randomise(LayerNorm(4).double()), draw(1, 3, 4)
    close(PreNorm(norm)(x, torch.sin), x + torch.sin(norm(x)))
    close(PostNorm(norm)(x, torch.sin), norm(x + torch.sin(x)))


@pytest.mark.parametrize("residual", [PreNorm, PostNorm])
def test_dropout_falls_on_the_sublayer_and_never_on_the_stream(residual):
    dropped = residual(nn.Identity(), dropout=0.5).double()
    x = torch.ones(1, 1, 10_000, dtype=torch.float64)
    torch.manual_seed(0)
    values = dropped(x, lambda h: 3 * h).unique()
    assert values.tolist() == [1.0, 7.0]  # the stream alone, or with twice the sublayer's 3
    assert dropped.eval()(x, lambda h: 3 * h).unique().tolist() == [4.0]


@pytest.mark.parametrize("residual", [PreNorm, PostNorm])
def test_gradients(residual):
    for layer, more in (
        (block(4, 2, 3, residual, cross=True, activation=nn.GELU()), {"memory": draw(1, 2, 4, seed=1)}),
        (
            Block(
                MultiHeadAttention(4, 2, 1, bias=False, rotary=Rotary(2)),
                SwiGLU(4, 3),
                lambda: residual(RMSNorm(4)),
            ).double(),
            {},
        ),
    ):
        randomise(layer)
        parameters = dict(layer.named_parameters())

        def of_all(x, *values, layer=layer, parameters=parameters, more=more):
            weights = dict(zip(parameters, values, strict=True))
            return torch.func.functional_call(layer, weights, x, {"mask": CAUSAL, **more})

        assert torch.autograd.gradcheck(of_all, (draw(1, 3, 4).requires_grad_(), *parameters.values()), fast_mode=True)


def test_attention_alone_mixes_positions():
    layer = randomise(block(8, 2, 16))
    assert torch.equal(dependency_mask(lambda x: layer(x, mask=torch.eye(5).bool()), draw(5, 8)), torch.eye(5).bool())
    assert_permutation_equivariant(layer, draw(2, 5, 8))


def test_caches_of_past_and_memory_are_exact():
    layer = randomise(block(8, 2, 16, cross=True))
    x, memory, real = draw(2, 6, 8), draw(2, 4, 8, seed=1), padding_mask(torch.tensor([4, 2]), 4)
    whole = layer(x, mask=CAUSAL, memory=memory, memory_mask=real)
    own, of_memory = KVCache(6), KVCache(4)
    with torch.no_grad():
        parts = [
            layer(part, mask=CAUSAL, memory=memory, memory_mask=real, cache=own, memory_cache=of_memory)
            for part in x.split([2, 3, 1], dim=1)
        ]
    close(torch.cat(parts, dim=1), whole)


def test_each_sublayer_has_a_residual_of_its_own():
    layer = block(8, 2, 16, cross=True)
    residuals = {layer.attention_residual, layer.cross_residual, layer.feed_forward_residual}
    assert len({residual.norm for residual in residuals}) == 3
    assert not hasattr(block(8, 2, 16), "cross_residual")


@pytest.mark.parametrize(
    ("cross", "message"), [(True, "has cross_attention and memory is none"), (False, "memory is one")]
)
def test_a_memory_belongs_to_a_decoder(cross, message):
    memory = None if cross else draw(1, 2, 4)
    with pytest.raises(ValueError, match=message):
        block(4, 1, 4, cross=cross)(draw(1, 3, 4), memory=memory)
