"""Tensors turned and put in their places, and models built for them without weights of their own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.models.whisper import WhisperConfig, whisper
from transformer_lib.pretrained.renaming import (
    SHARED,
    STACKED_WITHOUT_KEYS,
    Uninitialised,
    adopt,
    neighbours_to_halves,
)

SIZES = {"vocab_size": 11, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}
MODELS = {
    "gpt": (gpt, GPTConfig(**SIZES, context_length=9)),
    "llama": (llama, LlamaConfig(**SIZES, context_length=9, tied=True)),
    "bert": (bert, BertConfig(**SIZES, context_length=9)),
    "transformer": (transformer, TransformerConfig(**SIZES)),
    "whisper": (whisper, WhisperConfig(**SIZES)),
}


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_pairs_of_neighbours_become_pairs_of_halves(n_heads, half, width):
    rows = torch.arange(n_heads * 2 * half * width).reshape(n_heads * 2 * half, width)
    transform = neighbours_to_halves(n_heads)
    (turned,) = transform.to_ours(rows, 1)
    for head, there in enumerate(turned.chunk(n_heads)):
        here = rows[head * 2 * half : (head + 1) * 2 * half]
        for i in range(half):
            assert torch.equal(there[i], here[2 * i]) and torch.equal(there[i + half], here[2 * i + 1])
    assert torch.equal(transform.to_theirs((turned,)), rows)


def test_biases_of_keys_are_left_out_if_they_are_none():
    q, k, v = torch.tensor([1.0, 2.0]), torch.zeros(2), torch.tensor([3.0, 4.0])
    for parts in ((q, k, v), (k, v)):
        ours = STACKED_WITHOUT_KEYS.to_ours(torch.cat(parts), len(parts) - 1)
        assert [x.tolist() for x in ours] == [x.tolist() for x in parts if x is not k]
        assert torch.equal(STACKED_WITHOUT_KEYS.to_theirs(ours), torch.cat(parts))
    with pytest.raises(ValueError, match="the keys have a bias, and here they have none"):
        STACKED_WITHOUT_KEYS.to_ours(torch.cat((q, v, v)), 2)


@pytest.mark.parametrize(("build", "config"), MODELS.values(), ids=MODELS)
def test_a_model_is_built_without_random_numbers(build, config):
    state = torch.get_rng_state()
    with Uninitialised():
        built = build(config)
    assert torch.equal(torch.get_rng_state(), state)
    assert built.state_dict().keys() == build(config).state_dict().keys()


def test_memory_is_left_alone_unless_something_may_wait_for_what_is_drawn():
    filled = torch.full((4,), 9.0)
    with Uninitialised():
        nn.init.normal_(nn.init.kaiming_uniform_(filled.view(2, 2)))
        assert filled.tolist() == [9] * 4
        nn.init.trunc_normal_(filled, std=0.02, a=-0.04, b=0.04)  # draws until all are within the bounds
    assert filled.tolist() == [0] * 4


@pytest.mark.parametrize(("build", "config"), MODELS.values(), ids=MODELS)
def test_a_model_adopts_tensors_as_they_are(build, config):
    source, model = build(config), build(config)
    tensors = dict(source.state_dict())
    shared = len(tensors) - len(list(model.parameters()))
    adopt(model, tensors)
    assert all(x.data_ptr() == tensors[name].data_ptr() for name, x in model.state_dict().items())
    assert len(tensors) - len(list(model.parameters())) == shared
    trained = [[p.requires_grad for p in m.parameters()] for m in (source, model)]
    assert trained[0] == trained[1]


def test_what_does_not_fit_is_refused():
    build, config = MODELS["gpt"]
    model = build(config)
    tensors = {name: x.clone() for name, x in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"norm.bias of shape \(9,\) must be \(8,\), as in the model"):
        adopt(model, tensors | {"norm.bias": torch.zeros(9)})
    with pytest.raises(ValueError, match=r"missing \[\], unknown \['extra'\]"):
        adopt(model, tensors | {"extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"head\.weight is shared with another tensor in the model"):
        adopt(model, tensors | {"head.weight": torch.zeros(11, 8)})
    assert all(x.data_ptr() != tensors[name].data_ptr() for name, x in model.state_dict().items())
    adopt(model, tensors)  # equal ones may be two


def test_one_tensor_in_several_places():
    x = torch.ones(2)
    assert SHARED.to_ours(x, 3) == (x, x, x) and SHARED.to_theirs((x, x)) is x
