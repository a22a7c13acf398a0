"""Our GPT beside the same GPT exported to ONNX Runtime: 128 tokens at once, and the token after 127 with a cache.

    python bench/onnx_runtime.py [--rounds 30]

A minute of one core, much of it the export's. Weights are the same, and the run stops unless the logits are equal. An
exported step has one shape: it is given keys and values of 127 positions and returns those of the new one, so that
whoever runs it keeps them; ours appends to a cache. Ours has fused projections, stored by columns for the single token.
"""

import argparse
import copy
import tempfile
import time
from pathlib import Path

from _measure import OURS, Peer, compare, write  # first: it sets the number of threads

import torch  # isort: skip
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.cache import KVCache
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.runtime import fuse_projections, store_by_columns

HELD = 127
SIZES = {
    "4 layers × 128": {"vocab_size": 72, "d_model": 128, "n_layers": 4, "n_heads": 4, "d_ff": 512},
    "6 layers × 384": {"vocab_size": 4096, "d_model": 384, "n_layers": 6, "n_heads": 6, "d_ff": 1536},
}


class Given(KVCache):
    """The past of a layer as an exported program has it: an input, to which the new position is joined."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__(keys.shape[2] + 1)
        self.keys, self.values, self.length = keys, values, keys.shape[2]

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        self.new = k, v
        return torch.cat((self.keys, k), dim=2), torch.cat((self.values, v), dim=2)


class Step(nn.Module):
    """One token after a past: (B, 1) and the keys and values of each layer, to logits and those of the new position."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, token: Tensor, keys: list[Tensor], values: list[Tensor]) -> tuple[Tensor, ...]:
        cache = [Given(k, v) for k, v in zip(keys, values, strict=True)]
        logits = self.model(token, cache=cache)
        return logits, *(new for layer in cache for new in layer.new)


def session(module: nn.Module, inputs: tuple, path: Path):
    """Export a module, and return a function that runs the program on its inputs, with one thread."""
    import onnxruntime  # here, for what needs no runtime to be imported without one

    torch.onnx.export(module, inputs, path, dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    program = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    flat = [tensor for value in inputs for tensor in ([value] if isinstance(value, Tensor) else value)]
    named = {given.name: tensor.numpy() for given, tensor in zip(program.get_inputs(), flat, strict=True)}
    return lambda: program.run(None, named)


def rows_of(name: str, sizes: dict[str, int], rounds: int) -> list[dict]:
    """The rows of one size: a forward pass, and a step of writing."""
    torch.manual_seed(0)
    model = gpt(GPTConfig(context_length=HELD + 1, **sizes)).eval()
    tokens = torch.randint(sizes["vocab_size"], (1, HELD + 1))
    fused = copy.deepcopy(model)
    fuse_projections(fused)
    columns = copy.deepcopy(fused)
    store_by_columns(columns)
    cache = columns.new_cache(HELD + 1)
    columns(tokens[:, :HELD], cache=cache)

    def step() -> Tensor:
        for layer in cache:
            layer.length = HELD
        return columns(tokens[:, HELD:], cache=cache)

    past = [[layer.read()[i].contiguous() for layer in cache] for i in (0, 1)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        whole = session(model, (tokens,), Path(folder) / "whole.onnx")
        single = session(Step(model).eval(), (tokens[:, HELD:], *past), Path(folder) / "step.onnx")
        torch.testing.assert_close(torch.from_numpy(whole()[0]), fused(tokens), rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(torch.from_numpy(single()[0]), step(), rtol=1e-3, atol=1e-3)
        for task, n, ours, theirs, times in (
            ("Forward, 1 × 128 tokens", HELD + 1, lambda: fused(tokens), whole, 4),
            ("One token after 127", 1, step, single, 20),
        ):

            def repeated(call, times=times):
                return lambda: [call() for _ in range(times)]

            peer = Peer("ONNX Runtime", repeated(theirs), "onnxruntime")
            rows += compare(task, name, Peer(OURS, repeated(ours)), [peer], rounds, tokens=n * times)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    started = time.process_time()
    with torch.no_grad():
        write("onnx_runtime", started, [row for name, sizes in SIZES.items() for row in rows_of(name, sizes, rounds)])


if __name__ == "__main__":
    main()
