"""`make processors`: other kernels are really chosen, and a cell that differs is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
import processors  # noqa: E402


@pytest.mark.parametrize(("kind", "capability"), [("avx2", "AVX2"), ("plain", "DEFAULT")])
def test_each_kind_has_kernels_of_its_own(kind, capability):
    asked = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    environment = os.environ | processors.KINDS[kind]
    said = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() in (capability, "DEFAULT", "NO AVX")  # on a processor that has less than it asks for


def test_a_cell_that_differs_is_named(capsys, monkeypatch, tmp_path):
    shutil.copy(ROOT / "chapters/conftest.py", tmp_path)
    path, cells = tmp_path / "tiny.ipynb", []
    for number, stored in enumerate(("'default'", "'avx2'"), start=1):
        output = nbformat.v4.new_output("execute_result", {"text/plain": stored}, execution_count=number)
        source = "import os\nos.environ['ATEN_CPU_CAPABILITY']"
        cells.append(nbformat.v4.new_code_cell(source, execution_count=number, outputs=[output]))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.setattr(processors, "find", lambda names: [path])
    assert processors.main(["--kind", "plain"]) == 1
    said = capsys.readouterr().out
    assert "plain  1 failed, 1 passed" in said and "tiny.ipynb::Cell 1" in said and "::Cell 0" not in said
