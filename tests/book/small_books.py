"""A small book with the real book's settings and extensions, a library of its own, and each page a file to be given."""

import shutil
from pathlib import Path

from conftest import ROOT, Build, build_book
from notebook_trials import store

TOC = "format: jb-book\nroot: intro\nchapters:\n{pages}"


def write_book(book: Path, pages: dict, library: dict[str, str]) -> Path:
    """Pages by name, Markdown as a string or else a notebook; "intro" is the first."""
    for folder in ("_ext", "_static"):
        shutil.copytree(ROOT / folder, book / folder)
    shutil.copy(ROOT / "_config.yml", book)
    (book / "references.bib").touch()
    (book / "extra").mkdir()
    for name, page in pages.items():
        path = book / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(page, str):
            path.with_suffix(".md").write_text(page, encoding="utf-8")
        else:
            store(path.with_suffix(".ipynb"), page)
    rest = "".join(f"  - file: {name}\n" for name in pages if name != "intro")
    (book / "_toc.yml").write_text(TOC.format(pages=rest), encoding="utf-8")
    for name, source in library.items():
        path = book / "transformer_lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return book


def configure(book: Path, address: str) -> None:
    """Give the book this repository."""
    config = book / "_config.yml"
    lines = [
        f"  url: {address}" if line.startswith("  url: ") else line
        for line in config.read_text(encoding="utf-8").splitlines()
    ]
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")


def build_small(book: Path, target: str = "site", *, repository: str = "") -> Build:
    """Build it, in CI for a repository where one is named."""
    return build_book(book, book / target, GITHUB_REPOSITORY=repository)
