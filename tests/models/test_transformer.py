import copy

import pytest
import torch
from comparisons import close, copy_layer, masks, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib.architectures import Embedding, EncoderDecoder
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.block import Block, PostNorm, PreNorm
from transformer_lib.feed_forward import FeedForward
from transformer_lib.masks import causal_mask
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.norms import LayerNorm

SMALL = {"vocab_size": 13, "d_model": 16, "n_layers": 2, "n_heads": 4, "d_ff": 20}


def text(*shape, seed=0):
    return torch.randint(13, shape, generator=torch.Generator().manual_seed(seed))


def peers(n_heads, d_head, d_ff, n_layers, pre_norm, last_norms):
    """nn.Transformer, with or without its two last norms, and ours with its weights."""
    d_model, residual = n_heads * d_head, PreNorm if pre_norm else PostNorm
    options = {"dropout": 0.0, "norm_first": pre_norm, "batch_first": True}
    encoder, decoder = (
        stack(layer(d_model, n_heads, d_ff, **options), n_layers, nn.LayerNorm(d_model) if last_norms else None, **more)
        for stack, layer, more in (
            (nn.TransformerEncoder, nn.TransformerEncoderLayer, {"enable_nested_tensor": False}),
            (nn.TransformerDecoder, nn.TransformerDecoderLayer, {}),
        )
    )
    theirs = nn.Transformer(
        d_model, n_heads, custom_encoder=encoder, custom_decoder=decoder, dropout=0.0, batch_first=True
    ).double()
    randomise(theirs)

    def block(cross):
        return Block(
            MultiHeadAttention(d_model, n_heads),
            FeedForward(d_model, d_ff, nn.ReLU()),
            lambda: residual(LayerNorm(d_model)),
            MultiHeadAttention(d_model, n_heads) if cross else None,
        )

    ours = EncoderDecoder(
        Embedding(nn.Embedding(13, d_model)),
        [block(False) for _ in range(n_layers)],
        Embedding(nn.Embedding(13, d_model)),
        [block(True) for _ in range(n_layers)],
        nn.Linear(d_model, 13),
        encoder_norm=LayerNorm(d_model) if last_norms else None,
        decoder_norm=LayerNorm(d_model) if last_norms else None,
    ).double()
    randomise(ours)
    for theirs_side, ours_side in ((theirs.encoder, ours.encoder), (theirs.decoder, ours.decoder)):
        for one, other in zip(theirs_side.layers, ours_side, strict=True):
            copy_layer(one, other)
    if last_norms:
        ours.encoder_norm.load_state_dict(theirs.encoder.norm.state_dict())
        ours.decoder_norm.load_state_dict(theirs.decoder.norm.state_dict())
    return theirs, ours


sizes = st.integers(1, 5)


@settings(max_examples=15)
@given(st.integers(1, 3), sizes, sizes, st.integers(1, 2), sizes, sizes, st.booleans(), st.booleans(), st.data())
def test_equals_pytorch(n_heads, d_head, d_ff, n_layers, S, T, pre_norm, last_norms, data):
    theirs, ours = peers(n_heads, d_head, d_ff, n_layers, pre_norm, last_norms)
    source, target, real = text(2, S), text(2, T, seed=1), data.draw(masks(2, 1, 1, S))
    stream = theirs(
        ours.source_embedding(source),
        ours.target_embedding(target),
        tgt_mask=~causal_mask(T),
        src_key_padding_mask=~real[:, 0, 0],
        memory_key_padding_mask=~real[:, 0, 0],
    )
    close(ours(source, target, source_mask=real), ours.head(stream), atol=1e-10)


def test_one_matrix_embeds_both_sides_and_reads_out():
    model = transformer(TransformerConfig(**SMALL))
    assert model.head.weight is model.target_embedding.tokens.weight is model.source_embedding.tokens.weight
    two = transformer(TransformerConfig(**SMALL, source_vocab_size=7))
    assert two.source_embedding.tokens.num_embeddings == 7
    assert two.head.weight is two.target_embedding.tokens.weight


def test_the_stream_enters_scaled_and_with_sines():
    model = transformer(TransformerConfig(**SMALL)).eval()
    vectors = model.source_embedding.tokens.weight[3] * 4  # sqrt(16)
    sines = torch.zeros(16)
    sines[1::2] = 1  # position 0: sin 0 and cos 0
    torch.testing.assert_close(model.source_embedding(torch.tensor([[3]]))[0, 0], vectors + sines)


def test_the_encoders_and_decoders_streams_are_normalised_last():
    model = transformer(TransformerConfig(**SMALL)).eval()
    memory = model.encode(text(1, 5))
    torch.testing.assert_close(memory.mean(dim=-1), torch.zeros(1, 5), rtol=0, atol=1e-5)
    torch.testing.assert_close(memory.var(dim=-1, correction=0), torch.ones(1, 5), rtol=1e-3, atol=0)


def test_base_model_has_the_papers_65_million_parameters():
    with torch.device("meta"):
        model = transformer(TransformerConfig(vocab_size=37_000, d_model=512, n_layers=6, n_heads=8, d_ff=2048))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(65e6, rel=0.04)


def test_weights_come_from_the_generator():
    first, second = (transformer(TransformerConfig(**SMALL), torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert first.head.weight.std().item() == pytest.approx(16**-0.5, rel=0.15)


def test_a_seed_gives_the_weights_that_it_has_always_given():
    model = transformer(TransformerConfig(**SMALL, source_vocab_size=11), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    for embedding, vocab_size in ((model.source_embedding, 11), (model.target_embedding, 13)):  # then all layers
        assert torch.equal(embedding.tokens.weight, torch.empty(vocab_size, 16).normal_(0, 0.25, generator=generator))


def test_a_copy_is_a_model_of_its_own():
    model = transformer(TransformerConfig(**SMALL)).eval()
    twin = copy.deepcopy(model)
    before = model(text(1, 4), text(1, 3, seed=1))
    assert torch.equal(twin(text(1, 4), text(1, 3, seed=1)), before)
    randomise(twin)
    assert torch.equal(model(text(1, 4), text(1, 3, seed=1)), before)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="source_vocab_size=0 must be at least 1"):
        TransformerConfig(**SMALL, source_vocab_size=0)
