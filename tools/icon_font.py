"""Cut the theme's icon fonts down to the icons that its pages show: `python tools/icon_font.py` writes _ext/icons/.

It is needed again only when the theme changes or shows a new icon, which tests/book/test_first_paint.py tells, and then
needs the package brotli besides what the book has. icons.json holds the classes whose icons are there.
"""

import json
import re
from pathlib import Path

import pydata_sphinx_theme
import sphinx_book_theme
from fontTools import subset

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "_ext" / "icons"
PYDATA = Path(pydata_sphinx_theme.__file__).parent
STATIC = PYDATA / "theme" / "pydata_sphinx_theme" / "static"
PLACES = (PYDATA, Path(sphinx_book_theme.__file__).parent)
FONTS = ("fa-solid-900.woff2", "fa-brands-400.woff2")


def codes() -> dict[str, int]:
    """Each icon's class and its character, from the theme's style sheet."""
    css = (STATIC / "styles" / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    rules = re.findall(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}', css)
    return {name: int(code, 16) for names, code in rules for name in re.findall(r"fa-[\w-]+", names)}


def wanted() -> set[int]:
    """What templates and scripts name by its class, and style sheets by its character outside of those classes."""
    known, found = codes(), set()
    for place in PLACES:
        for path in place.rglob("*"):
            if (
                path.suffix in (".html", ".py", ".js")
                and "fontawesome" not in path.name
                and path.stat().st_size < 300_000
            ):
                names = re.findall(r"\bfa-[a-z0-9-]+", path.read_text(encoding="utf-8", errors="ignore"))
                found |= {known[name] for name in names if name in known}
            elif path.suffix == ".css":
                css = re.sub(r"(?:\.fa-[\w-]+:before,?)+\{[^}]*\}", "", path.read_text(encoding="utf-8"))
                found |= {int(code, 16) for code in re.findall(r'"\\([ef][0-9a-f]{3})"', css)}
                found |= {ord(character) for character in re.findall(r'"([\ue000-\uf8ff])"', css)}
    return found


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    characters = wanted()
    kept = sorted(name for name, code in codes().items() if code in characters)
    (FOLDER / "icons.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name in FONTS:
        options = subset.Options(flavor="woff2", layout_features=[], notdef_outline=True)
        font = subset.load_font(str(STATIC / "vendor" / "fontawesome" / "webfonts" / name), options)
        cut = subset.Subsetter(options)
        cut.populate(unicodes=characters)
        cut.subset(font)
        subset.save_font(font, str(FOLDER / name), options)
        print(f"{name}: {(FOLDER / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
