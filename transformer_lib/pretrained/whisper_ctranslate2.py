"""Whisper from a file of CTranslate2: its sizes are read off the tensors, and nothing else in it is needed."""

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.models.builders import build_with
from transformer_lib.models.whisper import WhisperConfig, whisper
from transformer_lib.pretrained.ctranslate2 import CTranslate2
from transformer_lib.pretrained.key_tables import WHISPER_KEYS
from transformer_lib.pretrained.renaming import expand, from_theirs

# What CTranslate2 could build otherwise, and the one way that is built here: 3 is GELU.
_BUILT = {
    "decoder/activation": 3,
    "decoder/alibi": 0,
    "decoder/pre_norm": 1,
    "decoder/scale_embeddings": 0,
    "decoder/start_from_zero_embedding": 0,
}
_HEADS = ("encoder/num_heads", "decoder/num_heads")
_UNUSED = {"decoder/alignment_heads", "decoder/alignment_layer"}


def whisper_from_ctranslate2(file: CTranslate2) -> EncoderDecoder:
    """Make the model of a file, in float32 and in evaluation mode.

    Raises:
        ValueError: If it is no Whisper, asks for what is not built here, or lacks a tensor or has one too many.
    """
    if file.kind != "WhisperSpec":
        raise ValueError(f"path={file.path!r} holds a {file.kind}, and must hold a WhisperSpec: no other is built here")
    for name, value in _BUILT.items():
        if name in file and file[name].tolist() != value:
            raise ValueError(f"path={file.path!r} has {name}={file[name].tolist()}, which must be {value}")
    config = _config(file)
    settings = {*_BUILT, *_HEADS, *_UNUSED}
    tensors = {name: tensor for name, tensor in file.items() if name not in settings}
    return build_with(whisper, config, from_theirs(expand(WHISPER_KEYS, config.n_layers), tensors)).eval()


def _config(file: CTranslate2) -> WhisperConfig:
    def shape(name: str, n: int) -> tuple[int, ...]:
        found = tuple(file[name].shape) if name in file else None
        if found is None or len(found) != n:
            raise ValueError(f"path={file.path!r} has {name} of shape {found}, which must have {n} dimensions")
        return found

    heads = {int(file[name]) if name in file and file[name].ndim == 0 else None for name in _HEADS}
    if len(heads) > 1 or None in heads:
        raise ValueError(f"path={file.path!r} must have {' and '.join(_HEADS)}, the same number")
    (source_length, d_model), (context_length, _) = (
        shape(f"{side}/position_encodings/encodings", 2) for side in ("encoder", "decoder")
    )
    return WhisperConfig(
        vocab_size=shape("decoder/embeddings/weight", 2)[0],
        d_model=d_model,
        n_layers=sum(name.startswith("encoder/layer_") and name.endswith("linear_0/bias") for name in file) // 2,
        n_heads=heads.pop() or 0,
        d_ff=shape("encoder/layer_0/ffn/linear_0/bias", 1)[0],
        n_mels=shape("encoder/conv1/weight", 3)[1],
        source_length=source_length,
        context_length=context_length,
    )
