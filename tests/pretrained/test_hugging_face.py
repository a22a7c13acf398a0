"""Tiny random models of transformers, built from a configuration: nothing is downloaded."""

import subprocess
import sys

import pytest
import torch
import transformers
from comparisons import close, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_lib.masks import padding_mask
from transformer_lib.models.bert import BertConfig, bert
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.models.transformer import TransformerConfig, transformer
from transformer_lib.positions import RopeScaling
from transformer_lib.pretrained.hugging_face import (
    bert_from_hf,
    gpt2_from_hf,
    llama_from_hf,
    to_hf,
)
from transformer_lib.pretrained.key_tables import LLAMA_KEYS
from transformer_lib.pretrained.renaming import expand, from_theirs, table

NO_SPECIAL_TOKENS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
few = settings(max_examples=20)
sizes = st.integers(1, 3)


def theirs(name, **options):
    config = getattr(transformers, f"{name}Config")(**NO_SPECIAL_TOKENS | options)
    kind = {"GPT2": "GPT2LMHeadModel", "Llama": "LlamaForCausalLM", "Bert": "BertForMaskedLM"}[name]
    return randomise(getattr(transformers, kind)(config).double()).eval()


def hf_gpt2(vocab_size=11, context=9, d_head=4, n_heads=2, n_layers=2, **options):
    return theirs(
        "GPT2",
        vocab_size=vocab_size,
        n_positions=context,
        n_embd=d_head * n_heads,
        n_head=n_heads,
        n_layer=n_layers,
        **options,
    )


def hf_llama(vocab_size=11, context=9, d_head=4, n_heads=4, n_layers=2, d_ff=12, **options):
    return theirs(
        "Llama",
        vocab_size=vocab_size,
        max_position_embeddings=context,
        hidden_size=d_head * n_heads,
        num_attention_heads=n_heads,
        num_hidden_layers=n_layers,
        intermediate_size=d_ff,
        **options,
    )


def hf_bert(vocab_size=11, context=9, d_head=4, n_heads=2, n_layers=2, d_ff=12, **options):
    return theirs(
        "Bert",
        vocab_size=vocab_size,
        max_position_embeddings=context,
        hidden_size=d_head * n_heads,
        num_attention_heads=n_heads,
        num_hidden_layers=n_layers,
        intermediate_size=d_ff,
        **options,
    )


def text(vocab_size=11, T=9, B=2):
    return torch.randint(vocab_size, (B, T), generator=torch.Generator().manual_seed(0))


FAMILIES = {
    "gpt2": (hf_gpt2, gpt2_from_hf),
    "llama": (hf_llama, llama_from_hf),
    "bert": (hf_bert, bert_from_hf),
}
families = pytest.mark.parametrize(("build", "from_hf"), FAMILIES.values(), ids=FAMILIES)


# --- the same logits -----------------------------------------------------------------------------------------------


@few
@given(sizes, sizes, sizes, st.sampled_from([None, 5, 24]), st.sampled_from([1e-5, 1e-2]), st.integers(1, 9))
def test_gpt2_has_equal_logits(d_head, n_heads, n_layers, d_ff, eps, T):
    model = hf_gpt2(d_head=d_head, n_heads=n_heads, n_layers=n_layers, n_inner=d_ff, layer_norm_epsilon=eps)
    close(gpt2_from_hf(model)(text(T=T)), model(text(T=T)).logits, atol=1e-9)


@few
@given(
    st.sampled_from([2, 4, 6]),
    st.sampled_from([(4, 1), (4, 2), (4, 4), (3, 1), (1, 1)]),
    sizes,
    st.integers(1, 13),
    st.sampled_from([10_000.0, 500_000.0]),
    st.sampled_from([None, (8.0, 1.0, 4.0), (32.0, 0.5, 2.0)]),
    st.booleans(),
    st.integers(1, 9),
)
def test_llama_has_equal_logits(d_head, heads, n_layers, d_ff, base, scaling, tied, T):
    rope = {"rope_type": "default", "rope_theta": base}
    if scaling is not None:  # Llama 3.1's, whose context is so short that pairs of all three kinds occur
        names = ("factor", "low_freq_factor", "high_freq_factor")
        rope |= {"rope_type": "llama3", "original_max_position_embeddings": 16} | dict(zip(names, scaling, strict=True))
    model = hf_llama(
        d_head=d_head,
        n_heads=heads[0],
        num_key_value_heads=heads[1],
        n_layers=n_layers,
        d_ff=d_ff,
        rope_parameters=rope,
        tie_word_embeddings=tied,
    )
    ours, expected = llama_from_hf(model)(text(T=T)), model(text(T=T)).logits
    scale = float(expected.detach().abs().max())
    close(ours, expected, atol=3e-6 * scale)  # theirs turns by angles in float32 whatever the dtype


def test_a_llama_with_qk_norm_is_a_qwen3():
    config = transformers.Qwen3Config(
        vocab_size=11,
        hidden_size=16,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=4,
        num_hidden_layers=2,
        intermediate_size=20,
        rms_norm_eps=1e-2,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )
    theirs = randomise(transformers.Qwen3ForCausalLM(config)).double().eval()
    ours = llama(LlamaConfig(**SMALL, n_kv_heads=2, rope_base=1e6, norm_eps=1e-2, qk_norm=True)).double()
    norms = [(f"model.layers.{{i}}.self_attn.{x}_norm.weight", f"blocks.{{i}}.attention.{x}_norm.weight") for x in "qk"]
    ours.load_state_dict(from_theirs(expand([*LLAMA_KEYS, *table(*norms)], 2), theirs.state_dict()))
    close(ours(text(T=9)), theirs(text(T=9)).logits, atol=1e-5)


@few
@given(sizes, sizes, sizes, st.integers(1, 13), st.sampled_from([1, 2, 3]), st.integers(1, 9))
def test_bert_has_equal_logits(d_head, n_heads, n_layers, d_ff, n_segments, T):
    model = hf_bert(d_head=d_head, n_heads=n_heads, n_layers=n_layers, d_ff=d_ff, type_vocab_size=n_segments)
    ours, tokens, segments = bert_from_hf(model), text(T=T), text(n_segments, T=T)
    lengths = torch.tensor([T, (T + 1) // 2])
    real = padding_mask(lengths, T)
    expected = model(tokens, attention_mask=real[:, 0, 0].long(), token_type_ids=segments).logits
    got = ours(tokens, mask=real, segments=segments)
    for row, length in enumerate(lengths):  # what stands at a padded position is nobody's business
        close(got[row, :length], expected[row, :length], atol=1e-9)
    close(ours(tokens), model(tokens).logits, atol=1e-9)


# --- there and back ------------------------------------------------------------------------------------------------


@families
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_there_and_back_is_the_same_model(build, from_hf, dtype):
    model = build().to(dtype).train()
    ours = from_hf(model)
    assert ours.training and {p.dtype for p in ours.parameters()} == {dtype}
    back = to_hf(ours.eval())
    assert not back.training
    assert model.state_dict().keys() == back.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name
    differ = {key for key, value in model.config.to_dict().items() if back.config.to_dict()[key] != value}
    assert differ <= {"dtype", "n_inner"}, differ


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("build", "from_hf"), [FAMILIES["gpt2"], FAMILIES["llama"]], ids=["gpt2", "llama"])
def test_what_is_tied_stays_so_and_what_is_not_as_well(build, from_hf, tied):
    model = build(tie_word_embeddings=tied)
    ours = from_hf(model)
    assert (ours.head.weight is ours.embedding.tokens.weight) == ours.config.tied == tied
    close(ours(text()), model(text()).logits, atol=1e-3)
    back = to_hf(ours)
    assert (back.lm_head.weight is back.get_input_embeddings().weight) == back.config.tie_word_embeddings == tied
    assert all(torch.equal(x, model.state_dict()[name]) for name, x in back.state_dict().items())


SMALL = {"vocab_size": 11, "context_length": 9, "d_model": 16, "n_layers": 2, "n_heads": 4, "d_ff": 20}


@pytest.mark.parametrize(
    "model",
    [
        gpt(GPTConfig(**SMALL, dropout=0.1)),
        llama(LlamaConfig(**SMALL, n_kv_heads=2, rope_base=5e5, rope_scaling=RopeScaling(length=16))),
        bert(BertConfig(**SMALL, n_segments=3)),
    ],
    ids=FAMILIES,
)
def test_our_own_models_go_out(model):
    randomise(model)
    out = to_hf(model.eval())
    torch.testing.assert_close(out(text()).logits, model(text()), rtol=1e-4, atol=1e-4)


@families
def test_the_two_share_no_memory(build, from_hf):
    model = build()
    ours = from_hf(model)
    before = ours(text())
    randomise(model, seed=1)
    assert torch.equal(ours(text()), before)
    back = to_hf(ours)
    expected = back(text()).logits
    randomise(ours, seed=2)
    assert torch.equal(back(text()).logits, expected)


# --- nothing is left over, nothing is guessed ----------------------------------------------------------------------


@families
def test_every_tensor_is_read_and_every_one_is_written(build, from_hf):
    """Change any tensor there, and exactly the one it belongs to changes here."""
    model = build(n_layers=1)
    plain = {name: tensor.clone() for name, tensor in from_hf(model).state_dict().items()}
    touched = set()
    for _, parameter in model.named_parameters():
        with torch.no_grad():
            parameter += 1
        changed = {name for name, tensor in from_hf(model).state_dict().items() if not torch.equal(tensor, plain[name])}
        with torch.no_grad():
            parameter -= 1
        plain = {name: tensor.clone() for name, tensor in from_hf(model).state_dict().items()}
        assert changed and not changed & touched
        touched |= changed
    assert touched == plain.keys()


@families
def test_a_tensor_without_a_place_is_named(build, from_hf):
    model = build()
    model.extra = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"unknown \['extra'\]"):
        from_hf(model)


@pytest.mark.parametrize(
    ("build", "from_hf", "options", "message"),
    [
        (hf_gpt2, gpt2_from_hf, {"activation_function": "relu"}, "activation_function='relu' must be 'gelu_new' or"),
        (hf_gpt2, gpt2_from_hf, {"scale_attn_weights": False}, "scale_attn_weights=False must be True"),
        (hf_gpt2, gpt2_from_hf, {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx=True"),
        (hf_gpt2, gpt2_from_hf, {"reorder_and_upcast_attn": True}, "reorder_and_upcast_attn=True must be False"),
        (hf_gpt2, gpt2_from_hf, {"add_cross_attention": True}, "add_cross_attention=True must be False"),
        (hf_gpt2, gpt2_from_hf, {"attn_pdrop": 0.2}, r"'attn_pdrop': 0.2\} must be equal"),
        (hf_llama, llama_from_hf, {"hidden_act": "gelu"}, "hidden_act='gelu' must be 'silu'"),
        (hf_llama, llama_from_hf, {"attention_bias": True}, "attention_bias=True must be False"),
        (hf_llama, llama_from_hf, {"mlp_bias": True}, "mlp_bias=True must be False"),
        (hf_llama, llama_from_hf, {"attention_dropout": 0.1}, "attention_dropout=0.1 must be 0.0"),
        (hf_llama, llama_from_hf, {"head_dim": 8}, "head_dim=8 must be hidden_size / num_attention_heads"),
        (
            hf_llama,
            llama_from_hf,
            {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}},
            "rope_parameters=.*'linear'.* must be of rope_type 'default' or 'llama3'",
        ),
        (hf_bert, bert_from_hf, {"hidden_act": "relu"}, "hidden_act='relu' must be 'gelu'"),
        (hf_bert, bert_from_hf, {"is_decoder": True}, "is_decoder=True must be False"),
        (hf_bert, bert_from_hf, {"tie_word_embeddings": False}, "tie_word_embeddings=False must be True"),
        (hf_bert, bert_from_hf, {"hidden_dropout_prob": 0.3}, "'hidden_dropout_prob': 0.3.* must be equal"),
    ],
)
def test_what_is_not_built_is_refused_by_name(build, from_hf, options, message):
    with pytest.raises(ValueError, match=message):
        from_hf(build(**options))


@families
def test_another_class_is_refused(build, from_hf):
    with pytest.raises(TypeError, match=r"model is a Linear and must be a \w+ of transformers"):
        from_hf(nn.Linear(1, 1))


def changed(model, change):
    change(model)
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (gpt(GPTConfig(**SMALL, bias=False)), "config.bias=False must be True: transformers has no"),
        (llama(LlamaConfig(**SMALL, qk_norm=True)), "config.qk_norm=True must be False: transformers has no such"),
        (
            transformer(TransformerConfig(vocab_size=5, d_model=8, n_layers=1, n_heads=2, d_ff=6)),
            r"what transformer\(\) builds, and must be what one of \['bert', .*'gpt', 'llama'\] does",
        ),
        (nn.Linear(1, 1), "model is a Linear without a configuration"),
        (
            changed(gpt(GPTConfig(**SMALL)), lambda m: setattr(m.blocks[1].feed_forward, "activation", nn.ReLU())),
            "blocks.1.feed_forward.activation is a ReLU and not a GELU",
        ),
        (
            changed(gpt(GPTConfig(**SMALL)), lambda m: setattr(m.head, "weight", nn.Parameter(torch.zeros(11, 16)))),
            r"unknown \['head.weight'\]",
        ),
    ],
)
def test_other_models_are_refused_on_the_way_out(model, message):
    with pytest.raises(ValueError, match=message):
        to_hf(model)


def test_nothing_is_imported_before_it_is_needed():
    code = "import sys, transformer_lib.pretrained.hugging_face; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
