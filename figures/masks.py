"""Masks: who may look at whom, the queries down and the keys across."""

from collections.abc import Mapping, Sequence

from figures.drawing import Canvas, Drawing, number, text_width
from figures.style import SMALL

Table = Sequence[Sequence[bool]]
CLASSES = {"dot": "head", "cross": "loss", "ring": "line"}
Words = tuple[Sequence[str], Sequence[str]]


def mask_panels(
    masks: Mapping[str, Table],
    words: Sequence[str],
    works: Mapping[str, Table] | None = None,
    *,
    others: Mapping[str, Words] | None = None,
) -> Drawing:
    """Draw masks (T, T) or (T, S), a panel for each, such as {"causal": table, ...}.

    What a mask allows is shaded. Given what a probe found, `works`, a dot says that the output moved as it may, a cross
    that it moved and must not, and a ring that it did not move. `words` name rows and columns; `others` has the rows
    and the columns of the panels that have words of their own.
    """
    own = {name: (others or {}).get(name, (words, words)) for name in masks}
    for name, (rows, columns) in own.items():
        if any(
            [len(table), len(table[0])] != [len(rows), len(columns)] for table in (masks[name], (works or masks)[name])
        ):
            raise ValueError(f"{name} must be {len(rows)} rows of {len(columns)}: it has as many words")
    heads = [text_width(word, SMALL) for _, columns in own.values() for word in columns]
    margin = 8 + max(text_width(word, SMALL) for rows, _ in own.values() for word in rows)
    side = max(20.0, max(heads) + 3)
    widest = margin + side * max(len(columns) for _, columns in own.values())
    across = 2 if len(masks) > 1 and 2 * widest + 12 <= 356 else 1
    squares = [rows for rows, columns in own.values() if len(rows) == len(columns)]
    T = len(squares[0]) if squares else len(next(iter(own.values()))[0])
    S = next((len(columns) for rows, columns in own.values() if len(rows) != len(columns)), T)
    canvas = Canvas("mask_panels", {"T": T, "S": S}, unit=side)

    y = 0.0
    kinds: set[str] = set()
    for k, (name, mask) in enumerate(masks.items()):
        rows, columns = own[name]
        axis = "T" if len(rows) == len(columns) else "S"
        left = 360 / across * (k % across) + (360 / across - widest) / 2 + margin
        top = y + 42
        middle = left + side * len(columns) / 2
        canvas.text(name, middle, y + 16, "strong")
        bottom = top + side * len(rows)
        canvas.text(f"({{T}}, {{{axis}}})", middle, bottom + 15, "code", axes=True)
        for j, word in enumerate(columns):
            canvas.text(word, left + side * (j + 0.5), top - 6, "small")
        for i, word in enumerate(rows):
            canvas.text(word, left - 6, top + side * (i + 0.5) + 4.2, "small", "end")
        canvas.matrix(name, "T", axis, middle, top, label=0)
        marks: dict[str, list[str]] = {}
        for i, row in enumerate(mask):
            for start, end in runs(row):
                canvas.rectangle(left + side * start, top + side * i, side * (end - start), side, "tint1")
            for j, allowed in enumerate(row if works is not None else ()):
                found = works is not None and bool(works[name][i][j])
                if allowed or found:
                    kind = "cross" if not allowed else "dot" if found else "ring"
                    marks.setdefault(kind, []).append(sign(kind, left + side * (j + 0.5), top + side * (i + 0.5)))
        for kind, signs in marks.items():
            canvas.path("".join(signs), CLASSES[kind])
        kinds |= marks.keys()
        if k % across == across - 1 or k == len(masks) - 1:
            y = canvas.bottom + 14

    meanings = {"dot": "moves the output", "cross": "hidden, but moves it", "ring": "should, but does not"}
    entries = [("", "may look")] + [(kind, meaning) for kind, meaning in meanings.items() if kind in kinds]
    for k, (kind, meaning) in enumerate(entries):
        x, line = (10, 182)[k % 2], y + 10 + 20 * (k // 2)
        if kind:
            canvas.path(sign(kind, x + 8, line - 4), CLASSES[kind])
        else:
            canvas.rectangle(x, line - 12, 16, 16, "tint1")
        canvas.text(meaning, x + 24, line, "", "start")
    canvas.text("queries down, keys across", 10, y + 30 + 20 * ((len(entries) - 1) // 2), "muted", "start")
    told = ", ".join(
        f"{name}: {sum(map(sum, mask))} of {len(mask) * len(mask[0])} cells" for name, mask in masks.items()
    )
    return canvas.finish(f"Masks, queries down and keys across. What each one allows: {told}.")


def runs(row: Sequence[bool]) -> list[tuple[int, int]]:
    """Where the stretches of True begin and end."""
    edges = [0, *(1 if allowed else 0 for allowed in row), 0]
    changes = [j for j in range(len(row) + 1) if edges[j] != edges[j + 1]]
    return list(zip(changes[::2], changes[1::2], strict=True))


def sign(kind: str, x: float, y: float) -> str:
    """The path of a dot, a ring, or a cross with its center at (x, y)."""
    if kind == "cross":
        return f"M{number(x)} {number(y - 1)}l4-4 1 1-4 4 4 4-1 1-4-4-4 4-1-1 4-4-4-4 1-1z"
    return f"M{number(x - 3.5)} {number(y)}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z"


def next_token_triangle(tokens: Sequence[str]) -> Drawing:
    """Draw what each position of a text reads, and the answer, which is the token that comes next.

    Of n tokens the first n - 1 are read; what is read forms the causal mask.
    """
    T = len(tokens) - 1
    side = min(40.0, 250 / (T + 1))
    canvas = Canvas("next_token_triangle", {"T": T}, unit=side)
    left, top = 92.0, 30.0
    canvas.text("position", left - 12, top - 10, "muted", "end")
    for j in range(T + 1):
        canvas.text(f"{j + 1}", left + side * (j + 0.5), top - 10, "muted")
    for i in range(T):
        y = top + side * i
        canvas.text(f"{i + 1}", left - 12, y + side / 2 + 4.4, "muted", "end")
        for j in range(T + 1):
            x = left + side * j
            canvas.rectangle(x, y, side, side, "tint1" if j <= i else "box")
            canvas.rectangle(x, y, side, side, "layer")
            if j <= i + 1:
                canvas.text(tokens[j], x + side / 2, y + side / 2 + 4.4, "strong word" if j > i else "code")
    for i in range(T):
        canvas.rectangle(left + side * (i + 1) + 1.5, top + side * i + 1.5, side - 3, side - 3, "marked")
    y = top + side * T + 24
    canvas.rectangle(left, y - 12, 16, 16, "tint1")
    canvas.text("what a position reads", left + 24, y, "", "start")
    canvas.rectangle(left + 1, y + 10, 14, 14, "marked")
    canvas.text("what it must predict", left + 24, y + 21, "", "start")
    return canvas.finish(
        f"A table with a row for each of {T} positions. Each position reads the tokens up to its own, which form a "
        "triangle. What it must predict stands just right of the diagonal, where the next position reads it."
    )
