import inspect

import pytest
import torch
from comparisons import close, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib import masks as masks_module
from transformer_lib import positions as positions_module
from transformer_lib.architectures import Embedding, EncoderDecoder, LanguageModel, MaskedLanguageModel
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PreNorm
from transformer_lib.cache import KVCache
from transformer_lib.feed_forward import FeedForward
from transformer_lib.inspection import assert_causal, dependency_mask
from transformer_lib.masks import causal_mask, padding_mask, prefix_mask, sliding_window_mask
from transformer_lib.norms import LayerNorm
from transformer_lib.positions import LearnedPositions, Rotary, SinusoidalPositions

D, V, CONTEXT = 8, 11, 12
few = settings(max_examples=20)


def text(*shape, seed=0, vocab_size=V):
    return torch.randint(vocab_size, shape, generator=torch.Generator().manual_seed(seed))


def block(*, cross=False, rotary=None, n_kv_heads=None):
    return Block(
        MultiHeadAttention(D, 2, n_kv_heads, rotary=rotary),
        FeedForward(D, 12),
        lambda: PreNorm(LayerNorm(D)),
        MultiHeadAttention(D, 2) if cross else None,
    )


def language_model(positions="learned", n_kv_heads=2, n_layers=2):
    added = {"learned": LearnedPositions(CONTEXT, D), "sinusoidal": SinusoidalPositions(D)}.get(positions)
    rotary = Rotary(D // 2) if positions == "rotary" else None
    blocks = [block(rotary=rotary, n_kv_heads=n_kv_heads) for _ in range(n_layers)]
    model = LanguageModel(Embedding(nn.Embedding(V, D), added), blocks, LayerNorm(D), nn.Linear(D, V))
    return randomise(model.double()).eval()


def encoder_decoder():
    model = EncoderDecoder(
        Embedding(nn.Embedding(V, D), SinusoidalPositions(D)),
        [block() for _ in range(2)],
        Embedding(nn.Embedding(V, D), SinusoidalPositions(D)),
        [block(cross=True) for _ in range(2)],
        nn.Linear(D, V),
        encoder_norm=LayerNorm(D),
        decoder_norm=LayerNorm(D),
    )
    return randomise(model.double()).eval()


everywhere = st.sampled_from(["learned", "sinusoidal", "rotary", "none"])


# --- embedding -----------------------------------------------------------------------------------------------------


def test_embedding_is_the_sum_of_its_tables():
    tokens, segments = nn.Embedding(V, D), nn.Embedding(2, D)
    layer = Embedding(tokens, LearnedPositions(CONTEXT, D), segments=segments, norm=LayerNorm(D), scaled=True).double()
    randomise(layer)
    ids, kinds = text(2, 5), text(2, 5, vocab_size=2)
    total = tokens.weight[ids] * D**0.5 + layer.positions.table.weight[:5] + segments.weight[kinds]
    close(layer(ids, segments=kinds), layer.norm(total))
    close(layer(ids), layer(ids, torch.arange(5), torch.zeros_like(ids)))


def test_embedding_keeps_its_dtype_whatever_the_positions_are():
    layer = Embedding(nn.Embedding(V, D), SinusoidalPositions(D))
    for dtype in (torch.bfloat16, torch.float64):
        assert layer.to(dtype)(text(1, 3)).dtype == dtype


def test_context_length_is_known_where_there_is_one():
    assert language_model("learned").context_length == CONTEXT
    assert language_model("sinusoidal").context_length is None
    assert language_model().vocab_size == encoder_decoder().vocab_size == V


# --- language model ------------------------------------------------------------------------------------------------


@few
@given(everywhere, st.integers(0, 99))
def test_no_token_sees_the_future(positions, seed):
    assert_causal(language_model(positions), text(8, seed=seed))


@few
@given(st.integers(1, 8), st.integers(0, 8), st.integers(1, 4))
def test_layers_see_what_their_masks_let_through(window, prefix, n_layers):
    model, T = language_model("none", n_layers=n_layers), 8
    for mask in (sliding_window_mask(T, window), prefix_mask(torch.tensor([prefix]), T)):
        seen = dependency_mask(lambda ids, mask=mask: model(ids, mask=mask), text(T))
        reach = torch.linalg.matrix_power(mask.reshape(T, T).double(), n_layers) > 0
        assert torch.equal(seen, reach)


@few
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4).filter(lambda c: sum(c) <= CONTEXT),
    everywhere,
    st.sampled_from([1, 2]),
)
def test_cached_equals_full_for_every_chunking(chunks, positions, n_kv_heads):
    model, tokens = language_model(positions, n_kv_heads), text(2, sum(chunks))
    cache = model.new_cache(sum(chunks))
    with torch.no_grad():
        parts = [model(part, cache=cache) for part in tokens.split(chunks, dim=1)]
        close(torch.cat(parts, dim=1), model(tokens))


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_sequences_may_stand_at_different_positions(positions):
    """Padding on the left, with the mask and the positions to match, changes nothing for what follows it."""
    model, tokens, pads = language_model(positions), text(2, 6), torch.tensor([2, 0])
    where = (torch.arange(6) - pads[:, None]).clamp(min=0)
    real = torch.arange(6) >= pads[:, None]
    mask = (causal_mask(6) & real[:, None, None, :]) | torch.eye(6, dtype=torch.bool)
    got = model(tokens, mask=mask, positions=where)
    close(got[0, 2:], model(tokens[:1, 2:])[0])
    close(got[1], model(tokens[1:])[0])


def test_no_mask_lets_everyone_see_everyone_at_every_level():
    model, tokens = language_model("none"), text(5)
    assert dependency_mask(lambda ids: model(ids, mask=None), tokens).all()
    x = torch.randn(5, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert dependency_mask(model.blocks[0], x).all() and dependency_mask(model.blocks[0].attention, x).all()
    translator = encoder_decoder()
    memory = translator.encode(text(1, 3))
    assert dependency_mask(lambda ids: translator.decode(ids, memory, target_mask=None), tokens).all()


def counted(monkeypatch, module, name):
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **named: calls.append(args) or function(*args, **named))
    return calls


def test_layers_share_what_is_made_once(monkeypatch):
    """The sines of the positions, the causal mask of a chunk after a cache, and the look through a mask."""
    model, tokens = language_model("rotary", n_layers=3), text(2, 7)
    angles = counted(monkeypatch, positions_module, "_frequencies")
    built = counted(monkeypatch, masks_module, "causal_mask")
    looks = counted(monkeypatch, masks_module, "validate_rows")
    whole = model(tokens)
    assert (len(angles), len(built)) == (1, 0)
    cache = model.new_cache(7)
    parts = [model(part, cache=cache) for part in tokens.split([3, 4], dim=1)]
    close(torch.cat(parts, dim=1), whole)
    assert (len(angles), len(built)) == (3, 1)
    model(tokens, mask=causal_mask(7) | torch.eye(7, dtype=torch.bool))
    assert len(looks) == 1


def test_layers_may_turn_at_other_frequencies_or_not_at_all():
    model, tokens = language_model("rotary", n_layers=3), text(2, 6)
    model.blocks[0].attention.rotary = None
    model.blocks[2].attention.rotary = Rotary(D // 2, base=10.0)
    x = model.embedding(tokens)
    for layer in model.blocks:  # each counts for itself
        x = layer(x, mask=causal_mask(6))
    close(model(tokens), model.head(model.norm(x)))


# --- masked language model -----------------------------------------------------------------------------------------


def test_masked_language_model_sees_everything_but_padding():
    embedding = Embedding(nn.Embedding(V, D), LearnedPositions(CONTEXT, D), segments=nn.Embedding(2, D))
    model = randomise(MaskedLanguageModel(embedding, [block() for _ in range(2)], nn.Linear(D, V)).double())
    assert model.vocab_size == V
    tokens = text(2, 6)
    assert dependency_mask(model, tokens[0]).all()
    mask = padding_mask(torch.tensor([6, 4]), 6)
    close(model(tokens, mask=mask)[1, :4], model(tokens[1:, :4])[0])
    close(model.head(model.encode(tokens, mask=mask)), model(tokens, mask=mask))
    assert not torch.allclose(model(tokens, segments=torch.ones_like(tokens)), model(tokens))


# --- encoder-decoder -----------------------------------------------------------------------------------------------


def test_forward_is_encode_then_decode_and_padding_of_the_source_is_unseen():
    model, source, target = encoder_decoder(), text(2, 6), text(2, 5, seed=1)
    real = padding_mask(torch.tensor([6, 3]), 6)
    logits = model(source, target, source_mask=real)
    assert logits.shape == (2, 5, V)
    close(logits, model.decode(target, model.encode(source, source_mask=real), memory_mask=real))
    close(logits[1], model(source[1:, :3], target[1:])[0])


def test_the_decoder_is_causal_and_sees_all_of_the_source():
    model, source, target = encoder_decoder(), text(6), text(5, seed=1)
    assert_causal(lambda ids: model(source[None], ids), target)
    plain = model(source[None], target[None])
    for j in range(6):
        changed = source.clone()
        changed[j] = (changed[j] + 1) % V
        assert (model(changed[None], target[None]) != plain).any(dim=-1).all()


@few
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_caches_of_target_and_memory_are_exact(chunks, padded):
    model, source, target = encoder_decoder(), text(2, 6), text(2, sum(chunks), seed=1)
    mask = padding_mask(torch.tensor([6, 3]), 6) if padded else None
    with torch.no_grad():
        memory = model.encode(source, source_mask=mask)
        cache = model.new_cache(sum(chunks), memory_length=6)
        parts = [model.decode(part, memory, memory_mask=mask, cache=cache) for part in target.split(chunks, dim=1)]
        close(torch.cat(parts, dim=1), model(source, target, source_mask=mask))


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: language_model()(text(1, 0)), r"tokens of shape \(1, 0\) hold no position"),
        (lambda: language_model()(torch.tensor([[3, V]])), r"tokens=3..11 must be in 0..10"),
        (lambda: language_model()(text(1, 13)), "13 positions exceed context_length=12"),
        (lambda: language_model()(text(1, 3), cache=[KVCache(3)]), "cache holds 1 entries and the model 2 layers"),
        (lambda: language_model()(text(1, 3), mask=causal_mask(4)), r"mask of shape \(4, 4\) must broadcast"),
        (
            lambda: encoder_decoder().decode(text(1, 3), torch.zeros(1, 2, D).double(), cache=[]),
            "cache holds 0 entries",
        ),
        (
            lambda: language_model().embedding(text(1, 3), segments=text(1, 3)),
            "segments are given to an embedding that",
        ),
    ],
)
def test_errors_name_what_is_wrong(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_full_context_is_counted_with_the_cache():
    model = language_model()
    cache = model.new_cache(2 * CONTEXT)
    with torch.no_grad():
        model(text(1, CONTEXT), cache=cache)
        with pytest.raises(ValueError, match="13 positions exceed context_length=12"):
            model(text(1, 1), cache=cache)


@pytest.mark.parametrize(
    ("forward", "arguments"),
    [
        (LanguageModel.forward, lambda: (language_model(), text(5))),
        (Embedding.forward, lambda: (language_model().embedding, text(2, 3, 5), torch.arange(5))),
    ],
)
def test_tokens_of_other_dimensions_name_the_shape_to_use(forward, arguments):
    with pytest.raises(ValueError, match=r"tokens of shape \(.*5,?\) must be \(B, T\): tokens\[None\]"):
        inspect.unwrap(forward)(*arguments())
