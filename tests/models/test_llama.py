import pytest
import torch
from comparisons import randomise

from transformer_lib.inspection import assert_cache_exact, assert_causal
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.positions import RopeScaling
from transformer_lib.runtime import fuse_projections
from transformer_lib.training import load, save

SMALL = {"vocab_size": 13, "context_length": 8, "d_model": 16, "n_layers": 2, "n_heads": 4, "d_ff": 20}


def test_smollm2_has_its_134_515_008_parameters():
    with torch.device("meta"):
        model = llama(
            LlamaConfig(
                vocab_size=49_152,
                context_length=8192,
                d_model=576,
                n_layers=30,
                n_heads=9,
                n_kv_heads=3,
                d_ff=1536,
                rope_base=1e5,
                tied=True,
            )
        )
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008


@pytest.mark.parametrize("n_kv_heads", [None, 4, 2, 1])
def test_is_causal_and_has_an_exact_cache(n_kv_heads):
    model = randomise(llama(LlamaConfig(**SMALL, n_kv_heads=n_kv_heads)).double())
    assert_causal(model)
    assert_cache_exact(model, chunks=(3, 1, 4))


def test_it_has_no_biases_and_no_positions_to_learn():
    names = [name for name, _ in llama(LlamaConfig(**SMALL)).named_parameters()]
    assert not [name for name in names if name.endswith("bias") or "positions" in name]


def test_qk_norm_is_deaf_to_the_size_of_queries_and_keys():
    plain, normed = (randomise(llama(LlamaConfig(**SMALL, qk_norm=q)).double()) for q in (False, True))
    tokens = torch.arange(6)[None]
    for model in (plain, normed):
        before = model(tokens)
        for block in model.blocks:
            block.attention.w_q.weight.data *= 1000
        model.unchanged = torch.allclose(model(tokens), before, atol=1e-3)
    assert normed.unchanged and not plain.unchanged
    assert_causal(normed)
    assert_cache_exact(normed, chunks=(3, 1, 4))


def test_fused_projections_keep_the_norms():
    model, tokens = randomise(llama(LlamaConfig(**SMALL, n_kv_heads=2, qk_norm=True)).double()), torch.arange(6)[None]
    expected = model(tokens)
    fuse_projections(model)
    torch.testing.assert_close(model(tokens), expected)


def test_a_scaled_rotary_is_stored_and_comes_back(tmp_path):
    config = LlamaConfig(**SMALL, rope_scaling=RopeScaling(4.0, length=6), qk_norm=True)
    model = randomise(llama(config)).eval()
    save(model, tmp_path)
    again = load(tmp_path)
    assert tuple(again.config.rope_scaling) == config.rope_scaling and again.config.qk_norm
    torch.testing.assert_close(again(torch.arange(6)[None]), model(torch.arange(6)[None]))


def test_only_the_distance_of_tokens_counts():
    model, tokens = randomise(llama(LlamaConfig(**SMALL)).double()), torch.arange(6)[None]
    moved = model(tokens, positions=torch.arange(6) + 1000)
    torch.testing.assert_close(moved, model(tokens), rtol=1e-9, atol=1e-9)


def test_the_head_is_tied_where_asked():
    for tied in (True, False):
        model = llama(LlamaConfig(**SMALL, tied=tied))
        assert (model.head.weight is model.embedding.tokens.weight) == tied


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_kv_heads": 3}, "n_heads=4 must be divisible by n_kv_heads=3"),
        ({"n_kv_heads": 0}, "n_kv_heads=0 must be at least 1"),
        ({"d_model": 20}, "d_head=5 must be positive and even"),
    ],
)
def test_wrong_sizes_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        llama(LlamaConfig(**SMALL | wrong))
