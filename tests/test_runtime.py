"""What lies otherwise in memory computes the same."""

import pytest
import torch

from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.runtime import store_by_columns


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
