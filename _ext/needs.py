"""What a page asks for and gives, in one line under its title.

    :::{needs}
    You need [softmax](04_learning_the_table). You will be able to compute attention by hand.
    :::

The minutes are counted at build time and put in front. A chapter without the directive gets the minutes alone.
Another page has them by {minutes}`chapters/06_attention`, or from `minutes_of(env, docname)`.
"""

from pathlib import Path

from docutils import nodes
from reading import Minutes, read_page
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

logger = logging.getLogger(__name__)


class minutes(nodes.General, nodes.Inline, nodes.Element):
    """Where the minutes of the page `of` go, known once every page is read."""


class Needs(SphinxDirective):
    has_content = True

    def run(self) -> list[nodes.Node]:
        container = nodes.container(classes=["needs"])
        self.state.nested_parse(self.content, self.content_offset, container)
        if not (container.children and isinstance(container[0], nodes.paragraph)):
            raise self.error("needs: say in a sentence what the reader needs first and will be able to do")
        container[0].insert(0, [lead(self.env.docname), nodes.Text(" ")])
        self.env.metadata[self.env.docname]["needs"] = True
        return [container]


class MinutesRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list]:
        docname = self.text.removeprefix("/")
        if docname in self.env.found_docs:  # a chapter that changed changes this page
            self.env.note_dependency(self.env.doc2path(docname))
        node = minutes(of=docname)
        self.set_source_info(node)
        return [node], []


def lead(docname: str) -> nodes.strong:
    return nodes.strong("", "", minutes(of=docname), nodes.Text("."))


def is_chapter(docname: str) -> bool:
    return docname.startswith("chapters/") and docname.count("/") == 1


def count(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the page's minutes; a chapter that does not say what it needs says how long it takes."""
    env = app.env
    env.minutes[env.docname] = read_page(Path(env.doc2path(env.docname))).minutes()
    if is_chapter(env.docname) and "needs" not in env.metadata[env.docname]:
        title = next(doctree.findall(nodes.title), None)
        if title is not None:
            line = nodes.container("", nodes.paragraph("", "", lead(env.docname)), classes=["needs"])
            title.parent.insert(title.parent.index(title) + 1, line)


def minutes_of(env: BuildEnvironment, docname: str) -> Minutes:
    """How long a page takes, once all pages are read. Exercises say their minutes to `env.exercise_minutes`."""
    counted = env.minutes[docname]
    return counted._replace(exercises=getattr(env, "exercise_minutes", {}).get(docname, counted.exercises))


def in_words(time: Minutes) -> str:
    def unit(number: int) -> str:
        return f"{number} minute" + "s" * (number != 1)

    depth = f" (+ {time.in_depth} in depth)" if time.in_depth else ""
    exercises = f" · {unit(time.exercises)} of exercises" if time.exercises else ""
    return f"{unit(time.read)} to read{depth}{exercises}"


def fill_in(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for node in list(doctree.findall(minutes)):
        if node["of"] in app.env.minutes:
            node.replace_self(nodes.Text(in_words(minutes_of(app.env, node["of"]))))
        else:
            logger.warning("minutes: there is no page %r", node["of"], location=node)
            node.replace_self(nodes.Text("?"))


def prepare(app: Sphinx) -> None:
    if not hasattr(app.env, "minutes"):
        app.env.minutes = {}


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    env.minutes.pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    env.minutes |= {name: other.minutes[name] for name in docnames if name in other.minutes}


def setup(app: Sphinx) -> dict:
    app.add_node(minutes)
    app.add_directive("needs", Needs)
    app.add_role("minutes", MinutesRole())
    app.connect("builder-inited", prepare)
    app.connect("doctree-read", count)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("doctree-resolved", fill_in)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
