"""The line under a title: what a page needs and gives, and the minutes it takes, counted from what its reader sees."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import build_book, start_book
from nbformat.v4 import new_markdown_cell
from notebook_trials import code, notebook, store
from reading import Minutes, read_page

NEEDS = """\
:::{needs}
You need *patience*. You will be able to wait.
:::
"""


def cells(*given):
    """A notebook of these cells as stored, its code cells numbered."""
    whole = notebook(*given)
    for number, cell in enumerate((cell for cell in whole.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
    return whole


def minutes(tmp_path, *given) -> Minutes:
    return read_page(store(tmp_path / "page.ipynb", cells(*given))).minutes()


def test_a_minute_holds_200_words_or_12_lines(tmp_path):
    assert minutes(tmp_path, "word " * 598) == Minutes(3, 0, 0)  # and two words of title
    assert minutes(tmp_path, "word " * 198, code("x = 1\n\n" * 60)) == Minutes(6, 0, 0)  # blank lines are not read


@pytest.mark.parametrize("tag", ["hide-input", "remove-cell", "remove-input", "hide-cell"])
def test_what_is_folded_or_removed_takes_no_time(tmp_path, tag):
    assert minutes(tmp_path, code("x = 1\n" * 60, tags=[tag])) == Minutes(1, 0, 0)


def test_dropdowns_are_named_apart(tmp_path):
    depth = f":::{{dropdown}} In depth: more\n{'word ' * 594}\n\n```python\n{'x = 1' + chr(10)}```\n:::\n"
    assert minutes(tmp_path, "word " * 998, depth) == Minutes(5, 3, 0)


def test_an_exercise_takes_its_own_minutes_and_not_those_of_its_words(tmp_path):
    block = "## Exercises\n\n:::{exercise} A\n:label: a\n:minutes: 5\n" + "word " * 900 + "\n:::\n"
    without = "```{exercise} B\n:label: b\n\nDo it.\n```\n"
    stub = code("x = 1\n" * 60)
    assert minutes(tmp_path, "word " * 398, block, stub, without) == Minutes(2, 0, 15)
    assert minutes(tmp_path, block, stub, "## Further reading\n\n" + "word " * 596) == Minutes(3, 0, 5)


def test_the_answer_to_a_review_prompt_is_not_in_sight(tmp_path):
    assert minutes(tmp_path, ":::{review} Why?\n:name: why\n\n" + "word " * 900 + "\n:::") == Minutes(1, 0, 0)


def test_formulas_code_options_and_comments_are_no_prose(tmp_path):
    text = "One $a + b + c$ and `x y z`.\n\n$$ a + b $$\n\n% no words\n\n"
    widget = "```{widget} gpt\n:data: a.json\n\nNo words.\n```\n\n"
    note = ":::{note}\n:class: small\n\nSeen.\n:::\n"
    page = read_page(store(tmp_path / "page.ipynb", cells(text + widget + note)))
    texts = [passage.text for passage in page.passages]
    assert texts == ["A title", "One \ue000 and \ue001.", "Seen."]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = start_book(tmp_path_factory.mktemp("needs"), "intro", "chapters/01_old", "chapters/02_new", "appendix")
    (book / "intro.md").write_text("# Front\n\nText.\n")
    (book / "appendix.md").write_text(
        "# Appendix\n\nOld: {minutes}`chapters/01_old`; new: {minutes}`/chapters/02_new`.\n"
    )
    exercise = ":::{exercise} A\n:label: ex-a\n\nDo it.\n:::"
    store(book / "chapters" / "01_old.ipynb", cells("word " * 398, "## Exercises\n\n" + exercise))
    depth = ":::{dropdown} In depth: more\nmore\n:::\n"
    new = cells("word " * 998, depth)
    new.cells[0] = new_markdown_cell("# A title\n\n" + NEEDS)
    store(book / "chapters" / "02_new.ipynb", new)
    return book


@pytest.fixture(scope="module")
def built(book):
    build = build_book(book, book, GITHUB_REPOSITORY="")
    assert build.returncode == 0, build.output
    return build.html


def under_the_title(page):
    line = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select_one("h1 + div.needs")
    return line and " ".join(line.get_text().split())


def test_the_line_stands_under_the_title(built):
    line = "5 minutes to read (+ 1 in depth). You need patience. You will be able to wait."
    assert under_the_title(built / "chapters" / "02_new.html") == line
    html = (built / "chapters" / "02_new.html").read_text(encoding="utf-8")
    assert "<strong>5 minutes to read (+ 1 in depth).</strong> You need <em>patience</em>" in html


def test_a_chapter_without_needs_says_its_minutes(built):
    assert under_the_title(built / "chapters" / "01_old.html") == "2 minutes to read · 10 minutes of exercises."


def test_other_pages_do_not(built):
    assert under_the_title(built / "appendix.html") is None


def appendix(built):
    page = BeautifulSoup((built / "appendix.html").read_text(encoding="utf-8"), "html.parser")
    return page.select_one("article p").get_text()


def test_another_page_prints_the_minutes_and_follows_them(book, built):
    """And an unknown page, or a directive without a sentence, is a warning."""
    assert appendix(built) == (
        "Old: 2 minutes to read · 10 minutes of exercises; new: 5 minutes to read (+ 1 in depth)."
    )
    path = book / "chapters" / "01_old.ipynb"
    changed = nbformat.read(path, as_version=4)
    changed.cells[1].source = "word " * 1398
    nbformat.write(changed, path)
    assert build_book(book, book, GITHUB_REPOSITORY="").returncode == 0
    assert appendix(built).startswith("Old: 7 minutes to read · 10")

    (book / "appendix.md").write_text("# Appendix\n\n{minutes}`chapters/03_lost`\n\n:::{needs}\n- a list\n:::\n")
    broken = build_book(book, book, GITHUB_REPOSITORY="")
    assert broken.returncode != 0
    assert "there is no page 'chapters/03_lost'" in broken.output
    assert "say in a sentence what the reader needs first" in broken.output
