"""The widget directive: a place in the page for one of the scripts in extra/widgets.

    ```{widget} bigram
    :data: bigram.json

    What a reader sees without JavaScript, and on paper.
    ```

The page gets the body in `<div class="widget" data-widget="bigram" id="widget-1">`, the data (optional, a JSON file
named relative to the document) beside it as `<script type="application/json" id="widget-1-data">`, and three files:
widgets.css, widgets.js (the registry) and bigram.js, with bigram.css where there is one. They are classic scripts,
because ES modules do not load from file://, and only pages that hold a widget load them.

`:weights: ../trained/NAME`, a folder named relative to the document, puts that model beside bigram.js in the site, as
bigram-weights.js. No page loads it: it is large, so the widget asks for it when a reader wants it. Further folders,
with a space between, become bigram-NAME-weights.js, and are known by the name "bigram-NAME". `:packed:` is the same
with each weight rounded to a character (see weights.py), for a page whose first look includes the model.
"""

import html
import json
from pathlib import Path
from typing import ClassVar

import weights
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FOLDER = "extra/widgets"


class widget(nodes.General, nodes.Element):
    """A widget's name, its data as JSON text, and its fallback as children."""


class Widget(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"data": directives.path, "weights": directives.path, "packed": directives.path}

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        name = self.arguments[0]
        if not (Path(self.env.srcdir) / FOLDER / f"{name}.js").is_file():
            raise self.error(f"widget {name!r} has no script: {FOLDER}/{name}.js does not exist")
        node = widget(name=name, data="null", number=self.env.new_serialno("widget") + 1)
        if "data" in self.options:
            relative, absolute = self.env.relfn2path(self.options["data"])
            self.env.note_dependency(relative)
            try:
                data = json.loads(Path(absolute).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise self.error(f"widget {name!r} cannot read its data {relative}: {error}") from error
            node["data"] = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        for option in ("weights", "packed"):
            for number, folder in enumerate(self.options.get(option, "").split()):
                relative, absolute = self.env.relfn2path(folder)
                for file in weights.FILES:
                    self.env.note_dependency(f"{relative}/{file}")
                    if not Path(absolute, file).is_file():
                        raise self.error(f"widget {name!r} has no model: {relative}/{file} does not exist")
                known = f"{name}-{Path(absolute).name}" if number else name
                node["weights"] = node.get("weights", {}) | {known: (absolute, option)}
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def visit_html(self, node: widget) -> None:
    name = html.escape(node["name"])
    self.body.append(f'<div class="widget" data-widget="{name}" id="widget-{node["number"]}">\n')


def depart_html(self, node: widget) -> None:
    data = node["data"].replace("<", "\\u003c")  # "</script>" inside a string must not end the element
    self.body.append(f'</div>\n<script type="application/json" id="widget-{node["number"]}-data">{data}</script>\n')


def show_fallback(self, node: widget) -> None:
    """Editions without scripts show the body alone."""


def load_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    found = list(doctree.findall(widget)) if doctree else []
    names = sorted({node["name"] for node in found})
    if not names:
        return
    folder = Path(app.srcdir) / FOLDER
    for name in ["widgets", *names]:
        app.add_js_file(f"../widgets/{name}.js", loading_method="defer")
        if (folder / f"{name}.css").is_file():
            app.add_css_file(f"../widgets/{name}.css")
    for node in found:
        for name, (model, option) in node.get("weights", {}).items():
            write = weights.packed if option == "packed" else weights.script
            target = Path(app.outdir) / "widgets" / f"{name}-weights.js"
            target.parent.mkdir(exist_ok=True)
            target.write_text(write(name, Path(model)), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.add_node(
        widget,
        html=(visit_html, depart_html),
        singlehtml=(show_fallback, show_fallback),
        epub=(show_fallback, show_fallback),
        latex=(show_fallback, show_fallback),
        text=(show_fallback, show_fallback),
    )
    app.add_directive("widget", Widget)
    app.connect("html-page-context", load_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
