"""Where language models came from: a timeline, and three ways to read a sequence."""

import itertools
from collections.abc import Sequence

from figures.drawing import Canvas, Drawing, number

AXIS, ROWS, ROW = 44.0, 84.0, 33.0


def timeline(events: Sequence[tuple[int, str, str]], *, marked: Sequence[str] = ()) -> Drawing:
    """Draw events down the page, each tied to its place on an axis on which every year is equally long.

    Args:
        events: Year, name, and what was new in a few words, in the order of the years.
        marked: The names that get a filled dot.
    """
    years = [year for year, *_ in events]
    if years != sorted(years) or years[0] == years[-1]:
        raise ValueError("events must be in the order of their years, and of more than one year")
    canvas = Canvas("timeline")
    top, bottom = 14.0, 14.0 + ROW * (len(events) - 1)
    first, last = years[0], years[-1]

    def place(year: float) -> float:
        return top + (bottom - top) * (year - first) / (last - first)

    canvas.line((AXIS, top - 6), (AXIS, bottom + 6))
    for year in range(first // 20 * 20 + 20, last, 20):
        canvas.line((AXIS - 5, place(year)), (AXIS, place(year)))
        canvas.text(str(year), AXIS - 8, place(year) + 4.2, "small muted", "end")
    for i, (year, name, new) in enumerate(events):
        y = top + ROW * i
        canvas.line((AXIS, place(year)), (ROWS - 10, y), kind="hair")
        kind = "mark" if name in marked else "node"
        canvas.parts.append(f'<circle class="{kind}" cx="{number(ROWS - 6)}" cy="{number(y)}" r="4.5"/>')
        canvas.text(f"{year}", ROWS + 4, y + 1, "strong", "start")
        canvas.text(name, ROWS + 42, y + 1, "strong", "start")
        canvas.text(new, ROWS + 42, y + 16, "small", "start")
    listed = "; ".join(f"{year} {name}: {new}" for year, name, new in events)
    return canvas.finish(
        f"A timeline of {len(events)} events from {first} to {last}, in rows of equal height, each tied to its year on "
        f"an even axis, where the later ones crowd together. {listed}."
    )


def three_ways_to_read(T: int, *, kernel: int = 3) -> Drawing:
    """Draw how the last position learns of the first: through a chain, through layers, or at once."""
    canvas = Canvas("three_ways_to_read")
    gap = min(40.0, 230 / T)
    xs = [116 + gap * i for i in range(T)]
    layers = 0
    while (kernel - 1) * (2**layers - 1) + 1 < T:
        layers += 1

    def row(y: float, reached: Sequence[bool]) -> None:
        for x, hit in zip(xs, reached, strict=True):
            canvas.parts.append(
                f'<circle class="{"bar" if hit else "node"}" cx="{number(x)}" cy="{number(y)}" r="5.5"/>'
            )

    def name(y: float, title: str, *said: str) -> None:
        canvas.text(title, 4, y, "strong", "start")
        for i, line in enumerate(said):
            canvas.text(line, 4, y + 17 + 16 * i, "small", "start")

    y = 24.0
    name(y - 2, "recurrence", f"{T} steps,", "one by one")
    for left, right in itertools.pairwise(xs):
        canvas.arrow((left + 6, y + 10), (right - 6, y + 10))
    row(y + 10, [True] * T)

    y += 74
    name(y + 10, "convolution", f"{layers} layers,", f"{kernel} wide")
    seen = {T - 1}
    levels = [seen]
    for layer in reversed(range(layers)):
        seen = {j for i in seen for j in (i - 2**layer * k for k in range(kernel)) if j >= 0}
        levels.append(seen)
    for level, (above, below) in enumerate(itertools.pairwise(levels)):
        step = 2 ** (layers - 1 - level)
        for i in above:
            for j in (i - step * k for k in range(kernel)):
                if j in below:
                    canvas.line((xs[i], y + 30 * level), (xs[j], y + 30 * (level + 1)), kind="hair")
    for level, reached in enumerate(levels):
        row(y + 30 * level, [i in reached for i in range(T)])

    y += 30 * layers + 58
    name(y + 6, "attention", "1 step,", "all at once")
    for x in xs[:-1]:
        canvas.line((xs[-1], y), (x, y + 40), kind="hair")
    canvas.line((xs[-1], y), (xs[-1], y + 40), kind="hair")
    row(y, [i == T - 1 for i in range(T)])
    row(y + 40, [True] * T)
    canvas.text("first", xs[0], y + 62, "small muted")
    canvas.text("last", xs[-1], y + 62, "small muted")
    return canvas.finish(
        f"How the last of {T} positions learns of the first. In recurrence through a chain of {T} steps, one after the "
        f"other. In a convolution of width {kernel} through {layers} layers, each of which looks twice as far as the "
        f"one below. In attention directly, in one step."
    )
