"""chapters/conftest.py, tried on a notebook whose stored outputs are partly wrong."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from conftest import ROOT
from nbformat.v4 import new_output
from notebook_trials import code, glued, notebook, png, printed, store


def result(**data: str):
    return new_output("execute_result", data={kind.replace("_", "/"): text for kind, text in data.items()})


HTML_OBJECT = "<IPython.core.display.HTML object>"


def drawn(label: str):
    return result(text_html=f'<svg class="drawing" aria-label="{label}"></svg>', text_plain=HTML_OBJECT)


GLUE = "from myst_nb import glue\nglue('loss', {}, display=False)"
PLOT = "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1), dpi=50)\nplt.axes();"
SVG = "from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')"
SVG_OUTPUT = result(**{"text/plain": "<IPython.core.display.SVG object>", "image/svg+xml": "<svg/>"})
PLOT_OUTPUT = new_output("display_data", data={"image/png": png(), "text/plain": "<Figure size 50x50 with 1 Axes>"})
DRAWN = """
from IPython.display import HTML
HTML('<svg class="drawing" aria-label="{}"></svg>')"""
CASES = {
    "equal text": (code("print('a')", printed("a\n")), "passes"),
    "another text": (code("print('a')", printed("b\n")), "fails"),
    "a close fraction": (code("print('loss', 1.0005)", printed("loss 1.0\n")), "passes"),
    "a far fraction": (code("print('loss', 1.002)", printed("loss 1.0\n")), "fails"),
    "a far fraction with a tag": (code("print(1.01)", printed("1.0\n"), tags=["nbval-rtol=0.02"]), "passes"),
    "a fraction too far for its tag": (code("print(1.05)", printed("1.0\n"), tags=["nbval-rtol=0.02"]), "fails"),
    "a close result": (code("2 / 3", result(text_plain="0.6667")), "passes"),
    "an exponent": (code("print(1.0002e-7)", printed("1e-07\n")), "passes"),
    "another whole number": (code("print(1000001)", printed("1000000\n")), "fails"),
    "another text beside a close fraction": (code("print('gain', 1.0)", printed("loss 1.0\n")), "fails"),
    "a close glued number": (code(GLUE.format("1.0005"), glued("loss", "1.0")), "passes"),
    "a far glued number": (code(GLUE.format("1.5"), glued("loss", "1.0")), "fails"),
    "a result silenced by a semicolon": (code("2 + 3;"), "passes"),
    "an output not stored": (code("print('a')"), "fails"),
    "a stored output not given": (code("1;", printed("a\n")), "fails"),
    "stderr": (code("import sys\nprint('50%', file=sys.stderr)"), "passes"),
    "another picture": (code(PLOT, PLOT_OUTPUT), "passes"),
    "no picture any more": (code("1;", PLOT_OUTPUT), "fails"),
    "another drawing": (code(SVG, SVG_OUTPUT), "passes"),
    "another drawing in the page": (code(DRAWN.format("b"), drawn("a")), "passes"),
    "no drawing in the page any more": (code("HTML('<p>a</p>')", drawn("a")), "fails"),
    "other HTML": (code("HTML('<p>a</p>')", result(text_html="<p>b</p>", text_plain=HTML_OBJECT)), "fails"),
    "an exception": (code("1 / 0"), "fails"),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> dict[str, str]:
    """Each case's verdict, from one run of pytest as `make test` runs it."""
    folder = tmp_path_factory.mktemp("nbval")
    cells = [cell for cell, _ in CASES.values()]
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number
    store(folder / "chapters" / "01_trial.ipynb", notebook(*cells))
    shutil.copy(ROOT / "chapters" / "conftest.py", folder / "chapters")
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "--junitxml=report.xml", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    report = ET.parse(folder / "report.xml").getroot()
    cases = ["fails" if list(case) else "passes" for case in report.iter("testcase")]
    assert len(cases) == len(CASES), done.stdout
    return dict(zip(CASES, cases, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_verdict(case, verdicts):
    assert verdicts[case] == CASES[case][1]
