import pytest
import torch
from comparisons import close, copy_layer, randomise
from torch import nn

from transformer_lib.generation import beam_search
from transformer_lib.masks import causal_mask
from transformer_lib.models.rotary_transformer import rotary_transformer
from transformer_lib.models.transformer import TransformerConfig

SMALL = TransformerConfig(vocab_size=13, source_vocab_size=11, d_model=16, n_layers=2, n_heads=4, d_ff=20)


def small():
    model = rotary_transformer(SMALL, torch.Generator().manual_seed(0)).double().eval()
    randomise(model)
    return model


def text(*shape, seed=0):
    return torch.randint(3, 11, shape, generator=torch.Generator().manual_seed(seed))


def test_without_its_turns_it_is_pytorchs_pre_norm_transformer():
    ours = small()
    options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True, "dtype": torch.float64}
    layers = nn.TransformerEncoderLayer(16, 4, 20, **options), nn.TransformerDecoderLayer(16, 4, 20, **options)
    encoder = nn.TransformerEncoder(layers[0], 2, ours.encoder_norm, enable_nested_tensor=False)
    decoder = nn.TransformerDecoder(layers[1], 2, ours.decoder_norm)
    for theirs, blocks in ((encoder, ours.encoder), (decoder, ours.decoder)):
        randomise(theirs.layers)
        for one, other in zip(theirs.layers, blocks, strict=True):
            copy_layer(one, other)
            other.attention.rotary = None
    source, target = text(2, 5), text(2, 4, seed=1)
    memory = encoder(ours.source_embedding(source))
    close(ours.encode(source), memory, atol=1e-10)
    stream = decoder(ours.target_embedding(target), memory, tgt_mask=~causal_mask(4))
    close(ours(source, target), ours.head(stream), atol=1e-10)


def test_order_enters_both_sides_by_the_turns_alone():
    model, source, target = small(), text(1, 6), text(1, 5, seed=1)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert (model.encode(source[:, order]) - model.encode(source)[:, order]).abs().max() > 1e-3
    swapped = target[:, [1, 0, 2, 3, 4]]
    assert (model(source, swapped)[:, -1] - model(source, target)[:, -1]).abs().max() > 1e-4
    for block in [*model.encoder, *model.decoder]:
        block.attention.rotary = None
    close(model.encode(source[:, order]), model.encode(source)[:, order], atol=1e-12)


def test_what_counts_is_how_far_apart_not_where():
    """Attention inside a word that stands later is as it was: the distances are."""
    model, target = small(), text(1, 5, seed=1)
    attention = model.decoder[0].attention
    x = model.target_embedding(target)
    close(attention(x, positions=torch.arange(5)), attention(x, positions=torch.arange(40, 45)), atol=1e-10)


def test_cached_equals_full():
    model = small()
    memory = model.encode(text(2, 6))
    cache, target = model.new_cache(5, 6), text(2, 5, seed=1)
    full = model.decode(target, memory)
    steps = [model.decode(target[:, t : t + 1], memory, cache=cache) for t in range(5)]
    close(torch.cat(steps, dim=1), full, atol=1e-10)


def test_it_is_searched_like_any_other():
    found = beam_search(small(), text(2, 4), beams=3, max_length=6, bos=1, eos=2)
    assert all(len(hypotheses) == 3 for hypotheses in found)


def test_one_matrix_embeds_the_target_and_reads_out():
    model = rotary_transformer(SMALL)
    assert model.head.weight is model.target_embedding.tokens.weight
    assert model.source_embedding.tokens.num_embeddings == 11
    shared = rotary_transformer(TransformerConfig(vocab_size=13, d_model=16, n_layers=1, n_heads=4, d_ff=20))
    assert shared.head.weight is shared.source_embedding.tokens.weight


def test_weights_come_from_the_generator():
    first, second = (rotary_transformer(SMALL, torch.Generator().manual_seed(1)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_odd_heads_cannot_be_turned():
    with pytest.raises(ValueError, match="d_head"):
        rotary_transformer(TransformerConfig(vocab_size=13, d_model=9, n_layers=1, n_heads=3, d_ff=8))
