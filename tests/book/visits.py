"""A page opened in the browser: what it asked for, what it complained about, and what axe-core finds."""

import re
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"
UNMOUNTED = ".widget:not([data-mounted])"
SHOWN = """() => {
    const shown = [document.fonts.ready, window.MathJax?.startup?.promise];
    Promise.all(shown).then(() => { window.everythingIsShown = true; });
}"""


def pages() -> list[str]:
    """The addresses of the book's pages, from the files they are made of."""
    notebooks = [p for p in sorted((ROOT / "chapters").rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    sources = [ROOT / "intro.md", *notebooks, *sorted((ROOT / "appendices").glob("*.md"))]
    sources += sorted((ROOT / "reference").glob("*.md"))
    return [p.relative_to(ROOT).with_suffix(".html").as_posix() for p in sources] + ["search.html", "genindex.html"]


class Visit:
    """A page that has been loaded, its fonts and formulas too."""

    def __init__(self, page, address: str):
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.complaints.append(f"could not load {request.url}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        page.goto(address)
        page.add_style_tag(content=STILL)
        page.evaluate(SHOWN)
        page.wait_for_function("window.everythingIsShown")

    def outside(self) -> list[str]:
        """What the page asked of other machines."""
        return [url for url in self.requests if not re.match(r"file:|data:|blob:|http://127\.0\.0\.1:", url)]

    def unmounted(self) -> list[str]:
        """The widgets that still show what they show without JavaScript."""
        return [widget.get_attribute("data-widget") for widget in self.page.locator(UNMOUNTED).all()]

    def turn(self, scheme: str) -> None:
        """As when the reader's system turns dark, or light again."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")

    def overflow(self) -> list[str]:
        """The elements that make the page scroll sideways."""
        return self.page.evaluate(
            """() => {
                const root = document.documentElement, width = root.clientWidth;
                if (root.scrollWidth <= width) return [];
                const wide = [...document.body.querySelectorAll("*")].filter(
                    (element) => element.getBoundingClientRect().right > width + 1);
                return wide.slice(0, 5).map((element) => element.outerHTML.slice(0, 120));
            }"""
        )

    def clipped(self) -> list[str]:
        """Code that a reader would have to push sideways, and formulas that end beyond the screen."""
        return self.page.evaluate(
            """() => {
                const wide = (e) => e.getClientRects().length && e.scrollWidth > e.clientWidth + 1;
                const code = [...document.querySelectorAll("pre:has(> .line)")].filter(wide);
                const edge = document.documentElement.clientWidth;
                const boxes = ".equations, table, div.math";  // what is wider scrolls in there
                const formulas = [...document.querySelectorAll("mjx-container")].filter(
                    (e) => !e.closest(boxes) && e.getBoundingClientRect().right > edge);
                return [...code, ...formulas].map((e) => e.textContent.slice(0, 80));
            }"""
        )

    def accessibility(self, *, colours: bool = True) -> list[str]:
        """What axe-core finds, with or without its look at colours."""
        return self.axe({"runOnly": RULES, "rules": {"color-contrast": {"enabled": colours}}})

    def pale(self) -> list[str]:
        """Text too near the colour behind it."""
        return self.axe({"runOnly": ["color-contrast"]})

    def drop(self, selector: str) -> None:
        """Take elements out of the page: axe's look at colours takes its time over every one."""
        self.page.evaluate("(selector) => document.querySelectorAll(selector).forEach((e) => e.remove())", selector)

    def axe(self, options: dict) -> list[str]:
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE)
        options = {**options, "resultTypes": ["violations"], "preload": False}
        found = self.page.evaluate("(options) => axe.run(document, options)", options)
        return [
            f"{rule['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]
