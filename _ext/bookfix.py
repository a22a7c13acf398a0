"""What Jupyter Book 1 and its theme put on a page, mended where it is wrong, slow or lost on a screen reader."""

import re
import struct
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.jinja2glue import BuiltinTemplateLoader


def lines_of_signature(found: re.Match) -> str:
    """A signature of several lines, which Sphinx makes a list of definitions without terms."""
    lines = re.sub(r"<dd>(.*?)</dd>", r'<span class="sig-line">\1</span>', found[1], flags=re.DOTALL)
    return f'<span class="sig-lines">{lines}</span>'


MENDS = [
    (r"<dl>\s*((?:<dd><em class=\"sig-param\">(?:(?!</dl>)[\s\S])*?</dd>\s*)+)</dl>", lines_of_signature),
    # 1.5 MB of script that draws icons which the style sheets draw already
    (r'<script defer src="[^"]*/fontawesome\.js[^"]*"></script>\n?', ""),
    # settings for thebe, which is off
    (r"<script type=\"text/x-thebe-config\">[^<]*</script>\s*<script>kernelName = '\w+'</script>", ""),
    # settings that nothing on this site reads, in scripts that would have to run before the page shows
    (r"<script>DOCUMENTATION_OPTIONS\.(?:pagename|search_as_you_type) = [^;<]*;</script>\n?", ""),
    (r'<script src="([^"]*(?:searchtools|language_data|searchindex)\.js[^"]*)">', r'<script defer src="\1">'),
    # the button that unfolds a chapter's pages in the sidebar has no name
    (r'(<a class="[^"]*" href="[^"]*">([^<]*)</a><details[^>]*><summary)>', r'\1 aria-label="Pages of \2">'),
    # the theme says this twice
    (r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>', ""),
    # the left column is the one part of the page outside any landmark
    (r'<div id="pst-primary-sidebar"', '<div id="pst-primary-sidebar" role="region" aria-label="Sidebar"'),
    # docutils marks bibliographies with roles that ARIA has withdrawn or that their elements may not have
    (r' role="doc-biblioentry"', ""),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
]


# what searches, on the pages that only lead to the one that does
SEARCH = re.compile(r'(?:<script defer src="[^"]*(?:searchtools|language_data|searchindex)\.js"></script>\s*){3}')


class MendedPages(BuiltinTemplateLoader):
    """Sphinx's template loader (its `template_bridge`), with the last word on each page."""

    def render(self, template: str, context: dict) -> str:
        page = super().render(template, context)
        for wrong, right in MENDS:
            page = re.sub(wrong, right, page)
        if context.get("pagename") != "search":
            page = SEARCH.sub("", page)
        return page


def fewer_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Each file once, and none for thebe, which Jupyter Book loads even when it is off (a console error)."""
    for kind in ("script_files", "css_files"):
        seen = {}
        for file in context.get(kind, []):
            key = (str(getattr(file, "filename", file)), str(getattr(file, "attributes", {}).get("body")))
            if "thebe" not in " ".join(key).lower():
                seen.setdefault(key, file)
        context[kind] = list(seen.values())


def figures_in_inches(app: Sphinx, doctree: nodes.document) -> None:
    """A figure drawn 7 inches wide is shown 7 CSS inches wide, with the pixels its resolution gives it."""
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".png" and path.is_file() and "width" not in image and (inches := png_inches(path)):
            image["width"] = f"{96 * inches:.0f}px"


def png_inches(path: Path) -> float | None:
    """The width that a PNG's own chunks state: pixels (IHDR) over pixels per metre (pHYs)."""
    data = path.read_bytes()[:4096]
    place = data.find(b"pHYs")
    if place < 0:
        return None
    (pixels,) = struct.unpack(">I", data[16:20])
    (per_metre,) = struct.unpack(">I", data[place + 4 : place + 8])
    return pixels / per_metre / 0.0254 if per_metre else None


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", figures_in_inches)
    app.connect("html-page-context", fewer_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
