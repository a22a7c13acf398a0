"""_ext/drawings.py, on a small site of one notebook: the drawing stands in its figure, in the page's own style."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from examples import EXAMPLES
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from figures.style import stylesheet

ROOT = Path(__file__).resolve().parents[2]
CONF = f"""\
import sys
sys.path.insert(0, {str(ROOT / "_ext")!r})
extensions = ["myst_nb", "drawings", "chinese"]
nb_execution_mode = "off"
numfig = True
html_theme = "basic"
"""
WORDS = {"figure": {"name": "fig-flow", "caption": "The whole of *attention*."}}
LANGUAGE = {"language_info": {"name": "python", "pygments_lexer": "python3"}}
ALT = 'Six words; "it" looks at \\bread & butter.'


def cell(html: str, **mystnb: object):
    data = {"text/html": html, "text/plain": "<drawing attention_flow>"}
    output = new_output("execute_result", data=data, execution_count=1)
    return new_code_cell("draw()", outputs=[output], execution_count=1, metadata={"mystnb": mystnb})


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    drawing = EXAMPLES["attention_flow"]()[0]
    stale = drawing.svg.replace(stylesheet(), "/* yesterday's */ .drawing { color: red }")
    cells = ["# A page\n\nSee {numref}`fig-flow`.", cell(stale, **WORDS), cell(drawing.svg, image={"alt": ALT})]
    cells.append(cell(EXAMPLES["attention_table"]()[0].svg))
    table = cell("<table><tr><td>A table.</td></tr></table>")
    for name, contents in (("index", cells), ("other", ["# Another page", table])):
        made = [new_markdown_cell(part) if isinstance(part, str) else part for part in contents]
        nbformat.write(new_notebook(cells=made, metadata=LANGUAGE | {"orphan": True}), folder / f"{name}.ipynb")
    (folder / "conf.py").write_text(CONF, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(folder), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def test_a_drawing_stands_in_a_figure_that_has_a_number_and_a_caption(site):
    figure = page(site, "index").select_one("figure#fig-flow")
    assert figure.select_one("svg.drawing[role=img]")
    assert figure.figcaption.get_text().strip().startswith("Fig. 1")
    assert figure.figcaption.em.get_text() == "attention"
    assert page(site, "index").select_one('a[href="#fig-flow"]').get_text() == "Fig. 1"


def test_the_page_has_todays_style_once_whatever_the_notebook_stored(site):
    html = page(site, "index")
    assert not html.select("svg style")
    (link,) = html.select('link[href*="drawings.css"]')
    assert "?v=" in link["href"]
    assert (site / "_static" / "drawings.css").read_text(encoding="utf-8") == stylesheet()


def test_the_theme_puts_no_white_behind_a_drawing(site):
    """It does behind what is of class text_html."""
    for svg in page(site, "index").select("svg.drawing"):
        assert svg.parent["class"] == ["output", "drawn"]


def test_the_words_of_the_page_come_before_the_drawings_own(site):
    own, given, _ = (svg["aria-label"] for svg in page(site, "index").select("svg.drawing"))
    assert own == EXAMPLES["attention_flow"]()[0].label
    assert given == ALT


def test_chinese_in_a_drawing_is_left_as_it_is(site):
    """_ext/chinese.py wraps words in spans, which an SVG does not know."""
    *_, table = page(site, "index").select("svg.drawing")
    assert [text.get_text() for text in table.select("text")][2:9] == list("我是一名工程师")


def test_other_html_and_pages_without_drawings_are_left_alone(site):
    html = page(site, "other")
    assert html.select_one(".text_html td").get_text() == "A table."
    assert not html.select('link[href*="drawings.css"]')
