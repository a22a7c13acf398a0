"""The library behind *From Bigram to Transformer*: one concept a file, imports pointing down only.

    counts, smoothing, ngram       tables of what follows what, and probabilities from them          without PyTorch
    adaptive                       the same, counting on while it reads                              without PyTorch
    tokenizers                     characters, bytes, bpe, wordpiece: from text to ids and back      without PyTorch
    data                           the texts and the dictionary that the book reads                  without PyTorch
    metrics, ladder, schedules     error rates, bits per character, learning rates                   without PyTorch
    exercises                      check("06.softmax", …) says what is wrong with an answer          without PyTorch

    masks, positions, norms, feed_forward, attention, block, cache      the parts of a Transformer
    architectures                  language model, masked language model, encoder-decoder, of those parts
    models                         gpt, llama, bert, transformer, whisper, …: each a configuration and a builder
    training                       train, evaluate, save, load; on several processes with training.distributed
    sampling, generation, serving  the next token, whole texts, and many texts at once
    pretrained                     smollm2, minilm, whisper_tiny_en; models of transformers, in and out
    runtime, quantization          fewer calls a token; weights in fewer bits
    scaling_laws                   loss against size and text, fitted, and a forecast with its interval
    planning, published_runs       memory, bytes and hours of a run on many devices, and what papers say of theirs
    inspection, bugs, plotting     what attention looks at, what must hold, faults that break it, and pictures

Import what you need from its module: `from transformer_lib.models.gpt import GPTConfig, gpt`. Nothing is imported here,
so that what needs no PyTorch loads without it.
"""

import importlib.util as _util
import sys as _sys
from importlib.machinery import PathFinder as _PathFinder
from typing import Any as _Any

__version__ = "0.1.0"


class _SayWhatIsMissing:
    """Where there is no PyTorch, a module of ours that needs it says how to get it."""

    @staticmethod
    def find_spec(name: str, path: _Any = None, target: _Any = None) -> _Any:
        spec = _PathFinder.find_spec(name, path, target) if name.startswith(f"{__name__}.") else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def explained(module: _Any) -> None:
            try:
                run(module)
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] != "torch":
                    raise
                raise ModuleNotFoundError(
                    f"{name} needs PyTorch: pip install 'transformer_lib[torch]', or as pytorch.org says for your GPU",
                    name="torch",
                ) from None

        spec.loader.exec_module = explained  # type: ignore[method-assign]
        return spec


if _util.find_spec("torch") is None:
    _sys.meta_path.insert(0, _SayWhatIsMissing)
