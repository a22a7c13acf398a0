"""A name of the library in a page's code links to its entry in the reference. Nothing is imported or run.

What the page imports counts, in folded and removed cells too, under whatever name; and what follows a dot, as far as
the reference knows it. A name that the page binds anew anywhere (a variable, an argument, a function of its own) is not
linked on that page: whose it is would depend on what ran last.
"""

import ast
import json
import re
from html import escape
from pathlib import Path

import library
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PANEL = re.compile(
    r'(<div class="highlight-(?:ipython3?|python3?|default)\b[^>]*>\s*<div class="highlight"><pre>)(.*?)(</pre>)', re.S
)
NAME = r'<span class="n[a-z]*">(\w+)</span>'
DOT = r'<span class="o">\.</span>'
CHAIN = re.compile(rf'(?<!{DOT})<span class="n[a-z]*">([\w.]+)</span>((?:{DOT}{NAME})*)(?!<span class="o">=</span>)')
PART = re.compile(DOT + NAME)
MAGIC = re.compile(r"(?m)^\s*[%!].*$")


def imported(cells: list[str], names: dict[str, str]) -> dict[str, str]:
    """What the page calls what it has from the library: {"train": "transformer_lib.training.loop.train"}."""
    found: dict[str, str] = {}
    bound: set[str] = set()
    for source in cells:
        try:
            tree = ast.parse(MAGIC.sub("", source))
        except SyntaxError:  # an exercise's stub, or a shell command in the middle
            continue
        found |= library.imports("", tree)
        for node in ast.walk(tree):
            match node:
                case ast.Name(ctx=ast.Store(), id=name) | ast.arg(arg=name):
                    bound.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    bound.add(name)
    return {name: names[full] for name, full in found.items() if name not in bound and full in names}


def cells_of(path: Path, doctree: nodes.document) -> list[str]:
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [block.astext() for block in doctree.findall(nodes.literal_block)]


def link_names(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    if doctree is None or app.builder.format != "html" or 'class="highlight"' not in context.get("body", ""):
        return
    names = library.definitions(app.srcdir)
    known = imported(cells_of(Path(app.env.doc2path(page)), doctree), names)
    known |= {full: full for full in names if full.startswith(library.PACKAGE)}  # as `from … import` spells a module
    python = app.env.get_domain("py")
    entries = python.objects

    def linked(chain: re.Match) -> str:
        full = known.get(chain[1])
        if full is None:
            return chain[0]
        end = chain.start(2)
        for part in PART.finditer(chain[0], end - chain.start()):
            longer = names.get(f"{full}.{part[1]}")
            if longer not in entries:
                break
            full, end = longer, chain.start() + part.end()
        if full not in entries:
            return chain[0]
        entry = entries[full]
        address = f"{app.builder.get_relative_uri(page, entry.docname)}#{entry.node_id}"
        whole, cut = chain[0], end - chain.start()
        return f'<a class="api" href="{address}" title="{escape(full)}">{whole[:cut]}</a>{whole[cut:]}'

    context["body"] = PANEL.sub(lambda panel: panel[1] + CHAIN.sub(linked, panel[2]) + panel[3], context["body"])


def moved(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Every page is written again when an entry came, went or moved."""
    now = {name: (entry.docname, entry.node_id) for name, entry in env.get_domain("py").objects.items()}
    before, env.library_entries = getattr(env, "library_entries", None), now
    return [] if before == now else sorted(env.found_docs)


def setup(app: Sphinx) -> dict:
    app.connect("env-updated", moved)
    app.connect("html-page-context", link_names, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
