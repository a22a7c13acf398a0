"""The book builds without a warning, and its files hold together."""

from pathlib import Path

import pytest
from site_rules import Site
from visits import ROOT, pages


def test_book_builds_without_a_warning(build):
    assert build.returncode == 0, build.output
    assert "WARNING" not in build.output


def test_every_source_is_a_page_of_the_book(site):
    """A notebook that _toc.yml leaves out is not built, and would be missed by no reader."""
    assert [page for page in pages() if not (site / page).is_file()] == []


@pytest.fixture(scope="module")
def book(site) -> Site:
    return Site(site)


def test_every_link_leads_somewhere(book):
    assert len(list(book.links())) > 100
    assert book.broken_links() == []


def test_every_picture_has_words(book):
    assert book.wordless_pictures() == []


def test_no_page_is_heavy(book):
    """Figures are files of their own and fontawesome.js is gone, so a page is text."""
    heavy = {book.place(path): path.stat().st_size for path in book.pages if path.stat().st_size > 400_000}
    assert heavy == {}
    assert [path for path, page in book.pages.items() if page.select("script[src*=fontawesome]")] == []


def test_notebook_pages_can_be_downloaded(book):
    """And launched, where a repository is configured: test_repository.py."""
    for name in (page for page in pages() if (ROOT / page).with_suffix(".ipynb").is_file()):
        links = {tag["href"] for tag in book.pages[book.folder / name].select("a[href]")}
        assert any(link.endswith(f"_sources/{Path(name).with_suffix('.ipynb').as_posix()}") for link in links)


def test_broken_links_and_wordless_pictures_are_seen(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "other.html").write_text('<p id="here">Here</p><a href="../index.html">back</a>')
    (tmp_path / "index.html").write_text(
        '<a href="part/other.html#here">good</a> <a href="part/other.html#there">no such place</a>'
        '<a href="part/missing.html">no such page</a> <a href="part">a folder</a> <a href="#nowhere">not here</a>'
        '<a href="https://example.org/">elsewhere</a> <script src="lost.js?v=1"></script>'
        '<img alt="A red square" src="data:,"><img src="data:,"><img alt=" " src="data:,x">'
        '<img alt="figures/loss.png" src="data:,y">'
    )
    trial = Site(tmp_path)
    assert sorted(trial.broken_links()) == [
        "index.html: #nowhere names no place in index.html",
        "index.html: lost.js?v=1 leads nowhere",
        "index.html: part leads nowhere",
        "index.html: part/missing.html leads nowhere",
        "index.html: part/other.html#there names no place in part/other.html",
    ]
    assert trial.wordless_pictures() == ["index.html: data:,", "index.html: data:,x", "index.html: data:,y"]
