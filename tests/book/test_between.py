"""A page between two chapters: its number, its card, its place in the sidebar, and the numbers of what follows."""

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from notebook_trials import notebook
from small_books import build_small, write_book

TOC = """\
format: jb-book
root: intro
parts:
  - caption: Chapters
    numbered: 2
    chapters:
      - file: chapters/01_one
        sections:
          - glob: chapters/01[a-z]_*
      - file: chapters/02_two
        sections:
          - glob: chapters/02[a-z]_*
"""
PAGES = {
    "intro": "# A book\n\n```{contents-cards} 01 02\n```\n",
    "chapters/01_one": notebook("## A section\n\nText.", title="# One"),
    "chapters/01a_aside": notebook("## Of the aside\n\nText.", title="# Aside"),
    "chapters/02_two": notebook("Text.", title="# Two"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    book = write_book(tmp_path_factory.mktemp("between"), PAGES, {})
    (book / "_toc.yml").write_text(TOC, encoding="utf-8")
    build = build_small(book)
    assert build.returncode == 0, build.output
    return build.html


def page(site, name):
    return BeautifulSoup((site / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def test_it_takes_the_number_of_its_chapter_and_a_letter(site):
    titles = [page(site, name).select_one("article h1").text for name in list(PAGES)[1:]]
    assert [title.rstrip("#") for title in titles] == ["1. One", "1a. Aside", "2. Two"]


def test_the_sidebar_has_it_under_its_chapter(site):
    links = [link.text.strip() for link in page(site, "chapters/02_two").select("nav.bd-links li a")]
    assert links == ["A book", "1. One", "1a. Aside", "2. Two"]


def test_it_has_a_card(site):
    assert [card.a.text for card in page(site, "intro").select("ul.contents-cards > li")] == ["One", "Aside", "Two"]


def test_the_book_leaves_room_after_each_chapter_from_part_three_on():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert all(f"glob: chapters/{number}[a-z]_*" in toc for number in range(12, 18))
