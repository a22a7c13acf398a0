"""Incremental builds that end as a full build would."""

from pathlib import Path

from docutils import nodes
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import Sphinx


def depend_on_glued_notebooks(app: Sphinx, doctree: nodes.document) -> None:
    """A page that prints another notebook's numbers is read again when that notebook changes."""
    for reference in doctree.findall(PendingGlueReference):
        app.env.note_dependency(app.env.doc2path(reference.refdoc, base=False))


def forget_after_warnings(app: Sphinx, exception: Exception | None) -> None:
    """Sphinx warns about a page only when it reads it: after warnings, the next build reads every page again."""
    if exception or app._warncount:
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", depend_on_glued_notebooks)
    app.connect("build-finished", forget_after_warnings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
