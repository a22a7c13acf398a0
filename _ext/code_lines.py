"""Each line of code is an element that knows its indentation, so that on a narrow screen it wraps under itself.

book.css does the wrapping; a wider screen shows the same lines as they are.
"""

import re

from codelinks import PANEL
from docutils import nodes
from sphinx.application import Sphinx

DEEPEST = 16  # a line that is aligned further in than this starts here on a narrow screen


def lines(code: str) -> str:
    """Pygments closes its spans at the end of each line, so that a line can be wrapped in one more."""
    return "".join(map(element, code.rstrip("\n").split("\n")))


def element(line: str) -> str:
    text = re.sub("<[^>]*>", "", line)
    depth = len(text) - len(text.lstrip(" "))
    if depth > DEEPEST and line.startswith(" " * depth):
        line = f'<span class="in">{" " * depth}</span>{line[depth:]}'
    return f'<span class="line" style="--in: {min(depth, DEEPEST)}ch">{line}\n</span>'


def mark(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    if "body" in context and app.builder.format == "html":
        context["body"] = PANEL.sub(lambda panel: panel[1] + lines(panel[2]) + panel[3], context["body"])


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", mark, priority=810)  # after the links
    return {"parallel_read_safe": True, "parallel_write_safe": True}
