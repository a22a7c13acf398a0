"""The review directive: a question and its answer, to be asked again after some days.

    :::{review} Every score is doubled. What happens to the ratio of two weights?
    :name: review-doubled-scores

    It is squared.
    :::

The answer is behind a fold of the browser's own. extra/widgets/review.js asks whether the reader knew it and plans the
next time: after 1, 3, 7, 16, 35 days while it is known, and tomorrow when it is not.
"""

from html import escape
from typing import ClassVar

import record
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class review(nodes.General, nodes.Element):
    """A question and its answer."""


class review_question(nodes.General, nodes.TextElement):
    """What always shows."""


class Review(SphinxDirective):
    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"name": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        if "name" not in self.options:
            raise self.error("a review prompt has a `:name:`")
        words, _ = self.state.inline_text(self.arguments[0], self.lineno)
        answer = nodes.container(classes=["review-answer"])
        self.state.nested_parse(self.content, self.content_offset, answer)
        key = f"{self.env.docname}#{self.options['name']}"
        node = review("", review_question("", "", *words), answer, key=key)
        self.set_source_info(node)
        self.add_name(node)
        return [node]


def remember(app: Sphinx, doctree: nodes.document) -> None:
    for node in doctree.findall(review):
        question = nodes.paragraph("", "", *node[0].deepcopy().children)
        trees = {"question": question, "answer": node[1]}
        record.remember(app.env, app.env.docname, node["key"], trees, kind="review", anchor=node["ids"][0])


def visit_review(self, node: review) -> None:
    self.body.append(f'<details class="review" id="{node["ids"][0]}" data-key="{escape(node["key"])}">\n')


def depart_review(self, node: review) -> None:
    self.body.append("</details>\n")


def visit_question(self, node: review_question) -> None:
    self.body.append("<summary><span>")


def depart_question(self, node: review_question) -> None:
    self.body.append("</span></summary>\n")


def setup(app: Sphinx) -> dict:
    app.setup_extension("record")
    record.add_node(app, review, visit_review, depart_review)
    record.add_node(app, review_question, visit_question, depart_question)
    app.add_directive("review", Review)
    app.connect("doctree-read", remember)
    app.connect("html-page-context", record.scripts_for(review, "review"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
