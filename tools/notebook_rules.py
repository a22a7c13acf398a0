"""What every notebook keeps to beside its normal form: small files, words for each figure, a source for each number."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

FIGURE_BYTES, NOTEBOOK_BYTES = 40_000, 400_000
LINE_CHARACTERS, CELL_LINES = 76, 25  # a code line longer than this wraps on the page
HIDDEN = {"hide-input", "remove-cell"}  # cells that a page folds or leaves out may be written as a module is
HIDDEN_CHARACTERS, HIDDEN_LINES = 120, 40
IMAGES = ("image/png", "image/jpeg", "image/svg+xml")
DRAWING = re.compile(
    r'\s*<svg[^>]* class="drawing[ "][^>]*>'
)  # what figures/ draws: HTML, so that it takes the page's colors
LABELED = re.compile(r' aria-label="[^"]*\w')
GLUE = re.compile(r"\{glue(?P<kind>:\w+)?\}(?:`(?P<role>[^`]*)`|[ \t]+(?P<directive>\S+))")


def broken_rules(path: Path, root: Path) -> list[str]:
    """What is wrong with a page, a notebook or a Markdown file, one line each: `chapters/01.ipynb cell 3: …`."""
    place = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [f"{place}: {finding}" for finding in glue_findings(text, path)]
    findings = []
    if len(text.encode()) > NOTEBOOK_BYTES:
        findings.append(f"{place}: {len(text.encode()):,} bytes; at most {NOTEBOOK_BYTES:,}")
    number = 0
    for index, cell in enumerate(json.loads(text)["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            number += 1
            found = [*code_findings(cell, source, number), *output_findings(cell)]
        else:
            found = list(glue_findings(source, path))
        if index == 0 and not re.match(r"# \S", source):
            found.append("the notebook does not open with its title, a Markdown cell that starts with '# '")
        findings += [f"{place} cell {index}: {finding}" for finding in found]
    return findings


def code_findings(cell: dict, source: str, number: int) -> Iterator[str]:
    if cell["execution_count"] != number:
        yield f"numbered {cell['execution_count']}, not {number}: nbval skips a cell without a number"
    lines = source.splitlines()
    hidden = HIDDEN & set(cell["metadata"].get("tags", []))
    most_lines, most_characters = (HIDDEN_LINES, HIDDEN_CHARACTERS) if hidden else (CELL_LINES, LINE_CHARACTERS)
    if len(lines) > most_lines:
        yield f"{len(lines)} lines; at most {most_lines}"
    for line in lines:
        if len(line) > most_characters:
            yield f"a line of {len(line)} characters; at most {most_characters}: {line.strip()[:40]}…"


def output_findings(cell: dict) -> Iterator[str]:
    tags = cell["metadata"].get("tags", [])
    mystnb = cell["metadata"].get("mystnb", {})
    figures = 0
    for output in cell["outputs"]:
        if output["output_type"] == "error" and "raises-exception" not in tags:
            yield f"ends in an error: {output['ename']}"
        images = {kind: data for kind, data in output.get("data", {}).items() if kind in IMAGES}
        drawing = DRAWING.match("".join(output.get("data", {}).get("text/html", "")))
        if drawing:
            images["text/html"] = output["data"]["text/html"]
        if not images or output.get("metadata", {}).get("scrapbook"):
            continue
        figures += 1
        if figures == 2:
            yield "two figures, and one caption: give each figure a cell of its own"
        for kind, data in images.items():
            text = "".join(data)
            size = len(base64.b64decode(text)) if kind in ("image/png", "image/jpeg") else len(text.encode())
            if size > FIGURE_BYTES:
                yield f"a figure of {size:,} bytes; at most {FIGURE_BYTES:,}"
        for group, key in (("image", "alt"), ("figure", "caption"), ("figure", "name")):
            if key == "alt" and drawing and LABELED.search(drawing[0]):
                continue  # it says itself what there is to see
            if not str(mystnb.get(group, {}).get(key) or "").strip():
                yield f"a figure without mystnb.{group}.{key} in its cell's metadata"


def glue_findings(text: str, path: Path) -> Iterator[str]:
    """A glued number names its notebook, `path.ipynb::name`, and the notebook has stored it."""
    for match in GLUE.finditer(text):
        reference = match["role"] or match["directive"] or ""
        notebook, separator, rest = reference.partition("::")
        if not separator:
            yield f"glue {reference!r} does not name its notebook: write path.ipynb::{reference}"
            continue
        target = path.parent / notebook
        name, _, form = rest.partition(":")
        if not target.is_file():
            yield f"glue {reference!r}: there is no {notebook} beside this page"
        elif name not in glued_names(target):
            yield f"glue {reference!r}: {notebook} stores no {name!r}"
        if match["kind"] == ":text" and not form:
            yield f"glue {reference!r} does not say how to print it: end it in :.3f, :,d or :s"


def glued_names(path: Path) -> set[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return {output["metadata"]["scrapbook"]["name"] for output in outputs if "scrapbook" in output.get("metadata", {})}
