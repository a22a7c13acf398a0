"""LLaMAs of transformers, tiny and random, written as llama.cpp's converter writes them, and read back."""

import numpy as np
import pytest
import torch
import transformers
from comparisons import randomise
from gguf_files import gguf
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.llama_gguf import llama_from_gguf, tokenizer_from_gguf
from transformer_lib.tokenizers.bpe import BYTES, BPETokenizer
from transformer_lib.tokenizers.chat import ChatTokenizer
from transformer_lib.tokenizers.pretokenize import GPT2, GPT2_SINGLE_DIGITS
from transformer_lib.tokenizers.tokenizer_json import to_printable

TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *map(to_printable, BYTES), "th", "Ġth"]
VOCABULARY = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3, 3, 3] + [1] * (len(TOKENS) - 3),
    "tokenizer.ggml.merges": ["t h", "Ġ th"],
}
PLACES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def hf_llama(d_head=4, n_heads=4, n_kv_heads=2, n_layers=2, d_ff=12, base=1e4, eps=1e-5, tied=True):
    config = transformers.LlamaConfig(
        vocab_size=len(TOKENS),
        max_position_embeddings=9,
        hidden_size=d_head * n_heads,
        num_attention_heads=n_heads,
        num_key_value_heads=n_kv_heads,
        num_hidden_layers=n_layers,
        intermediate_size=d_ff,
        rms_norm_eps=eps,
        rope_parameters={"rope_type": "default", "rope_theta": base},
        tie_word_embeddings=tied,
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id")),
    )
    return randomise(transformers.LlamaForCausalLM(config)).eval()


def as_written(model):
    """Metadata and tensors of the file; rows of Q and K as llama.cpp wants them, pair by pair."""
    config = model.config
    metadata = {
        "general.architecture": "llama",
        "llama.context_length": config.max_position_embeddings,
        "llama.embedding_length": config.hidden_size,
        "llama.block_count": config.num_hidden_layers,
        "llama.attention.head_count": config.num_attention_heads,
        "llama.attention.head_count_kv": config.num_key_value_heads,
        "llama.feed_forward_length": config.intermediate_size,
        "llama.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "llama.rope.freq_base": config.rope_parameters["rope_theta"],
        "llama.rope.dimension_count": config.hidden_size // config.num_attention_heads,
        "llama.vocab_size": config.vocab_size,
        **VOCABULARY,
    }
    tensors = {}
    for name, tensor in model.state_dict().items():
        weight = tensor.numpy()
        if ".layers." in name:
            _, _, i, place = name.removesuffix(".weight").split(".", 3)
            heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads}.get(place.split(".")[-1][0])
            if place.startswith("self_attn") and heads:
                halves = weight.reshape(heads, 2, -1, weight.shape[1])  # a head's first half and its second
                weight = np.stack((halves[:, 0], halves[:, 1]), axis=2).reshape(weight.shape)
            tensors[f"blk.{i}.{PLACES[place]}.weight"] = weight
        elif name != "lm_head.weight" or not config.tie_word_embeddings:
            names = {"model.embed_tokens.weight": "token_embd", "model.norm.weight": "output_norm"}
            tensors[f"{names.get(name, 'output')}.weight"] = weight
    return metadata, tensors


@pytest.fixture
def read(tmp_path):
    def read(metadata, tensors):
        (tmp_path / "tiny.gguf").write_bytes(gguf(metadata, tensors))
        return GGUF(tmp_path / "tiny.gguf")

    return read


@settings(max_examples=20)
@given(
    st.sampled_from([2, 4, 6]),
    st.sampled_from([(4, 1), (4, 2), (4, 4), (3, 1), (9, 3), (1, 1)]),
    st.integers(1, 3),
    st.sampled_from([5, 12]),
    st.sampled_from([1e4, 5e5]),
    st.sampled_from([1e-5, 1e-2]),
    st.booleans(),
)
def test_logits_are_those_of_transformers(tmp_path_factory, d_head, heads, n_layers, d_ff, base, eps, tied):
    theirs = hf_llama(d_head, *heads, n_layers, d_ff, base, eps, tied)
    path = tmp_path_factory.getbasetemp() / "logits.gguf"
    path.write_bytes(gguf(*as_written(theirs)))
    ours = llama_from_gguf(GGUF(path))
    assert not ours.training and (ours.head.weight is ours.embedding.tokens.weight) == tied
    tokens = torch.randint(len(TOKENS), (2, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs(tokens).logits
        torch.testing.assert_close(ours(tokens), expected, rtol=0, atol=2e-6 * float(expected.abs().max()))


def test_building_from_a_file_draws_no_random_number(read):
    file = read(*as_written(hf_llama()))
    state = torch.get_rng_state()
    llama_from_gguf(file)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_the_file_leaves_out_has_the_defaults_of_the_format(read):
    metadata, tensors = as_written(hf_llama(n_kv_heads=4))
    whole = llama_from_gguf(read(metadata, tensors))
    for name in ("attention.head_count_kv", "rope.freq_base", "rope.dimension_count", "vocab_size"):
        del metadata[f"llama.{name}"]
    tokens = torch.arange(9)[None]
    assert torch.equal(llama_from_gguf(read(metadata, tensors))(tokens), whole(tokens))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"general.architecture": "qwen2"}, "general.architecture='qwen2', which must be 'llama': no other is built"),
        ({"llama.rope.scaling.type": "linear"}, "llama.rope.scaling.type='linear', which must be 'none' or None"),
        ({"llama.rope.scaling.type": "yarn"}, "llama.rope.scaling.type='yarn'"),
        ({"llama.rope.scaling.factor": 2.0}, "llama.rope.scaling.factor=2.0, which is not built here"),
        ({"llama.rope.dimension_count": 2}, "llama.rope.dimension_count=2, which must be 4 or None"),
        ({"llama.attention.key_length": 8}, "llama.attention.key_length=8, which must be 4"),
        ({"llama.expert_count": 4}, "llama.expert_count=4, which is not built here: use llama.cpp"),
        ({"llama.vocab_size": 9}, "llama.vocab_size=9, which must be 261"),
        ({"llama.block_count": 3}, r"missing \['blk.2.attn_k.weight'"),
        ({"llama.block_count": [2, 2]}, r"llama.block_count=\[2, 2\], which must be of type int"),
        ({"llama.block_count": None}, "llama.block_count=None, which must be of type int"),
        ({"llama.attention.head_count": 0}, "n_heads=0 must be at least 1"),
        ({"llama.feed_forward_length": 13}, r"has blk.0.ffn_up.weight of shape \(12, 16\), and .* \(13, 16\)"),
        ({"llama.block_count": 100_000}, "n_layers=100000 must be at most the 20 tensors of the file"),
    ],
)
def test_what_is_not_built_is_refused_by_name(read, change, message):
    metadata, tensors = as_written(hf_llama())
    file = read({name: value for name, value in (metadata | change).items() if value is not None}, tensors)
    with pytest.raises(ValueError, match=message):
        llama_from_gguf(file)


def test_frequencies_of_a_scaled_rotary_are_refused(read):
    metadata, tensors = as_written(hf_llama())
    with pytest.raises(ValueError, match=r"unknown \['rope_freqs.weight'\]"):
        llama_from_gguf(read(metadata, tensors | {"rope_freqs.weight": np.ones(2)}))


# --- the tokenizer -------------------------------------------------------------------------------------------------

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe brief.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_the_tokenizer_has_the_files_ids(read):
    tokenizer = tokenizer_from_gguf(read(VOCABULARY, {}))
    assert type(tokenizer) is BPETokenizer and tokenizer.pattern == GPT2_SINGLE_DIGITS
    assert tokenizer.special_tokens == {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2}
    ids = tokenizer.encode("the th12<|im_end|>")
    assert [TOKENS[i] for i in ids] == ["th", "e", "Ġth", "1", "2", "<|im_end|>"]
    assert tokenizer_from_gguf(read(VOCABULARY | {"tokenizer.ggml.pre": "gpt-2"}, {})).pattern == GPT2


def test_a_chat_template_makes_a_chat_tokenizer(read):
    tokenizer = tokenizer_from_gguf(read(VOCABULARY | {"tokenizer.chat_template": CHATML}, {}))
    assert isinstance(tokenizer, ChatTokenizer) and tokenizer.template.system == "Be brief."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer.ggml.model": "llama"}, "tokenizer.ggml.model='llama', which must be 'gpt2'"),
        ({"tokenizer.ggml.pre": "qwen2"}, "tokenizer.ggml.pre='qwen2', which must be 'gpt-2' or 'smollm'"),
        ({"tokenizer.ggml.add_bos_token": True}, "tokenizer.ggml.add_bos_token=True, which must be False or None"),
        ({"tokenizer.ggml.token_type": [1]}, "must give each token the kind 1 or 3"),
        ({"tokenizer.ggml.token_type": [6] * len(TOKENS)}, "must give each token the kind 1 or 3"),
        ({"tokenizer.ggml.merges": ["t h e"]}, "has 't h e' among its merges, which must be two tokens and a space"),
        ({"tokenizer.ggml.merges": ["t q"]}, r"merges has \(b't', b'q'\), and vocabulary must give b'tq' an id"),
        ({"tokenizer.ggml.tokens": "all"}, "tokenizer.ggml.tokens='all', which must be of type list"),
        ({"tokenizer.chat_template": "{{ messages }}"}, r"program='\{\{ messages \}\}' must be"),
    ],
)
def test_another_tokenizer_is_refused_by_name(read, change, message):
    with pytest.raises(ValueError, match=message):
        tokenizer_from_gguf(read(VOCABULARY | change, {}))
