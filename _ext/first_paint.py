"""What a page loads before it shows: only what is on it.

MathJax comes with mathematics, and without its menu; style sheets and scripts with the thing they dress; the search
scripts on the page that searches (bookfix). No script holds up the text. The icon fonts are cut to the theme's icons
(tools/icon_font.py), and the style sheets to the rules that can apply. Each page says in a sentence or two what it is
about, and the site's address is the front page itself.
"""

import json
import re
import shutil
from collections.abc import Iterable
from html import escape
from pathlib import Path

import tinycss2
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
    for file in context["script_files"]:  # in their order, after the text is there
        if getattr(file, "filename", None) and not {"defer", "async"} & set(file.attributes):
            file.attributes["defer"] = "defer"


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


def fewer_rules(app: Sphinx, exception: Exception | None) -> None:
    """The style sheets without rules for classes that nothing on the site has or gives, and in one piece each."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    classes = classes_of(site)
    for sheet in [*(site / "_static").glob("*.css"), *(site / "_static" / "styles").glob("*.css")]:
        text = re.sub(r'@import ?"([^"]+)";', lambda found, at=sheet.parent: read(at / found[1]), read(sheet))
        rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
        sheet.write_text("\n".join(applicable(rules, classes)), encoding="utf-8")


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def classes_of(site: Path) -> set[str]:
    """Names of classes on the site's pages, and every word of its scripts, which may give them."""
    found: set[str] = set()
    for page in site.rglob("*.html"):
        text = read(page)
        for names in re.findall(r'class="([^"]*)"', text) + re.findall(r"<script[^>]*>([^<]+)<", text):
            found.update(re.findall(r"[\w-]+", names))
    for script in site.rglob("*.js"):
        if "mathjax" not in script.parts and not script.stem.endswith(("-weights", "searchindex")):
            found.update(re.findall(r"[\w-]+", read(script)))
    return found


def applicable(rules: Iterable, classes: set[str]) -> list[str]:
    """The rules as text, without selectors that ask for a class that does not exist."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [one.strip() for one in split_at_commas(rule.prelude)]
            alive = [one for one in selectors if set(re.findall(r"\.(-?[A-Za-z_][\w-]*)", without_not(one))) <= classes]
            if alive:
                kept.append(f"{','.join(alive)}{{{tinycss2.serialize(rule.content).strip()}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in {"media", "supports"}:
            inner = applicable(
                tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), classes
            )
            if inner:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{''.join(inner)}}}")
        else:
            kept.append(rule.serialize())
    return kept


def split_at_commas(prelude: list) -> list[str]:
    parts: list[list] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tinycss2.serialize(part) for part in parts]


def without_not(selector: str) -> str:
    """A selector without what it must not match, and without alternatives, of which one is enough."""
    return re.sub(r":(not|is|where)\([^()]*(\([^()]*\)[^()]*)*\)", "", selector)


def front_page_first(app: Sphinx, exception: Exception | None) -> None:
    """index.html is the front page; Jupyter Book would write a page that sends readers on, one round trip later."""
    if not exception and app.builder.format == "html":
        shutil.copy(Path(app.outdir) / f"{app.config.root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", describe)
    app.connect("html-page-context", add_description)
    app.connect("html-page-context", fewer_files, priority=950)
    app.connect("build-finished", smaller_icons)
    app.connect("build-finished", fewer_rules, priority=900)  # when all pages and scripts are there
    app.connect("build-finished", front_page_first)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
