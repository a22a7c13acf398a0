"""Models of the transformers library, weight for weight, in and out: GPT-2, LLaMA, BERT.

A model comes in as an object, however it was loaded; `transformers` itself is imported only when one is to be built or
recognised. What this library does not build (scaled rotary positions, another activation) is refused by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from transformer_lib.architectures import LanguageModel, MaskedLanguageModel
from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.pretrained.key_tables import BERT_KEYS, GPT2_KEYS, LLAMA_KEYS
from transformer_lib.pretrained.renaming import Row, expand, fill, to_ours, to_theirs


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


def gpt2_from_hf(model: Any) -> LanguageModel:
    """Make a GPT of a GPT2LMHeadModel, with its weights, dtype, device and mode.

    Args:
        model: As loaded; it is left alone.

    Raises:
        TypeError: If it is another class.
        ValueError: If it has an option that is not built here, or a tensor that has no place.
    """
    _require_class(GPT2, model)
    _require_tied(model)
    inner = model.config.n_inner
    return _from_hf(GPT2, model, d_ff=4 * model.config.n_embd if inner is None else inner)


def gpt2_to_hf(model: LanguageModel) -> Any:
    """Make a GPT2LMHeadModel of a GPT, with its weights, dtype, device and mode.

    Args:
        model: What `gpt` builds; it is left alone.

    Raises:
        ValueError: If it is made of other parts.
    """
    return _to_hf(GPT2, model, _config_behind(GPT2, model, lambda: {"dropout": model.embedding.dropout.p}))


def llama_from_hf(model: Any) -> LanguageModel:
    """Make a LLaMA of a LlamaForCausalLM, with its weights, dtype, device and mode.

    Args:
        model: As loaded; it is left alone.

    Raises:
        TypeError: If it is another class.
        ValueError: If it has an option that is not built here, or a tensor that has no place.
    """
    _require_class(LLAMA, model)
    theirs, rope = model.config, model.config.rope_parameters
    if theirs.head_dim != theirs.hidden_size // theirs.num_attention_heads:
        raise ValueError(f"head_dim={theirs.head_dim} must be hidden_size / num_attention_heads: no other is built")
    if rope["rope_type"] != "default" or rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError(
            f"rope_parameters={rope} must be of rope_type 'default' and turn whole heads: no other is built"
        )
    return _from_hf(LLAMA, model, rope_base=float(rope["rope_theta"]), tied=_is_tied(model))


def llama_to_hf(model: LanguageModel) -> Any:
    """Make a LlamaForCausalLM of a LLaMA, with its weights, dtype, device and mode.

    Args:
        model: What `llama` builds; it is left alone.

    Raises:
        ValueError: If it is made of other parts.
    """

    def more() -> dict[str, Any]:
        attention: Any = model.blocks[0].attention
        tied = model.head.weight is model.embedding.tokens.weight
        return {"n_kv_heads": attention.n_kv_heads, "rope_base": attention.rotary.base, "tied": tied}

    config = _config_behind(LLAMA, model, more)
    rope = {"rope_type": "default", "rope_theta": config.rope_base}
    return _to_hf(LLAMA, model, config, rope_parameters=rope, tie_word_embeddings=config.tied)


def bert_from_hf(model: Any) -> MaskedLanguageModel:
    """Make a BERT of a BertForMaskedLM, with its weights, dtype, device and mode.

    Args:
        model: As loaded; it is left alone.

    Raises:
        TypeError: If it is another class.
        ValueError: If it has an option that is not built here, or a tensor that has no place.
    """
    _require_class(BERT, model)
    _require_tied(model)
    return _from_hf(BERT, model)


def bert_to_hf(model: MaskedLanguageModel) -> Any:
    """Make a BertForMaskedLM of a BERT, with its weights, dtype, device and mode.

    Args:
        model: What `bert` builds; it is left alone.

    Raises:
        ValueError: If it is made of other parts.
    """

    return _to_hf(BERT, model, bert_config(model))


def bert_config(model: MaskedLanguageModel) -> Any:
    """Return the BertConfig a BERT was built from; a ValueError if it is made of other parts."""
    parts: Any = model.embedding
    return _config_behind(
        BERT, model, lambda: {"n_segments": parts.segments.num_embeddings, "dropout": parts.dropout.p}
    )


def _from_hf(family: Family, model: Any, **more: Any) -> Any:
    theirs = model.config
    for option, values in family.built.items():
        if getattr(theirs, option) not in values:
            allowed = " or ".join(map(repr, values))
            raise ValueError(f"{option}={getattr(theirs, option)!r} must be {allowed}: no other is built here")
    dropouts = {name: getattr(theirs, name) for name in family.dropouts}
    if len(set(dropouts.values())) > 1:
        raise ValueError(f"{dropouts} must be equal: one probability is built here")
    for probability in dropouts.values():
        more["dropout"] = float(probability)
    config = family.ours(**{ours: getattr(theirs, name) for ours, name in family.sizes.items()} | more)
    built = family.build(config).to(next(model.parameters()))
    fill(built, to_ours(expand(family.keys, config.n_layers), model.state_dict()))
    return built.train(model.training)


def _to_hf(family: Family, model: nn.Module, config: Any, **more: Any) -> Any:
    import transformers

    options = {name: getattr(config, ours) for ours, name in family.sizes.items()}
    options |= {name: values[0] for name, values in family.built.items()}
    options |= {name: config.dropout for name in family.dropouts}
    options |= dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))  # what these are, a tokenizer knows
    built = getattr(transformers, family.theirs)(getattr(transformers, family.config)(**options | more))
    built = built.to(next(model.parameters()))
    fill(built, to_theirs(expand(family.keys, config.n_layers), model.state_dict()))
    return built.train(model.training)


def _config_behind(family: Family, model: Any, more: Callable[[], dict[str, Any]]) -> Any:
    """The configuration that the model was built from, read off its parts; then it is built again and compared."""
    name = family.build.__name__
    try:
        first = model.blocks[0]
        sizes = {
            "vocab_size": model.vocab_size,
            "context_length": getattr(model, "context_length", model.embedding.context_length),
            "d_model": model.embedding.tokens.embedding_dim,
            "n_layers": len(model.blocks),
            "n_heads": first.attention.n_heads,
            "d_ff": first.feed_forward.up.out_features,
            "norm_eps": first.attention_residual.norm.eps,
        }
        config = family.ours(**sizes | more())
    except AttributeError as error:
        raise ValueError(f"model must be what {name}() builds: {error}") from error
    with torch.device("meta"):
        again = family.build(config)
    parts, wanted = _parts(model), _parts(again)
    for part in wanted | parts:
        has, must = parts.get(part, "nothing"), wanted.get(part, "nothing")
        if has != must:
            raise ValueError(f"model has {has} at {part} and must have {must}, as {name}() builds it")
    if _shared(model) != _shared(again):
        raise ValueError(f"model must share {_shared(again)}, as {name}() builds it, and shares {_shared(model)}")
    return config


def _parts(model: nn.Module) -> dict[str, str]:
    """What stands where in the model, and its options."""
    modules = model.named_modules(remove_duplicate=False)
    return {name: f"{type(module).__name__}({module.extra_repr()})" for name, module in modules}


def _shared(model: nn.Module) -> list[str]:
    """Names of parameters that the model has under another name too."""
    once = {name for name, _ in model.named_parameters()}
    return [name for name, _ in model.named_parameters(remove_duplicate=False) if name not in once]


def _require_class(family: Family, model: Any) -> None:
    import transformers

    if type(model) is not getattr(transformers, family.theirs):
        raise TypeError(f"model is a {type(model).__name__} and must be a {family.theirs} of transformers")


def _is_tied(model: Any) -> bool:
    return model.get_output_embeddings().weight is model.get_input_embeddings().weight


def _require_tied(model: Any) -> None:
    if not _is_tied(model):
        raise ValueError("tie_word_embeddings=False must be True: the head is the embedding's matrix here")
