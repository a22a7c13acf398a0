"""A page as its reader meets it: passages of prose and cells of code, each with where it stands and whether it shows.

Reads the source of a page, a notebook or Markdown, and imports neither Sphinx nor PyTorch, so that the build
(needs.py) and the reports (tools/pages.py, tools/prose.py) count the same words.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

WORDS, LINES = 200, 12  # of prose and of code that a minute holds
MINUTES_OF_AN_EXERCISE = 10  # of one that does not say

# What stands for a formula, a piece of code and a citation in the text of a passage: one character each, so that no
# full stop inside them ends a sentence.
MATH, CODE, CITATION = "\ue000", "\ue001", "\ue002"
NUMBER = "00"  # a glued number

ASIDES = "admonition attention caution danger error hint important note seealso tip warning margin sidebar topic"
TITLED = {*"admonition card dropdown exercise guess review sidebar tab-item tab-set-code topic".split()}
PROSE = TITLED | {*ASIDES.split(), *"needs figure solution glossary grid table list-table tab-set".split()}
QUOTES = {"epigraph", "pull-quote", "highlights"}
KINDS = {"heading_open": "heading", "list_item_open": "item", "blockquote_open": "quote"}
KINDS |= {"th_open": "entry", "td_open": "entry"}
DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
OPTIONS = re.compile(r"\A(?:---\n(?s:.*?)\n---\n|(?:[ \t]*:[\w-]+:[^\n]*(?:\n|\Z))+)")
TARGET = re.compile(r"(.*?)\s*<[^<>]*>\s*", re.DOTALL)  # a role's `text <target>`


@dataclass(frozen=True)
class Passage:
    """Running text; `kind` is heading, title (of a directive), text, item, entry (of a table), caption or quote."""

    kind: str
    text: str
    cell: int | None = None
    in_depth: bool = False  # inside a dropdown
    exercise: bool = False  # in an exercise or the section Exercises
    hidden: bool = False  # shown when asked for: the answer to a review prompt
    after_math: bool = False  # a displayed formula stands between this and the passage before


@dataclass(frozen=True)
class Code:
    """The lines of a cell, or of a block of code in the text (then `cell` has no number of its own)."""

    source: str
    shown: str = "visible"  # or folded, or removed
    cell: int | None = None
    in_depth: bool = False
    exercise: bool = False

    @property
    def lines(self) -> list[str]:
        return [line for line in self.source.splitlines() if line.strip()]


class Minutes(NamedTuple):
    read: int
    in_depth: int
    exercises: int


@dataclass(frozen=True)
class Page:
    passages: list[Passage]
    code: list[Code]
    exercises: list[int]  # minutes of each
    directives: frozenset[str]

    @property
    def second_edition(self) -> bool:
        return "needs" in self.directives

    @property
    def visible(self) -> list[Code]:
        """What a reader of the main text sees: no folds, no dropdowns, no stubs of exercises."""
        return [code for code in self.code if code.shown == "visible" and not (code.in_depth or code.exercise)]

    def minutes(self) -> Minutes:
        def needed(in_depth: bool) -> float:
            passages = [p for p in self.passages if p.in_depth == in_depth and not (p.exercise or p.hidden)]
            code = [c for c in self.code if c.in_depth == in_depth and c.shown == "visible" and not c.exercise]
            return sum(count_words(p.text) for p in passages) / WORDS + sum(len(c.lines) for c in code) / LINES

        main, depth = needed(False), needed(True)
        return Minutes(max(1, round(main)), max(1, round(depth)) if depth else 0, sum(self.exercises))


def count_words(text: str) -> int:
    return sum(any(c.isalnum() or c in MATH + CODE for c in word) for word in text.split())


def read_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    reader = Reader()
    if path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(text)["cells"]):
            reader.cell(number, cell)
    else:
        reader.markdown(text)
    return Page(reader.passages, reader.code, reader.exercises, frozenset(reader.directives))


def how_shown(cell: dict) -> str:
    tags = {tag.replace("_", "-") for tag in cell["metadata"].get("tags", [])}
    if tags & {"remove-cell", "remove-input"}:
        return "removed"
    return "folded" if tags & {"hide-cell", "hide-input"} else "visible"


def split_directive(content: str) -> tuple[dict[str, str], str]:
    """A directive's options (those given as `:name: value`) and its body."""
    head = OPTIONS.match(content)
    if not head:
        return {}, content
    return dict(re.findall(r"^[ \t]*:([\w-]+):[ \t]*(.*)$", head[0], re.MULTILINE)), content[head.end() :]


@cache
def parser() -> MarkdownIt:
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.use(dollarmath_plugin, allow_space=True, double_inline=True).use(amsmath_plugin)
    markdown.use(colon_fence_plugin).use(deflist_plugin).use(footnote_plugin).use(front_matter_plugin)
    return markdown.use(myst_block_plugin).use(myst_role_plugin).use(attrs_plugin)


@dataclass(frozen=True)
class Place:
    cell: int | None = None
    in_depth: bool = False
    exercise: bool = False
    hidden: bool = False
    quote: bool = False


class Reader:
    """Collects what is on a page, cell by cell."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self.code: list[Code] = []
        self.exercises: list[int] = []
        self.directives: set[str] = set()
        self.among_exercises = False  # since the heading Exercises
        self.after_math = False

    def cell(self, number: int, cell: dict) -> None:
        source, shown = "".join(cell["source"]), how_shown(cell)
        place = Place(number, exercise=self.among_exercises)
        if cell["cell_type"] == "markdown":
            self.markdown(source, place)
        elif cell["cell_type"] == "code":
            self.after_math = False
            self.code.append(Code(source, shown, number, exercise=self.among_exercises))
            caption = cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption")
            if caption and "remove-cell" not in cell["metadata"].get("tags", []):
                self.markdown(caption, place, kind="caption")

    def markdown(self, text: str, place: Place = Place(), kind: str = "text") -> None:
        kinds = [kind]  # what a run of text is, innermost last
        for token in parser().parse(text):
            name = token.type
            if name == "inline":
                place = self.inline(token, kinds[-1], place)
            elif name in ("fence", "colon_fence"):
                self.fence(token, place)
            elif name.startswith("math_block") or name == "amsmath":
                self.after_math = True
            elif name.endswith("_open"):
                kinds.append("section" if token.tag in ("h1", "h2") else KINDS.get(name, kinds[-1]))
            elif name.endswith("_close"):
                kinds.pop()

    def inline(self, token: Token, kind: str, place: Place) -> Place:
        text = " ".join("".join(words(token.children or [])).split())
        if kind == "section":
            kind, self.among_exercises = "heading", text == "Exercises"
            place = replace(place, exercise=self.among_exercises)
        flags = {"in_depth": place.in_depth, "exercise": place.exercise, "hidden": place.hidden}
        label = run_in(token.children or []) if kind in ("text", "item") else ""
        if label and text.startswith(label):
            self.passages.append(Passage("title", label, place.cell, **flags))
            text = text.removeprefix(label).strip()
        if text:
            kind = "quote" if place.quote else kind
            self.passages.append(Passage(kind, text, place.cell, after_math=self.after_math, **flags))
        self.after_math = False
        return place

    def fence(self, token: Token, place: Place) -> None:
        directive = DIRECTIVE.match(token.info.strip())
        if not directive:
            self.code.append(Code(token.content, "visible", place.cell, place.in_depth, place.exercise))
            return
        name, argument = directive.groups()
        self.directives.add(name)
        options, body = split_directive(token.content)
        if name == "math":
            self.after_math = True
            return
        if name in ("code", "code-block", "literalinclude"):
            self.code.append(Code(body, "visible", place.cell, place.in_depth, place.exercise))
            return
        if name not in PROSE | QUOTES:
            return
        if name == "exercise":
            self.exercises.append(int(options.get("minutes", MINUTES_OF_AN_EXERCISE)))
        inside = replace(
            place,
            in_depth=place.in_depth or name == "dropdown",
            exercise=place.exercise or name == "exercise",
            quote=place.quote or name in QUOTES,
        )
        self.after_math = False
        if argument and name in TITLED:
            self.markdown(argument, inside, kind="text" if name == "review" else "title")
        among = self.among_exercises
        self.markdown(body, replace(inside, hidden=inside.hidden or name == "review"))
        self.among_exercises = among
        self.after_math = False


def run_in(children: list[Token]) -> str:
    """A heading that opens a paragraph, such as *On paper.* or **Tensors.**: one or a few words set apart."""
    children = [child for child in children if child.type != "text" or child.content]
    if not children or children[0].type not in ("em_open", "strong_open"):
        return ""
    end = next(place for place, child in enumerate(children) if child.type == children[0].type.replace("open", "close"))
    label = " ".join("".join(words(children[:end])).split())
    return label if label.endswith((".", "?", ":")) and len(label.split()) < 8 else ""


def words(children: list[Token]) -> Iterator[str]:
    """The text of an inline token, with a mark where a formula, a piece of code or a citation stands."""
    for child in children:
        if child.type == "text":
            yield child.content
        elif child.type in ("softbreak", "hardbreak"):
            yield " "
        elif child.type.startswith("math_inline"):
            yield MATH
        elif child.type == "code_inline":
            yield CODE
        elif child.type == "myst_role":
            yield from role(child.meta["name"], child.content)


def role(name: str, content: str) -> Iterator[str]:
    if name.startswith("glue") or "::" in content:
        yield NUMBER
    elif name.startswith("cite"):
        yield "Author" if name == "cite:t" else CITATION
    elif name == "math":
        yield MATH
    else:
        yield (match[1] if (match := TARGET.fullmatch(content)) and match[1] else content)
