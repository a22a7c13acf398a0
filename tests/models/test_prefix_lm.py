import pytest
import torch
from comparisons import randomise
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.inspection import dependency_mask
from transformer_lib.masks import prefix_mask
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.prefix_lm import PrefixLM

SIZES = {"vocab_size": 13, "context_length": 8, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}


@settings(max_examples=15)
@given(st.integers(0, 8), st.integers(0, 99))
def test_the_prefix_is_seen_whole_and_the_rest_from_left_to_right(prefix, seed):
    model = PrefixLM(randomise(gpt(GPTConfig(**SIZES)).double(), seed=seed))
    tokens = torch.randint(13, (8,), generator=torch.Generator().manual_seed(seed))
    seen = dependency_mask(lambda ids: model(ids, torch.tensor([prefix])), tokens)
    assert torch.equal(seen, prefix_mask(torch.tensor([prefix]), 8)[0, 0])


def test_each_row_has_a_prefix_of_its_own_and_none_is_a_language_model():
    base = randomise(gpt(GPTConfig(**SIZES)).double())
    model, tokens = PrefixLM(base), torch.arange(16).reshape(2, 8) % 13
    logits = model(tokens, torch.tensor([0, 5]))
    torch.testing.assert_close(logits[:1], base(tokens[:1]))
    torch.testing.assert_close(logits[1:], model(tokens[1:], torch.tensor([5])))
    assert set(model.parameters()) == set(base.parameters())


def test_a_prefix_longer_than_the_text_is_refused():
    with pytest.raises(ValueError, match=r"prefix_lengths=\[9\] must be in 0..8"):
        PrefixLM(gpt(GPTConfig(**SIZES)))(torch.zeros(1, 8, dtype=torch.long), torch.tensor([9]))
