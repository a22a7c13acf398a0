"""What of the bench could be wrong and look right: its arithmetic, that peers are equal, and what it leaves behind."""

import ast
import importlib
import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.pretrained.gguf import GGUF

BENCH = Path(__file__).resolve().parent.parent / "bench"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Import a script of bench/, with its results in a folder of the test's."""
    monkeypatch.syspath_prepend(BENCH)
    before = set(sys.modules)

    def load(name):
        module = importlib.import_module(name)
        monkeypatch.setattr(sys.modules["_measure"], "RESULTS", tmp_path)
        return module

    yield load
    for name in set(sys.modules) - before:
        if (BENCH / f"{name}.py").exists():
            del sys.modules[name]


class Clock:
    """A time that passes only while something is called."""

    now = 0.0

    def __call__(self):
        return self.now

    def takes(self, *seconds):
        left = iter(seconds)

        def call():
            self.now += next(left)

        return call


def test_a_ratio_is_the_median_of_the_rounds_ratios(bench):
    measure, clock = bench("_measure"), Clock()
    ours, theirs = clock.takes(9.0, 1.0, 2.0, 10.0), clock.takes(9.0, 3.0, 4.0, 5.0)  # the first is not counted
    seconds = measure.take_turns([ours, theirs], 3, clock)
    assert seconds == [[1.0, 3.0], [2.0, 4.0], [10.0, 5.0]]
    assert measure.ratios(seconds) == [1.0, 2.0]  # of 3, 2 and 0.5; the ratio of the medians is 2 as well, of means 0.9


def test_the_order_turns_round(bench):
    order = []
    bench("_measure").take_turns([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert "".join(order) == "ab" + "ba" + "ab" + "ba"


def test_a_row_says_how_many_times_as_fast_this_library_is(bench, monkeypatch):
    measure, clock = bench("_measure"), Clock()
    monkeypatch.setattr(measure.time, "process_time", clock)
    monkeypatch.setattr(measure.take_turns, "__defaults__", (clock,))
    contenders = [measure.Peer("x", clock.takes(*[seconds] * 3)) for seconds in (0.5, 2.0)]
    [row] = measure.compare("task", "size", contenders[0], contenders[1:], 2, tokens=100)
    assert (row["ours"], row["theirs"], row["ratio"]) == (200.0, 50.0, 4.0)


def test_memory_is_what_the_work_takes():
    """In a process of its own, as a bench is: what other tests have left would be used again."""
    code = "import torch, _measure as m; print(m.peak_megabytes(lambda: torch.ones(25_000_000)), m.peak_megabytes(int))"
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1] / "bench"),
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    much, little = map(float, done.stdout.split())
    assert 90 < much < 130 and little < 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit.script, which x-transformers calls
def test_a_bench_of_tiny_models(bench, tmp_path):
    gpt = bench("gpt")
    rows = gpt.rows_of(gpt.Size("tiny", 16, 1, 2, 11, (2, 8), 4), 1)
    assert [row["task"].split(",")[0].split(":")[0] for row in rows] == ["Training step"] * 4 + ["Writing"] * 4
    assert {row["peer"].split()[0] for row in rows} == {"transformers", "x-transformers"}
    rows += bench("encoder_decoder").rows_of(2, 4, 1)
    assert all(row["ratio"] > 0 for row in rows if row["unit"] == "tokens/s")
    bench("_measure").write("tiny", 0.0, rows)
    found = json.loads((tmp_path / "tiny.json").read_text())
    assert found["rows"] == rows and found["versions"]["torch"] == torch.__version__


def test_quality_is_timed_to_where_the_common_recipe_ends(bench):
    quality = bench("quality")
    curve = [(1.0, 3.0), (2.0, 2.5), (3.0, 2.4)]
    assert quality.seconds_to_reach(curve, 2.5) == 2.0 and quality.seconds_to_reach(curve, 2.3) == math.inf
    plays = torch.arange(400) % 5
    tokens = {"train": plays, "validation": plays}

    def tiny(recipe, steps):
        return quality.Recipe(recipe.name, recipe.build, 2, steps, recipe.optimizer, lambda step: 1.0)

    row, curves = quality.compare(tiny(quality.OURS, 20), tiny(quality.COMMON, 10), tokens, 5, 2)
    assert len(curves["ours"]) == 2 and len(curves["theirs"]) == 10
    seconds, bits = curves["theirs"][-1]
    assert row["theirs"] == pytest.approx(seconds, rel=1e-2) and row["size"] == f"to {bits:.3f} bits per character"
    assert row["ours"] is not None and row["ratio"] > 0


def test_no_script_imports_what_only_the_tests_find():
    known = {path.stem for path in Path(__file__).parent.glob("*.py")}
    for path in BENCH.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not known & names, path.name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit.script, which x-transformers calls
def test_both_sides_are_compiled_and_in_training_mode(bench, monkeypatch):
    gpt, compiled, seen = bench("gpt"), bench("compiled"), []
    monkeypatch.setattr(nn.Module, "compile", lambda model, **how: seen.append((type(model).__name__, how)))
    rows = compiled.rows_of(gpt.Size("tiny", 16, 1, 2, 11, (2, 8), 4), 1)
    kinds = ["LanguageModel", "GPT2LMHeadModel", "LanguageModel", "TransformerWrapper"]
    assert seen == [(kind, {"backend": "inductor"}) for kind in kinds]
    assert [row["peer"].split()[0] for row in rows] == ["transformers", "x-transformers"]
    assert all(row["ratio"] > 0 and row["task"] == "Training step, compiled" for row in rows)


def test_a_file_in_8_bits_has_the_numbers_of_the_one_it_was_made_from(bench, tmp_path):
    """llama.cpp is not needed for it: the library reads the file back."""
    quantizer, names = bench("llama_cpp"), {"a.weight": (4, 64), "b.weight": (5,), "c.weight": (3, 32)}
    text = b"".join(struct.pack("<Q", len(t)) + t for t in (b"general.name",)) + struct.pack("<IQ", 8, 3) + b"toy"
    tensors = {n: torch.randn(shape, generator=torch.Generator().manual_seed(len(n))) for n, shape in names.items()}
    entries, data = b"", b""
    for name, tensor in tensors.items():
        sizes = struct.pack(f"<I{tensor.ndim}Q", tensor.ndim, *reversed(tensor.shape))
        entries += struct.pack("<Q", len(name)) + name.encode() + sizes + struct.pack("<IQ", 0, len(data))
        data += tensor.numpy().tobytes() + bytes(-tensor.numel() * 4 % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, 3, 1) + text + entries
    (source := tmp_path / "plain.gguf").write_bytes(head + bytes(-len(head) % 32) + data)
    quantizer.write_q8_0(source, tmp_path / "wide.gguf")
    plain, wide = GGUF(source), GGUF(tmp_path / "wide.gguf")
    assert wide.metadata == plain.metadata == {"general.name": "toy"} and list(wide) == list(plain) == list(names)
    assert [wide.format(name) for name in names] == ["Q8_0", "F32", "Q8_0"]
    assert torch.equal(wide["b.weight"], tensors["b.weight"])
    for name in ("a.weight", "c.weight"):
        blocks, read = tensors[name].reshape(-1, 32), wide[name].reshape(-1, 32)
        step = blocks.abs().amax(dim=1, keepdim=True) / 127
        assert ((read - blocks).abs() <= 0.5 * step + 1e-3 * blocks.abs()).all() and not torch.equal(read, blocks)
    assert quantizer.weight_bytes(wide) == (8 + 3) * 34 + 5 * 4


def test_the_step_that_is_exported_continues_a_text(bench):
    onnx = bench("onnx_runtime")
    sizes = {"vocab_size": 11, "d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 32}
    model, tokens = gpt(GPTConfig(context_length=8, **sizes)).eval(), torch.arange(8)[None]
    cache = model.new_cache(8)
    with torch.no_grad():
        model(tokens[:, :7], cache=cache)
        past = [[layer.read()[i] for layer in cache] for i in (0, 1)]
        logits, *new = onnx.Step(model)(tokens[:, 7:], *past)
        torch.testing.assert_close(logits, model(tokens[:, 7:], cache=cache))
    expected = [half[:, :, 7:] for layer in cache for half in layer.read()]
    torch.testing.assert_close(new, expected)
