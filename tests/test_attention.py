import inspect
import math

import pytest
import torch
from comparisons import close, copy_attention, masks, randomise, softmax_by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib import masks as mask_module
from transformer_lib.attention import (
    MultiHeadAttention,
    additive_attention,
    additive_attention_weights,
    attention,
    attention_weights,
    share_heads,
)
from transformer_lib.cache import KVCache
from transformer_lib.inspection import assert_permutation_equivariant, dependency_mask
from transformer_lib.masks import CAUSAL, causal_mask, padding_mask, prefix_mask, sliding_window_mask
from transformer_lib.positions import Rotary

sizes = st.integers(1, 6)
few = settings(max_examples=30)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@st.composite
def heads(draw_):
    """Queries, keys and values of random sizes, G dividing H, values of another width."""
    B, T, S, G, group, Dh, Dv = (draw_(sizes) for _ in range(7))
    return draw(B, G * group, T, Dh), draw(B, G, S, Dh, seed=1), draw(B, G, S, Dv, seed=2)


@st.composite
def layers(draw_, kv_groups=True, **options):
    G, group, d_head = draw_(st.integers(1, 3)), draw_(st.integers(1, 3)) if kv_groups else 1, draw_(sizes)
    layer = MultiHeadAttention(G * group * d_head, G * group, G, bias=draw_(st.booleans()), **options).double()
    return randomise(layer, seed=draw_(st.integers(0, 99)))


# --- the functions, against the equation ---------------------------------------------------------------------------


@few
@given(heads(), st.data())
def test_equals_the_equation_one_head_at_a_time(qkv, data):
    q, k, v = qkv
    (B, H, T, Dh), (G, S) = q.shape, k.shape[1:3]
    mask = data.draw(st.one_of(st.none(), masks(T, S), masks(B, 1, 1, S), masks(B, H, T, S)))
    weights, output = attention_weights(q, k, mask), attention(q, k, v, mask)
    open_ = torch.ones(B, H, T, S, dtype=torch.bool) if mask is None else mask.expand(B, H, T, S)
    for b in range(B):
        for h in range(H):
            g = h // (H // G)  # neighbouring query heads share a key head
            expected = softmax_by_hand(q[b, h] @ k[b, g].T / math.sqrt(Dh), open_[b, h])
            close(weights[b, h], expected)
            close(output[b, h], expected @ v[b, g])


@few
@given(heads(), st.data())
def test_rows_sum_to_one_and_hidden_keys_weigh_nothing(qkv, data):
    q, k, _ = qkv
    mask = data.draw(masks(q.shape[2], k.shape[2]))
    weights = attention_weights(100 * q, k, mask)
    close(weights.sum(dim=-1), torch.ones_like(weights[..., 0]))
    assert (weights >= 0).all()
    assert (weights.masked_select(~mask) == 0).all()


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (2, 3, 5, 4)])
def test_leading_axes_are_optional(shape):
    x = draw(*shape)
    expected = softmax_by_hand(x @ x.mT / 2, causal_mask(5)) @ x
    close(attention(x, x, x, CAUSAL), expected)
    close(attention_weights(x, x, CAUSAL) @ x, expected)


@given(sizes, st.integers(0, 3))
def test_the_causal_name_is_the_causal_mask(T, past):
    q, k = draw(2, 3, T, 4), draw(2, 3, T + past, 4, seed=1)
    mask = causal_mask(T, T + past)
    close(attention(q, k, k, CAUSAL), attention(q, k, k, mask))
    assert torch.equal(attention_weights(q, k, CAUSAL), attention_weights(q, k, mask))


@pytest.mark.parametrize(("T", "S", "built"), [(7, 7, 0), (1, 7, 0), (3, 7, 1)])
def test_a_causal_mask_is_built_only_where_the_kernel_needs_one(monkeypatch, T, S, built):
    calls = []
    monkeypatch.setattr(
        mask_module, "causal_mask", lambda *sizes, **options: calls.append(1) or causal_mask(*sizes, **options)
    )
    attention(draw(1, 1, T, 4), draw(1, 1, S, 4), draw(1, 1, S, 4), CAUSAL)
    assert len(calls) == built


def test_dropout_keeps_the_mean():
    q, k, v = (draw(1, 1, 1, 4, seed=seed).expand(20_000, 1, -1, 4) for seed in range(3))
    k, v = draw(1, 1, 5, 4, seed=1).expand(20_000, 1, 5, 4), draw(1, 1, 5, 4, seed=2).expand(20_000, 1, 5, 4)
    torch.manual_seed(0)
    outputs = attention(q, k, v, dropout=0.3)
    deviation = (outputs.mean(dim=0) - attention(q, k, v)[0]).abs() / (outputs.std(dim=0) / 20_000**0.5)
    assert outputs.std(dim=0).min() > 0.01
    assert deviation.max() < 4


def test_gradients():
    q, k, v = draw(1, 4, 3, 2).requires_grad_(), draw(1, 2, 5, 2).requires_grad_(), draw(1, 2, 5, 3).requires_grad_()
    mask = padding_mask(torch.tensor([3]), 5)
    assert torch.autograd.gradcheck(lambda *qkv: attention(*qkv, mask), (q, k, v))
    assert torch.autograd.gradcheck(lambda q, k: attention_weights(q, k, mask), (q, k))
    square = draw(1, 2, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: attention(x, x, x, CAUSAL), (square,))


# --- additive attention --------------------------------------------------------------------------------------------


@few
@given(sizes, sizes, sizes, sizes, sizes, sizes, st.data())
def test_additive_equals_a_loop(T, S, Dq, Dk, A, Dv, data):
    query, key, value = draw(2, T, Dq), draw(2, S, Dk, seed=1), draw(2, S, Dv, seed=2)
    w_query, w_key, v = draw(A, Dq, seed=3), draw(A, Dk, seed=4), draw(A, seed=5)
    mask = data.draw(st.one_of(st.none(), masks(T, S), masks(2, T, S)))
    scores = torch.empty(2, T, S, dtype=torch.float64)
    for b in range(2):
        for i in range(T):
            for j in range(S):
                scores[b, i, j] = torch.dot(v, torch.tanh(w_query @ query[b, i] + w_key @ key[b, j]))
    expected = softmax_by_hand(scores, mask)
    close(additive_attention_weights(query, key, w_query, w_key, v, mask), expected)
    close(additive_attention(query, key, value, w_query, w_key, v, mask), expected @ value)


def test_additive_takes_the_causal_pattern_and_has_gradients():
    query, w, v = draw(2, 4, 3), draw(5, 3, seed=1), draw(5, seed=2)
    assert (additive_attention_weights(query, query, w, w, v, CAUSAL).triu(1) == 0).all()
    given_ = [x.requires_grad_() for x in (query, draw(2, 4, 2, seed=3), w, v)]
    assert torch.autograd.gradcheck(lambda q, value, w, v: additive_attention(q, q, value, w, w, v, CAUSAL), given_)


# --- the layer, against nn.MultiheadAttention ----------------------------------------------------------------------


@few
@given(sizes, sizes, st.integers(1, 4), sizes, st.booleans(), st.booleans(), st.data())
def test_equals_pytorch(T, S, n_heads, d_head, bias, cross, data):
    d_model, B = n_heads * d_head, 2
    theirs = randomise(nn.MultiheadAttention(d_model, n_heads, bias=bias, batch_first=True).double())
    ours = MultiHeadAttention(d_model, n_heads, bias=bias).double()
    copy_attention(theirs, ours)
    x = draw(B, T, d_model)
    memory = draw(B, S, d_model, seed=1) if cross else x
    S = memory.shape[1]
    pattern = data.draw(st.one_of(st.none(), masks(T, S)))
    real = data.draw(st.one_of(st.none(), masks(B, 1, 1, S)))
    both = [mask for mask in (pattern, real) if mask is not None]
    mask = None if not both else both[0] if len(both) == 1 else both[0] & both[1]
    if mask is not None:
        if not mask.any(dim=-1).all():  # the two together may leave a query with nothing
            with pytest.raises(ValueError, match=r"leaves row .* empty"):
                ours(x, memory if cross else None, mask=mask)
            return
    expected, weights = theirs(
        x,
        memory,
        memory,
        attn_mask=None if pattern is None else ~pattern,  # there True hides, in both masks
        key_padding_mask=None if real is None else ~real[:, 0, 0],
        average_attn_weights=False,
    )
    close(ours(x, memory if cross else None, mask=mask), expected)
    q, k = (
        layer(y).unflatten(-1, (n_heads, d_head)).transpose(1, 2) for layer, y in ((ours.w_q, x), (ours.w_k, memory))
    )
    close(attention_weights(q, k, mask), weights)


@few
@given(layers(), sizes)
def test_grouped_heads_equal_ordinary_ones_with_repeated_weights(grouped, T):
    full = MultiHeadAttention(grouped.w_q.in_features, grouped.n_heads, bias=grouped.w_q.bias is not None).double()
    weights = grouped.state_dict()
    for name, weight in weights.items():
        if name.startswith(("w_k", "w_v")):
            by_head = weight.unflatten(0, (grouped.n_kv_heads, grouped.d_head))
            weights[name] = by_head.repeat_interleave(grouped.n_heads // grouped.n_kv_heads, dim=0).flatten(0, 1)
    full.load_state_dict(weights)
    x = draw(2, T, full.w_q.in_features)
    close(grouped(x, mask=CAUSAL), full(x, mask=CAUSAL))


def test_share_heads_leaves_equal_heads_alone():
    key = draw(2, 3, 4, 5)
    assert share_heads(key, draw(2, 3, 2, 5)) is key
    assert torch.equal(share_heads(key, draw(2, 6, 2, 5))[:, [0, 1, 4]], key[:, [0, 0, 2]])


# --- what sees what ------------------------------------------------------------------------------------------------


@few
@given(layers(), st.integers(2, 7), st.data())
def test_each_position_sees_what_its_mask_shows(layer, T, data):
    window, prefix = data.draw(st.integers(1, T)), data.draw(st.integers(0, T))
    patterns = {
        "causal": (CAUSAL, causal_mask(T)),
        "sliding": (sliding_window_mask(T, window),) * 2,
        "prefix": (prefix_mask(torch.tensor([prefix]), T), prefix_mask(torch.tensor([prefix]), T)[0, 0]),
    }
    x = draw(T, layer.w_q.in_features)
    for name, (mask, shown) in patterns.items():
        seen = dependency_mask(lambda x, mask=mask: layer(x, mask=mask), x)
        assert torch.equal(seen, shown), name


@few
@given(layers(), st.integers(2, 6))
def test_without_positions_it_is_permutation_equivariant(layer, T):
    assert_permutation_equivariant(layer, draw(2, T, layer.w_q.in_features))


def test_with_a_mask_or_a_rotary_it_is_not():
    x = draw(1, 5, 8)
    for layer, mask in ((MultiHeadAttention(8, 2), CAUSAL), (MultiHeadAttention(8, 2, rotary=Rotary(4)), None)):
        layer = randomise(layer.double())
        with pytest.raises(AssertionError, match="something knows where a position stands"):
            assert_permutation_equivariant(lambda x, layer=layer, mask=mask: layer(x, mask=mask), x)


# --- the cache -----------------------------------------------------------------------------------------------------


@few
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
    st.one_of(st.none(), st.integers(1, 5)),
)
def test_cached_equals_full_for_every_chunking(chunks, n_kv_heads, rotary, window):
    layer = randomise(MultiHeadAttention(16, 4, n_kv_heads, rotary=Rotary(4) if rotary else None).double())
    T = sum(chunks)
    x, cache = draw(2, T, 16), KVCache(T)
    mask = CAUSAL if window is None else sliding_window_mask(T, window)
    whole, end = layer(x, mask=mask), 0
    with torch.no_grad():
        for part in chunks:
            start, end = end, end + part
            here = CAUSAL if window is None else sliding_window_mask(part, window, end)
            close(layer(x[:, start:end], mask=here, cache=cache), whole[:, start:end])


def test_a_memory_is_projected_once():
    layer = randomise(MultiHeadAttention(8, 2).double())
    memory, mask, cache = draw(2, 5, 8), padding_mask(torch.tensor([5, 3]), 5), KVCache(5)
    with torch.no_grad():
        for seed in range(3):
            x = draw(2, 1, 8, seed=seed)
            close(layer(x, memory, mask=mask, cache=cache), layer(x, memory, mask=mask))
        layer.w_k.weight.zero_()  # no longer read
        close(layer(x, memory, mask=mask, cache=cache)[1] * 0 + 1, torch.ones(1, 8).double())
        assert not torch.allclose(layer(x, memory, mask=mask, cache=cache), layer(x, memory, mask=mask))
        assert cache.length == 5


# --- the rest ------------------------------------------------------------------------------------------------------


def test_rotary_turns_queries_and_keys_and_not_values():
    layer = randomise(MultiHeadAttention(8, 2, rotary=Rotary(4)).double())
    x, positions = draw(2, 5, 8), torch.tensor([3, 4, 7, 8, 20])
    q, k, v = (w(x).unflatten(-1, (2, 4)).transpose(1, 2) for w in (layer.w_q, layer.w_k, layer.w_v))
    q, k = Rotary(4)(q, positions), Rotary(4)(k, positions)
    expected = (softmax_by_hand(q @ k.mT / 2, causal_mask(5)) @ v).transpose(1, 2).flatten(2)
    close(layer(x, mask=CAUSAL, positions=positions), layer.w_o(expected))
    close(layer(x, mask=CAUSAL), layer(x, mask=CAUSAL, positions=torch.arange(5) + 11))


def test_dropout_is_for_training_only():
    layer = randomise(MultiHeadAttention(8, 2, dropout=0.5).double())
    x = draw(1, 5, 8)
    assert not torch.allclose(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_layer_gradients():
    layer = randomise(MultiHeadAttention(4, 2, 1, rotary=Rotary(2)).double())
    parameters = dict(layer.named_parameters())

    def of_all(x, *values):
        weights = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(layer, weights, x, {"mask": CAUSAL})

    assert torch.autograd.gradcheck(of_all, (draw(1, 3, 4).requires_grad_(), *parameters.values()))


def full_of(n, capacity=4):
    cache = KVCache(capacity)
    cache.append(draw(1, 2, n, 4), draw(1, 2, n, 4))
    return cache


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MultiHeadAttention(65, 4), "d_model=65 must be divisible by n_heads=4"),
        (lambda: MultiHeadAttention(64, 0), "d_model=64 must be divisible by n_heads=0"),
        (lambda: MultiHeadAttention(64, 4, 3), "n_heads=4 must be divisible by n_kv_heads=3"),
        (lambda: MultiHeadAttention(64, 4, dropout=1.0), r"dropout=1.0 must be in \[0, 1\)"),
        (lambda: MultiHeadAttention(64, 4, rotary=Rotary(8)), "rotary.d_head=8 must be d_model / n_heads = 16"),
        (
            lambda: MultiHeadAttention(8, 2, rotary=Rotary(4))(torch.zeros(1, 1, 8), torch.zeros(1, 1, 8)),
            "must have none",
        ),
        (
            lambda: MultiHeadAttention(8, 2)(torch.zeros(1, 1, 8), torch.zeros(1, 3, 8), cache=full_of(2)),
            "a memory of 2 ",
        ),
        (lambda: MultiHeadAttention(8, 2)(torch.zeros(1, 3, 8), cache=full_of(2)), "cannot take 3 more"),
        (
            lambda: attention(*[draw(1, 1, 3, 2)] * 3, torch.eye(3).bool() & ~torch.eye(3).bool()),
            r"leaves row \(0,\) empty",
        ),
        (lambda: attention(*[draw(1, 1, 3, 2)] * 3, causal_mask(4)), r"mask of shape \(4, 4\) must broadcast"),
        (lambda: attention_weights(*[draw(1, 1, 3, 2)] * 2, causal_mask(4)), r"mask of shape \(4, 4\) must broadcast"),
        (lambda: attention(draw(1, 1, 3, 2), *[draw(1, 1, 2, 2)] * 2, CAUSAL), "S=2 must be at least T=3"),
    ],
)
def test_errors_name_what_is_wrong(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_other_leading_dimensions_name_the_shape_to_use():
    layer = MultiHeadAttention(8, 2)
    forward = inspect.unwrap(MultiHeadAttention.forward)
    for x, memory, message in (
        (torch.zeros(3, 8), None, r"x of shape \(3, 8\) must be \(B, T, D\) with D = d_model = 8: x\[None\]"),
        (torch.zeros(2, 1, 3, 8), None, r"x of shape \(2, 1, 3, 8\) must be .* x.flatten\(end_dim=-3\)"),
        (torch.zeros(2, 3, 7), None, r"x of shape \(2, 3, 7\) must be"),
        (torch.zeros(2, 3, 8), torch.zeros(3, 8), r"memory of shape \(3, 8\) must be .* memory\[None\]"),
    ):
        with pytest.raises(ValueError, match=message):
            forward(layer, x, memory)


def test_float_masks_are_refused():
    x, without_shape_checks = draw(1, 1, 3, 2), inspect.unwrap(attention)
    with pytest.raises(TypeError, match=r"mask of torch.float64 must be torch.bool"):
        without_shape_checks(x, x, x, torch.ones(3, 3, dtype=torch.float64).tril())
    with pytest.raises(TypeError, match=r"mask of torch.int64 must be torch.bool"):
        inspect.unwrap(attention_weights)(x, x, torch.ones(3, 3, dtype=torch.int64).tril())


def test_print_shows_the_heads():
    assert repr(MultiHeadAttention(8, 4, 2)).startswith("MultiHeadAttention(\n  n_heads=4, n_kv_heads=2, d_head=2")
