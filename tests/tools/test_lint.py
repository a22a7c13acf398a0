"""Style, types, docstrings and the layers of the library; and that each of these checks can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKS = {
    "style": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "layers": ["importlinter.cli", "lint"],
}


def run(check, folder):
    command = CHECKS[check]
    if check == "layers":  # its module has no entry point of its own
        command = ["-c", "import sys; from importlinter.cli import lint_imports_command as go; sys.exit(go())"]
    else:
        command = ["-m", *command]
    if check == "types":
        command += ["--cache-dir", str(ROOT / ".mypy_cache")]
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("check", CHECKS)
def test_the_book_passes(check):
    done = run(check, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("transformer_lib", "figures"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("check", "file", "broken", "complaint"),
    [
        ("style", "ladder.py", "def undocumented():\n    return 1\n", "D103"),
        ("style", "ladder.py", "import os\n", "F401"),
        ("format", "ladder.py", "x = {1:2}\n", "would be reformatted"),
        ("types", "ladder.py", "x: int = 'a text'\n", "ladder.py"),
        ("types", "ladder.py", "def untyped(x):\n    return x\n", "no-untyped-def"),
        ("layers", "ngram.py", "import transformer_lib.data.toy\n", "transformer_lib.ngram"),
        ("layers", "ngram.py", "import matplotlib\n", "matplotlib"),
        ("layers", "ngram.py", "import transformers\n", "transformers"),
        ("layers", "unplaced.py", '"""A module in no layer."""\n', "unplaced"),
    ],
)
def test_the_check_fails_on(copy, check, file, broken, complaint):
    path = copy / "transformer_lib" / file
    whole = path.read_text(encoding="utf-8") if path.exists() else None
    try:
        path.write_text((whole or "") + broken, encoding="utf-8")
        done = run(check, copy)
    finally:
        path.unlink() if whole is None else path.write_text(whole, encoding="utf-8")
    assert done.returncode != 0
    assert complaint in done.stdout + done.stderr


def test_part_one_needs_no_pytorch():
    script = """
import sys
sys.modules["torch"] = None  # importing it now fails
from transformer_lib import ladder, ngram, plotting
from transformer_lib.data import shakespeare, toy
from transformer_lib.exercises import check
from transformer_lib.tokenizers import bpe, bytes, characters, wordpiece
model = ngram.NGramModel(2, 5).fit(toy.tokens())
check("01.half_a_count", float(model.using(ngram.AddK(0.5)).probabilities([1, 2])[4]))
check("02.contexts_of_gpt2", ...)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "01.half_a_count: correct." in done.stdout
