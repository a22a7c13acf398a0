"""The guess directive: the reader answers before the page does.

    :::{guess} The share of *bread*
    :name: guess-share
    :number: percent          its unit; or `:choices: Bo, Ada, equally` (or with semicolons); or `:text:`
    :answer: 84               or `:glue: key`, `:glue: key:.0f`, a value that a cell of this page glued; or neither
    :reveals: share-of-bread

    What percentage of the attention will *bread* receive?
    :::

`:reveals:` names a code cell (its metadata `name`), a figure, or a heading or label further down the page. What stands
from there to the next guess, the next heading or a `{guess-end}` is folded by extra/widgets/guess.js until the reader
has guessed, or has asked to see it. Without JavaScript, and on paper, nothing is folded and the question is plain.
Without `:reveals:` nothing is folded either, and the answer appears beside the guess.
"""

import json
from html import escape
from pathlib import Path
from typing import ClassVar

import record
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

# Set while the page is parsed, so that a result never flashes before the script is there; undone if it never comes.
FOLD_AT_ONCE = (
    '<script>((rest) => { rest.setAttribute("hidden", "until-found"); addEventListener("load", () => '
    '{ if (!rest.dataset.mounted) rest.removeAttribute("hidden"); }); })(document.currentScript.parentNode)</script>'
)


class guess(nodes.General, nodes.Element):
    """A title and a question, with all that the script must know of them."""


class guess_end(nodes.Invisible, nodes.Element):
    """Where what a guess folds ends."""


class guess_rest(nodes.General, nodes.Element):
    """What a guess folds."""


class guess_result(nodes.General, nodes.Element):
    """Where the reader's guess is set beside the answer."""


class Guess(SphinxDirective):
    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {
        "name": directives.unchanged_required,
        "number": directives.unchanged,
        "choices": directives.unchanged_required,
        "text": directives.flag,
        "answer": directives.unchanged_required,
        "glue": directives.unchanged_required,
        "reveals": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        kinds = [kind for kind in ("number", "choices", "text") if kind in self.options]
        if "name" not in self.options or len(kinds) != 1:
            raise self.error(
                "a guess has a `:name:`, and one of `:number: UNIT`, `:choices: one, another` and `:text:`"
            )
        choices = split(self.options.get("choices", ""))
        answer = self.answer()
        if kinds == ["choices"] and (len(choices) < 2 or answer not in (None, *choices)):
            raise self.error(f"a guess needs two choices, and its answer among them: {answer!r}, of {choices}")
        if kinds == ["number"] and answer is not None:
            try:
                float(answer)
            except ValueError:
                raise self.error(f"the answer to a guess of a number is a number, and not {answer!r}") from None
        title, _ = self.state.inline_text(self.arguments[0], self.lineno)
        node = guess(kind=kinds[0], unit=self.options.get("number", ""), choices=choices, answer=answer)
        node += nodes.paragraph("", "", *title, classes=["guess-title"])
        question = nodes.container(classes=["guess-question"])
        self.state.nested_parse(self.content, self.content_offset, question)
        node += question
        node["key"] = f"{self.env.docname}#{self.options['name']}"
        node["reveals"] = self.options.get("reveals")
        self.set_source_info(node)
        self.add_name(node)
        return [node]

    def answer(self) -> str | None:
        if "glue" not in self.options:
            return self.options.get("answer")
        if "answer" in self.options:
            raise self.error("the answer to a guess is given by `:answer:` or by `:glue:`, and not by both")
        key, _, form = self.options["glue"].partition(":")
        stored = glued(Path(self.env.doc2path(self.env.docname)), key)
        if stored is None:
            raise self.error(f"no cell of this page glues {key!r}")
        try:
            return format(float(stored), form) if form else stored
        except ValueError as error:
            raise self.error(f"{key!r} was glued as {stored}, which `{form}` does not fit: {error}") from error


class GuessEnd(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [guess_end()]


def split(choices: str) -> list[str]:
    return [one for one in map(str.strip, choices.split(";" if ";" in choices else ",")) if one]


def glued(page: Path, key: str) -> str | None:
    """A value that a notebook's stored outputs hold under this name, as text."""
    if page.suffix != ".ipynb":
        return None
    for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            scrapbook = output.get("metadata", {}).get("scrapbook", {})
            if scrapbook.get("name") == key:
                [text] = [text for form, text in output["data"].items() if form.endswith("text/plain")]
                return "".join(text).strip("'\"")
    return None


def named(doctree: nodes.document, name: str) -> nodes.Element | None:
    """The code cell, figure, heading or label of that name."""
    same = {name, nodes.fully_normalize_name(name), nodes.make_id(name)}
    for node in doctree.findall(nodes.Element):
        metadata = node.get("cell_metadata", {}) if isinstance(node, nodes.container) else {}
        if metadata.get("name") == name or same & {*node.get("names", []), *node.get("ids", [])}:
            return node
    return None


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Move what each guess reveals into a node of its own."""
    order = {id(node): place for place, node in enumerate(doctree.findall())}
    for node in list(doctree.findall(guess)):
        record.remember(
            app.env,
            app.env.docname,
            node["key"],
            {"title": nodes.paragraph("", "", *node[0].deepcopy().children), "question": node[1]},
            kind="guess",
            anchor=node["ids"][0],
            answer=node["answer"],
            unit=node["unit"],
        )
        if node["reveals"] is None:
            node += guess_result()
            continue
        found = named(doctree, node["reveals"])
        if found is None or found is node or order[id(found)] < order[id(node)]:
            said = f"guess {node['key']!r} reveals {node['reveals']!r}, and nothing after it on this page has that name"
            logger.warning(said, location=node)
            continue
        if isinstance(found, nodes.section):
            parent, start = found, 1  # the heading stays
        else:
            while not isinstance(found.parent, nodes.section | nodes.document):
                found = found.parent
            if isinstance(found, guess_rest):
                logger.warning(f"guess {node['key']!r} reveals what another guess does", location=node)
                continue
            parent, start = found.parent, found.parent.index(found)
        ends = guess | guess_end | guess_rest | nodes.section
        end = next((i for i in range(start, len(parent)) if isinstance(parent[i], ends)), len(parent))
        rest = guess_rest("", *parent[start:end], key=node["key"])
        rest.insert(0 if parent is found else 1, guess_result())
        parent[start:end] = [rest]


def visit_guess(self, node: guess) -> None:
    fields = {"key": node["key"], "kind": node["kind"], "unit": node["unit"], "answer": node["answer"]}
    fields["choices"] = json.dumps(node["choices"], ensure_ascii=False)
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in fields.items() if value is not None)
    self.body.append(f'<div class="guess" id="{node["ids"][0]}"{data}>\n')


def depart_guess(self, node: guess) -> None:
    if node["choices"]:
        *others, last = map(escape, node["choices"])
        self.body.append(f'<p class="guess-choices">{"; ".join(others)}; or {last}?</p>\n')
    self.body.append("</div>\n")


def visit_rest(self, node: guess_rest) -> None:
    self.body.append(f'<div class="guess-rest" data-for="{escape(node["key"])}">{FOLD_AT_ONCE}\n')


def depart_rest(self, node: guess_rest) -> None:
    self.body.append("</div>\n")


def visit_result(self, node: guess_result) -> None:
    self.body.append('<p class="guess-result" hidden></p>\n')


def setup(app: Sphinx) -> dict:
    app.setup_extension("record")
    record.add_node(app, guess, visit_guess, depart_guess)
    record.add_node(app, guess_rest, visit_rest, depart_rest)
    record.add_node(app, guess_result, visit_result, record.nothing)
    record.add_node(app, guess_end, record.nothing, record.nothing)
    app.add_directive("guess", Guess)
    app.add_directive("guess-end", GuessEnd)
    app.connect("doctree-read", fold, priority=900)
    app.connect("html-page-context", record.scripts_for(guess, "guess"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
