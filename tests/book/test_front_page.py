"""What the front page is made of: cards of chapters, stored numbers, the ladder's samples; and formulas that scroll."""

import json

import pytest
from bs4 import BeautifulSoup
from conftest import build_book
from nbformat import NotebookNode
from nbformat.v4 import new_output
from notebook_trials import WORDS, code, figure, notebook, png
from small_books import build_small, write_book

INTRO = """\
# A book

The table pays {stored}`table/card.json::bits_per_character.test:.2f` bits,
for a list {stored}`table/card.json::seeds.1:d`.

```{ladder}
:samples:
```

```{ladder}
:learning:
```

```{ladder}
:fixed:
```

```{contents-cards} 01 02
```
"""
SECOND = {**WORDS, "figure": {"name": "second", "caption": "Another one."}}
LONG = "+".join(f"x_{{{n}}}" for n in range(60))
DRAWING = '<svg class="drawing" viewBox="0 0 360 90" role="img" aria-label="A box."><rect/></svg>'


def drawing() -> NotebookNode:
    output = new_output("execute_result", data={"text/html": DRAWING, "text/plain": "<drawing>"}, execution_count=2)
    return code(
        "draw()", output, number=2, mystnb={**WORDS, "figure": {"name": "box", "caption": "A box."}}, tags=["picture"]
    )


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    chapters = {
        "chapters/01_one": notebook(f"Text.\n\n$$ {LONG} $$", figure(png(), number=1), title="# One"),
        "chapters/02_two": notebook("Text.", figure(png(), words=SECOND, number=1), drawing(), title="# Two"),
        "chapters/03_three": notebook("Text.", title="# Three"),
    }
    book = write_book(tmp_path_factory.mktemp("front"), {"intro": INTRO, **chapters}, {})
    (book / "AGENTS.md").write_text("# Words\n\n## How to tutor\n\nAsk.\n\n## Where\n\nThere.\n", encoding="utf-8")
    for name, bits in (("table", 3.625), ("network", 2.0)):
        card = {"rung": name, "chapter": "01", "parameters": 9, "command": "make", "bits_per_character": {"test": bits}}
        card |= {"learns_while_reading": True, "parameters": None} if name == "network" else {}
        (book / "trained" / name).mkdir(parents=True)
        (book / "trained" / name / "card.json").write_text(json.dumps({**card, "seeds": [1, 7]}), encoding="utf-8")
    samples = {"samples": {"network": "cut off\nshort\nthe longest of three\nshort too\nnot this very long fifth line"}}
    (book / "trained" / "samples").mkdir()
    (book / "trained" / "samples" / "samples.json").write_text(json.dumps(samples), encoding="utf-8")
    return book


@pytest.fixture(scope="module")
def site(book):
    build = build_small(book)
    assert build.returncode == 0, build.output
    return build.html


@pytest.fixture
def intro(site):
    return BeautifulSoup((site / "intro.html").read_text(encoding="utf-8"), "html.parser")


def test_stored_numbers_are_read(intro):
    text = " ".join(intro.article.text.split())
    assert "The table pays 3.62 bits, for a list 7." in text


@pytest.mark.parametrize(
    "reference", ["nothing.json::a:d", "table/card.json::bits:.2f", "table/card.json::rung:.2f", "table/card.json"]
)
def test_a_number_that_is_not_stored_is_an_error(book, reference, tmp_path):
    page = book / "intro.md"
    whole = page.read_text(encoding="utf-8")
    try:
        page.write_text(f"# A book\n\nIt pays {{stored}}`{reference}`.\n", encoding="utf-8")
        build = build_book(book, tmp_path)
    finally:
        page.write_text(whole, encoding="utf-8")
    assert build.returncode != 0
    assert f"stored '{reference}'" in build.output


def test_the_ladder_shows_the_longest_of_the_whole_lines(intro):
    table = intro.select_one("table.ladder")
    assert "the longest of three" in table.text
    assert "cut off" not in table.text and "fifth" not in table.text
    assert table.text.index("network") < table.text.index("table")  # the best first


def test_the_ladder_says_what_learns_while_reading_where_it_is_asked(intro):
    plain, told, _ = intro.select("table.ladder")
    assert "learns" not in plain.text
    rows = [[cell.text.strip() for cell in row.select("th, td")] for row in told.select("tr")]
    assert rows == [
        ["model", "chapter", "numbers stored", "learns while reading", "bits per character"],
        ["network", "01", "–", "yes", "2.000"],
        ["table", "01", "9", "no", "3.625"],
    ]


def test_the_ladder_leaves_out_what_learns_where_it_is_asked(intro):
    *_, fixed = intro.select("table.ladder")
    assert [row.select_one("td").text.strip() for row in fixed.select("tbody tr")] == ["table"]


def test_each_chapter_in_the_range_has_its_card(intro, site):
    cards = intro.select("ul.contents-cards > li")
    assert [card.a.text for card in cards] == ["One", "Two"]
    assert [card.a["href"] for card in cards] == ["chapters/01_one.html", "chapters/02_two.html"]
    assert all("minute" in card.select_one(".contents-minutes").text for card in cards)
    kinds = [card.img["src"].rpartition(".")[2] for card in cards]
    assert kinds == ["png", "svg"]  # the first figure; the cell that is tagged, though it is not the first
    for card in cards:
        assert (site / card.img["src"]).stat().st_size > 0
        assert card.img["alt"] == WORDS["image"]["alt"]
    assert cards[1].img["height"] == "60"  # a quarter of its width of 240


@pytest.mark.browser
def test_a_formula_that_scrolls_can_be_reached(site, visit):
    wide, narrow = (visit((site / "chapters" / "01_one.html").as_uri(), width=width) for width in (1280, 390))
    boxes = """() => [...document.querySelectorAll("mjx-container, div.math")]
        .map((box) => [box.scrollWidth > box.clientWidth, box.tabIndex])"""
    for seen in (wide, narrow):
        assert all(index == (0 if scrolls else -1) for scrolls, index in seen.page.evaluate(boxes))
    assert any(scrolls for scrolls, _ in narrow.page.evaluate(boxes))
