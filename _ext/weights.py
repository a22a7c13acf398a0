"""A trained model as a script, because a page opened from a file may load scripts and nothing else.

The folder is what `transformer_lib.training.save` wrote: config.json and model.safetensors. `script` puts the file's
bytes into the page as they are, in base64. `packed` is for a page that must not make anybody wait: each weight of a
matrix becomes one character, one of 63 levels between minus and plus the largest of its row,

    w  ~  scale[row] * level,    level in -31 .. 31,

and vectors stay as halves. The site build writes both anew from the stored model; neither is ever committed.
"""

import base64
import json
import string
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

FILES = ("config.json", "model.safetensors")
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+"
LARGEST = 31


def script(name: str, folder: Path) -> str:
    """Return what makes `BookWidgets.weights[name]` of the model in a folder."""
    config, tensors = (folder / file for file in FILES)
    model = {
        "config": json.loads(config.read_text(encoding="utf-8")),
        "safetensors": base64.b64encode(tensors.read_bytes()).decode("ascii"),
    }
    return _assignment(name, model)


def packed(name: str, folder: Path) -> str:
    """Return what makes `BookWidgets.weights[name]` of the model in a folder, a character for each weight."""
    config, tensors = (folder / file for file in FILES)
    return _assignment(
        name,
        {
            "config": json.loads(config.read_text(encoding="utf-8")),
            "packed": {key: _pack(tensor) for key, tensor in load_file(tensors).items()},
        },
    )


def six_bits(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round a matrix to 63 levels a row: (levels (rows, columns) from -31 to 31, scales (rows, 1) as halves)."""
    largest = np.abs(matrix).max(axis=1, keepdims=True).astype(np.float32)
    scales = (largest / LARGEST).astype(np.float16)
    scales[scales == 0] = 1
    levels = np.rint(matrix.astype(np.float32) / scales.astype(np.float32)).clip(-LARGEST, LARGEST)
    return levels.astype(np.int8), scales


def rounded(tensor: np.ndarray) -> np.ndarray:
    """A tensor as the page will have it."""
    if tensor.ndim != 2:
        return tensor.astype(np.float16).astype(np.float32)
    levels, scales = six_bits(tensor)
    return levels * scales.astype(np.float32)


def _pack(tensor: np.ndarray) -> dict:
    if tensor.ndim != 2:
        return {"halves": _base64(tensor.astype(np.float16))}
    levels, scales = six_bits(tensor)
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)[levels + LARGEST]
    return {"scales": _base64(scales), "levels": letters.tobytes().decode("ascii")}


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _assignment(name: str, model: dict) -> str:
    return f"(BookWidgets.weights ??= {{}})[{json.dumps(name)}] = {json.dumps(model, separators=(',', ':'))};\n"
