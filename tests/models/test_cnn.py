import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.models.cnn import CNNConfig, cnn
from transformer_lib.training import load, save

CONFIG = CNNConfig(vocab_size=5, d_model=3, kernel_size=3, n_layers=2)


def build(config=CONFIG, seed=0):
    model = cnn(config, torch.Generator().manual_seed(seed)).double()
    for name, parameter in model.named_parameters():  # no near-uniform guess, and no bias of zero
        if name.startswith("output") or name.endswith("bias"):
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(seed))
    return model.requires_grad_(False)


def tokens(*shape, seed=0):
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


def by_the_book(model, text):
    """The equation, position by position and tap by tap."""
    x = model.embedding.weight[text]
    for number, layer in enumerate(model.layers):
        K, d = model.kernel_size, x.shape[1]
        rows = []
        for t in range(len(text)):
            both = layer.bias.clone()
            for j in range(K):
                if (place := t - j * 2**number) >= 0:
                    both += layer.weight[:, :, K - 1 - j] @ x[place]
            rows.append(x[t] + both[:d] * both[d:].sigmoid())
        x = torch.stack(rows)
    return x @ model.output.weight.T + model.output.bias


@pytest.mark.parametrize(("kernel_size", "n_layers"), [(1, 1), (2, 3), (3, 2)])
def test_equals_the_equation_computed_by_loops(kernel_size, n_layers):
    model = build(dataclasses.replace(CONFIG, kernel_size=kernel_size, n_layers=n_layers))
    text = tokens(11)
    torch.testing.assert_close(model(text[None])[0], by_the_book(model, text))


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 17))
def test_a_token_is_seen_within_the_context_length_and_nowhere_else(kernel_size, n_layers, place):
    config = dataclasses.replace(CONFIG, kernel_size=kernel_size, n_layers=n_layers)
    model, text = build(config), tokens(1, 18)
    other = text.clone()
    other[0, place] = (other[0, place] + 1) % 5
    changed = (model(text) != model(other)).any(dim=-1)[0]
    seen = torch.arange(18) - place
    assert changed.tolist() == ((seen >= 0) & (seen < config.context_length)).tolist()


def test_it_is_stored_and_loaded(tmp_path):
    model = cnn(CONFIG)
    save(model, tmp_path)
    assert torch.equal(load(tmp_path)(tokens(2, 6)), model(tokens(2, 6)))


def test_initialisation_follows_the_generator_and_starts_near_uniform():
    config = CNNConfig(vocab_size=50, d_model=32, kernel_size=3, n_layers=4)
    one, same, other = (cnn(config, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
        assert name.endswith("bias") or not torch.equal(value, other.state_dict()[name])
    text = torch.randint(50, (4, 100), generator=torch.Generator().manual_seed(0))
    assert (one(text).log_softmax(dim=-1) + math.log(50)).abs().max() < 1


@pytest.mark.parametrize("name", ["vocab_size", "d_model", "kernel_size", "n_layers"])
def test_bad_sizes(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
        dataclasses.replace(CONFIG, **{name: 0})
