import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.models.mlp import MLPConfig, mlp

CONFIG = MLPConfig(vocab_size=5, context_length=3, d_embedding=4, d_hidden=6)


def build(config=CONFIG, seed=0):
    model = mlp(config, torch.Generator().manual_seed(seed)).double()
    torch.nn.init.normal_(model.output.weight, generator=torch.Generator().manual_seed(seed))  # no near-uniform guess
    return model.requires_grad_(False)


def by_the_book(model, sequence):
    """The equation of the paper, position by position and number by number."""
    logits = []
    for t in range(len(sequence)):
        x = []
        for place in range(t - model.context_length + 1, t + 1):
            word = sequence[place] if place >= 0 else model.padding
            x += model.embedding.weight[word].tolist()
        hidden = [
            math.tanh(d + sum(h * value for h, value in zip(row, x, strict=True)))
            for row, d in zip(model.hidden.weight.tolist(), model.hidden.bias.tolist(), strict=True)
        ]
        logits.append(
            [
                b + sum(u * unit for u, unit in zip(row, hidden, strict=True))
                for row, b in zip(model.output.weight.tolist(), model.output.bias.tolist(), strict=True)
            ]
        )
    return torch.tensor(logits, dtype=torch.float64)


@given(st.integers(1, 4), st.integers(1, 8), st.integers(0, 100))
def test_equals_the_equation_computed_by_loops(context_length, n_tokens, seed):
    model = build(dataclasses.replace(CONFIG, context_length=context_length), seed)
    torch.nn.init.normal_(model.hidden.bias)
    torch.nn.init.normal_(model.output.bias)
    tokens = torch.randint(5, (2, n_tokens), generator=torch.Generator().manual_seed(seed))
    expected = torch.stack([by_the_book(model, row.tolist()) for row in tokens])
    torch.testing.assert_close(model(tokens), expected)


@given(st.data(), st.integers(1, 5), st.integers(2, 12))
def test_a_token_is_seen_in_its_window_and_nowhere_else(data, context_length, n_tokens):
    model = build(dataclasses.replace(CONFIG, context_length=context_length))
    tokens = torch.tensor([data.draw(st.lists(st.integers(0, 4), min_size=n_tokens, max_size=n_tokens))])
    place = data.draw(st.integers(0, n_tokens - 1))
    other = tokens.clone()
    other[0, place] = (other[0, place] + 1) % 5
    changed = (model(tokens) != model(other)).any(dim=-1)[0].tolist()
    assert changed == [place <= t < place + context_length for t in range(n_tokens)]


def test_the_tail_of_a_text_is_enough():
    model = build()
    tokens = torch.randint(5, (2, 20), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(model(tokens)[:, -1], model(tokens[:, -3:])[:, -1])


def test_padding_is_no_token_and_is_learned():
    model = build().requires_grad_(True)
    assert model.embedding.num_embeddings == 5 + 1
    model(torch.tensor([[0, 1]])).sum().backward()
    assert (model.embedding.weight.grad[model.padding] != 0).all()


def test_initialisation_follows_the_generator_and_starts_near_uniform():
    config = MLPConfig(vocab_size=50, context_length=8, d_embedding=32, d_hidden=256)
    one, same, other = (mlp(config, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
        assert name.endswith("bias") or not torch.equal(value, other.state_dict()[name])
    tokens = torch.randint(50, (4, 100), generator=torch.Generator().manual_seed(0))
    log_p = one(tokens).log_softmax(dim=-1)
    assert (log_p + math.log(50)).abs().max() < 0.5
    preactivation = one.hidden(one.embedding(tokens.unfold(1, 8, 1)).flatten(start_dim=2))
    assert 0.8 < preactivation.std() < 1.2


@pytest.mark.parametrize("name", ["vocab_size", "context_length", "d_embedding", "d_hidden"])
def test_bad_sizes(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
        dataclasses.replace(CONFIG, **{name: 0})
