"""The ladder directive: every model's score, read from the cards that the recipes wrote.

    ```{ladder}
    ```

A table in every edition; in HTML each score has its bar, drawn by book.css. With `:samples:` each model that wrote to
the book's prompt (trained/samples) is followed by a row with a line of what it wrote; with `:learning:` a column says
whether a model learns while it reads the test plays, and with `:fixed:` those that do are left out.
"""

import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from transformer_lib.ladder import Rung, rungs

HEADINGS = ("model", "chapter", "numbers stored", "bits per character")
WIDTHS = (24, 8, 14, 54)
LEARNING, LEARNING_WIDTH = "learns while reading", 14


class Ladder(SphinxDirective):
    option_spec: ClassVar = {name: directives.flag for name in ("samples", "learning", "fixed")}

    def run(self) -> list[nodes.Node]:
        trained = Path(self.env.srcdir) / "trained"
        self.env.metadata[self.env.docname]["ladder"] = cards(trained)
        for card in cards(trained):
            self.env.note_dependency(card)
        learners_too = "fixed" not in self.options
        best_first = [rung for rung in rungs(trained)[::-1] if learners_too or not rung.learns_while_reading]
        widest = best_first[-1].bits_per_character
        lines = sample_lines(trained) if "samples" in self.options else {}
        body = nodes.tbody("", *(row for rung in best_first for row in self.rows(rung, widest, lines.get(rung.name))))
        headings = self.with_learning(HEADINGS, LEARNING)
        head = nodes.thead("", nodes.row("", *(cell(nodes.Text(heading)) for heading in headings)))
        columns = [nodes.colspec(colwidth=width) for width in self.with_learning(WIDTHS, LEARNING_WIDTH)]
        classes = ["ladder", "ladder-learning"] if "learning" in self.options else ["ladder"]
        return [nodes.table("", nodes.tgroup("", *columns, head, body, cols=len(columns)), classes=classes)]

    def with_learning(self, others: tuple, learning: object) -> tuple:
        """The cells of a row: what the model learns stands before the score, where the option asks for it."""
        return (*others[:-1], learning, others[-1]) if "learning" in self.options else others

    def rows(self, rung: Rung, widest: float, sample: str | None) -> list[nodes.row]:
        share = f"{100 * rung.bits_per_character / widest:.1f}%"
        bar = nodes.raw("", f'<span class="ladder-bar" style="width: {share}"></span>', format="html")
        score = nodes.inline("", f"{rung.bits_per_character:.3f}", classes=["ladder-score"])
        words = (rung.name, rung.chapter, "–" if rung.parameters is None else f"{rung.parameters:,}")
        cells = (*(cell(nodes.Text(word)) for word in words), cell(bar, score))
        learning = cell(nodes.Text("yes" if rung.learns_while_reading else "no"))
        scored = nodes.row("", *self.with_learning(cells, learning))
        if not sample:
            return [scored]
        line = cell(nodes.inline("", sample, classes=["ladder-sample"]))
        line["morecols"] = len(scored) - 1
        line["classes"].append("ladder-line")
        return [scored, nodes.row("", line)]


def sample_lines(trained: Path) -> dict[str, str]:
    """The longest of the first three whole lines that each model wrote, by its name; a line that is too long is cut."""
    file = trained / "samples" / "samples.json"
    if not file.is_file():
        return {}
    samples = json.loads(file.read_text(encoding="utf-8"))["samples"]
    return {name: cut(max(text.split("\n")[1:4], key=len)) for name, text in samples.items()}


def cut(line: str, n: int = 60) -> str:
    return line if len(line) <= n else line[:n].rstrip() + " …"


def cards(trained: Path) -> list[str]:
    return sorted(map(str, trained.glob("*/card.json")))


def pages_short_of_a_rung(app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set) -> list[str]:
    """A card that changed is a dependency; a card that came or went is seen here."""
    now = cards(Path(app.srcdir) / "trained")
    return [page for page, metadata in env.metadata.items() if metadata.get("ladder", now) != now]


def cell(*content: nodes.Node) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", *content))


def setup(app: Sphinx) -> dict:
    app.add_directive("ladder", Ladder)
    app.connect("env-get-outdated", pages_short_of_a_rung)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
