"""Models built of tensors that are there already, and builders known by their names."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.builders import build_with, builders, load_weights, registered, validate_as_built
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.models.whisper import WhisperConfig, whisper

SIZES = {"vocab_size": 11, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 12}
MODELS = {
    "gpt": (gpt, GPTConfig(**SIZES, context_length=9)),
    "llama": (llama, LlamaConfig(**SIZES, context_length=9, tied=True)),
    "bert": (bert, BertConfig(**SIZES, context_length=9)),
    "transformer": (transformer, TransformerConfig(**SIZES)),
    "whisper": (whisper, WhisperConfig(**SIZES)),
}


@pytest.mark.parametrize(("build", "config"), MODELS.values(), ids=MODELS)
def test_a_model_is_built_of_tensors_as_they_are(build, config):
    source = build(config)
    tensors, state = dict(source.state_dict()), torch.get_rng_state()
    model = build_with(build, config, tensors)
    assert torch.equal(torch.get_rng_state(), state)  # nothing was drawn
    assert all(x.data_ptr() == tensors[name].data_ptr() for name, x in model.state_dict().items())
    for one, other in zip(source.named_parameters(), model.named_parameters(), strict=True):  # shared as it was
        assert (one[0], one[1].requires_grad) == (other[0], other[1].requires_grad)
    assert model.config == config and model.training


@pytest.mark.parametrize("name", ["embedding.tokens.weight", "head.weight"])
def test_of_names_that_share_a_tensor_one_will_do(name):
    build, config = MODELS["gpt"]
    tensors = dict(build(config).state_dict())
    del tensors[name]
    model = build_with(build, config, tensors)
    assert model.head.weight is model.embedding.tokens.weight


def test_tensors_that_do_not_fit_are_refused_and_the_model_stays_as_it_was():
    build, config = MODELS["gpt"]
    model = build(config)
    before = {name: x.data_ptr() for name, x in model.state_dict().items()}
    tensors = {name: x.clone() for name, x in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"norm.bias of shape \(9,\) must be \(8,\), as in the model"):
        load_weights(model, tensors | {"norm.bias": torch.zeros(9)})
    with pytest.raises(ValueError, match=r"missing \[\], unknown \['extra'\]"):
        load_weights(model, tensors | {"extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"head\.weight is shared with embedding\.tokens\.weight in the model"):
        load_weights(model, tensors | {"head.weight": torch.zeros(11, 8)})
    assert {name: x.data_ptr() for name, x in model.state_dict().items()} == before
    load_weights(model, tensors)  # equal ones may be two


def test_a_builder_of_ones_own_is_known_by_its_name():
    @dataclass(frozen=True)
    class Width:
        width: int

    @registered
    def my_linear(config: Width) -> nn.Module:
        return nn.Linear(config.width, config.width)

    model = my_linear(Width(3))
    assert (model.config, model.builder) == (Width(3), "my_linear")
    assert builders()["my_linear"] is my_linear and my_linear.config_class is Width
    assert {"gpt", "llama", "bert", "sentence_encoder"} <= builders().keys()
    validate_as_built(model)


def test_a_builder_without_a_configuration_is_refused():
    with pytest.raises(ValueError, match="untyped must take a configuration first: annotate it with its dataclass"):

        @registered
        def untyped(config):
            return nn.Linear(config, config)


def test_a_model_that_was_changed_is_told_from_one_as_built():
    build, config = MODELS["gpt"]
    model = build(config)
    validate_as_built(model)
    model.blocks[1].feed_forward.activation = nn.ReLU()
    with pytest.raises(ValueError, match=r"gpt\(\).*: blocks.1.feed_forward.activation is a ReLU and not a GELU"):
        validate_as_built(model)
    model = build(config)
    model.head.weight = nn.Parameter(torch.zeros(11, 8))
    with pytest.raises(ValueError, match=r"unknown \['head.weight'\]"):
        validate_as_built(model)
