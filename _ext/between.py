"""A page between two chapters, chapters/12a_recipes, is numbered 12a, and not as one more section of chapter 12.

Sphinx numbers what stands under a chapter in _toc.yml with the chapter's own sections. The figures of such a page go on
from those of the chapter.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

BETWEEN = re.compile(r"chapters/\d\d([a-z])_")


def number(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Replace (12, 15) by ("12a",) wherever Sphinx keeps it; it has just been there."""
    for docname, numbers in env.toc_secnumbers.items():
        if not (named := BETWEEN.match(docname)):
            continue

        def own(old: tuple, letter: str = named[1]) -> tuple:
            return (f"{old[0]}{letter}", *old[2:]) if len(old) > 1 else old

        for anchor, old in numbers.items():
            if old:
                numbers[anchor] = own(old)
        for node in (env.titles[docname], *env.tocs[docname].findall(nodes.reference)):
            if node.get("secnumber"):
                node["secnumber"] = own(node["secnumber"])
    return []


def setup(app: Sphinx) -> dict:
    app.connect("env-get-updated", number, priority=900)  # after Sphinx has numbered
    return {"parallel_read_safe": True, "parallel_write_safe": True}
