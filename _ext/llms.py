"""llms.txt at the root of the site: what the book is, how an assistant helps its reader, and every page in order."""

import re
from collections.abc import Iterator
from pathlib import Path

from first_paint import about
from sphinx.addnodes import toctree
from sphinx.application import Sphinx

TUTOR = re.compile(r"^## How to tutor.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Parts, titles and sentences are the book's own; the advice is that of AGENTS.md."""
    if exception or app.builder.name != "html":
        return
    root = app.env.external_site_map.root
    lines = [f"# {app.config.project}", "", f"> {about(app, root.docname, app.config.project)}", ""]
    guide = Path(app.srcdir, "AGENTS.md")
    if guide.exists() and (advice := TUTOR.search(guide.read_text(encoding="utf-8"))):
        lines += [advice[0].strip(), ""]
    includes = app.env.toctree_includes
    for part, pages in zip(root.subtrees, parts(app, root.docname), strict=False):
        if not pages:
            continue
        lines += [f"## {part.caption or 'Contents'}", ""]
        for page in (one for top in pages for one in below(includes, top)):
            title = app.env.titles[page].astext()
            lines.append(f"- [{title}]({app.builder.get_target_uri(page)}): {about(app, page, title)}")
        lines.append("")
    Path(app.outdir, "llms.txt").write_text("\n".join(lines), encoding="utf-8")


def parts(app: Sphinx, root: str) -> list[list[str]]:
    """The pages of each part, as the root's table of contents lists them."""
    return [[page for _, page in node["entries"]] for node in app.env.get_doctree(root).findall(toctree)]


def below(includes: dict[str, list[str]], page: str) -> Iterator[str]:
    """A page, then those under it."""
    yield page
    for child in includes.get(page, []):
        yield from below(includes, child)


def setup(app: Sphinx) -> dict:
    app.setup_extension("first_paint")
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
