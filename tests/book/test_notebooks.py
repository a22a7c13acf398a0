"""Every notebook is in normal form and keeps the rules; and the checks that say so can tell."""

import base64
import copy
import io
from pathlib import Path

import nbformat
import notebooks
import pytest
from nbformat.v4 import new_output
from notebook_rules import broken_rules
from notebook_trials import ADDRESS, code, figure, glued, notebook, png, printed, store
from PIL import Image

ROOT = notebooks.ROOT
STORED = notebooks.find([])
PAGES = [ROOT / "intro.md", *sorted((ROOT / "appendices").glob("*.md"))]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_stored_notebook_is_in_normal_form_and_keeps_the_rules(path):
    findings = notebooks.check([path])
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_page_glues_what_is_there(path):
    assert broken_rules(path, ROOT) == []


def normal(*cells) -> nbformat.NotebookNode:
    return notebooks.normalise(notebook(*cells), ADDRESS)


def outputs(*given) -> list:
    """What is left of a cell's outputs (the first code cell is Colab's)."""
    return normal(code("1", *given)).cells[2].outputs


def test_normal_form_is_reached_once():
    messy = notebook("Text.\n", code("1\n", printed("a"), printed("b"), number=7, execution={"iopub.busy": "now"}))
    messy.metadata.widgets = {"state": {}}
    once = notebooks.normalise(messy, ADDRESS)
    twice = notebooks.normalise(copy.deepcopy(once), ADDRESS)
    assert notebooks.dump(once) == notebooks.dump(twice)
    assert [cell.get("execution_count") for cell in once.cells] == [None, 1, None, 2]
    assert "execution" not in once.cells[3].metadata
    assert set(once.metadata) == {"kernelspec", "language_info"}


def test_cell_ids_stay():
    cells = ["Text.", code("1"), code("2")]
    before = notebook(*cells)
    after = notebooks.normalise(copy.deepcopy(before), ADDRESS)
    assert [cell.id for cell in after.cells if cell.id != "colab"] == [cell.id for cell in before.cells]


def test_colab_cell_follows_the_title_once_and_names_the_repository():
    moved = normal("Text.", code("1"))
    moved.cells.append(moved.cells.pop(1))
    after = notebooks.normalise(moved, "https://example.org/fork")
    assert [cell.id == "colab" for cell in after.cells] == [False, True, False, False]
    assert '"https://example.org/fork"' in after.cells[1].source
    assert after.cells[1].metadata.tags == ["remove-cell"]


def test_the_colab_cell_is_known_by_its_text_too():
    """Converted to Markdown and back it has no id, and would come a second time."""
    once = normal("Text.", code("1"))
    edited = copy.deepcopy(once)
    edited.cells[1].id = "lost"
    after = notebooks.normalise(edited, ADDRESS)
    assert [cell.source for cell in after.cells] == [cell.source for cell in once.cells]
    assert [cell.id for cell in after.cells].count("colab") == 1


def test_without_a_repository_there_is_no_colab_cell():
    """The numbers close up, and the cell comes back with an address."""
    once = normal("Text.", code("1"))
    without = notebooks.normalise(copy.deepcopy(once), "https://github.com/example/book")
    assert [cell.source for cell in without.cells] == ["# A title", "Text.", "1"]
    assert without.cells[-1].execution_count == 1
    assert notebooks.dump(notebooks.normalise(copy.deepcopy(without), ADDRESS)) == notebooks.dump(once)


def test_a_cell_that_only_took_the_colab_cells_id_is_kept():
    edited = notebook("Text.", code("import json"))
    edited.cells[-1].id = "colab"
    after = notebooks.normalise(edited, ADDRESS)
    assert after.cells[-1].source == "import json"
    assert len({cell.id for cell in after.cells}) == len(after.cells)


def test_streams_are_joined_and_stderr_is_dropped():
    (stream,) = outputs(printed("a\n"), printed("100%", "stderr"), printed("b\n"))
    assert stream.text == "a\nb\n"


def test_progress_bars_leave_their_last_line():
    (stream,) = outputs(printed("start\n 1%\r 50%\r"), printed("100%\ndone\r\n"))
    assert stream.text == "start\n100%\ndone\n"


def test_figures_become_small_palette_pngs_that_keep_their_inches():
    picture = new_output("display_data", data={"image/png": png(288, noise=True)})
    (after,) = outputs(copy.deepcopy(picture))
    assert len(after.data["image/png"]) < 0.6 * len(picture.data["image/png"])
    image = Image.open(io.BytesIO(base64.b64decode(after.data["image/png"])))
    assert image.mode == "P"
    assert image.info["dpi"] == pytest.approx((144, 144), abs=0.1)
    assert notebooks.palette_png(after.data["image/png"]) == after.data["image/png"]


def test_check_sees_what_is_not_normal(book: Path):
    path = store(book / "chapters" / "01_trial.ipynb", normal(code("1")))
    assert notebooks.check([path], book) == []
    path.write_text(path.read_text(encoding="utf-8").replace('"execution_count": 2', '"execution_count": 3'))
    assert any("not in normal form" in finding for finding in notebooks.check([path], book))


def test_run_stores_outputs_and_changes_nothing_the_second_time(book: Path):
    trial = notebook(code("import pathlib\n\npathlib.Path.cwd().name"), code("print(2 + 3)"))
    path = store(book / "chapters" / "01_trial.ipynb", trial)
    notebooks.run(path, book)
    stored = path.read_bytes()
    cells = nbformat.read(path, as_version=4).cells
    assert cells[2].outputs[0].data["text/plain"] == "'chapters'"
    assert cells[3].outputs[0].text == "5\n"
    notebooks.run(path, book)
    assert path.read_bytes() == stored


def test_failed_run_leaves_the_notebook_as_it_was(book: Path):
    path = store(book / "chapters" / "01_trial.ipynb", notebook(code("print(1)"), code("1 / 0")))
    stored = path.read_bytes()
    with pytest.raises(SystemExit, match=r"chapters/01_trial\.ipynb failed and is left as it was(.|\n)*ZeroDivision"):
        notebooks.run(path, book)
    assert path.read_bytes() == stored


def test_find_by_path_or_start_of_name(book: Path):
    for name in ("chapters/02_b.ipynb", "chapters/01_a.ipynb", "chapters/solutions/01_a.ipynb"):
        store(book / name, notebook())
    store(book / "chapters/.ipynb_checkpoints/01_a.ipynb", notebook())
    places = [path.relative_to(book).as_posix() for path in notebooks.find([], book)]
    assert places == ["chapters/01_a.ipynb", "chapters/02_b.ipynb", "chapters/solutions/01_a.ipynb"]
    assert len(notebooks.find(["01"], book)) == 2
    assert notebooks.find([str(book / "chapters/02_b.ipynb")], book) == [book / "chapters/02_b.ipynb"]
    with pytest.raises(SystemExit, match="no notebook is called 03: there are 01_a, 02_b"):
        notebooks.find(["03"], book)


GOOD = figure(png(dpi=144, mode="P"))


def drawing(svg: str, *, words: dict | None = None, number: int = 1) -> nbformat.NotebookNode:
    """A cell that returns a drawing of figures/: HTML."""
    output = new_output("execute_result", data={"text/html": svg, "text/plain": "<drawing a>"}, execution_count=number)
    return code("draw()", output, number=number, mystnb=words or UNDESCRIBED)


SVG = '<svg xmlns="" class="drawing" role="img" aria-label="{}">{}</svg>'
UNDESCRIBED = {"figure": {"name": "a", "caption": "A finding."}}
REVERSED = {"image": {}, "figure": {"name": "a", "caption": "A finding."}}
ERROR = new_output("error", ename="ValueError", evalue="", traceback=[])


@pytest.mark.parametrize(
    ("cell", "finding"),
    [
        (code("1", number=None), "numbered None, not 1"),
        (code("1", number=2), "numbered 2, not 1"),
        (code("1", ERROR), "ends in an error: ValueError"),
        (code("a = 1\n" * 26), "26 lines; at most 25"),
        (code("#" * 77), "a line of 77 characters"),
        (code("a = 1\n" * 41, tags=["remove-cell"]), "41 lines; at most 40"),
        (code("#" * 121, tags=["hide-input"]), "a line of 121 characters"),
        (figure(png(300, noise=True)), "bytes; at most 40,000"),
        (figure(png(), words=REVERSED), "without mystnb.image.alt"),
        (figure(png(), words={"image": {"alt": "A"}, "figure": {"name": "a"}}), "without mystnb.figure.caption"),
        (figure(png(), words={"image": {"alt": "A"}, "figure": {"caption": "A"}}), "without mystnb.figure.name"),
        (drawing(SVG.format("", "")), "without mystnb.image.alt"),
        (drawing(SVG.format("A box.", ""), words={"figure": {"name": "a"}}), "without mystnb.figure.caption"),
        (drawing(SVG.format("A box.", "<path/>" * 6000)), "bytes; at most 40,000"),
        (code("1", *GOOD.outputs, *GOOD.outputs, **GOOD.metadata), "two figures"),
        ("The loss is {glue:text}`loss:.2f`.", "does not name its notebook"),
        ("The loss is {glue:text}`nowhere.ipynb::loss:.2f`.", "there is no nowhere.ipynb"),
        ("The loss is {glue:text}`other.ipynb::gain:.2f`.", "other.ipynb stores no 'gain'"),
        ("The loss is {glue:text}`other.ipynb::loss`.", "does not say how to print it"),
        ("```{glue:figure} loss\n```", "does not name its notebook"),
    ],
)
def test_each_rule_is_seen_broken(book: Path, cell, finding):
    store(book / "chapters" / "other.ipynb", notebook(code("1", glued("loss", "1.25"))))
    path = store(book / "chapters" / "01_trial.ipynb", notebook(cell))
    findings = broken_rules(path, book)
    assert len(findings) == 1
    assert findings[0].startswith("chapters/01_trial.ipynb cell 1: ")
    assert finding in findings[0]


def test_rules_kept_are_not_reported(book: Path):
    store(book / "chapters" / "other.ipynb", notebook(code("1", glued("loss", "1.25"))))
    text = "The loss is {glue:text}`other.ipynb::loss:.2f`, or {glue}`other.ipynb::loss`."
    raises = code("1 / 0", ERROR, number=2, tags=["raises-exception"])
    drawn = drawing(SVG.format("A box.", ""), number=4)
    path = store(book / "chapters" / "01_trial.ipynb", notebook(text, GOOD, raises, code("x" * 76, number=3), drawn))
    assert broken_rules(path, book) == []


def test_heavy_or_untitled_notebook_is_seen(book: Path):
    heavy = store(book / "chapters" / "01_heavy.ipynb", notebook("x" * 400_001))
    assert "at most 400,000" in broken_rules(heavy, book)[0]
    untitled = store(book / "chapters" / "02_untitled.ipynb", notebook(title="Some text"))
    assert "does not open with its title" in broken_rules(untitled, book)[0]


def test_page_in_markdown_is_checked_too(book: Path):
    store(book / "chapters" / "other.ipynb", notebook(code("1", glued("loss", "1.25"))))
    page = book / "intro.md"
    page.write_text("{glue:text}`chapters/other.ipynb::loss:.2f` and {glue:text}`loss:.2f`", encoding="utf-8")
    assert broken_rules(page, book) == [
        "intro.md: glue 'loss:.2f' does not name its notebook: write path.ipynb::loss:.2f"
    ]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "_config.yml").write_text(f"repository:\n  url: {ADDRESS}\n", encoding="utf-8")
    return tmp_path
