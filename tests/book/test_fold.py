"""Folded cells: one line for those in a row, words that say what is behind it, all of it on paper."""

import pytest
from bs4 import BeautifulSoup
from conftest import build_book, start_book
from nbformat.v4 import new_output
from notebook_trials import code, notebook, png, printed, store

FOLDED = {"tags": ["hide-input"]}
WORDS = {"image": {"alt": "A square."}, "figure": {"name": "square", "caption": "A square."}}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    book = start_book(tmp_path_factory.mktemp("fold"), "page")
    picture = new_output("display_data", data={"image/png": png(), "text/plain": "<Figure>"})
    drawing = new_output("display_data", data={"text/html": "<svg><path/></svg>", "text/plain": "<svg>"})
    cells = [
        code("import one", **FOLDED),
        code("removed = 1", tags=["remove-cell"]),
        code("two = 2", **FOLDED),
        code("seen = 3"),
        code("four = 4", **FOLDED),
        "Text between.",
        code("five = 5", **FOLDED),
        code("print(6)", printed("6\n"), **FOLDED),
        code("seven.plot()", picture, mystnb=WORDS, **FOLDED),
        code("eight.draw()", drawing, **FOLDED),
        code("nine = 9", mystnb={"code_prompt_show": "The long way"}, **FOLDED),
    ]
    whole = notebook(*cells)
    for number, cell in enumerate((cell for cell in whole.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
    store(book / "page.ipynb", whole)
    build = build_book(book, book, GITHUB_REPOSITORY="")
    assert build.returncode == 0, build.output
    return build.html / "page.html"


@pytest.fixture(scope="module")
def page(built):
    return BeautifulSoup(built.read_text(encoding="utf-8"), "html.parser")


def test_cells_in_a_row_share_a_fold_up_to_an_output(page):
    folds = [
        (fold.summary.get_text(), [code.get_text() for code in fold.select("pre")]) for fold in page.select("details")
    ]
    assert folds == [
        ("Setup", ["import one\n", "two = 2\n"]),
        ("The code", ["four = 4\n"]),
        ("The code", ["five = 5\n", "print(6)\n"]),
        ("The code of this figure", ["seven.plot()\n"]),
        ("The code of this figure", ["eight.draw()\n"]),
        ("The long way", ["nine = 9\n"]),
    ]


def test_outputs_and_other_cells_stay_in_sight(page):
    for fold in page.select("details"):
        fold.extract()
    seen = [pre.get_text() for pre in page.select("article div.cell pre")]
    assert seen == ["seen = 3\n", "6\n"]
    assert page.select_one("figure img")["alt"] == "A square."
    assert page.select_one("div.cell_output svg")


@pytest.mark.browser
def test_paper_opens_the_folds(built, visit):
    tab = visit(built.as_uri()).page
    source = tab.locator("details.fold pre").first

    def height() -> float:
        return source.evaluate("node => node.checkVisibility({contentVisibilityAuto: true}) ? node.offsetHeight : 0")

    assert height() == 0
    tab.emulate_media(media="print")
    assert height() > 10
