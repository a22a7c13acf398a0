"""Right models pass; each planted bug fails, and the message names its cause."""

import math

import pytest
import torch
from comparisons import randomise
from torch import nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.attention import MultiHeadAttention, attention, attention_weights
from transformer_lib.cache import KVCache
from transformer_lib.inspection import (
    ablate_heads,
    assert_cache_exact,
    assert_causal,
    assert_matches,
    assert_permutation_equivariant,
    dependency_mask,
    record_attention,
)
from transformer_lib.masks import CAUSAL, causal_mask
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.positions import Rotary

SIZES = {"vocab_size": 11, "context_length": 16, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}


def a_gpt(**options):
    return randomise(gpt(GPTConfig(**SIZES | options)).double())


def a_llama(**options):
    return randomise(llama(LlamaConfig(**SIZES | {"n_kv_heads": 1} | options)).double())


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def attending(model, attend):
    """The model with another function in place of attention."""
    for layer in model.modules():
        if isinstance(layer, MultiHeadAttention):
            layer.attend = attend
    return model


def masked(build):
    """Attention under a mask of its own, whatever it is given."""
    return lambda q, k, v, mask, *, dropout: attention(q, k, v, build(q.shape[2], k.shape[2]), dropout=dropout)


# --- recording -----------------------------------------------------------------------------------------------------


def test_recording_keeps_the_weights_and_leaves_no_trace():
    model, tokens = a_llama(), torch.arange(10)[None]
    plain = model(tokens)
    with record_attention(model) as weights:
        torch.testing.assert_close(model(tokens), plain, rtol=1e-9, atol=1e-12)
    assert list(weights) == ["blocks.0.attention", "blocks.1.attention"]
    for recorded in weights.values():
        assert recorded.shape == (1, 2, 10, 10) and not recorded.requires_grad
        torch.testing.assert_close(recorded.sum(dim=-1), torch.ones(1, 2, 10).double())
        assert (recorded.triu(1) == 0).all()
    assert all(block.attention.attend is attention for block in model.blocks)
    weights.clear()
    model(tokens)
    assert not weights


def test_recording_ends_when_an_error_does():
    model = a_gpt()
    with pytest.raises(ValueError, match="exceed context_length"), record_attention(model):
        model(torch.zeros(1, 17, dtype=torch.long))
    assert model.blocks[0].attention.attend is attention


def test_recording_names_both_attentions_of_a_decoder():
    model = transformer(TransformerConfig(vocab_size=11, d_model=8, n_layers=1, n_heads=2, d_ff=12, dropout=0.0))
    source, target = torch.zeros(1, 5, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)
    with record_attention(model) as weights:
        model(source, target)
    shapes = {name: tuple(recorded.shape[2:]) for name, recorded in weights.items()}
    assert shapes == {
        "encoder.0.attention": (5, 5),
        "decoder.0.attention": (3, 3),
        "decoder.0.cross_attention": (3, 5),
    }


def test_recorded_weights_are_those_before_dropout():
    layer = MultiHeadAttention(8, 2, dropout=0.5).double()
    x = draw(1, 5, 8)
    with record_attention(layer) as weights:
        assert not torch.equal(layer(x), layer(x))
    torch.testing.assert_close(weights[""].sum(dim=-1), torch.ones(1, 2, 5).double())


# --- heads taken away ----------------------------------------------------------------------------------------------


def test_a_head_taken_away_is_its_slice_of_the_output_matrix_at_zero():
    model, tokens = a_gpt(n_heads=4), torch.arange(10)[None]
    plain = model(tokens)
    with ablate_heads(model, [("blocks.1.attention", 2), ("blocks.0.attention", 3), ("blocks.1.attention", 0)]):
        without = model(tokens)
    assert torch.equal(model(tokens), plain)
    with torch.no_grad():
        for layer, head in ((1, 2), (0, 3), (1, 0)):
            model.blocks[layer].attention.w_o.weight[:, 2 * head : 2 * head + 2] = 0
    torch.testing.assert_close(without, model(tokens))
    assert not torch.allclose(without, plain)


@pytest.mark.parametrize("recorded_first", [True, False])
def test_a_head_taken_away_is_recorded_all_the_same(recorded_first):
    model, tokens = a_llama(), torch.arange(10)[None]
    blocks = [ablate_heads(model, [("blocks.0.attention", 1)]), record_attention(model)]
    first, second = reversed(blocks) if recorded_first else blocks
    with first as a, second as b:
        seen = model(tokens)
    with ablate_heads(model, [("blocks.0.attention", 1)]):
        torch.testing.assert_close(seen, model(tokens))
    assert ((a or b)["blocks.0.attention"][0, 1].sum(dim=-1) - 1).abs().max() < 1e-9


def test_heads_come_back_after_an_error():
    model, tokens = a_gpt(), torch.arange(10)[None]
    plain = model(tokens)
    with pytest.raises(RuntimeError), ablate_heads(model, [("blocks.0.attention", 0)]):
        raise RuntimeError
    assert torch.equal(model(tokens), plain)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (("blocks.2.attention", 0), r"'blocks\.2\.attention'.*must be one of.*blocks\.0\.attention"),
        (("blocks.0.attention", 2), r"head 2 of blocks\.0\.attention: it must be in 0\.\.1"),
        (("blocks.0.attention", -1), "head -1"),
    ],
)
def test_a_head_that_is_not_there_is_refused(head, message):
    with pytest.raises(ValueError, match=message), ablate_heads(a_gpt(), [head]):
        pass


# --- causality -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [a_gpt(), a_llama(), a_gpt(context_length=3), a_gpt(n_layers=9)])
def test_right_models_are_causal(model):
    model.train()
    assert_causal(model)
    assert model.training


def test_influence_is_the_mask_as_it_works():
    layer = randomise(MultiHeadAttention(8, 2).double())
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1]]).bool()
    assert torch.equal(dependency_mask(lambda x: layer(x, mask=mask), draw(4, 8)), mask)


def test_influence_sees_a_change_even_where_all_tokens_are_equal():
    assert torch.equal(
        dependency_mask(lambda ids: ids[..., None].double(), torch.zeros(4, dtype=torch.long)), torch.eye(4).bool()
    )


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (lambda T, S: torch.ones(T, S).tril(S - T + 1).bool(), "shifted by one .* in 2 layers"),
        (lambda T, S: None, "no mask reached the attention"),
        (lambda T, S: torch.ones(T, S).triu().bool(), "the mask is inverted or transposed"),
        (lambda T, S: causal_mask(T, S) | (torch.arange(S) == 3), "some of the future is seen"),
    ],
)
def test_a_leak_is_named(build, cause):
    with pytest.raises(AssertionError, match=rf"output 0 changes with input \d, which comes after it.*{cause}"):
        assert_causal(attending(a_gpt(), masked(build)))


def test_a_leak_past_attention_is_found():
    with pytest.raises(AssertionError, match="or something mixes positions"):
        assert_causal(lambda x: x - x.mean(dim=1, keepdim=True), draw(5, 8))


def test_what_cannot_be_drawn_must_be_given():
    with pytest.raises(TypeError, match="model is a MultiHeadAttention: give inputs as well"):
        assert_causal(MultiHeadAttention(8, 2))


# --- the cache -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [a_gpt(), a_llama(), a_gpt().float(), a_gpt(dropout=0.5)])
@pytest.mark.parametrize("chunks", [(3, 1, 2, 1, 1), (8,), (1,) * 8, (2, 6)])
def test_right_models_have_exact_caches(model, chunks):
    assert_cache_exact(model, chunks=chunks)


class PositionsStartAgain(LanguageModel):
    def forward(self, tokens, *, mask=CAUSAL, positions=None, cache=None):
        positions = torch.arange(tokens.shape[1]) if positions is None else positions
        return super().forward(tokens, mask=mask, positions=positions, cache=cache)


class PositionsOneTooFar(LanguageModel):
    def forward(self, tokens, *, mask=CAUSAL, positions=None, cache=None):
        past = 0 if cache is None or not cache[0].length else cache[0].length + 1
        positions = torch.arange(past, past + tokens.shape[1]) if positions is None else positions
        return super().forward(tokens, mask=mask, positions=positions, cache=cache)


class NewestFirst(KVCache):
    def read(self):
        k, v = super().read()
        return k.flip(2), v


class ForgetsOne(KVCache):
    def append(self, k, v):
        if self.length:
            self.length -= 1
        return super().append(k, v)


class Doubles(KVCache):
    def read(self):
        k, v = super().read()
        return torch.cat((k, k[:, :, -1:]), dim=2), torch.cat((v, v[:, :, -1:]), dim=2)


@pytest.mark.parametrize("build", [a_gpt, a_llama])
@pytest.mark.parametrize("kind", [PositionsStartAgain, PositionsOneTooFar])
def test_wrong_positions_are_named(build, kind):
    model = build()
    model.__class__ = kind
    with pytest.raises(AssertionError, match=r"from position 3 on.*those counted on from the cache are wrong"):
        assert_cache_exact(model)


@pytest.mark.parametrize(
    ("cache", "cause"),
    [
        (NewestFirst, "even one chunk differs"),
        (ForgetsOne, "keys or values of the past are wrong"),
        (Doubles, "keys or values of the past are wrong"),
    ],
)
def test_a_wrong_cache_is_named(monkeypatch, cache, cause):
    monkeypatch.setattr("transformer_lib.architectures.KVCache", cache)
    with pytest.raises(AssertionError, match=cause):
        assert_cache_exact(a_gpt())


def test_a_mask_that_counts_from_the_first_key_is_named():
    top_left = masked(lambda T, S: torch.ones(T, S).tril().bool() | (torch.tensor(T) == 1))
    with pytest.raises(AssertionError, match=r"from position 4 on.*the mask must take the queries as the last T"):
        assert_cache_exact(attending(a_gpt(), top_left), chunks=(3, 1, 4))


def test_chunks_must_make_up_the_text():
    with pytest.raises(ValueError, match=r"chunks=\(2, 2\) must be positive and sum to T=5"):
        assert_cache_exact(a_gpt(), torch.zeros(1, 5, dtype=torch.long), chunks=(2, 2))


# --- permutations --------------------------------------------------------------------------------------------------


def test_equivariance_holds_without_positions_and_fails_with_them():
    bare = randomise(MultiHeadAttention(8, 2, dropout=0.3).double())
    assert_permutation_equivariant(bare, draw(2, 6, 8))
    turned = randomise(MultiHeadAttention(8, 2, rotary=Rotary(4)).double())
    for module in (turned, lambda x: bare(x, mask=CAUSAL), lambda x: x / x.norm(dim=1, keepdim=True) + x.cumsum(dim=1)):
        with pytest.raises(AssertionError, match=r"the output of position \d changes .*a rotary, a mask, or a norm"):
            assert_permutation_equivariant(module, draw(2, 6, 8))
    with pytest.raises(ValueError, match="must have two positions at least"):
        assert_permutation_equivariant(bare, draw(2, 1, 8))


# --- matching ------------------------------------------------------------------------------------------------------


def in_pairs(x, positions, base=10_000.0):
    """The paper's layout of rotary positions: neighbours turn together."""
    d_head = x.shape[-1]
    angles = positions[:, None] / base ** (torch.arange(0, d_head, 2) / d_head)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(torch.ones(()), angles)
    return torch.view_as_real(turned).flatten(-2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_equal_tensors_match(dtype):
    x = (10 * draw(3, 4)).to(dtype)
    assert_matches(x, x.clone())
    assert_matches({"a": x, "b": x[0]}, {"b": x[0].clone(), "a": x.clone()})
    with pytest.raises(AssertionError, match=r"the tensor differs in \d+ of 12 numbers, first at"):
        assert_matches(x, x.roll(1, dims=0) * 3 if dtype != torch.bool else ~x)


def test_rounding_matches_and_more_does_not():
    x = draw(50, 50)
    assert_matches((x.float() @ x.float()), (x @ x).float())
    assert_matches(x + 1e-3, x, atol=2e-3)
    with pytest.raises(AssertionError, match="the gap is small"):
        assert_matches(x + 1e-6 * draw(50, 50, seed=1), x)


SQUARE, QUERIES = draw(8, 8), draw(1, 2, 6, 8)
WEIGHTS = attention_weights(QUERIES, QUERIES, CAUSAL)


@pytest.mark.parametrize(
    ("actual", "expected", "cause"),
    [
        (SQUARE * math.sqrt(8), SQUARE, r"times 2\.828: a scale is missing or applied twice"),
        (-SQUARE, SQUARE, "times -1"),
        (
            attention_weights(QUERIES * math.sqrt(8), QUERIES, CAUSAL),
            WEIGHTS,
            r"the scores are the reference's times 2\.828: the 1/sqrt\(Dh\) is missing",
        ),
        (attention_weights(QUERIES / math.sqrt(8), QUERIES), attention_weights(QUERIES, QUERIES), "times 0.3536"),
        (SQUARE.T, SQUARE, "it is transposed"),
        (draw(4, 8).T, draw(4, 8), "it is transposed"),
        (
            SQUARE.reshape(2, 2, 2, 8).transpose(1, 2).reshape(8, 8),
            SQUARE,
            "axis 0 is in the other rotary layout, heads of 4",
        ),
        (draw(3, 8).reshape(3, 4, 2).mT.reshape(3, 8), draw(3, 8), "axis 1 is in the other rotary layout, heads of 8"),
        (in_pairs(QUERIES, torch.arange(6)), Rotary(8)(QUERIES, torch.arange(6)), "the rotary's layout or base"),
        (
            Rotary(8, 100.0)(QUERIES, torch.arange(6)),
            Rotary(8)(QUERIES, torch.arange(6)),
            "the rotary's layout or base",
        ),
        (SQUARE.roll(1, dims=0), SQUARE, "shifted by one along axis 0: everything comes one later"),
        (SQUARE.roll(-1, dims=1), SQUARE, "shifted by one along axis 1: everything comes one earlier"),
        (torch.where(SQUARE > 1, torch.nan, SQUARE), SQUARE, "it holds NaN or infinity"),
        (nn.GELU("tanh")(SQUARE), nn.GELU()(SQUARE), "an approximate GELU"),
        (SQUARE.square(), SQUARE, "none of the usual ones"),
    ],
)
def test_the_likely_cause_is_named(actual, expected, cause):
    with pytest.raises(AssertionError, match=cause):
        assert_matches(actual, expected)


def test_names_and_shapes_must_agree():
    with pytest.raises(AssertionError, match=r"\['b'\] are missing and \['c'\] are not in the reference"):
        assert_matches({"a": SQUARE, "c": SQUARE}, {"a": SQUARE, "b": SQUARE})
    with pytest.raises(AssertionError, match=r"a is \(8, 8\) and the reference \(8, 7\)$"):
        assert_matches({"a": SQUARE}, {"a": SQUARE[:, :7]})
    with pytest.raises(
        AssertionError, match=r"w is \(8, 4\) and the reference \(4, 8\). Likely cause: it is transposed"
    ):
        assert_matches({"w": draw(8, 4)}, {"w": draw(4, 8)})
