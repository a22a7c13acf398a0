"""The bench directive: what `make bench` measured, read from the rows that it left in bench/results.

    ```{bench} gpt encoder_decoder
    :losses:
    ```

A table of the scripts that are named, in that order, and under it the machine; with `:losses:` only the rows in which
this library is the slower or the larger.
"""

import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADINGS = ("task", "beside", "ours", "theirs", "times as good")
WIDTHS = (40, 24, 12, 12, 12)


class Bench(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"losses": directives.flag}

    def run(self) -> list[nodes.Node]:
        found = [self.load(name) for name in self.arguments[0].split()]
        rows = [row for results in found for row in results["rows"]]
        if "losses" in self.options:
            rows = losses(rows)
            return [table(rows)] if rows else [nodes.paragraph("", "In none of the rows above.")]
        return [table(rows), *(nodes.paragraph("", line, classes=["bench-machine"]) for line in machines(found))]

    def load(self, name: str) -> dict:
        path = Path(self.env.srcdir) / "bench" / "results" / f"{name}.json"
        self.env.note_dependency(str(path))
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise self.error(f"bench/results/{name}.json is not there: run `make bench NAME={name}`") from None


def losses(rows: list[dict]) -> list[dict]:
    """Rows in which the other is better by what the table shows, and those in which ours never got there."""
    return [row for row in rows if row["ratio"] is None or round(row["ratio"], 2) < 1]


def machines(found: list[dict]) -> list[str]:
    """A sentence for each machine and day: results that agree in both share one."""
    lines = {}
    for results in found:
        versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
        line = f"{results['processor']}; {versions}; {results['date']}"
        lines[line] = lines.get(line, 0) + results["seconds"]
    return [f"Measured on {line}; {seconds:,} CPU seconds in all." for line, seconds in lines.items()]


def table(rows: list[dict]) -> nodes.table:
    body = nodes.tbody("", *map(cells, rows))
    head = nodes.thead("", nodes.row("", *(entry(heading) for heading in HEADINGS)))
    columns = [nodes.colspec(colwidth=width) for width in WIDTHS]
    return nodes.table("", nodes.tgroup("", *columns, head, body, cols=len(columns)), classes=["bench"])


def cells(row: dict) -> nodes.row:
    ours, theirs = (
        f"{row[name]:,g} {row['unit']}" if row[name] is not None else "never" for name in ("ours", "theirs")
    )
    ratio = "–" if row["ratio"] is None else f"{row['ratio']:.2f}"
    verdict = "bench-loss" if losses([row]) else "bench-gain"
    task = nodes.entry("", nodes.paragraph("", row["task"]), nodes.paragraph("", row["size"], classes=["bench-size"]))
    return nodes.row("", task, entry(row["peer"]), entry(ours), entry(theirs), entry(ratio, verdict))


def entry(text: str, *classes: str) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", nodes.inline("", text, classes=list(classes))))


def setup(app: Sphinx) -> dict:
    app.add_directive("bench", Bench)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
