"""A LLaMA and its tokenizer from a GGUF file, as llama.cpp would read them.

The file says everything: sizes, weights, vocabulary, merges, and how a conversation is written. What this library does
not build (scaled rotary positions, experts, another cut of the text) is refused by name.
"""

from typing import Any

from transformer_lib.architectures import LanguageModel
from transformer_lib.models.builders import build_with
from transformer_lib.models.llama import LlamaConfig, llama
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.key_tables import llama_gguf_keys
from transformer_lib.pretrained.renaming import expand, from_theirs, validate_layers
from transformer_lib.tokenizers.bpe import BPETokenizer
from transformer_lib.tokenizers.chat import ChatTemplate, ChatTokenizer
from transformer_lib.tokenizers.pretokenize import GPT2, GPT2_SINGLE_DIGITS
from transformer_lib.tokenizers.tokenizer_json import from_printable

_SIZES = {
    "context_length": "llama.context_length",
    "d_model": "llama.embedding_length",
    "n_layers": "llama.block_count",
    "n_heads": "llama.attention.head_count",
    "d_ff": "llama.feed_forward_length",
}
_EPS, _BASE, _KV_HEADS = (
    "llama.attention.layer_norm_rms_epsilon",
    "llama.rope.freq_base",
    "llama.attention.head_count_kv",
)
_PATTERNS = {"gpt-2": GPT2, "smollm": GPT2_SINGLE_DIGITS}
_NORMAL, _CONTROL = 1, 3  # kinds of token


def llama_from_gguf(file: GGUF) -> LanguageModel:
    """Make the model of a file, in float32 and in evaluation mode.

    Raises:
        ValueError: If it is no LLaMA, asks for what is not built here, or lacks a tensor or has one too many.
    """
    config = _config(file)
    validate_layers(config.n_layers, file)
    sizes = {
        "token_embd.weight": (config.vocab_size, config.d_model),
        "blk.0.ffn_up.weight": (config.d_ff, config.d_model),
    }
    for name, shape in sizes.items():
        if name in file and file.shape(name) != shape:
            raise ValueError(f"path={file.path!r} has {name} of shape {file.shape(name)}, and its sizes say {shape}")
    rows = llama_gguf_keys(config.n_heads, config.n_kv_heads or config.n_heads, tied=config.tied)
    return build_with(llama, config, from_theirs(expand(rows, config.n_layers), file)).eval()


def tokenizer_from_gguf(file: GGUF) -> BPETokenizer:
    """Make the byte-level BPE of a file: a ChatTokenizer where the file says how a conversation is written.

    Raises:
        ValueError: If it is another kind of tokenizer, or its conversations are written in a way not known here.
    """
    _validated(file, "tokenizer.ggml.model", "gpt2")
    _validated(file, "tokenizer.ggml.add_bos_token", False, None)
    pattern = _PATTERNS[_validated(file, "tokenizer.ggml.pre", *_PATTERNS)]
    tokens: list[str] = _value(file, "tokenizer.ggml.tokens", list)
    kinds: list[int] = _value(file, "tokenizer.ggml.token_type", list)
    merges: list[str] = _value(file, "tokenizer.ggml.merges", list)
    if len(kinds) != len(tokens) or not {*kinds} <= {_NORMAL, _CONTROL}:
        raise ValueError(f"path={file.path!r} must give each token the kind {_NORMAL} or {_CONTROL}: no other is read")
    if bad := [merge for merge in merges if merge.count(" ") != 1]:
        raise ValueError(f"path={file.path!r} has {bad[0]!r} among its merges, which must be two tokens and a space")
    options: dict[str, Any] = {
        "merges": [(from_printable(left), from_printable(right)) for left, right in (m.split(" ") for m in merges)],
        "vocabulary": {from_printable(t): i for i, t in enumerate(tokens) if kinds[i] == _NORMAL},
        "special_tokens": {t: i for i, t in enumerate(tokens) if kinds[i] == _CONTROL},
        "pattern": pattern,
    }
    if "tokenizer.chat_template" not in file.metadata:
        return BPETokenizer(**options)
    program = _value(file, "tokenizer.chat_template", str)
    return ChatTokenizer(**options, template=ChatTemplate.from_jinja(program))


def _config(file: GGUF) -> LlamaConfig:
    _validated(file, "general.architecture", "llama")
    config = LlamaConfig(
        **{ours: _value(file, theirs, int) for ours, theirs in _SIZES.items()},
        vocab_size=len(_value(file, "tokenizer.ggml.tokens", list)),
        n_kv_heads=_value(file, _KV_HEADS, int) if _KV_HEADS in file.metadata else None,
        rope_base=_value(file, _BASE, float) if _BASE in file.metadata else 10_000.0,
        norm_eps=_value(file, _EPS, float),
        tied="output.weight" not in file,
    )
    d_head = config.d_model // config.n_heads
    built = {
        "llama.vocab_size": config.vocab_size,
        "llama.rope.dimension_count": d_head,
        "llama.attention.key_length": d_head,
        "llama.attention.value_length": d_head,
        "llama.rope.scaling.type": "none",
    }
    for name, value in built.items():
        _validated(file, name, value, None)
    for name, value in file.metadata.items():
        if name.startswith("llama.") and name not in {*_SIZES.values(), _EPS, _BASE, _KV_HEADS, *built}:
            raise ValueError(f"path={file.path!r} has {name}={value!r}, which is not built here: use llama.cpp")
    return config


def _value(file: GGUF, name: str, kind: type) -> Any:
    value = file.metadata.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"path={file.path!r} has {name}={value!r}, which must be of type {kind.__name__}")
    return value


def _validated(file: GGUF, name: str, *allowed: Any) -> Any:
    value = file.metadata.get(name)
    if value not in allowed:
        rule = " or ".join(map(repr, allowed))
        raise ValueError(f"path={file.path!r} has {name}={value!r}, which must be {rule}: no other is built here")
    return value
