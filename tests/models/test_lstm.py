import dataclasses
import math

import pytest
import torch

from transformer_lib.generation import generate
from transformer_lib.models.lstm import LSTMConfig, lstm
from transformer_lib.training import load, save

CONFIG = LSTMConfig(vocab_size=5, d_embedding=3, d_hidden=4)


def build(config=CONFIG, seed=0):
    model = lstm(config, torch.Generator().manual_seed(seed)).double()
    torch.nn.init.normal_(model.output.weight, generator=torch.Generator().manual_seed(seed))  # no near-uniform guess
    return model.requires_grad_(False)


def tokens(*shape, seed=0):
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


def test_equals_the_equations_computed_token_by_token():
    model = build()
    torch.nn.init.normal_(model.lstm.bias_hh_l0)
    w, u = model.lstm.weight_ih_l0, model.lstm.weight_hh_l0
    b = model.lstm.bias_ih_l0 + model.lstm.bias_hh_l0
    text = tokens(7)
    h = c = torch.zeros(4, dtype=torch.float64)
    logits = []
    for token in text:
        i, f, g, o = (w @ model.embedding.weight[token] + u @ h + b).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        logits.append(model.output.weight @ h + model.output.bias)
    torch.testing.assert_close(model(text[None])[0], torch.stack(logits))


@pytest.mark.parametrize("cut", [1, 4, 9])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_a_text_may_be_read_in_parts(cut, n_layers):
    model = build(dataclasses.replace(CONFIG, n_layers=n_layers))
    text, cache = tokens(2, 10), model.new_cache(1)
    parts = [model(part, cache=cache) for part in (text[:, :cut], text[:, cut:])]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(text))


def test_no_token_sees_the_future_and_the_last_sees_the_first():
    model, text = build(), tokens(1, 8)
    other = text.clone()
    other[0, 3] = (other[0, 3] + 1) % 5
    changed = (model(text) != model(other)).any(dim=-1)[0].tolist()
    assert changed == [t >= 3 for t in range(8)]


def test_a_forward_without_a_cache_keeps_nothing():
    model, text = build(), tokens(1, 6)
    first = model(text)
    model(tokens(1, 6, seed=1))
    assert torch.equal(model(text), first)


def test_it_writes_as_it_would_if_it_read_everything_anew():
    model = build().eval()
    written = generate(model, tokens(2, 3), 6, temperature=0)
    anew = tokens(2, 3)
    for _ in range(6):
        anew = torch.cat((anew, model(anew)[:, -1:].argmax(dim=-1)), dim=1)
    assert torch.equal(written, anew)


@pytest.mark.parametrize("bits", [None, 8])
def test_it_is_stored_and_loaded(bits, tmp_path):
    model = lstm(LSTMConfig(vocab_size=5, d_embedding=8, d_hidden=16, n_layers=2))
    save(model, tmp_path, bits=bits)
    text = tokens(2, 6)
    torch.testing.assert_close(load(tmp_path)(text), model(text), atol=0 if bits is None else 0.05, rtol=0)


def test_initialisation_follows_the_generator_starts_near_uniform_and_forgets_little():
    config = LSTMConfig(vocab_size=50, d_embedding=32, d_hidden=64)
    one, same, other = (lstm(config, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
        assert "bias" in name or not torch.equal(value, other.state_dict()[name])
    text = torch.randint(50, (4, 100), generator=torch.Generator().manual_seed(0))
    assert (one(text).log_softmax(dim=-1) + math.log(50)).abs().max() < 0.5
    bias = one.lstm.bias_ih_l0 + one.lstm.bias_hh_l0
    assert [part.unique().tolist() for part in bias.chunk(4)] == [[0.0], [1.0], [0.0], [0.0]]


@pytest.mark.parametrize("name", ["vocab_size", "d_embedding", "d_hidden", "n_layers"])
def test_bad_sizes(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be at least 1"):
        dataclasses.replace(CONFIG, **{name: 0})
