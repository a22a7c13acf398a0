"""Cells tagged `hide-input` behind one line that says what they hold; those in a row share it.

A cell with an output ends its row, since the output stays in sight below. A cell's own `mystnb.code_prompt_show`
replaces the words chosen here.
"""

import re
from html import escape
from itertools import takewhile

from docutils import nodes
from myst_nb.core.config import NbParserConfig
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SETUP, FIGURE, CODE = "Setup", "The code of this figure", "The code"
UNNAMED = NbParserConfig().code_prompt_show
IMPORT = re.compile(r"^(import|from) ", re.MULTILINE)


class fold(nodes.General, nodes.Element):
    """The sources of some cells, behind `label`."""


class FoldCells(SphinxPostTransform):
    """Just before MyST-NB would hide each cell by itself."""

    default_priority = 198
    formats = ("html",)

    def run(self, **options: object) -> None:
        for cell in list(self.document.findall(nodes.container)):
            if is_folded(cell):  # those that joined an earlier one no longer are
                join(row(cell))


def is_folded(node: nodes.Node) -> bool:
    is_cell = isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"
    return is_cell and node.get("hide_mode") == "input"


def row(first: nodes.container) -> list[nodes.container]:
    """This cell and those folded right after it, up to the first with an output."""
    cells = list(takewhile(is_folded, first.parent[first.parent.index(first) :]))
    ends = (place for place, cell in enumerate(cells) if output_of(cell))
    return cells[: next(ends, len(cells)) + 1]


def output_of(cell: nodes.container) -> nodes.Element | None:
    return next((child for child in cell.children if child.get("nb_element") == "cell_code_output"), None)


def join(cells: list[nodes.container]) -> None:
    """Fold these cells' sources in the last of them."""
    last = cells[-1]
    sources = [child for cell in cells for child in cell.children if child.get("nb_element") == "cell_code_source"]
    folded = fold("", *sources, label=label(cells, "\n".join(source.astext() for source in sources)))
    output = output_of(last)
    last.clear()
    for cell in cells[:-1]:
        last["ids"] += cell["ids"]
        cell["ids"] = []
        cell.parent.remove(cell)
    last.extend([folded, *([output] if output else [])])
    for cell in cells:
        del cell["hide_mode"]


def label(cells: list[nodes.container], source: str) -> str:
    own = [cell["prompt_show"] for cell in cells if cell["prompt_show"] != UNNAMED]
    if own:
        return own[-1].replace("{type}", "source")
    if draws(output_of(cells[-1])):
        return FIGURE
    return SETUP if IMPORT.search(source) else CODE


def draws(output: nodes.Element | None) -> bool:
    return output is not None and any(
        isinstance(node, nodes.image) or (isinstance(node, nodes.raw) and "<svg" in node.astext())
        for node in output.findall()
    )


def visit(self, node: fold) -> None:
    self.body.append(f'<details class="fold"><summary>{escape(node["label"])}</summary>\n')


def depart(self, node: fold) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict:
    app.add_node(fold, html=(visit, depart))
    app.add_post_transform(FoldCells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
