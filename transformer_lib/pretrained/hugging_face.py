"""Models of the transformers library, weight for weight, in and out: GPT-2, LLaMA, BERT.

    ours = gpt2_from_hf(theirs)         theirs = to_hf(ours)

A model comes in as an object, however it was loaded; `transformers` itself is imported only when one is to be built or
recognised. What this library does not build (experts, another activation) is refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from transformer_lib.architectures import LanguageModel, MaskedLanguageModel
from transformer_lib.models.bert import BertConfig, BertForPreTraining, bert, bert_for_pre_training
from transformer_lib.models.builders import build_with, unwrapped, validate_as_built
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.positions import RopeScaling
from transformer_lib.pretrained.key_tables import BERT_KEYS, BERT_PRE_TRAINING_KEYS, GPT2_KEYS, LLAMA_KEYS
from transformer_lib.pretrained.renaming import Row, expand, from_theirs, to_theirs


@dataclass(frozen=True, kw_only=True)
class Family:
    """How the models of one class in transformers become models here."""

    theirs: str
    """The class in transformers; its configuration has the name in config."""
    config: str
    ours: Callable[..., Any]
    """Our configuration."""
    build: Callable[[Any], nn.Module]
    keys: list[Row]
    sizes: Mapping[str, str]
    """Fields of our configuration and what theirs calls them."""
    dropouts: tuple[str, ...] = ()
    """Their probabilities for which there is one here."""
    built: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Their options that are built here with these values only."""
    options: Callable[[Any], dict[str, Any]] = lambda theirs: {}
    """More fields of our configuration, from theirs."""
    their_options: Callable[[Any], dict[str, Any]] = lambda ours: {}
    """More options of theirs, from our configuration."""


_SCALING = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")  # of RopeScaling


def _rope(theirs: Any) -> dict[str, Any]:
    rope = theirs.rope_parameters
    if theirs.head_dim != theirs.hidden_size // theirs.num_attention_heads:
        raise ValueError(f"head_dim={theirs.head_dim} must be hidden_size / num_attention_heads: no other is built")
    if rope["rope_type"] not in ("default", "llama3") or rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError(
            f"rope_parameters={rope} must be of rope_type 'default' or 'llama3' and turn whole heads: no other is built"
        )
    scaling = RopeScaling(*(rope[name] for name in _SCALING)) if rope["rope_type"] == "llama3" else None
    return {"rope_base": float(rope["rope_theta"]), "rope_scaling": scaling}


def _their_rope(ours: LlamaConfig) -> dict[str, Any]:
    scaling = dict(zip(_SCALING, ours.rope_scaling or (), strict=False))
    return {"rope_type": "llama3" if scaling else "default", "rope_theta": ours.rope_base, **scaling}


GPT2 = Family(
    theirs="GPT2LMHeadModel",
    config="GPT2Config",
    ours=GPTConfig,
    build=gpt,
    keys=GPT2_KEYS,
    sizes={
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "d_model": "n_embd",
        "n_layers": "n_layer",
        "n_heads": "n_head",
        "d_ff": "n_inner",
        "norm_eps": "layer_norm_epsilon",
    },
    dropouts=("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    built={
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of one function
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "reorder_and_upcast_attn": (False,),
        "add_cross_attention": (False,),
    },
    options=lambda theirs: {"d_ff": 4 * theirs.n_embd} if theirs.n_inner is None else {},
    their_options=lambda ours: {"tie_word_embeddings": ours.tied},
)

LLAMA = Family(
    theirs="LlamaForCausalLM",
    config="LlamaConfig",
    ours=LlamaConfig,
    build=llama,
    keys=LLAMA_KEYS,
    sizes={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "n_layers": "num_hidden_layers",
        "n_heads": "num_attention_heads",
        "n_kv_heads": "num_key_value_heads",
        "d_ff": "intermediate_size",
        "norm_eps": "rms_norm_eps",
    },
    built={
        "hidden_act": ("silu", "swish"),  # two names of one function
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "attention_dropout": (0.0,),
    },
    options=_rope,
    their_options=lambda ours: {"rope_parameters": _their_rope(ours), "tie_word_embeddings": ours.tied},
)

BERT = Family(
    theirs="BertForMaskedLM",
    config="BertConfig",
    ours=BertConfig,
    build=bert,
    keys=BERT_KEYS,
    sizes={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "n_layers": "num_hidden_layers",
        "n_heads": "num_attention_heads",
        "d_ff": "intermediate_size",
        "n_segments": "type_vocab_size",
        "norm_eps": "layer_norm_eps",
    },
    dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob"),
    built={"hidden_act": ("gelu",), "is_decoder": (False,), "add_cross_attention": (False,)},
)

BERT_FOR_PRE_TRAINING = replace(
    BERT, theirs="BertForPreTraining", build=bert_for_pre_training, keys=BERT_PRE_TRAINING_KEYS
)

FAMILIES = {family.build.__name__: family for family in (GPT2, LLAMA, BERT, BERT_FOR_PRE_TRAINING)}


def gpt2_from_hf(model: Any) -> LanguageModel:
    """Make a GPT of a GPT2LMHeadModel, with its weights, dtype, device and mode.

    Args:
        model: As loaded; it is left alone.

    Raises:
        TypeError: If it is another class.
        ValueError: If it has an option that is not built here, or a tensor that has no place.
    """
    return _from_hf(GPT2, model)


def llama_from_hf(model: Any) -> LanguageModel:
    """Make a LLaMA of a LlamaForCausalLM; as `gpt2_from_hf`."""
    return _from_hf(LLAMA, model)


def bert_from_hf(model: Any) -> MaskedLanguageModel:
    """Make a BERT of a BertForMaskedLM; as `gpt2_from_hf`."""
    return _from_hf(BERT, model)


def bert_for_pre_training_from_hf(model: Any) -> BertForPreTraining:
    """Make a BERT with both heads of a BertForPreTraining; as `gpt2_from_hf`."""
    return _from_hf(BERT_FOR_PRE_TRAINING, model)


def to_hf(model: Any) -> Any:
    """Make a model of transformers of one of ours, with its weights, dtype, device and mode.

    Args:
        model: What `gpt`, `llama`, `bert` or `bert_for_pre_training` builds; it is left alone.

    Raises:
        ValueError: If it is another model, was changed since it was built, or has no like in transformers.
    """
    transformers = _transformers()
    validate_as_built(model)
    model = unwrapped(model)
    config, builder = model.config, model.builder
    if builder not in FAMILIES:
        raise ValueError(f"model is what {builder}() builds, and must be what one of {sorted(FAMILIES)} does")
    for name, value in {"bias": True, "qk_norm": False}.items():
        if getattr(config, name, value) is not value:
            raise ValueError(f"config.{name}={not value} must be {value}: transformers has no such {builder}")
    family = FAMILIES[builder]
    options = {name: getattr(config, ours) for ours, name in family.sizes.items()}
    options |= {name: values[0] for name, values in family.built.items()}
    options |= {name: config.dropout for name in family.dropouts}
    options |= dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))  # what these are, a tokenizer knows
    options |= family.their_options(config)
    built = getattr(transformers, family.theirs)(getattr(transformers, family.config)(**options))
    built = built.to(next(model.parameters()))
    built.load_state_dict(to_theirs(expand(family.keys, config.n_layers), model.state_dict()))
    return built.train(model.training)


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError:
        raise ModuleNotFoundError("this needs transformers: pip install 'transformer_lib[hf]'") from None
    return transformers


def _from_hf(family: Family, model: Any) -> Any:
    transformers = _transformers()
    if type(model) is not getattr(transformers, family.theirs):
        raise TypeError(f"model is a {type(model).__name__} and must be a {family.theirs} of transformers")
    theirs = model.config
    for option, values in family.built.items():
        if getattr(theirs, option) not in values:
            allowed = " or ".join(map(repr, values))
            raise ValueError(f"{option}={getattr(theirs, option)!r} must be {allowed}: no other is built here")
    dropouts = {name: getattr(theirs, name) for name in family.dropouts}
    if len(set(dropouts.values())) > 1:
        raise ValueError(f"{dropouts} must be equal: one probability is built here")
    fields = {ours: getattr(theirs, name) for ours, name in family.sizes.items()} | family.options(theirs)
    if dropouts:
        fields["dropout"] = float(next(iter(dropouts.values())))
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    if hasattr(family.ours, "tied"):
        fields["tied"] = tied
    elif not tied:
        raise ValueError("tie_word_embeddings=False must be True: the head is the embedding's matrix here")
    config = family.ours(**fields)
    ours = from_theirs(expand(family.keys, config.n_layers), model.state_dict())
    copies = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in ours.items()}
    return build_with(family.build, config, copies).train(model.training)
