"""Small files of CTranslate2, written here as the library never does, and Whispers of transformers in its names."""

import struct

import numpy as np

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
SETTINGS = {
    "decoder/activation": np.int8(3),
    "decoder/alibi": np.int8(0),
    "decoder/alignment_heads": np.int16(1),
    "decoder/alignment_layer": np.int16(-1),
    "decoder/pre_norm": np.int8(1),
    "decoder/scale_embeddings": np.int8(0),
    "decoder/start_from_zero_embedding": np.int8(0),
}


def text(value):
    return struct.pack("<H", len(value.encode()) + 1) + value.encode() + b"\0"


def tensor(name, array, kind=None):
    array = np.asarray(array)
    content = array.tobytes()
    head = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    return (
        text(name)
        + head
        + struct.pack("<BI", TYPES[str(array.dtype)] if kind is None else kind, len(content))
        + content
    )


def model_bin(tensors, *, kind="WhisperSpec", version=6, aliases=()):
    """The bytes of a file; tensors by name, as arrays."""
    content = struct.pack("<I", version) + text(kind) + struct.pack("<II", 3, len(tensors))
    content += b"".join(tensor(name, array) for name, array in tensors.items())
    return content + struct.pack("<I", len(aliases)) + b"".join(text(a) + text(b) for a, b in aliases)


def names_of_a_linear(theirs, there):
    return {f"{theirs}.weight": f"{there}/weight", f"{theirs}.bias": f"{there}/bias"}


def names_of_a_norm(theirs, there):
    return {f"{theirs}.weight": f"{there}/gamma", f"{theirs}.bias": f"{there}/beta"}


def plain_names(n_layers):
    """Tensors that both have in the same form: their name in transformers, and in CTranslate2."""
    names = {
        "encoder.embed_positions.weight": "encoder/position_encodings/encodings",
        "decoder.embed_positions.weight": "decoder/position_encodings/encodings",
        "decoder.embed_tokens.weight": "decoder/embeddings/weight",
    }
    for conv in ("conv1", "conv2"):
        names |= names_of_a_linear(f"encoder.{conv}", f"encoder/{conv}")
    for side in ("encoder", "decoder"):
        names |= names_of_a_norm(f"{side}.layer_norm", f"{side}/layer_norm")
        for i in range(n_layers):
            theirs, there = f"{side}.layers.{i}", f"{side}/layer_{i}"
            names |= names_of_a_norm(f"{theirs}.self_attn_layer_norm", f"{there}/self_attention/layer_norm")
            names |= names_of_a_norm(f"{theirs}.final_layer_norm", f"{there}/ffn/layer_norm")
            names |= names_of_a_linear(f"{theirs}.self_attn.out_proj", f"{there}/self_attention/linear_1")
            names |= names_of_a_linear(f"{theirs}.fc1", f"{there}/ffn/linear_0")
            names |= names_of_a_linear(f"{theirs}.fc2", f"{there}/ffn/linear_1")
            if side == "decoder":
                names |= names_of_a_norm(f"{theirs}.encoder_attn_layer_norm", f"{there}/attention/layer_norm")
                names |= names_of_a_linear(f"{theirs}.encoder_attn.q_proj", f"{there}/attention/linear_0")
                names |= names_of_a_linear(f"{theirs}.encoder_attn.out_proj", f"{there}/attention/linear_2")
    return names


def fused_names(n_layers):
    """Tensors that CTranslate2 has upon each other: its name, and the maps in transformers that they are of."""
    selves = {
        f"{s}/layer_{i}/self_attention/linear_0": f"{s}.layers.{i}.self_attn q k v"
        for s in ("encoder", "decoder")
        for i in range(n_layers)
    }
    crosses = {f"decoder/layer_{i}/attention/linear_1": f"decoder.layers.{i}.encoder_attn k v" for i in range(n_layers)}
    return {
        there: [f"{theirs.split()[0]}.{part}_proj" for part in theirs.split()[1:]]
        for there, theirs in (selves | crosses).items()
    }


def from_transformers(model):
    """The tensors of a Whisper of transformers as CTranslate2 has them."""
    config, state = model.config, {name: x.detach().numpy() for name, x in model.model.state_dict().items()}
    tensors = {there: state[theirs] for theirs, there in plain_names(config.encoder_layers).items()}
    for there, maps in fused_names(config.encoder_layers).items():
        width = config.d_model
        tensors[f"{there}/weight"] = np.concatenate([state[f"{name}.weight"] for name in maps])
        tensors[f"{there}/bias"] = np.concatenate([state.get(f"{name}.bias", np.zeros(width, "f4")) for name in maps])
    heads = np.int16(config.encoder_attention_heads)
    return tensors | SETTINGS | {"encoder/num_heads": heads, "decoder/num_heads": heads}


def into_transformers(tensors, model):
    """Load tensors as CTranslate2 has them into a Whisper of transformers."""
    n = model.config.encoder_layers
    state = {theirs: tensors[there] for theirs, there in plain_names(n).items()}
    for there, maps in fused_names(n).items():
        for kind in ("weight", "bias"):
            parts = tensors[f"{there}/{kind}"].chunk(len(maps))
            state |= {f"{name}.{kind}": part for name, part in zip(maps, parts, strict=True)}
    state = {name: x for name, x in state.items() if not name.endswith("k_proj.bias")}
    model.model.load_state_dict(state)
    return model
