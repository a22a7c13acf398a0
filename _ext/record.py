"""What a reader says on the pages of the book, and the page that lists it.

A guess, a question and a review prompt are each *remembered* here when their page is read, so that the directive

    ```{record} reviews
    ```

can print all of them, as one JSON text, on the page "Your record". There extra/widgets/your_record.js fills the places
`reviews`, `guesses`, `answers` and `file` with what this reader has said. record.js keeps that in the reader's own
browser, and nothing is sent anywhere.
"""

import json
from collections.abc import Callable, Iterable

from docutils import nodes
from docutils.utils import new_document
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

PLACES = ("reviews", "guesses", "answers", "file")
OTHER_EDITIONS = ("singlehtml", "epub", "latex", "text", "man", "texinfo")


class record(nodes.General, nodes.Element):
    """Where the reader's record is listed."""


class Record(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        if self.arguments[0] not in PLACES:
            raise self.error(f"the record has the places {', '.join(PLACES)}, and not {self.arguments[0]}")
        return [record(place=self.arguments[0])]


def prompts(env: BuildEnvironment) -> dict[str, dict[str, dict]]:
    """By page and key, what a reader can answer: the fields that the page shows, and trees to be rendered for it."""
    if not hasattr(env, "reader_prompts"):
        env.reader_prompts = {}
    return env.reader_prompts


def remember(env: BuildEnvironment, docname: str, key: str, trees: dict[str, nodes.Node], **fields: object) -> None:
    copies = {name: tree.deepcopy() for name, tree in trees.items()}
    prompts(env).setdefault(docname, {})[key] = {"fields": fields, "trees": copies}


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    prompts(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment) -> None:
    prompts(env).update({name: found for name, found in prompts(other).items() if name in docnames})


def pages_with_a_record(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Print the list again after every change; and have MathJax there if a question holds mathematics."""
    pages = [name for name in env.all_docs if "record" in env.metadata[name]]
    trees = (tree for found in prompts(env).values() for one in found.values() for tree in one["trees"].values())
    if any(tree.next_node(nodes.math) or tree.next_node(nodes.math_block) for tree in trees):
        for name in pages:
            env.get_domain("math").data["has_equations"][name] = True
    return pages


def mark(app: Sphinx, doctree: nodes.document) -> None:
    if doctree.next_node(record):
        app.env.metadata[app.env.docname]["record"] = True


def visit_record(self, node: record) -> None:
    self.body.append(
        f'<div class="your-record" data-place="{node["place"]}"><p>This list needs JavaScript.</p></div>\n'
    )
    if node is node.document.next_node(record):
        print_catalog(self)


def print_catalog(self) -> None:
    """The links in a rendered question are as on its own page; the script turns them towards it."""
    env, here, catalog = self.builder.env, self.docnames[0], {}
    for docname in sorted(prompts(env)):
        page = {"page": self.builder.get_relative_uri(here, docname), "chapter": env.titles[docname].astext()}
        for key, one in prompts(env)[docname].items():
            shown = {name: rendered(self.builder, docname, tree) for name, tree in one["trees"].items()}
            catalog[key] = {**page, **one["fields"], **shown}
    text = json.dumps(catalog, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    self.body.append(f'<script type="application/json" id="record-catalog">{text}</script>\n')


def rendered(builder: object, docname: str, tree: nodes.Node) -> str:
    document = new_document("")
    document += tree.deepcopy()
    builder.env.resolve_references(document, docname, builder)
    return builder.render_partial(document[0])["fragment"]  # what else is there now is meant for whole pages


def scripts_for(kind: type[nodes.Node], *names: str) -> Callable:
    """A handler that gives pages with such a node record.js and these, from extra/widgets, and no other page."""

    def load(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
        if doctree is not None and doctree.next_node(kind):
            for name in ("widgets", "record", *names):
                app.add_js_file(f"../widgets/{name}.js", loading_method="defer")
            app.add_css_file("../widgets/record.css")

    return load


def nothing(self, node: nodes.Node) -> None:
    """Editions without scripts show what is within."""


def leave_out(self, node: nodes.Node) -> None:
    raise nodes.SkipNode


def add_node(app: Sphinx, kind: type[nodes.Element], visit: Callable, depart: Callable, *, plain: bool = True) -> None:
    """A node for the site; the other editions have its content alone, or nothing of it."""
    others = dict.fromkeys(OTHER_EDITIONS, (nothing if plain else leave_out, nothing))
    app.add_node(kind, html=(visit, depart), **others)


def setup(app: Sphinx) -> dict:
    add_node(app, record, visit_record, nothing, plain=False)
    app.add_directive("record", Record)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-read", mark)
    app.connect("env-updated", pages_with_a_record)
    app.connect("html-page-context", scripts_for(record, "review", "your_record"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
