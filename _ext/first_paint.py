"""What a page loads before it shows: only what is on it.

MathJax comes with mathematics, and without its menu; style sheets and scripts with the thing they dress; the search
scripts on the page that searches (bookfix). The icon fonts are cut to the theme's icons (tools/icon_font.py), and so
are the rules for them. Each page says in a sentence or two what it is about.
"""

import json
import re
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

ICONS = Path(__file__).parent / "icons"
NEEDED_BY = {  # a file's name, and what on a page needs it
    "mathjax": r'class="[^"]*\bmath\b',
    "togglebutton": r'class="[^"]*\b(toggle|dropdown)\b',
    "sphinx-design": r'class="[^"]*\bsd-',
    "design-tabs": r'class="[^"]*\bsd-tab-set',
    "exercise.css": r'class="[^"]*\b(exercise|solution)\b',
    "mystnb.": r'class="[^"]*\b(cell|cell_output|pasted-text)\b',
    "copybutton": r'class="highlight',
    "clipboard": r'class="highlight',
}
SETTINGS = {"togglebutton": "toggleHintShow", "mathjax": "window.MathJax"}  # written into the page for a file
ICON_RULE = re.compile(r"((?:\.fa-[\w-]+:before,?)+)\{content:\"\\[0-9a-f ]+\"\}")
LONGEST = 200


def fewer_files(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    body = context.get("body", "")
    unneeded = [name for name, sign in NEEDED_BY.items() if not re.search(sign, body)]
    if "mathjax" in unneeded and app.env.get_domain("math").data["has_equations"].get(page):  # a script will show some
        unneeded.remove("mathjax")
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not belongs(file, unneeded)]


def belongs(file: object, names: list[str]) -> bool:
    """Whether a file, or what is written into the page for it, goes with one of these."""
    name = str(getattr(file, "filename", file) or "")
    inline = str(getattr(file, "attributes", {}).get("body") or "")
    return any(one in name or (one in SETTINGS and SETTINGS[one] in inline) for one in names)


def describe(app: Sphinx, doctree: nodes.document) -> None:
    app.env.metadata[app.env.docname]["about"] = first_sentences(doctree)


def first_sentences(doctree: nodes.document) -> str:
    """Whole sentences from the first paragraph that is the page's own, up to a length."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if isinstance(paragraph.parent, nodes.section | nodes.document) and len(text) > 40:
            first, *more = re.split(r"(?<=[.?!]) ", text)
            for sentence in more:
                if len(first) + len(sentence) >= LONGEST:
                    break
                first += " " + sentence
            return first
    return ""


def about(app: Sphinx, page: str, title: str) -> str:
    return app.env.metadata.get(page, {}).get("about") or f"{title}: {app.config.project}"


def add_description(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    words = escape(about(app, page, re.sub("<[^>]*>", "", context.get("title", ""))))
    context["metatags"] = context.get("metatags", "") + f'\n<meta name="description" content="{words}" />'


def smaller_icons(app: Sphinx, exception: Exception | None) -> None:
    """The site's icon fonts and their rules, cut; and nothing that only the whole set needs."""
    static = Path(app.outdir) / "_static"
    css = static / "styles" / "pydata-sphinx-theme.css"
    if exception or app.builder.format != "html" or not css.exists():
        return
    for font in (static / "vendor" / "fontawesome" / "webfonts").glob("*"):
        if (cut := ICONS / font.name).exists():
            shutil.copy(cut, font)
        else:
            font.unlink()
    kept = set(json.loads((ICONS / "icons.json").read_text(encoding="utf-8")))
    rules = css.read_text(encoding="utf-8")
    rules = ICON_RULE.sub(lambda rule: rule[0] if kept & set(re.findall(r"fa-[\w-]+", rule[1])) else "", rules)
    css.write_text(re.sub(r",url\([^)]*\.ttf\) format\(\"truetype\"\)", "", rules), encoding="utf-8")
    for unused in [static / "scripts" / "fontawesome.js", *static.rglob("*.map")]:
        unused.unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", describe)
    app.connect("html-page-context", add_description)
    app.connect("html-page-context", fewer_files, priority=950)
    app.connect("build-finished", smaller_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
