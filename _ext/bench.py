"""The bench directive: what `make bench` measured, read from the rows that it left in bench/results.

    ```{bench} gpt encoder_decoder
    :losses:
    ```

A table of the scripts that are named, in that order, and under it the machine; with `:losses:` only the rows in which
this library is the slower or the larger; with `:summary:` one row for each task and peer, with the least and the
greatest ratio; with `:curves:` a drawing of the curves that one script left, and no table.
"""

import json
import re
from html import escape
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEADINGS = ("task", "beside", "ours", "theirs", "times as good")
WIDTHS = (40, 24, 12, 12, 12)
VERSION = re.compile(r"( Q\d_\d)? \d[\w.+]*$")  # of a peer; for llama.cpp also the format of the file
NO_PEERS = ("bound", "stored by rows")  # what no program can beat, and this library under another setting


class Bench(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = dict.fromkeys(("losses", "summary", "curves"), directives.flag)

    def run(self) -> list[nodes.Node]:
        found = [self.load(name) for name in self.arguments[0].split()]
        if "curves" in self.options:
            return [nodes.raw("", drawing(found[0]["curves"]), format="html")]
        rows = [row for results in found for row in results["rows"]]
        if "summary" in self.options:
            return [summary(rows)]
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


def summary(rows: list[dict]) -> nodes.table:
    """One row for each task and peer; memory and what is no peer are left to the whole tables."""
    groups = {}
    for row in rows:
        if row["unit"] != "MB" and row["peer"] not in NO_PEERS:
            model = ", SmolLM2" if row["size"].startswith("SmolLM2") else ""
            groups.setdefault((row["task"] + model, VERSION.sub("", row["peer"])), []).append(row)
    body = nodes.tbody("", *(nodes.row("", *map(entry, key), ratios(group)) for key, group in groups.items()))
    head = nodes.thead("", nodes.row("", *map(entry, ("task", "beside", "times as good"))))
    columns = [nodes.colspec(colwidth=width) for width in (50, 28, 22)]
    return nodes.table("", nodes.tgroup("", *columns, head, body, cols=3), classes=["bench", "bench-summary"])


def ratios(group: list[dict]) -> nodes.entry:
    """The least and the greatest ratio of some rows; a loss if this library is behind in every one of them."""
    known = [row["ratio"] for row in group if row["ratio"] is not None]
    ends = list(dict.fromkeys(f"{ratio:.2f}" for ratio in (min(known), max(known)))) if known else ["–"]
    behind = len(losses(group))
    verdict = "bench-loss" if behind == len(group) else "bench-even" if behind else "bench-gain"
    return entry("–".join(ends), verdict)


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


WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 440, 280, 32, 26, 14, 40
Curve = list[list[float]]  # (seconds, bits), oldest first


def drawing(curves: dict[str, list[Curve] | Curve]) -> str:
    """Bits against seconds as SVG: each run of ours, theirs, and a line at where theirs ends."""
    lines = [("ours", curve) for curve in curves["ours"]] + [("theirs", curves["theirs"])]
    points = [point for _, curve in lines for point in curve]
    longest, (last, target) = max(seconds for seconds, _ in points), curves["theirs"][-1]
    low, high = min(bits for _, bits in points) - 0.1, max(bits for _, bits in points) + 0.1

    def x(seconds: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * seconds / longest:.1f}"

    def y(bits: float) -> str:
        return f"{TOP + (HEIGHT - BOTTOM - TOP) * (high - bits) / (high - low):.1f}"

    def words(at_x: str | float, at_y: str | float, text: str, kind: str = "", anchor: str = "middle") -> str:
        return f'<text x="{at_x}" y="{at_y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'

    ground = HEIGHT - BOTTOM
    parts = [f'<path class="frame" d="M{LEFT} {TOP}V{ground}H{WIDTH - RIGHT}"/>']
    parts += [words(x(s), ground + 16, f"{s}") for s in range(0, round(longest) + 1, 20)]
    parts += [
        words(LEFT - 6, y(b / 5), f"{b / 5:.1f}", anchor="end") for b in range(-int(-low * 5 // 1), int(high * 5) + 1)
    ]
    parts.append(f'<path class="target" d="M{LEFT} {y(target)}H{x(last)}"/>')
    for kind, curve in lines:
        path = "L".join(f"{x(seconds)} {y(bits)}" for seconds, bits in curve)
        parts.append(f'<path class="curve {kind}" d="M{path}"/>')
    for kind, name, curve in (("ours", "ours", curves["ours"][0]), ("theirs", "the common recipe", curves["theirs"])):
        seconds, bits = curve[len(curve) // 2]
        parts.append(words(f"{float(x(seconds)) + 8}", f"{float(y(bits)) - 8}", name, kind, "start"))
    parts.append(words((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "seconds of training"))
    parts.append(words(0, 14, "bits per character", anchor="start"))
    reached = [next((f"{s:.0f}" for s, bits in curve if bits <= target), "no number of") for curve in curves["ours"]]
    label = (
        f"{target:.2f} bits per character: the common recipe after {last:.0f} s, ours after {' and '.join(reached)} s"
    )
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}"'
    return f'<svg class="bench-curves" {box}>{"".join(parts)}</svg>'


def setup(app: Sphinx) -> dict:
    app.add_directive("bench", Bench)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
