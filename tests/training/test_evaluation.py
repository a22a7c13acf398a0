import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_lib.models.mlp import MLPConfig, mlp
from transformer_lib.training import evaluate, token_nll

V = 5


class Running(nn.Module):
    """Its logits depend on all that came before, so that every cut in the context shows."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, V).double()
        self.calls = []

    def forward(self, tokens):
        self.calls.append((tuple(tokens.shape), self.training))
        return self.table(tokens).cumsum(dim=1)


def texts(max_size=25):
    return st.lists(st.integers(0, V - 1), min_size=1, max_size=max_size).map(torch.tensor)


@given(texts(), st.integers(1, 30), st.data())
def test_each_token_is_scored_once_with_the_context_it_has(tokens, length, data):
    overlap = data.draw(st.integers(0, length - 1))
    model = Running()
    expected = [math.log(V)]
    for target in range(1, len(tokens)):
        # The window that scores it begins at a multiple of the stride; it is the first one to reach that far.
        start = max(0, -(-(target - length) // (length - overlap))) * (length - overlap)
        logits = model(tokens[None, start:target])[0, -1]
        expected.append(-logits.log_softmax(-1)[tokens[target]].item())
        assert target - start > overlap or start == 0
    nats = token_nll(model, tokens, length=length, overlap=overlap, batch_size=data.draw(st.integers(1, 4)))
    torch.testing.assert_close(nats, torch.tensor(expected, dtype=torch.float64))


@given(texts(40), st.integers(1, 4), st.integers(0, 10))
def test_overlapping_by_the_memory_of_a_model_equals_one_pass(tokens, context_length, extra):
    config = MLPConfig(vocab_size=V, context_length=context_length, d_embedding=3, d_hidden=4)
    model = mlp(config, torch.Generator().manual_seed(0)).double()
    nn.init.normal_(model.output.weight)
    windows = token_nll(model, tokens, length=context_length + extra, overlap=context_length - 1, batch_size=3)
    torch.testing.assert_close(windows, token_nll(model, tokens, length=100))


def test_evaluate_is_the_mean_and_leaves_the_model_as_it_was():
    tokens = torch.randint(V, (50,), generator=torch.Generator().manual_seed(0))
    model = Running().train()
    value = evaluate(model, tokens, length=8, overlap=3, batch_size=2)
    assert value == pytest.approx(token_nll(model, tokens, length=8, overlap=3).mean().item())
    assert model.training and not any(training for _, training in model.calls)
    assert model.calls[0] == ((2, 8), False)
    assert model.table.weight.grad is None


def test_bad_arguments():
    model, tokens = Running(), torch.arange(V)
    for overlap, length in [(-1, 4), (4, 4), (5, 4)]:
        with pytest.raises(ValueError, match=f"overlap={overlap} must be at least 0 and less than length={length}"):
            evaluate(model, tokens, length=length, overlap=overlap)
    with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
        evaluate(model, tokens, length=4, batch_size=0)
    with pytest.raises(ValueError, match="tokens are empty"):
        evaluate(model, tokens[:0], length=4)
