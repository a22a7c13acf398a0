"""Links to the repository stand where there is one: a small book built without, in a fork's CI, and configured."""

import pytest
from bs4 import BeautifulSoup
from notebook_trials import code, notebook
from small_books import build_small, configure, write_book

INTRO = "# A book\n\n:::{only} repository\nPress the rocket.\n:::\n"
REFERENCE = "# Rooms\n\n```{reference} transformer_lib.room\n```\n"
LIBRARY = {"__init__.py": '"""A library."""\n', "room.py": '"""A room."""\n\n\ndef enter():\n    """Go in."""\n'}
PLACES = ("github.com", "mybinder.org", "colab.research", "example/")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    pages = {"intro": INTRO, "chapters/01_one": notebook(code("1")), "reference/room": REFERENCE}
    return write_book(tmp_path_factory.mktemp("repository"), pages, LIBRARY)


def site_of(book, target, **repository):
    """The built pages, read: by name, the page's text and its addresses."""
    build = build_small(book, target, **repository)
    assert build.returncode == 0, build.output
    found = {}
    for path in build.html.rglob("*.html"):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        found[path.relative_to(build.html).as_posix()] = (
            page.get_text(),
            [tag["href"] for tag in page.select("[href]")],
        )
    return found


def elsewhere(addresses):
    return {address for address in addresses if any(place in address for place in PLACES)}


def test_a_placeholder_is_nowhere(book):
    pages = site_of(book, "without")
    assert {name: found for name, (_, links) in pages.items() if (found := elsewhere(links))} == {}
    assert "rocket" not in pages["intro.html"][0]
    assert any(link.startswith("../source/transformer_lib.room.html#L4") for link in pages["reference/room.html"][1])


def test_a_fork_in_ci_links_to_itself(book):
    pages = site_of(book, "fork", repository="reader/fork")
    links = elsewhere(pages["chapters/01_one.html"][1])
    fork = "https://github.com/reader/fork"
    assert f"{fork}/edit/main/chapters/01_one.ipynb" in links
    assert "https://mybinder.org/v2/gh/reader/fork/main?urlpath=lab/tree/chapters/01_one.ipynb" in links
    assert any(link.startswith(f"{fork}/issues/new") for link in links) and fork in links
    assert not any("colab" in link for link in links), "the notebook has no cell that would fetch the book there"
    assert "rocket" in pages["intro.html"][0]
    assert f"{fork}/blob/main/transformer_lib/room.py#L4-L5" in pages["reference/room.html"][1]
    assert not any("example/" in link for _, links in pages.values() for link in links)


def test_a_configured_repository_has_every_button(book):
    configure(book, "https://github.com/writer/book")
    links = elsewhere(site_of(book, "configured")["chapters/01_one.html"][1])
    assert "https://colab.research.google.com/github/writer/book/blob/main/chapters/01_one.ipynb" in links
    assert "https://mybinder.org/v2/gh/writer/book/main?urlpath=lab/tree/chapters/01_one.ipynb" in links
    assert "https://github.com/writer/book" in links
