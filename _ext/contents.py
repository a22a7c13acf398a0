"""The contents directive: chapters as cards, each with its title, its minutes, and one picture.

    ```{contents-cards} 01 05
    ```

shows the chapters from 01 to 05 that are there, and the pages that are read after one of them (04a_…). The picture is
the figure of the first cell tagged `picture`, or else the first figure of the chapter: a PNG, made small, or a drawing.
Nothing here names a chapter, so a new one appears by itself.
"""

import base64
import html
import io
import json
import re
from pathlib import Path

from docutils import nodes
from needs import minutes
from PIL import Image
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

WIDTH = 480  # pixels; shown at half of it
SVG = "http://www.w3.org/2000/svg"
DRAWING = re.compile(r"<svg\b.*</svg>", re.DOTALL)
BOX = re.compile(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"')


class picture(nodes.General, nodes.Element):
    """Where the picture of the chapter in the file `of` goes."""


class Contents(SphinxDirective):
    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        first, last = self.arguments
        chapters = sorted(Path(self.env.srcdir, "chapters").glob("[0-9][0-9]*_*.ipynb"))
        chapters = [path for path in chapters if first <= path.name[:2] <= last]
        if not chapters:
            raise self.error(f"there is no chapter from {first} to {last}")
        return [nodes.bullet_list("", *(self.card(path) for path in chapters), classes=["contents-cards"])]

    def card(self, path: Path) -> nodes.list_item:
        self.env.note_dependency(str(path))
        docname = f"chapters/{path.stem}"
        link = pending_xref(
            "",
            nodes.inline(),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{docname}",
            refdoc=self.env.docname,
            refexplicit=False,
            refwarn=True,
        )
        time = nodes.inline("", "", minutes(of=docname), classes=["contents-minutes"])
        return nodes.list_item("", picture(of=str(path)), nodes.paragraph("", "", link, time))


def first_figure(path: Path) -> tuple[str, bytes, str] | None:
    """The figure that stands for a chapter: "png" or "svg", its bytes, and its alternative text."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    cells.sort(key=lambda cell: "picture" not in cell["metadata"].get("tags", []))
    for cell in cells:
        mystnb = cell["metadata"].get("mystnb", {})
        if not mystnb.get("figure"):
            continue
        alt = " ".join(mystnb.get("image", {}).get("alt", "").split())
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                return "png", base64.b64decode("".join(data["image/png"])), alt
            if drawing := DRAWING.search("".join(data.get("text/html", ""))):
                svg = drawing[0] if "xmlns=" in drawing[0] else drawing[0].replace("<svg", f'<svg xmlns="{SVG}"', 1)
                return "svg", svg.encode(), alt or "a drawing from the chapter"
    return None


def small(data: bytes) -> tuple[bytes, tuple[int, int]]:
    """A PNG made WIDTH pixels wide with 32 colors."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS).quantize(32)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue(), image.size


def draw(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(picture)):
        path = Path(node["of"])
        found = first_figure(path) if app.builder.format == "html" else None
        if found is None:
            node.replace_self([])
            continue
        kind, data, alt = found
        data, (width, height) = small(data) if kind == "png" else (data, tuple(map(float, BOX.search(data).groups())))
        target = Path(app.outdir, "_images", f"picture-{path.stem}.{kind}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        source = f"{'../' * docname.count('/')}_images/{target.name}"
        node.replace_self(
            nodes.raw(
                "",
                f'<img class="contents-picture contents-{kind}" src="{source}" alt="{html.escape(alt)}" loading="lazy" '
                f'width="{WIDTH // 2}" height="{round(WIDTH / 2 * height / width)}">',
                format="html",
            )
        )


def setup(app: Sphinx) -> dict:
    app.add_node(picture)
    app.add_directive("contents-cards", Contents)
    app.connect("doctree-resolved", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
