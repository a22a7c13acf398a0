"""The package as one gets it: what it shows, what it says where something is missing, and what is in its archives."""

import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import transformer_lib

ROOT = Path(transformer_lib.__file__).parent


def without(module, code):
    """Run code where a module cannot be imported, and return what it prints or how it ends."""
    hidden = f"import sys; sys.modules[{module!r}] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_map_names_what_there_is_and_nothing_else():
    named = set(re.findall(r"\w+", transformer_lib.__doc__))
    there = {module.name for module in pkgutil.iter_modules(transformer_lib.__path__)}
    assert there - {"runtime", "optimizers", "spectrograms"} <= named
    listed = [line.split("  ")[2] for line in transformer_lib.__doc__.splitlines() if re.match(r"    \w", line)]
    parts = {part.strip() for line in listed if "import" not in line for part in line.split(",")}
    assert parts <= there | {""}


def test_the_version_is_the_one_that_is_installed():
    assert re.fullmatch(r"\d+\.\d+\.\d+", transformer_lib.__version__)
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "transformer_lib.__version__"}
    assert f"version: {transformer_lib.__version__}" in (ROOT.parent / "CITATION.cff").read_text(encoding="utf-8")


def test_each_module_that_needs_torch_says_how_to_get_it():
    code = """
import importlib, pathlib, pkgutil, transformer_lib
for module in pkgutil.walk_packages(transformer_lib.__path__, "transformer_lib.", onerror=lambda name: None):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        assert error.name == "torch", error
        assert str(error).startswith(module.name + " needs PyTorch: pip install 'transformer_lib[torch]'"), error
        print("needs", module.name)
    else:
        print("runs", module.name)
"""
    said = without("torch", code)
    assert "Error" not in said, said
    needs, runs = (set(re.findall(rf"{word} transformer_lib\.(\S+)", said)) for word in ("needs", "runs"))
    assert {"attention", "models.gpt", "training", "pretrained", "generation", "inspection"} <= needs
    assert {
        "ngram",
        "metrics",
        "ladder",
        "schedules",
        "tokenizers.bpe",
        "data.shakespeare",
        "exercises.counting",
    } <= runs


def test_another_missing_module_is_named_as_it_is():
    assert "needs PyTorch" not in without("safetensors", "import transformer_lib.training")


def test_without_transformers_the_way_out_says_what_to_install():
    code = """
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.pretrained.hugging_face import to_hf
to_hf(gpt(GPTConfig(vocab_size=3, context_length=3, d_model=4, n_layers=1, n_heads=1, d_ff=4)))
"""
    assert "this needs transformers: pip install 'transformer_lib[hf]'" in without("transformers", code)


def test_what_the_package_index_shows_runs_and_points_nowhere_else(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.findall(r"!\[|\]\((?!https?:)", text)  # no picture, and no path of the repository
    [code] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    [promised] = re.findall(r"# (\[\[.*)$", code, flags=re.MULTILINE)
    run = {"capture_output": True, "text": True, "cwd": tmp_path, "check": False}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT.parent)!r})\n{code}"], **run
    )
    assert done.stdout.strip() == promised, done.stderr
