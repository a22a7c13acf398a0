import math

import pytest
import torch
from comparisons import randomise

from transformer_lib.feed_forward import FeedForward
from transformer_lib.inspection import assert_cache_exact, assert_causal
from transformer_lib.models.gpt import GPTConfig, gpt

SMALL = {"vocab_size": 13, "context_length": 8, "d_model": 64, "n_layers": 3, "n_heads": 4, "d_ff": 96}


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_gpt2_small_has_its_124_439_808_parameters():
    with torch.device("meta"):
        sizes = {
            "vocab_size": 50_257,
            "context_length": 1024,
            "d_model": 768,
            "n_layers": 12,
            "n_heads": 12,
            "d_ff": 3072,
        }
        assert parameters(gpt(GPTConfig(**sizes))) == 124_439_808


def test_is_causal_and_has_an_exact_cache():
    model = randomise(gpt(GPTConfig(**SMALL)).double())
    assert_causal(model)
    assert_cache_exact(model, chunks=(3, 1, 4))


def test_the_head_is_the_embedding():
    model = gpt(GPTConfig(**SMALL))
    assert model.head.weight is model.embedding.tokens.weight
    assert model.context_length == 8 and model.vocab_size == 13


def test_without_biases_there_is_none_anywhere():
    model = gpt(GPTConfig(**SMALL, bias=False))
    assert not [name for name, _ in model.named_parameters() if name.endswith("bias")]
    assert model(torch.arange(8)[None]).shape == (1, 8, 13)


def test_starts_near_a_uniform_guess_from_the_generators_draws():
    first, second = (gpt(GPTConfig(**SMALL), torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    logits = first(torch.arange(8)[None])
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], torch.arange(1, 8))
    assert abs(float(loss.detach()) - math.log(13)) < 0.2


def test_what_writes_to_the_stream_starts_smaller():
    model = gpt(GPTConfig(**SMALL), torch.Generator().manual_seed(0))
    for block in model.blocks:
        assert block.attention.w_q.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert block.attention.w_o.weight.std().item() == pytest.approx(0.02 / math.sqrt(6), rel=0.1)
        assert isinstance(block.feed_forward, FeedForward)
        assert block.feed_forward.down.weight.std().item() == pytest.approx(0.02 / math.sqrt(6), rel=0.1)


def test_dropout_reaches_the_embedding_attention_and_residuals():
    model = gpt(GPTConfig(**SMALL, dropout=0.25))
    assert model.embedding.dropout.p == 0.25
    for block in model.blocks:
        assert block.attention.dropout == 0.25
        assert block.attention_residual.dropout.p == block.feed_forward_residual.dropout.p == 0.25


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"d_model": 66}, "d_model=66 must be divisible by n_heads=4"),
        ({"n_layers": 0}, "n_layers=0 must be at least 1"),
        ({"dropout": 1.0}, r"dropout=1.0 must be in \[0, 1\)"),
    ],
)
def test_wrong_sizes_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**SMALL | wrong)
