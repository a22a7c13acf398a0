"""What holds for a built site as files: every link leads somewhere, every picture has words."""

from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

ELSEWHERE = ("http", "https", "mailto", "data", "javascript")
PICTURE = (".png", ".svg", ".jpg", ".jpeg", ".gif")


class Site:
    """The pages under a folder, read once."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def pages(self) -> dict[Path, BeautifulSoup]:
        paths = [p for p in sorted(self.folder.rglob("*.html")) if "_static" not in p.relative_to(self.folder).parts]
        return {path: BeautifulSoup(path.read_bytes(), "html.parser") for path in paths}

    @cached_property
    def anchors(self) -> dict[Path, set[str]]:
        """The places in each page that a fragment can name."""
        return {
            path: {tag["id"] for tag in page.select("[id]")} | {tag["name"] for tag in page.select("a[name]")}
            for path, page in self.pages.items()
        }

    def links(self):
        """Each (page, address) within the site, taken from href and src."""
        for path, page in self.pages.items():
            for attribute in ("href", "src"):
                for tag in page.select(f"[{attribute}]"):
                    if urlsplit(tag[attribute]).scheme not in ELSEWHERE:
                        yield path, tag[attribute]

    def broken_links(self) -> list[str]:
        found = []
        for path, address in self.links():
            parts = urlsplit(address)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{self.place(path)}: {address} leads nowhere")
            elif parts.fragment and target in self.anchors and unquote(parts.fragment) not in self.anchors[target]:
                found.append(f"{self.place(path)}: {address} names no place in {self.place(target)}")
        return found

    def wordless_pictures(self) -> list[str]:
        """Pictures without alternative text, or with a file's name for it."""
        return [
            f"{self.place(path)}: {tag.get('src')}"
            for path, page in self.pages.items()
            for tag in page.select("img")
            if not tag.get("alt", "").strip() or tag["alt"].lower().endswith(PICTURE)
        ]

    def place(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()
