"""Chinese terms say that they are Chinese: a browser picks the right glyphs, a screen reader the right voice.

An author writes 注意力; the page says `<span lang="zh">注意力</span>`.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

# Runs of Han characters; what stands between them stays in the language around.
HAN = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)")
VERBATIM = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment)


class MarkChinese(SphinxPostTransform):
    """Wrap each run of Han characters in a span; docutils turns the class `language-zh` into `lang="zh"`."""

    default_priority = 900
    formats = ("html",)

    def run(self, **options: object) -> None:
        for text in list(self.document.findall(nodes.Text)):
            if HAN.search(text) and not any(isinstance(node, VERBATIM) for node in ancestors(text)):
                parent = text.parent
                parent.replace(text, [mark(part) for part in HAN.split(text) if part])


def mark(part: str) -> nodes.Node:
    return nodes.inline("", part, classes=["language-zh"]) if HAN.fullmatch(part) else nodes.Text(part)


def ancestors(node: nodes.Node):
    while node := node.parent:
        yield node


def setup(app: Sphinx) -> dict:
    app.add_post_transform(MarkChinese)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
