"""What fewer bits a weight cost in prediction: the book's GPT, rounded in several ways.

    python recipes/quantization.py gpt           rounding to nearest, GPTQ, and GPTQ's controls      (minutes)
    python recipes/quantization.py llama_cpp     llama.cpp's own formats; needs requirements-bench
    python recipes/quantization.py smollm2       outliers of SmolLM2, and what 8 bits make of them   (minutes)

All maps of the blocks are rounded; embeddings, norms and biases stay as they are, and bits a weight are counted over
what is rounded, scales included. Weights are written back as they are read, so that every method runs in float32 and
only the rounding differs. GPTQ (Frantar et al. 2022, arXiv:2210.17323, section 5, Setup) takes one block after the
other, on inputs that come through the blocks already rounded; its text is drawn from the training plays, anew for each
seed. Controls, with the same text: "shuffled characters" permutes each window's characters, and "shuffled features"
permutes each input feature over the places by itself, which keeps every feature's values and breaks what links them.

Scored: windows of the test plays, the second half of each. Writes trained/quantization/results.json; what is in it
already is not computed again.
"""

import argparse
import copy
import ctypes
import importlib.util
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.data import shakespeare
from transformer_lib.masks import CAUSAL
from transformer_lib.pretrained import smollm2
from transformer_lib.quantization import gptq, round_to_nearest
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load

FOLDER = TRAINED / "quantization"
RESULTS = FOLDER / "results.json"
SEEDS, CALIBRATION, SCORED = (0, 1, 2), 48, 160  # windows
Rounding = Callable[[str, nn.Linear], Tensor]


def maps(block: nn.Module) -> dict[str, nn.Linear]:
    """The linear maps of a block, by name."""
    return {name: module for name, module in block.named_modules() if isinstance(module, nn.Linear)}


def windows(text: str, tokenizer: CharacterTokenizer, n: int, T: int, generator: torch.Generator | None) -> Tensor:
    """n windows of T + 1 characters: at random places, or without a generator evenly spread."""
    ids = torch.tensor(tokenizer.encode(text))
    most = len(ids) - T - 1
    starts = torch.linspace(0, most, n).long() if generator is None else torch.randint(most, (n,), generator=generator)
    return torch.stack([ids[start : start + T + 1] for start in starts])


@torch.no_grad()
def bits(model: nn.Module, scored: Tensor) -> Tensor:
    """Per character of each window, over its second half."""
    half = (scored.shape[1] - 1) // 2
    nats = torch.cat(
        [F.cross_entropy(model(x[:, :-1]).mT, x[:, 1:], reduction="none")[:, half:] for x in scored.split(40)]
    )
    return nats.double().mean(dim=1) / math.log(2)


@torch.no_grad()
def by_gptq(model: nn.Module, tokens: Tensor, n_bits: int, group: int, features: torch.Generator | None) -> None:
    """Round a model in place, one block after the other; `features` shuffles the inputs' features."""
    x = model.embedding(tokens, positions := torch.arange(tokens.shape[1]))
    for block in model.blocks:
        hessians: dict[str, Tensor] = {}

        def add(name: str, inputs: Tensor, into: dict[str, Tensor] = hessians) -> None:
            flat = inputs.flatten(end_dim=-2)
            if features is not None:
                order = torch.rand(flat.shape, generator=features).argsort(dim=0)
                flat = flat.gather(0, order)
            into[name] = into.get(name, 0) + flat.T @ flat

        hooks = [
            module.register_forward_pre_hook(lambda _, inputs, name=name: add(name, inputs[0]))
            for name, module in maps(block).items()
        ]
        block(x, mask=CAUSAL, positions=positions)
        for hook in hooks:
            hook.remove()
        for name, module in maps(block).items():
            module.weight.copy_(gptq(module.weight, hessians[name], n_bits, group))
        x = block(x, mask=CAUSAL, positions=positions)


def by_rounding(model: nn.Module, rounding: Callable[[int, str, Tensor], Tensor]) -> None:
    """Round a model in place, each map by itself."""
    for i, block in enumerate(model.blocks):
        for name, module in maps(block).items():
            module.weight.data = rounding(i, name, module.weight.data)


class Notebook:
    """Results by name, written after each: a run that is stopped goes on where it was."""

    def __init__(self) -> None:
        self.found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        self.started = time.process_time()

    def measure(self, part: str, name: str, work: Callable[[], object]) -> None:
        """Do the work unless its result is there."""
        entries = self.found.setdefault(part, {})
        if name in entries:
            return
        entries[name] = work()
        self.save()
        print(part, name, f"{time.process_time() - self.started:.0f} s", flush=True)

    def save(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        spent = self.found.get("seconds", 0) + time.process_time() - self.started
        self.started = time.process_time()
        self.found["seconds"] = round(spent, 1)
        RESULTS.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        write_card(
            "quantization",
            chapter="17c",
            command="python recipes/quantization.py gpt|llama_cpp|smollm2",
            seed=list(SEEDS),
            seconds=self.found["seconds"],
        )


def the_gpt() -> tuple[nn.Module, CharacterTokenizer, Tensor]:
    """The stored model, its tokenizer, and the windows that are scored."""
    tokenizer = CharacterTokenizer.load(TRAINED / "gpt" / "tokenizer.json")
    model = load(TRAINED / "gpt").eval()
    return model, tokenizer, windows(shakespeare.load().test, tokenizer, SCORED, model.context_length, None)


def scored_against(model: nn.Module, whole: Tensor, scored: Tensor, bits_a_weight: float) -> dict[str, float]:
    """Bits a character more than the whole model's, and the standard error over windows."""
    lost = bits(model, scored) - whole
    return {
        "bits_per_weight": bits_a_weight,
        "lost": round(float(lost.mean()), 5),
        "se": round(float(lost.std() / len(lost) ** 0.5), 5),
    }


def gpt_part(notebook: Notebook) -> None:
    """Rounding to nearest by row and by block; GPTQ in blocks with its controls."""
    model, tokenizer, scored = the_gpt()
    T = model.context_length
    whole = bits(model, scored)
    notebook.measure("gpt", "float32", lambda: {"bits_per_weight": 32, "bits": round(float(whole.mean()), 4)})
    train = shakespeare.load().train

    def rounded(n_bits: int, group: int | None) -> dict[str, float]:
        other = copy.deepcopy(model)
        by_rounding(other, lambda i, name, w: round_to_nearest(w, n_bits, group or w.shape[1]))
        sizes = [w for block in model.blocks for w in maps(block).values()]
        scales = sum(w.weight.numel() / (group or w.in_features) for w in sizes)
        return scored_against(other, whole, scored, n_bits + 16 * scales / sum(w.weight.numel() for w in sizes))

    def solved(n_bits: int, seed: int, control: str) -> dict[str, float]:
        generator = torch.Generator().manual_seed(seed)
        tokens = windows(train, tokenizer, CALIBRATION, T, generator)[:, :-1]
        if control == "shuffled characters":
            tokens = tokens.gather(1, torch.rand(tokens.shape, generator=generator).argsort(dim=1))
        other = copy.deepcopy(model)
        by_gptq(other, tokens, n_bits, 32, generator if control == "shuffled features" else None)
        return scored_against(other, whole, scored, n_bits + 0.5)

    for n_bits in (8, 6, 5, 4, 3, 2):
        notebook.measure("gpt", f"nearest, rows, {n_bits}", lambda b=n_bits: rounded(b, None))
        notebook.measure("gpt", f"nearest, blocks, {n_bits}", lambda b=n_bits: rounded(b, 32))
    for n_bits in (4, 3, 2):
        for control in ("text", "shuffled characters", "shuffled features") if n_bits == 3 else ("text",):
            for seed in SEEDS:
                name = f"gptq, {n_bits}, {control}, seed {seed}"
                notebook.measure("gpt", name, lambda b=n_bits, s=seed, c=control: solved(b, s, c))


KINDS = {"Q4_0": 2, "Q5_0": 6, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14}


class LlamaCpp:
    """llama.cpp's own rounding, from the library inside the wheel xllamacpp."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("xllamacpp")
        if spec is None or spec.origin is None:
            raise SystemExit("this part needs llama.cpp: pip install -r requirements-bench.lock")
        self.library = ctypes.CDLL(str(next(Path(spec.origin).parent.glob("xllamacpp*.so"))))
        self.library.ggml_quantize_chunk.restype = ctypes.c_size_t

    def __call__(self, weight: Tensor, kind: str, row: int) -> tuple[Tensor, int]:
        """The weight as it is read back, and its bytes."""
        source = weight.detach().float().contiguous()
        back, stored = torch.empty_like(source), ctypes.create_string_buffer(8 * source.numel())
        pointer = ctypes.c_void_p(source.data_ptr())
        rows = ctypes.c_int64(source.numel() // row)
        size = self.library.ggml_quantize_chunk(
            KINDS[kind], pointer, stored, ctypes.c_int64(0), rows, ctypes.c_int64(row), None
        )
        read = getattr(self.library, f"dequantize_row_{kind.lower().replace('_k', '_K')}")
        read(stored, ctypes.c_void_p(back.data_ptr()), ctypes.c_int64(source.numel()))
        return back, size


def more_bits(i: int, n: int) -> bool:
    """Which layers Q4_K_M gives 6 bits in two of their maps: the first and last eighth, and each third between."""
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


def llama_cpp_part(notebook: Notebook) -> None:
    """Formats of llama.cpp, on the maps of the GPT; those of 256 weights are laid across the ends of its rows."""
    model, _, scored = the_gpt()
    whole, rounding = bits(model, scored), LlamaCpp()
    n_layers = len(model.blocks)

    def stored(kind: str) -> dict[str, float]:
        other, size, count = copy.deepcopy(model), 0, 0

        def one(i: int, name: str, w: Tensor) -> Tensor:
            nonlocal size, count
            own = kind
            if kind == "Q4_K_M":
                raised = name in ("attention.w_v", "feed_forward.down") and more_bits(i, n_layers)
                own = "Q6_K" if raised else "Q4_K"
            back, n_bytes = rounding(w, own, 256 if own.endswith("_K") else w.shape[1])
            size, count = size + n_bytes, count + w.numel()
            return back

        by_rounding(other, one)
        return scored_against(other, whole, scored, 8 * size / count)

    for kind in ("Q8_0", "Q6_K", "Q5_0", "Q5_K", "Q4_0", "Q4_K", "Q4_K_M", "Q3_K", "Q2_K"):
        notebook.measure("llama_cpp", kind, lambda kind=kind: stored(kind))


def smollm2_part(notebook: Notebook) -> None:
    """Its outlying features, and 8 bits for weights and for inputs with scales of several reaches."""
    model, tokenizer = smollm2()
    text = shakespeare.load().validation[:4000]
    tokens = torch.tensor([tokenizer.encode(text)])

    @torch.no_grad()
    def score(tested: nn.Module) -> dict[str, float]:
        found = []
        for part in tokens[0, : tokens.shape[1] // 512 * 512].view(-1, 512):
            nats = F.cross_entropy(tested(part[None, :-1])[0], part[1:], reduction="sum")
            found.append(float(nats) / math.log(2) / len(tokenizer.decode(part[1:].tolist())))
        return {"bits": found}

    def inputs(model: nn.Module) -> list[nn.Linear]:
        return [module for block in model.blocks for module in maps(block).values()]

    @torch.no_grad()
    def features() -> dict[str, dict[str, list[float]]]:
        """Of each map's inputs, in each layer: the largest magnitude of any feature, its place, and the median's."""
        seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
        hooks = [
            module.register_forward_pre_hook(
                lambda _, x, name=name: seen.setdefault(name, []).append(x[0][0].abs().max(dim=0))
            )
            for block in model.blocks
            for name, module in maps(block).items()
        ]
        model(tokens[:, :512])
        for hook in hooks:
            hook.remove()
        return {
            name: {
                "largest": [round(float(peaks.max()), 2) for peaks, _ in layers],
                "place": [int(places[peaks.argmax()]) for peaks, places in layers],
                "median": [round(float(peaks.median()), 3) for peaks, _ in layers],
            }
            for name, layers in seen.items()
        }

    def with_inputs(reach: str) -> dict[str, float]:
        """Inputs of all maps in 8 bits: one scale for the tensor, one a token, or that with large features kept."""

        def rounded(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
            x = given[0]
            kept = x.abs().amax(dim=(0, 1)) > 6 if "kept" in reach else torch.zeros(x.shape[-1], dtype=torch.bool)
            small = x.masked_fill(kept, 0)
            scale = (small.abs().amax() if reach == "tensor" else small.abs().amax(dim=-1, keepdim=True)) / 127
            return (torch.where(kept, x, (small / scale.clamp(min=1e-12)).round() * scale),)

        hooks = [module.register_forward_pre_hook(rounded) for module in inputs(model)]
        found = score(model)
        for hook in hooks:
            hook.remove()
        return found

    def with_weights(reach: str, n_bits: int) -> dict[str, float]:
        other = copy.deepcopy(model)
        by_rounding(
            other,
            lambda i, name, w: (
                round_to_nearest(w.reshape(1, -1), n_bits, w.numel()).view_as(w)
                if reach == "tensor"
                else round_to_nearest(w, n_bits, w.shape[1] if reach == "row" else 32)
            ),
        )
        return score(other)

    notebook.measure("smollm2", "float32", lambda: score(model))
    notebook.measure("smollm2", "features", features)
    for reach in ("tensor", "token", "token, large features kept"):
        notebook.measure("smollm2", f"inputs in 8 bits, {reach}", lambda reach=reach: with_inputs(reach))
    for reach in ("tensor", "row", "block"):
        notebook.measure("smollm2", f"weights in 8 bits, {reach}", lambda reach=reach: with_weights(reach, 8))


PARTS = {"gpt": gpt_part, "llama_cpp": llama_cpp_part, "smollm2": smollm2_part}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    torch.set_num_threads(1)
    PARTS[parser.parse_args().part](Notebook())


if __name__ == "__main__":
    main()
