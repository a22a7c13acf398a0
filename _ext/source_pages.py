"""The library's source as pages of the site, so that an entry of the reference leads to its code with no repository."""

from html import escape
from pathlib import Path

import library
import repository
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

FOLDER = "source"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{name} — source</title>
<link rel="stylesheet" href="{up}_static/pygments.css">
<style>
:root {{ color-scheme: light dark; --paper: #fff; --ink: #323232; --link: #0b5f9e; --mark: #fff4c4; }}
html[data-theme="dark"] {{ --paper: #14181e; --ink: #ced6dd; --link: #79bdf2; --mark: #333018; }}
html[data-theme="light"] {{ color-scheme: light; }} html[data-theme="dark"] {{ color-scheme: dark; }}
body {{ margin: 0; padding: 1rem; font: 1rem/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper); }}
a {{ color: var(--link); }} h1 {{ margin: 0.5rem 0; font-size: 1.25rem; overflow-wrap: anywhere; }}
.highlight {{ background: none !important; }}
pre {{ font: 0.875rem/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }}
pre > span {{ display: block; padding-left: 2rem; text-indent: -2rem; min-height: 1.5em; scroll-margin-top: 4rem; }}
pre > span:target, pre > span.named {{ background: var(--mark); }}
@media (max-width: 576px) {{ pre {{ font-size: 0.75rem; }} }}
</style>
<script>
{{
  let mode = "auto";
  try {{ mode = localStorage.getItem("mode") || mode; }} catch {{ /* storage is closed */ }}
  const dark = mode === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : mode === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}}
</script>
</head>
<body>
<main>
<a href="{up}{entry}">What it does</a>
<h1>{name}</h1>
{code}
</main>
<script>
const named = /^#L(\\d+)-L(\\d+)$/.exec(location.hash);
if (named) {{
  const lines = document.querySelectorAll("pre > span");
  for (let i = +named[1]; i <= +named[2]; i += 1) lines[i - 1]?.classList.add("named");
}}
</script>
</body>
</html>
"""


def address(env: BuildEnvironment, module: str, lines: tuple[int, int]) -> str:
    """Where a page links to for some lines of a module."""
    path = library.modules(env.srcdir)[module].path.relative_to(env.srcdir).as_posix()
    up = "../" * env.docname.count("/")
    return repository.file(env.config, path, lines) or f"{up}{FOLDER}/{module}.html#L{lines[0]}"


def write_pages(app: Sphinx, exception: Exception | None) -> None:
    """A page for each module that the reference describes."""
    if exception or app.builder.name != "html":
        return
    described = app.env.get_domain("py").modules
    formatter = HtmlFormatter(linespans="line", wrapcode=False)
    for name, module in library.modules(app.srcdir).items():
        if name not in described:
            continue
        target = Path(app.outdir, FOLDER, f"{name}.html")
        if target.exists() and target.stat().st_mtime_ns > module.path.stat().st_mtime_ns:
            continue
        code = highlight(module.source, PythonLexer(stripnl=False), formatter).replace('id="line-', 'id="L')
        entry = app.builder.get_target_uri(described[name].docname) + "#" + described[name].node_id
        target.parent.mkdir(exist_ok=True)
        target.write_text(PAGE.format(name=escape(name), up="../", entry=entry, code=code), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.setup_extension("repository")
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
