"""Tables of counts as pictures: a table of words as a chain, and the way from a long context to a shorter one."""

import math
from collections.abc import Mapping, Sequence

from figures.drawing import Canvas, Drawing, number, text_width
from figures.learning import visible

Point = tuple[float, float]


def layers(P: Sequence[Sequence[float]]) -> list[list[int]] | None:
    """The nodes in columns, so that every arrow leads to the right; None where the chain has a circle."""
    nodes = range(len(P))
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        deeper = {j: max([depth[j], *(depth[i] + 1 for i in nodes if P[i][j] > 0)]) for j in nodes}
        if deeper == depth:
            return [[i for i in nodes if depth[i] == d] for d in range(max(depth.values()) + 1)]
        depth = deeper
    return None


def markov_chain(words: Sequence[str], P: Sequence[Sequence[float]]) -> Drawing:
    """Draw a small chain: a node for each word, an arrow for each probability in P, and dead ends as such.

    Row i of P says what follows word i; a row of zeros is a dead end. Chains without a circle run from left to right.
    """
    P = [[float(p) for p in row] for row in P]
    if len(P) != len(words) or any(len(row) != len(words) for row in P):
        raise ValueError(f"P must have a row and a column for each of the {len(words)} words")
    canvas = Canvas("markov_chain")
    halves = [text_width(word) / 2 + 11 for word in words]
    columns = layers(P)
    if columns:
        most = max(map(len, columns))
        left, right = max(halves[i] for i in columns[0]) + 4, 356 - max(halves[i] for i in columns[-1])
        gap = (right - left) / max(1, len(columns) - 1)
        middle = 22 + 43 * (most - 1)
        places = {
            i: (left + gap * c, middle + 86 * (r - (len(column) - 1) / 2))
            for c, column in enumerate(columns)
            for r, i in enumerate(column)
        }
    else:
        radius, top = 124.0, 64 if any(P[i][i] for i in range(len(P))) else 20
        turn = 2 * math.pi / len(words)
        places = {
            i: (
                180 + radius * math.sin(turn * i),
                top + radius * (1 - math.cos(turn * i)),
            )
            for i in range(len(words))
        }
    dead = [not any(row) for row in P]
    center = (None, middle) if columns else (180.0, top + radius)
    for i, row in enumerate(P):
        for j, p in enumerate(row):
            if p > 0:
                both_ways = i != j and P[j][i] > 0
                connect(canvas, places[i], places[j], halves[i], halves[j], p, center, bent=both_ways, loop=i == j)
    for i, word in enumerate(words):
        x, y = places[i]
        canvas.rectangle(x - halves[i], y - 14, 2 * halves[i], 28, "gone" if dead[i] else "node", ' rx="14"')
        canvas.text(word, x, y + 4.5, "strong")
        if dead[i]:
            canvas.text("dead end", x, y + 30, "loss small")
    told = [
        f"{words[i]} is followed by " + " and ".join(f"{words[j]} ({share(p)})" for j, p in enumerate(row) if p > 0)
        for i, row in enumerate(P)
        if not dead[i]
    ]
    ends = [word for word, end in zip(words, dead, strict=True) if end]
    told += [f"{' and '.join(ends)} {'is a dead end' if len(ends) == 1 else 'are dead ends'}"] if ends else []
    return canvas.finish(f"A chain of {len(words)} words. {'; '.join(told)}.")


def share(p: float) -> str:
    """A probability as a small fraction where it is one, else as a decimal."""
    for bottom in range(1, 7):
        if abs(p * bottom - round(p * bottom)) < 1e-6:
            return "1" if bottom == 1 else f"{round(p * bottom)}/{bottom}"
    return f"{p:.2f}"


def connect(
    canvas: Canvas,
    a: Point,
    b: Point,
    half_a: float,
    half_b: float,
    p: float,
    center: tuple[float | None, float],
    *,
    bent: bool,
    loop: bool,
) -> None:
    """An arrow from the node at a to the node at b, the wider the likelier, with its probability beside it."""
    width = f' style="stroke-width:{number(1 + 3 * p)}"'
    if loop:
        x, y = a
        bow = ((x - 8, y - 14), (x - 26, y - 46), (x + 26, y - 46), (x + 9, y - 20))
        first, *rest = (f"{number(left)} {number(top)}" for left, top in bow)
        canvas.path(f"M{first}C{' '.join(rest)}", "line", width)
        canvas.tip(x + 7, y - 15, -0.4, 0.92)
        canvas.text(share(p), x + 24, y - 30, "", "start")
        return
    length = math.dist(a, b)
    ux, uy = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    side = 9.0 if bent else 0.0
    start = leave(a, half_a, ux, uy, 3)
    end = leave(b, half_b, -ux, -uy, 4)
    start, end = (start[0] - uy * side, start[1] + ux * side), (end[0] - uy * side, end[1] + ux * side)
    canvas.line(start, (end[0] - 6 * ux, end[1] - 6 * uy), extra=width)
    canvas.tip(*end, ux, uy)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if bent:  # beside an arrow there and back, on its own side
        sign = 1
    else:  # away from the rest; of a chain that runs from left to right, above or below
        outward = (middle[1] - center[1]) * ux - ((middle[0] - center[0]) * uy if center[0] is not None else 0)
        sign = 1 if outward > 0 else -1
    label = share(p)
    off = sign * (abs(uy) * text_width(label) / 2 + abs(ux) * 6 + 6)
    canvas.text(label, middle[0] - uy * off, middle[1] + ux * off + 4.5)


def leave(center: tuple[float, float], half: float, ux: float, uy: float, gap: float) -> tuple[float, float]:
    """Where a line in the direction (ux, uy) leaves a node that is a pill: its flat sides, its round ends."""
    t = min(half / abs(ux) if ux else math.inf, 14 / abs(uy) if uy else math.inf)
    return center[0] + ux * (t + gap), center[1] + uy * (t + gap)


def back_off(context: str, counts: Sequence[int], following: Mapping[str, int] | None = None) -> Drawing:
    """Draw how a long context backs off to a shorter one that has been seen.

    `counts[i]` says how often `context[i:]` was seen in training; the first that was seen is used, and `following`
    counts what came after it there.
    """
    used = next((i for i, count in enumerate(counts) if count), None)
    if used is None:
        raise ValueError("none of the contexts has been seen")
    canvas = Canvas("back_off")
    side = min(26.0, 190 / len(context))
    right = 8 + side * len(context)
    texts = right + 16
    for i in range(used + 1):
        y = 24.0 + 46 * i
        for j, character in enumerate(context):
            x = 8 + side * j
            if j >= i:
                canvas.rectangle(x, y, side, side, "cell")
                canvas.text(visible(character), x + side / 2, y + side / 2 + 4.5, "code")
            elif j == i - 1:
                canvas.rectangle(x + 1, y + 1, side - 2, side - 2, "gone")
        count = counts[i]
        if count:
            canvas.rectangle(8 + side * i, y, right - 8 - side * i, side, "marked")
        seen = "never seen" if not count else "seen once" if count == 1 else f"seen {count:,} times"
        canvas.text(seen, texts, y + side / 2 + 4.5,
                    "strong" if count else "muted", "start")  # fmt: skip
        if i < used:
            x = 8 + side * (i + 0.5)
            canvas.arrow((x, y + side + 3), (x, y + 43))
            if i == 0:
                canvas.text("drop the oldest", x + 10, y + side + 15, "muted small", "start")
    canvas.text(f"{len(context)} characters of context", 8, 14, "", "start")
    y = 24.0 + 46 * used + side + 16
    told = ""
    if following:
        best = sorted(following.items(), key=lambda item: -item[1])
        total = sum(following.values())
        middle = 8 + side * used + (right - 8 - side * used) / 2
        canvas.arrow((middle, y - 12), (middle, y + 8))
        canvas.text("and then came", middle + 10, y + 3, "", "start")
        y += 28
        for token, count in best[:5]:
            width = 150 * count / best[0][1]
            canvas.text(visible(token), 84, y, "code strong", "end")
            canvas.rectangle(94, y - 9, max(1.0, width), 10, "bar")
            canvas.text(f"{count:,}", 100 + width, y, "small", "start")
            y += 19
        if len(best) > 5:
            rest = total - sum(count for _, count in best[:5])
            canvas.text(f"{len(best) - 5} others, {rest:,} together", 94, y, "muted small", "start")
        told = " After it came " + ", ".join(f"{token!r} {count:,} times" for token, count in best[:5]) + "."
    steps = "; ".join(f"{context[i:]!r}: {counts[i]:,} times" for i in range(used + 1))
    return canvas.finish(f"How often a context was seen, the oldest character dropped at each step. {steps}.{told}")
