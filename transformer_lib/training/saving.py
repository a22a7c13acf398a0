"""A trained model on disk: a folder with `model.safetensors`, which holds all of it, and `config.json` to be read.

The configuration stands in both. `load` takes the one beside the tensors, so that a model is replaced in one step, and
the file for people and other programs only where there is none, as in a folder of the first edition. A matrix in 8 bits
is two tensors, `NAME` in int8 and `NAME.scale` with a number for each row.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib.models.builders import build_with, builders, named_tensors, unwrapped, validate_as_built
from transformer_lib.quantization import int8_rows
from transformer_lib.training.files import read_tensors, replace_file, write_tensors
from transformer_lib.training.placement import is_first_rank

SCALE = ".scale"


def save(model: nn.Module, folder: str | Path, *, bits: int | None = None) -> None:
    """Write a model: what built it, its configuration, and its tensors.

    Args:
        model: What a registered builder made, such as `gpt`; or that model compiled, or wrapped for several devices.
            Its parameters and buffers are written once each, even where two layers share one, and under plain names. A
            `model.half()` takes half the room, and is loaded in the precision it is built in.
        folder: Made if it is not there. Of several processes that train together, all must call, and the first one
            writes.
        bits: 8 rounds each matrix that is a parameter as `quantization.int8_rows` does, to a quarter of the room that
            float32 takes; the rest is written as it is. None rounds nothing. The model stays as it was, so score what
            `load` returns: saved again in 8 bits, that is the same.

    Raises:
        ValueError: If the model is not as its builder makes it of its configuration: it could not be built again. If
            bits is neither, or a matrix to be rounded is not finite.
        OSError: If there is no room for it; what was in the folder is as it was.

    Example:

        >>> import tempfile
        >>> from transformer_lib.models.neural_bigram import NeuralBigramConfig, neural_bigram
        >>> folder = tempfile.mkdtemp()
        >>> save(neural_bigram(NeuralBigramConfig(vocab_size=3)), folder)
        >>> load(folder).config
        NeuralBigramConfig(vocab_size=3)
    """
    if bits not in (None, 8):
        raise ValueError(f"bits={bits} must be 8, or None to write the model in the precision it has")
    validate_as_built(model)
    plain, folder = unwrapped(model), Path(folder)
    named = named_tensors(model)
    tensors = whole(named)
    if bits == 8:
        tensors = _rounded(tensors, {name for name, x in named.items() if isinstance(x, nn.Parameter) and x.ndim == 2})
    described = json.dumps({"model": plain.builder, **dataclasses.asdict(plain.config)}, indent=2) + "\n"
    if not is_first_rank():
        return
    write_tensors(folder / "model.safetensors", tensors, {"config": described})
    replace_file(folder / "config.json", described.encode())


def load(folder: str | Path) -> Any:
    """Build the model in a folder: the builder is looked up by its name, and the weights are taken as they are.

    Args:
        folder: What `save` wrote.

    Returns:
        The model, in evaluation mode and in PyTorch's default floating dtype.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, or is of a model that no registered builder makes.
    """
    folder, default = Path(folder), torch.get_default_dtype()
    stored, texts = read_tensors(folder / "model.safetensors")
    path = folder / "config.json"
    if "config" not in texts and not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run the recipe that makes it")
    try:
        described = json.loads(texts.get("config") or path.read_text(encoding="utf-8"))
        name = described.pop("model", None) or described.pop("config")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged, or no configuration ({error!r}): make it again") from error
    if isinstance(n_layers := described.get("n_layers"), int) and n_layers > len(stored):
        raise ValueError(f"{path} has n_layers={n_layers}, and there are {len(stored)} tensors: make it again")
    stored = {_named_now(key): x for key, x in _unrounded(stored, folder).items()}
    tensors = {key: x.to(default) if x.is_floating_point() else x for key, x in stored.items()}
    # An older file has the name of the configuration only, which may have two builders: the tensors tell which.
    builds = [build for key, build in builders().items() if name in (key, build.config_class.__name__)]
    if not builds:
        raise ValueError(
            f"{path} holds a {name!r}, which must be one of {sorted(builders())}: import what registers its builder"
        )
    for build in builds:
        try:
            return build_with(build, build.config_class(**described), tensors).eval()
        except TypeError as error:
            refusal = f"{path} does not fit {name}: {error}. It is from another version: make it again"
        except ValueError as error:
            refusal = f"{folder} holds files of two models, or of another version: {error}. Make it again"
    raise ValueError(refusal)


def _rounded(tensors: Mapping[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    """Tensors of which the named matrices are in 8 bits, each beside its scales."""
    file: dict[str, Tensor] = {}
    for name, x in tensors.items():
        if name not in names:
            file[name] = x
        elif not x.isfinite().all():
            raise ValueError(f"{name} must be finite to be rounded to bits=8: the training has diverged")
        else:
            file[name], file[name + SCALE] = int8_rows(x)
    return file


def _unrounded(file: Mapping[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """What a file holds, its matrices in 8 bits multiplied out; no layer holds int8 itself."""
    rounded = {name for name, x in file.items() if x.dtype == torch.int8}
    tensors = {name: x for name, x in file.items() if name.removesuffix(SCALE) not in rounded}
    for name in rounded:
        q, scale = file[name], file.get(name + SCALE)
        if scale is None or scale.shape != q.shape[:1]:
            raise ValueError(f"{folder} holds {name} in 8 bits, and not a scale for each of its rows: make it again")
        tensors[name] = q.float() * scale.float()[:, None]
    return tensors


def _named_now(name: str) -> str:
    """The name of a tensor that had another one in the first edition."""
    return name.replace("source_embedding.narrow.", "source_embedding.conv1.").replace(
        "source_embedding.halve.", "source_embedding.conv2."
    )


def whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a file takes them; those that are sharded over several devices are gathered."""
    gathered = {name: x.full_tensor() if hasattr(x, "full_tensor") else x for name, x in tensors.items()}
    return {name: x.detach().contiguous() for name, x in gathered.items()}
