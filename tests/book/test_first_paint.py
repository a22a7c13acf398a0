"""Pages load what is on them, say what they are about, and the icons that are left are those that pages show."""

import json
import re

import first_paint
import pytest
import tinycss2
from bs4 import BeautifulSoup
from conftest import ROOT
from notebook_trials import code, notebook
from small_books import build_small, write_book

PAGES = {
    "intro": "# A book\n\nIt says `nothing` that one could compute, and is short. It is short.\n",
    "formulas": "# Formulas\n\nA page with one formula in it, $x^2$, and no more than that.\n",
    "chapters/01_one": notebook(code("for a in range(3):\n    print('''one\n  two''')"), title="# One"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    book = write_book(tmp_path_factory.mktemp("paint"), PAGES, {})
    (book / "AGENTS.md").write_text("# Words\n\n## How to tutor\n\nAsk.\n\n## Where\n\nThere.\n", encoding="utf-8")
    build = build_small(book)
    assert build.returncode == 0, build.output
    return build.html


def files(site, page):
    found = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")
    addresses = [tag.get("src") or tag.get("href") for tag in found.select("script[src], link[rel=stylesheet]")]
    return {address.split("?")[0].rpartition("/")[2].split(".")[0] for address in addresses}


def test_pages_load_what_is_on_them(site):
    plain, formulas, cells = (files(site, f"{page}.html") for page in PAGES)
    for name, pages in {
        "startup": {"formulas"},
        "mystnb": {"cells"},
        "copybutton": {"cells"},
        "clipboard": {"cells"},
        "book": {"plain", "formulas", "cells"},
        "pydata-sphinx-theme": {"plain", "formulas", "cells"},
        "searchindex": set(),
        "searchtools": set(),
        "exercise": set(),
        "sphinx-design": set(),
        "design-tabs": set(),
    }.items():
        loaded = {page for page, known in (("plain", plain), ("formulas", formulas), ("cells", cells)) if name in known}
        assert loaded == pages, name
    assert {"searchindex", "searchtools"} <= files(site, "search.html")


def test_no_script_holds_up_the_text(site):
    for page in [*PAGES, "search"]:
        found = BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
        scripts = found.select("script[src]")
        assert len(scripts) >= 5 and all({"defer", "async"} & set(script.attrs) for script in scripts), page


def test_style_sheets_keep_the_rules_that_can_apply():
    css = """
    .here, .gone > .here, p.here.gone { color: red }
    .given:hover { color: red } .gone { color: red } #id td { color: red }
    .here:not(.gone) { color: red } .here:is(.gone, .given) { color: red }
    @media (width > 9px) { .gone { color: red } .here { margin: 0 } } @media print { .gone { color: red } }
    @font-face { font-family: F }
    """
    rules = tinycss2.parse_stylesheet(css, skip_whitespace=True)
    assert first_paint.applicable(rules, {"here", "given"}) == [
        ".here{color: red}",
        ".given:hover{color: red}",
        "#id td{color: red}",
        ".here:not(.gone){color: red}",
        ".here:is(.gone, .given){color: red}",
        "@media (width > 9px) {.here{margin: 0}}",
        "@font-face { font-family: F }",
    ]


def test_a_site_s_style_sheets_are_short_and_in_one_piece(site):
    theme = (site / "_static" / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert len(theme) < 130_000 and ".bd-article" in theme and ".navbar-nav" in theme
    assert not any("@import" in sheet.read_text(encoding="utf-8") for sheet in (site / "_static").rglob("*.css"))
    cells = (site / "_static").glob("mystnb.*.css")
    assert ".cell_output" in next(cells).read_text(encoding="utf-8")


def test_pages_say_what_they_are_about(site):
    for page, words in {
        "intro": "It says nothing that one could compute, and is short. It is short.",
        "formulas": "A page with one formula in it, x^2, and no more than that.",
        "chapters/01_one": "One: From Bigram to Transformer",
    }.items():
        found = BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
        assert [tag["content"] for tag in found.select('meta[name="description"]')] == [words]


def test_assistants_find_the_pages_and_the_advice(site):
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# From Bigram to Transformer\n\n> It says nothing")
    assert "## How to tutor\n\nAsk.\n" in text and "There." not in text
    assert "- [Formulas](formulas.html): A page with one formula in it, x^2, and no more than that.\n" in text
    assert text.index("(formulas.html)") < text.index("(chapters/01_one.html)")


def test_lines_of_code_know_their_indentation(site):
    page = BeautifulSoup((site / "chapters" / "01_one.html").read_text(encoding="utf-8"), "html.parser")
    lines = page.select(".highlight pre > .line")
    assert [line["style"] for line in lines] == ["--in: 0ch", "--in: 4ch", "--in: 2ch"]
    assert "".join(line.get_text() for line in lines) == "for a in range(3):\n    print('''one\n  two''')\n"


def test_every_icon_that_a_page_shows_is_in_the_font(site):
    kept = set(json.loads((ROOT / "_ext" / "icons" / "icons.json").read_text(encoding="utf-8")))
    sizes = {"fa-solid", "fa-lg", "fa-brands"}
    shown = {
        name
        for path in [*site.rglob("*.html"), *(site / "_static" / "scripts").glob("*-theme.js")]
        for name in re.findall(r"\bfa-[a-z0-9-]+", path.read_text(encoding="utf-8"))
    }
    assert {"fa-bars", "fa-magnifying-glass"} <= shown
    assert shown - sizes <= kept
    css = (site / "_static" / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    assert ".fa-magnifying-glass:before" in css and ".fa-stethoscope" not in css
    assert all(font.stat().st_size < 10_000 for font in (site / "_static" / "vendor").rglob("*.woff2"))


@pytest.mark.browser
def test_icons_and_formulas_are_drawn(site, visit):
    seen = visit((site / "formulas.html").as_uri())
    assert seen.complaints == [] and seen.outside() == []
    assert seen.page.locator("mjx-container mjx-assistive-mml").count() == 1
    # a character that the font does not have is as wide in it as in the font that stands in
    widths = seen.page.evaluate("""() => {
        const ink = document.createElement("canvas").getContext("2d");
        const width = (text, font) => (ink.font = `900 100px ${font}`, ink.measureText(text).width);
        const icons = ["\uf002", "\uf0c9", "\uf05a"];
        return icons.map((icon) => [width(icon, "'Font Awesome 6 Free'"), width(icon, "serif")]);
    }""")
    assert all(icon != other for icon, other in widths)
