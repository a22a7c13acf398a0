"""The drawings of `figures` in the page: in its colors, with their rules loaded once.

A notebook stores a drawing as HTML that carries its style sheet with it. Here that sheet is taken out, and
drawings.css, written from `figures.style`, stands in for it on the pages that hold a drawing; so a page shows today's
colors whenever its notebook ran. The theme sets HTML that a cell returns on white when the page is dark: a drawing
needs no such ground. Where the cell's metadata give it words (mystnb.image.alt), a screen reader gets those.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from figures.style import stylesheet

DRAWING = re.compile(r'\s*<svg[^>]* class="drawing[ "]')
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
LABEL = re.compile(r'(?<= aria-label=")[^"]*')


def drawings(doctree: nodes.document) -> Iterator[nodes.raw]:
    return (node for node in doctree.findall(nodes.raw) if DRAWING.match(node.astext()))


def settle(app: Sphinx, doctree: nodes.document) -> None:
    for node in drawings(doctree):
        drawing = STYLE.sub("", node.astext(), count=1)
        if alt := alternative(node):
            drawing = LABEL.sub(html.escape(alt).replace("\\", r"\\"), drawing, count=1)
        node[:] = [nodes.Text(drawing)]  # sets its parent, too: another extension may ask
        node.rawsource = drawing
        node["classes"] = ["output", "drawn"]


def alternative(node: nodes.Node) -> str | None:
    """The words that the cell's metadata give to its picture."""
    while node is not None:
        if isinstance(node, nodes.Element) and "cell_metadata" in node:
            return node["cell_metadata"].get("mystnb", {}).get("image", {}).get("alt")
        node = node.parent
    return None


def load_style(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    if doctree is not None and any(True for _ in drawings(doctree)):
        app.add_css_file("drawings.css")


def write_style(app: Sphinx) -> None:
    """Into the site, before its pages: a page's link carries the file's checksum."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "drawings.css").write_text(stylesheet(), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", settle)
    app.connect("builder-inited", write_style)
    app.connect("html-page-context", load_style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
