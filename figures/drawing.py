"""The drawing board: boxes with their shapes, hatched weights, arrows, legends, and the SVG that they become.

A drawing is 360 units wide, about the width of a phone's screen in pixels, and grows downward as things are put on
it. It remembers its boxes and texts, so that a test can compare the boxes with real tensors and see that no two texts
meet.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from figures.style import CODE, LETTERS, SMALL, TEXT, stylesheet

WIDTH = 360
MARKED_LETTER = re.compile(r"\{(" + "|".join(sorted(LETTERS, key=len, reverse=True)) + r")\}")
FONT = {"code": CODE, "small": SMALL}


@dataclass(frozen=True)
class Box:
    """One tensor as it was drawn."""

    name: str
    axes: tuple[str, ...]  # as labeled: a letter, or a product of letters and numbers such as "T·D"
    shape: tuple[int, ...]  # the sizes that were drawn
    width: float
    height: float
    weights: bool


@dataclass(frozen=True)
class Text:
    """One text as it was drawn, with an estimate of the room that it takes."""

    content: str
    left: float
    top: float
    right: float
    bottom: float
    size: float


@dataclass
class Drawing:
    """A finished drawing. A notebook shows it in the page, where it takes the page's colors; `save` writes a file."""

    name: str
    svg: str
    label: str
    boxes: list[Box] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<drawing {self.name}>"

    def __str__(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write an SVG file, which follows the light or dark preference of whoever opens it."""
        Path(path).write_text(self.svg, encoding="utf-8")


def number(value: float) -> str:
    """A coordinate in as few characters as it needs."""
    short = f"{value:.1f}".removesuffix(".0")
    return "0" if short == "-0" else short


def text_width(content: str, size: float = TEXT, *, mono: bool = False) -> float:
    """A careful estimate: few fonts set this text wider."""
    if mono:
        return sum(1.2 if ord(c) > 0x2E80 else 0.605 for c in content) * size
    widths = (1.0 if ord(c) > 0x2E80 else 0.36 if c in "iljtfrI.,:;'|()[]! " else 0.95 if c in "mwMW@%" else
              0.7 if c.isupper() else 0.61 for c in content)  # fmt: skip
    return sum(widths) * size


class Canvas:
    """What a drawing is made on: every method adds something, and `finish` returns the Drawing."""

    def __init__(self, name: str, sizes: dict[str, int] | None = None, *, unit: float = 11, width: float = WIDTH):
        self.name, self.sizes, self.unit, self.width = name, dict(sizes or {}), unit, width
        self.parts: list[str] = []
        self.boxes: list[Box] = []
        self.texts: list[Text] = []
        self.bottom = 0.0

    # Lines and areas

    def reach(self, y: float) -> None:
        """Make the drawing at least so tall."""
        self.bottom = max(self.bottom, y)

    def rectangle(self, x: float, y: float, width: float, height: float, kind: str, extra: str = "") -> None:
        """A rectangle with its top left corner at (x, y); `kind` is a class of the stylesheet."""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        self.parts.append(f'<rect class="{kind}" {place}{extra}/>')
        self.reach(y + height)

    def path(self, path: str, kind: str = "line", extra: str = "") -> None:
        """A path in SVG's own language."""
        self.parts.append(f'<path class="{kind}" d="{path}"{extra}/>')

    def line(self, *points: tuple[float, float], kind: str = "line", extra: str = "") -> None:
        """A line through the points."""
        self.path("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), kind, extra)
        self.reach(max(y for _, y in points))

    def arrow(self, *points: tuple[float, float], kind: str = "line", head: str = "head", extra: str = "") -> None:
        """A line through the points, with a head at the last of them."""
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        self.line(*points[:-1], (x1 - 5 * ux, y1 - 5 * uy), kind=kind, extra=extra)
        self.tip(x1, y1, ux, uy, head)

    def tip(self, x: float, y: float, ux: float, uy: float, kind: str = "head") -> None:
        """An arrow's head at (x, y) that points along (ux, uy)."""
        back = [(x - 7 * ux + side * 3.5 * uy, y - 7 * uy - side * 3.5 * ux) for side in (1, -1)]
        self.path("M" + "L".join(f"{number(a)} {number(b)}" for a, b in ((x, y), *back)) + "z", kind)

    def hatch(self, corners: Sequence[tuple[float, float]], gap: float = 6) -> None:
        """Parallel strokes inside a convex area: these numbers are learned."""
        sums = [x + y for x, y in corners]
        strokes = []
        level = math.ceil(min(sums) / gap) * gap
        while level < max(sums):
            hits = []
            for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
                a, b = x0 + y0 - level, x1 + y1 - level
                if a * b < 0 or (a == 0 and b != 0):
                    hits.append((x0 + (x1 - x0) * a / (a - b), y0 + (y1 - y0) * a / (a - b)))
            if len(hits) > 1:
                (xa, ya), (xb, yb) = min(hits), max(hits)
                if xb - xa > 0.5:
                    strokes.append(f"M{number(xa)} {number(ya)}L{number(xb)} {number(yb)}")
            level += gap
        self.path("".join(strokes), "hatch")

    # Words

    def text(
        self, content: str, x: float, y: float, kind: str = "", anchor: str = "middle", *, axes: bool = False
    ) -> None:
        """A line of text with its baseline at y. With `axes`, {T} is the letter T in its color."""
        pieces = MARKED_LETTER.split(content) if axes else [content]
        plain = "".join(pieces)
        inside = "".join(
            f'<tspan class="{piece}">{piece}</tspan>' if i % 2 else escape(piece, quote=False)
            for i, piece in enumerate(pieces)
        )
        kinds = f' class="{kind}"' if kind else ""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.parts.append(f'<text{kinds} x="{number(x)}" y="{number(y)}"{place}>{inside}</text>')
        size = min((FONT[k] for k in kind.split() if k in FONT), default=TEXT)
        width = text_width(plain, size, mono="code" in kind.split())
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        self.texts.append(Text(plain, left, y - 0.78 * size, left + width, y + 0.22 * size, size))
        self.reach(y + 0.25 * size)

    def runs(self, runs: Sequence[tuple[str, str]], x: float, y: float, kind: str, size: float) -> None:
        """A line of text from x, in runs that have classes of their own."""
        inside = "".join(
            f'<tspan class="{own}">{escape(run, quote=False)}</tspan>' if own else escape(run, quote=False)
            for own, run in runs
        )
        self.parts.append(f'<text class="{kind}" x="{number(x)}" y="{number(y)}">{inside}</text>')
        plain = "".join(run for _, run in runs)
        self.texts.append(Text(plain, x, y - 0.78 * size, x + text_width(plain, size), y + 0.22 * size, size))
        self.reach(y + 0.3 * size)

    def shape(
        self, name: str, axes: Iterable[str], x: float, y: float, anchor: str = "middle", *, lines: int = 1
    ) -> None:
        """`name (T, D)`, or the name and below it the shape, in the letters of the code."""
        letters = [re.sub(r"Dh|[A-Z]", lambda match: f"{{{match[0]}}}", axis) for axis in axes]
        shape = f"({', '.join(letters)}{',' if len(letters) == 1 else ''})"
        for i, content in enumerate([f"{name} {shape}"] if lines == 1 else [name, shape]):
            self.text(content, x, y + 15 * i, "code", anchor, axes=i == lines - 1)

    # Tensors

    def size(self, axis: str) -> int:
        """How many steps there are along an axis: of a letter, or of a product such as T·D."""
        return math.prod(self.sizes[part] if part in self.sizes else int(part) for part in axis.split("·"))

    def matrix(
        self,
        name: str,
        rows: str,
        columns: str,
        x: float,
        y: float,
        *,
        weights: bool = False,
        shades: Sequence[Sequence[float]] | None = None,
        marked: int | None = None,
        label: int = 1,
        hollow: bool = False,
    ) -> tuple[float, float, float, float]:
        """A matrix with its top center at (x, y): returns left, top, right, bottom.

        `label` is its number of lines. One that is `hollow` gets its sides and its label: its cells are there already.
        """
        height, width = self.unit * self.size(rows), self.unit * self.size(columns)
        left, right, bottom = x - width / 2, x + width / 2, y + height
        if not hollow:
            self.rectangle(left, y, width, height, "box")
        if weights:
            self.hatch([(left, y), (right, y), (right, bottom), (left, bottom)])
        for i, row in enumerate(shades if shades is not None else ()):
            for j, shade in enumerate(row):
                if shade >= 0.005:
                    self.cell(left + self.unit * j, y + self.unit * i, self.unit, shade)
        if not weights and not hollow:
            lines = [
                f"M{number(left + self.unit * j)} {number(y)}V{number(bottom)}" for j in range(1, self.size(columns))
            ]
            lines += [f"M{number(left)} {number(y + self.unit * i)}H{number(right)}" for i in range(1, self.size(rows))]
            self.path("".join(lines), "hair")
        self.path(f"M{number(left)} {number(y)}V{number(bottom)}", self.edge(rows))
        self.path(f"M{number(left - 1.75)} {number(y)}H{number(right)}", self.edge(columns))
        if marked is not None:
            self.rectangle(left, y + self.unit * marked, width, self.unit, "marked")
        if label:
            self.shape(name, (rows, columns), x, bottom + 16, lines=label)
        self.boxes.append(Box(name, (rows, columns), (self.size(rows), self.size(columns)), width, height, weights))
        return left, y, right, bottom

    def cell(self, x: float, y: float, side: float, shade: float) -> None:
        """A square, the darker the larger its number between 0 and 1."""
        self.rectangle(x, y, side, side, "head", f' fill-opacity="{0.9 * shade:.2f}"')

    def vector(
        self, name: str, axis: str, x: float, y: float, *, thick: float = 12, parts: int = 1
    ) -> tuple[float, float]:
        """A vector lying on its side, its top center at (x, y), in so many equal parts: returns its left and right."""
        width = self.unit * self.size(axis)
        left, right = x - width / 2, x + width / 2
        self.rectangle(left, y, width, thick, "box")
        cuts = [left + width * i / parts for i in range(1, parts)]
        self.path("".join(f"M{number(at)} {number(y)}v{number(thick)}" for at in cuts), "hair")
        self.path(f"M{number(left)} {number(y)}H{number(right)}", self.edge(axis))
        self.boxes.append(Box(name, (axis,), (self.size(axis),), width, thick, False))
        return left, right

    def between(self, name: str, rows: str, columns: str, x: float, y: float, height: float) -> None:
        """Weights that lead from a vector above them, at y, to one below; their label is in the middle, or beside."""
        top, bottom = self.unit * self.size(rows) / 2, self.unit * self.size(columns) / 2
        end = y + height
        corners = [(x - top, y), (x + top, y), (x + bottom, end), (x - bottom, end)]
        self.path("M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "z", "box")
        self.hatch(corners)
        sides = (corners[0], corners[3]), (corners[1], corners[2])
        self.path("".join(f"M{number(a)} {number(b)}L{number(c)} {number(d)}" for (a, b), (c, d) in sides), "hair")
        width = text_width(f"{name} ({rows}, {columns})", CODE, mono=True) + 10
        middle = y + height / 2
        if width < 0.8 * (top + bottom):
            self.rectangle(x - width / 2, middle - 10, width, 20, "page", ' rx="4"')
            self.shape(name, (rows, columns), x, middle + 4)
        else:  # it would hide what it names
            self.shape(name, (rows, columns), x + max(top, bottom) + 8, middle + 4, "start")
        shape = (self.size(rows), self.size(columns))
        self.boxes.append(Box(name, (rows, columns), shape, 2 * bottom, 2 * top, True))

    @staticmethod
    def edge(axis: str) -> str:
        """The class of a side: the color of its letter, or of the last letter of a product."""
        letters = [part for part in axis.split("·") if part in LETTERS]
        return f"edge {letters[-1]}" if letters else "line"

    def pill(self, content: str, x: float, y: float, width: float | None = None) -> float:
        """An operation, centered at (x, y); returns half its width."""
        half = (width or max(24.0, text_width(content) + 14)) / 2
        tall = min(11.0, half)
        self.rectangle(x - half, y - tall, 2 * half, 2 * tall, "line", f' rx="{number(tall)}"')
        self.text(content, x, y + 4.3)
        return half

    def part(self, content: str, x: float, y: float, width: float, height: float = 26, *, learned: bool = True) -> None:
        """A part of a model, its top center at (x, y); a hatched end says that it has weights."""
        left = x - width / 2
        self.rectangle(left, y, width, height, "node", ' rx="4"')
        if learned:
            self.hatch(
                [(left + 1, y + 1), (left + 12, y + 1), (left + 12, y + height - 1), (left + 1, y + height - 1)], 5
            )
        self.text(content, x + (6 if learned else 0), y + height / 2 + 4.4)

    def plus(self, x: float, y: float) -> None:
        """Where two streams are added."""
        self.parts.append(f'<circle class="node" cx="{number(x)}" cy="{number(y)}" r="8"/>')
        self.path(f"M{number(x - 4.5)} {number(y)}h9M{number(x)} {number(y - 4.5)}v9")

    def legend(
        self, meanings: dict[str, str], y: float, *, columns: Sequence[float] = (10, 190), hatched: bool = False
    ) -> float:
        """What the letters mean, in columns; returns the last baseline."""
        entries: list[tuple[str, str]] = list(meanings.items())
        if hatched:
            entries.append(("", "learned parameters"))
        for i, (letter, meaning) in enumerate(entries):
            x, line = columns[i % len(columns)], y + 19 * (i // len(columns))
            if letter:
                self.text(f"{{{letter}}}", x, line, "code", "start", axes=True)
                self.text(meaning, x + 24, line, "", "start")
            else:
                self.hatch([(x, line - 10), (x + 18, line - 10), (x + 18, line + 1), (x, line + 1)], 5)
                self.text(meaning, x + 24, line, "", "start")
        return y + 19 * ((len(entries) - 1) // len(columns))

    def finish(self, label: str) -> Drawing:
        """The drawing; `label` says in words what there is to see."""
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="drawing" viewBox="0 0 {number(self.width)} '
            f'{number(self.bottom + 6)}" role="img" aria-label="{escape(label)}"><style>{stylesheet()}</style>'
            f"{''.join(self.parts)}</svg>"
        )
        return Drawing(self.name, svg, label, self.boxes, self.texts)
