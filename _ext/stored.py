"""The stored role: a number out of trained/, so that no page outside a notebook types one.

{stored}`compressors/results.json::ppmd.test:.2f`    file under trained/, keys with dots between, a format
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole


class Stored(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            file, rest = self.text.split("::")
            keys, form = rest.split(":")
            path = Path(self.env.srcdir, "trained", file)
            self.env.note_dependency(str(path))
            value = json.loads(path.read_text(encoding="utf-8"))
            for key in keys.split("."):
                value = value[int(key) if isinstance(value, list) else key]
            return [nodes.Text(format(value, form))], []
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            message = f"stored {self.text!r}: {error!r}; write `file.json::key.key:format`, a file under trained/"
            report = self.inliner.reporter.error(message, line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, report)], [report]


def setup(app: Sphinx) -> dict:
    app.add_role("stored", Stored())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
