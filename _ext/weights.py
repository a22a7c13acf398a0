"""A trained model as a script, because a page opened from a file may load scripts and nothing else.

The folder is what `transformer_lib.training.save` wrote: config.json and model.safetensors, whose bytes go into the
script as they are, in base64. The site build writes it anew from the stored model; it is never committed.
"""

import base64
import json
from pathlib import Path

FILES = ("config.json", "model.safetensors")


def script(name: str, folder: Path) -> str:
    """Return what makes `BookWidgets.weights[name]` of the model in a folder."""
    config, tensors = (folder / file for file in FILES)
    model = {
        "config": json.loads(config.read_text(encoding="utf-8")),
        "safetensors": base64.b64encode(tensors.read_bytes()).decode("ascii"),
    }
    return f"(BookWidgets.weights ??= {{}})[{json.dumps(name)}] = {json.dumps(model)};\n"
