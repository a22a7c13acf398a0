"""Pages that hold nothing but widgets, as the directive makes them, and what is measured on them."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import weights
import widget_data

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "extra" / "widgets"
THEME = [
    files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/static/styles/pydata-sphinx-theme.css",
    files("sphinx_book_theme") / "theme/sphinx_book_theme/static/styles/sphinx-book-theme.css",
]
FALLBACK = "This needs JavaScript."

# axe passes over texts of one character, and tables and tokens are made of them.
CONTRASTS = """() => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const paint = (colours) => {
        probe.clearRect(0, 0, 1, 1);
        for (const colour of colours) { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); }
        return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => rgb.map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    return [...document.querySelectorAll(".widget *")]
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
        .map((element) => {
            const layers = [];
            for (let node = element; node; node = node.parentElement) layers.unshift(node);
            const behind = ["white", ...layers.map((node) => getComputedStyle(node).backgroundColor)];
            const paper = paint(behind), ink = paint([...behind, getComputedStyle(element).color]);
            const [dark, light] = [luminance(paper), luminance(ink)].sort((a, b) => a - b);
            return [(light + 0.05) / (dark + 0.05), element.outerHTML.slice(0, 120)];
        });
}"""


def data_of(name: str) -> dict:
    return json.loads((widget_data.FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def write_page(folder: Path, data: dict[str, object]) -> str:
    """A page as the widget directive makes it, alone with the theme's styles; its address."""
    styles = [*THEME, *(SCRIPTS / f"{name}.css" for name in ("widgets", *data))]
    scripts = [SCRIPTS / f"{name}.js" for name in ("widgets", *data)]
    widgets = []
    for number, (name, value) in enumerate(data.items(), 1):
        text = json.dumps(value).replace("<", "\\u003c")
        widgets.append(f'<div class="widget" data-widget="{name}" id="widget-{number}"><p>{FALLBACK}</p></div>')
        widgets.append(f'<script type="application/json" id="widget-{number}-data">{text}</script>')
    page = folder / "page.html"
    page.write_text(
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Widgets</title>'
        '<meta name="viewport" content="width=device-width">'
        + "".join(f'<link rel="stylesheet" href="{Path(style).as_uri()}">' for style in styles)
        + "".join(f'<script defer src="{script.as_uri()}"></script>' for script in scripts)
        + f"</head><body><main><h1>Widgets</h1>{''.join(widgets)}</main></body></html>",
        encoding="utf-8",
    )
    return page.as_uri()


def lay(folder: Path, name: str, trained: Path) -> Path:
    """The widgets' files and a model's weights side by side in a folder, as in the site."""
    shutil.copytree(ROOT / "extra" / "widgets", folder, dirs_exist_ok=True)
    (folder / f"{name}-weights.js").write_text(weights.script(name, trained), encoding="utf-8")
    return folder


def turn(page, theme: str) -> None:
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
