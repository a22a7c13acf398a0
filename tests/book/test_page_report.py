"""`make pages`: what a page costs its reader, where it is over a limit, and that `make lint` says so."""

import subprocess
import sys

import pages
import pytest
from notebook_trials import code, notebook, store
from plumbing import drawing_names, plumbing_lines

NEEDS = ":::{needs}\nYou need patience.\n:::\n"


@pytest.mark.parametrize("path", pages.find([]), ids=lambda path: path.stem)
def test_a_page_of_the_second_edition_keeps_its_limits(path):
    assert pages.check([path]) == []


@pytest.mark.parametrize(
    ("source", "plumbing"),
    [
        ("import math\nx = 1\nfrom a import (\n    b,\n    c)", {1, 3, 4, 5}),
        ("# why\nassert x == 1\n\nnp.testing.assert_allclose(x, y)", {2, 4}),
        ("log = json.loads(path.read_text())\nx = log[0]", {1}),
        ("glue('x', 1, display=False)", {1}),
        ("ax = plotting.new_axes(5, 3)\nax.plot(x)\ny = 2 * x", {1, 2}),
        ("figure, (left, right) = plt.subplots(1, 2)\nleft.plot(x)\nprint(x)", {1, 2}),
        ("def draw_keys(ax):\n    names = 'AB'\n    x = names\n    ax.plot(x)\n\n\ndraw_keys(None)", {1, 2, 3, 4, 7}),
        ("for x in xs:\n    ax.text(x)\n    ax.plot(x)\n    y = x", {1, 2, 3, 4}),
        ("for x in xs:\n    y = x\n    z = f(y)\n    ax.plot(z)", {4}),
        ("def softmax(z):\n    '''Shares.'''\n    return np.exp(z) / np.exp(z).sum()", set()),
        ("%timeit f(x)\n!ls\nimport os", {3}),
        ("this is no Python", set()),
    ],
)
def test_plumbing_is_told_by_what_a_line_does(source, plumbing):
    assert plumbing_lines(source) == plumbing


def test_what_the_page_imports_to_draw_with_draws():
    cells = ["from figures import attention_flow as flow", "from math import log"]
    assert plumbing_lines("flow(q, k)\nlog(2)", drawing_names(cells)) == {1}


def report(folder, *cells):
    path = store(folder / "chapters" / "01_trial.ipynb", notebook(*cells))
    return pages.Report(path.stem, pages.read_page(path))


def test_the_report_counts_what_a_reader_sees(tmp_path):
    seen = report(
        tmp_path,
        code("x = 1\n\ny = 2\n" + "z" * 70 + " = 3"),
        code("import math\n" * 30, tags=["hide-input"]),
        code("assert x == 1\n", tags=["remove-cell"]),
        code("import json"),
        ":::{dropdown} In depth: more\n```python\nimport os\n```\n:::\n",
        "## Exercises",
        code("import re"),
    )
    assert [line for _, line, _ in seen.lines] == ["x = 1", "y = 2", "z" * 70 + " = 3", "import json"]
    assert seen.plumbing == 0.25
    assert len(seen.longest_cell.lines) == 3
    assert [code.cell for code, _ in seen.wide] == [1]


def test_each_limit_is_said_with_its_number(tmp_path):
    at_the_limit = (code("x = 1\n" * 15), code("x = 1\n" * 3), code("assert x == 1\nassert x"))
    assert report(tmp_path, "word " * 6600, *at_the_limit).excesses() == []
    over = report(tmp_path, "word " * 6900, code("x = 1\n" * 16), code("import math\n" * 4)).excesses()
    assert over == [
        "01_trial: 36 minutes to read; at most 35",
        "01_trial: 20.0% of the visible lines are plumbing; at most 10%",
        "01_trial: cell 2: 16 visible lines; at most 15",
    ]


@pytest.mark.parametrize(("needs", "status"), [("", 0), (NEEDS, 1)])
def test_only_a_page_of_the_second_edition_fails(tmp_path, needs, status):
    report(tmp_path, needs, code("x = 1\n" * 16))
    command = [sys.executable, pages.__file__, "--root", str(tmp_path)]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True)
    assert (checked.returncode, "16 visible lines" in checked.stderr) == (status, bool(status))
    shown = subprocess.run([*command, "01"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "16!" in shown.stdout and "cell 2: 16 lines" in shown.stdout


def test_lint_runs_the_check():
    lint = subprocess.run(["make", "-n", "lint"], cwd=pages.ROOT, capture_output=True, text=True, check=True)
    assert "tools/pages.py --check" in lint.stdout
