"""What lies otherwise in memory, or is computed by fewer calls, is the same."""

import copy

import pytest
import torch
from comparisons import randomise

from transformer_lib.attention import MultiHeadAttention
from transformer_lib.feed_forward import SwiGLU
from transformer_lib.generation import generate
from transformer_lib.inspection import record_attention
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.runtime import FusedAttention, fuse_projections, store_by_columns

SIZES = {"vocab_size": 50, "context_length": 16, "d_model": 32, "n_layers": 2, "n_heads": 4, "d_ff": 48}


@pytest.mark.parametrize("tied", [True, False])
def test_weights_stored_by_columns_are_the_same_numbers_in_another_order(tied):
    config = LlamaConfig(vocab_size=50, context_length=8, d_model=16, n_layers=2, n_heads=4, d_ff=64, tied=tied)
    model = llama(config, torch.Generator().manual_seed(0)).double().eval()
    tokens = torch.randint(50, (2, 8), generator=torch.Generator().manual_seed(1))
    logits, before = model(tokens), {name: weight.clone() for name, weight in model.state_dict().items()}
    store_by_columns(model)
    torch.testing.assert_close(model(tokens), logits)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert (model.head.weight is model.embedding.tokens.weight) == tied
    layer = model.blocks[0].feed_forward
    assert layer.up.weight.stride() == (1, 64), "64 x 16, tall: by columns"
    assert layer.down.weight.stride() == (64, 1), "16 x 64, wide: by rows, as it was"
    assert model.blocks[0].attention.w_q.weight.stride() == (1, 16), "16 x 16, square: by columns"


CONFIGS = {
    "gpt": lambda: gpt(GPTConfig(**SIZES)),
    "gpt without biases": lambda: gpt(GPTConfig(bias=False, **SIZES)),
    "llama": lambda: llama(LlamaConfig(n_kv_heads=2, **SIZES)),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_fused_model_computes_the_same(name):
    model = randomise(CONFIGS[name]()).double().eval()
    plain = copy.deepcopy(model)
    fuse_projections(model)
    tokens = torch.randint(50, (2, 12), generator=torch.Generator().manual_seed(1))
    cache = model.new_cache(12)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), plain(tokens), rtol=0, atol=1e-12)
        parts = [model(part, cache=cache) for part in tokens.split([5, 1, 6], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), plain(tokens), rtol=0, atol=1e-12)
    assert torch.equal(
        model.blocks[0].attention.w_qkv.weight,
        torch.cat([getattr(plain.blocks[0].attention, name).weight for name in ("w_q", "w_k", "w_v")]),
    )
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in plain.parameters())
    assert not any(type(module) in (MultiHeadAttention, SwiGLU) for module in model.modules())
    store_by_columns(model)
    assert (
        generate(model, tokens[:, :3], 5, temperature=0).tolist()
        == generate(plain, tokens[:, :3], 5, temperature=0).tolist()
    )


def test_weights_of_a_fused_attention_can_be_recorded():
    model = randomise(CONFIGS["llama"]()).eval()
    plain = copy.deepcopy(model)
    fuse_projections(model)
    tokens, seen = torch.randint(50, (1, 6)), []
    for one in (model, plain):
        with record_attention(one) as record, torch.no_grad():
            one(tokens)
        seen.append(record)
    for fused, apart in zip(*(record.values() for record in seen), strict=True):
        torch.testing.assert_close(fused, apart)


def test_cross_attention_stays_apart_and_fused_attention_takes_no_memory():
    model = transformer(TransformerConfig(vocab_size=50, d_model=16, n_layers=1, n_heads=4, d_ff=32)).eval()
    plain = copy.deepcopy(model)
    fuse_projections(model)
    source, target = torch.randint(50, (2, 5)), torch.randint(50, (2, 4))
    torch.testing.assert_close(model(source, target), plain(source, target))
    kinds = [type(module) for module in model.modules() if isinstance(module, MultiHeadAttention)]
    assert sorted(kind.__name__ for kind in kinds) == ["FusedAttention", "FusedAttention", "MultiHeadAttention"]
    attention = next(module for module in model.modules() if isinstance(module, FusedAttention))
    with pytest.raises(ValueError, match="self-attention"):
        attention(torch.zeros(1, 2, 16), torch.zeros(1, 3, 16))
