"""Text on its way to a model, and text that a model wrote."""

from collections.abc import Mapping, Sequence

from figures.drawing import Canvas, Drawing, number, text_width
from figures.learning import visible
from figures.style import CODE, SERIF_SIZE


def text_to_vectors(
    pieces: Sequence[str], ids: Sequence[int], vectors: Sequence[Sequence[float]], V: int, *, text: str | None = None
) -> Drawing:
    """Draw how a text becomes pieces, ids, rows of the table E, and the matrix x.

    `vectors` are the rows of x, real ones; `V` is the size of the vocabulary. Of E only the rows in use are drawn.
    """
    if not len(pieces) == len(ids) == len(vectors):
        raise ValueError("pieces, ids and vectors must have the same length")
    rows = [[float(value) for value in vector] for vector in vectors]
    T, D = len(rows), len(rows[0])
    canvas = Canvas("text_to_vectors", {"T": T, "D": D, "V": V}, unit=min(15.0, 100 / D))
    text = "".join(pieces) if text is None else text
    stages = 52.0  # the names of the stages, on the left

    def stage(name: str, y: float) -> None:
        canvas.text(name, 4, y, "muted", "start")

    shown = ["".join(map(visible, piece)) for piece in pieces]
    widths = [
        max(text_width(piece, CODE, mono=True), text_width(str(i), CODE, mono=True)) + 10
        for piece, i in zip(shown, ids, strict=True)
    ]
    gap = min(7.0, (352 - stages - sum(widths)) / max(1, T - 1))
    lefts = [stages + sum(widths[:i]) + gap * i for i in range(T)]
    if lefts[-1] + widths[-1] > 356:
        raise ValueError(f"{T} pieces are too wide for one line: take a shorter text")
    stage("text", 18)
    canvas.text(text, stages, 18, "code", "start")
    middle = stages + text_width(text, CODE, mono=True) / 2
    canvas.arrow((middle, 26), (middle, 42))
    stage("pieces", 63)
    for i, piece in enumerate(shown):
        canvas.rectangle(lefts[i], 46, widths[i], 25, f"tint{i % 2}", ' rx="4"')
        canvas.text(piece, lefts[i] + widths[i] / 2, 62.5, "code")
        canvas.arrow((lefts[i] + widths[i] / 2, 75), (lefts[i] + widths[i] / 2, 92))
        canvas.text(str(ids[i]), lefts[i] + widths[i] / 2, 106, "code strong")
    stage("ids", 106)
    canvas.text("each id picks a row", stages, 134, "muted small", "start")

    # E with gaps where its other rows are
    unit, top = canvas.unit, 150.0
    used = sorted(set(ids))
    left = stages + 40
    right, y, places = left + unit * D, top, {}
    for k, token in enumerate(used):
        before = used[k - 1] if k else -1
        if token > before + 1:
            canvas.hatch([(left, y), (right, y), (right, y + 15), (left, y + 15)])
            canvas.text("⋮", left - 14, y + 11)
            y += 15
        places[token] = y
        canvas.text(str(token), left - 7, y + unit / 2 + 4, "code", "end")
        y += unit
    if used[-1] < V - 1:
        canvas.hatch([(left, y), (right, y), (right, y + 15), (left, y + 15)])
        y += 15
    largest = max(abs(value) for row in rows for value in row) or 1.0
    for token, place in places.items():
        vector(canvas, left, place, unit, rows[list(ids).index(token)], largest)
    canvas.path(f"M{number(left)} {number(top)}V{number(y)}", "edge V")
    canvas.path(f"M{number(left - 1.75)} {number(top)}H{number(right)}", "edge D")
    canvas.shape("E", ("V", "D"), (left + right) / 2, y + 17)
    stage("rows", top + 12)

    # x, its rows in the order of the text
    x_left = 350 - unit * D
    x_top = top + (y - top - unit * T) / 2
    for i, token in enumerate(ids):
        vector(canvas, x_left, x_top + unit * i, unit, rows[i], largest)
        a, b = places[token] + unit / 2, x_top + unit * (i + 0.5)
        start, end = right + 5, x_left - 6
        bend = (end - start) / 2
        canvas.path(f"M{number(start)} {number(a)}C{number(start + bend)} {number(a)} {number(end - bend)} {number(b)} "
                    f"{number(end - 4)} {number(b)}")  # fmt: skip
        canvas.tip(end, b, 1, 0)
    canvas.matrix("x", "T", "D", x_left + unit * D / 2, x_top, hollow=True)
    end = max(y, x_top + unit * T) + 52
    meanings = {"T": "pieces", "V": "vocabulary", "D": "width of an embedding"}
    end = canvas.legend(meanings, end, columns=(4, 190), hatched=True)
    if unit >= 8 and any(value < 0 for row in rows for value in row):
        canvas.text("A stronger cell is farther from zero; a dot: below zero.", 4, end + 20, "muted small", "start")
    told = ", ".join(f"{piece!r} is {token}" for piece, token in zip(pieces, ids, strict=True))
    return canvas.finish(
        f"The text {text!r} in {T} pieces: {told}. Each id picks a row of the table E, which has {V:,} rows of {D} "
        f"numbers; in the order of the text the rows are the matrix x, {T} by {D}."
    )


def decoding_steps(source: Sequence[str], target: Sequence[str], p: Sequence[float]) -> Drawing:
    """Draw how a decoder writes: at each step it reads what it wrote so far and adds its likeliest next token.

    `target` starts with the token that begins every output, and `p[i]` is the probability of `target[i + 1]`.
    """
    if len(p) != len(target) - 1:
        raise ValueError(f"{len(target) - 1} tokens are written, and there are {len(p)} probabilities")
    canvas = Canvas("decoding_steps")
    canvas.text("source", 4, 20, "muted", "start")
    place = 58.0
    for token in source:
        place = chip(canvas, token, place, 4, "cell") + 5
    canvas.text("written so far", 4, 62, "muted", "start")
    canvas.text("probability", 352, 62, "muted", "end")
    for i, probability in enumerate(p):
        y, place = 72.0 + 36 * i, 4.0
        for token in target[: i + 1]:
            place = chip(canvas, token, place, y, "tint0") + 5
        if place + text_width(target[i + 1], CODE, mono=True) + 72 > 356:
            raise ValueError(f"the step before {target[i + 1]!r} is too wide for one line: take a shorter text")
        canvas.arrow((place + 2, y + 12), (place + 22, y + 12))
        chip(canvas, target[i + 1], place + 27, y, "tint1", "marked")
        canvas.text(f"{100 * float(probability):.0f}%", 352, y + 16.5, "", "end")
    told = "; ".join(
        f"after {' '.join(target[: i + 1])} comes {target[i + 1]}, {100 * q:.0f}%" for i, q in enumerate(p)
    )
    return canvas.finish(f"Decoding step by step from the source {' '.join(source)}: {told}.")


def chip(canvas: Canvas, token: str, left: float, top: float, *kinds: str) -> float:
    """A token in its box; returns the right side."""
    shown = "".join(map(visible, token))
    width = text_width(shown, CODE, mono=True) + 10
    for kind in kinds:
        canvas.rectangle(left, top, width, 24, kind, ' rx="4"')
    canvas.text(shown, left + width / 2, top + 16.2, "code")
    return left + width


def vector(canvas: Canvas, left: float, top: float, side: float, values: Sequence[float], largest: float) -> None:
    """A row of numbers as cells, the darker the larger; what is below zero has a dot."""
    canvas.rectangle(left, top, side * len(values), side, "box")
    for j, value in enumerate(values):
        canvas.cell(left + side * j, top, side, abs(value) / largest)
        if value < 0 and side >= 8:
            canvas.rectangle(left + side * (j + 0.5) - 1.5, top + side / 2 - 1.5, 3, 3, "page")


def token_rows(rows: Mapping[str, Sequence[str]], ids: Mapping[str, Sequence[int]] | None = None) -> Drawing:
    """Draw texts cut into tokens, each with its name on the left, and the ids under the tokens if they are given."""
    canvas = Canvas("token_rows")
    left = max(text_width(name) for name in rows) + 16
    y, step = 4.0, 26.0 if ids is None else 42.0
    for name, tokens in rows.items():
        numbers = [""] * len(tokens) if ids is None else [str(i) for i in ids[name]]
        canvas.text(name, 4, y + 16, "muted", "start")
        x = left
        for i, (token, number_below) in enumerate(zip(tokens, numbers, strict=True)):
            shown = "".join(map(visible, token))
            width = max(text_width(shown, CODE, mono=True), text_width(number_below, CODE, mono=True)) + 7
            if x + width > 356 and x > left:
                x, y = left, y + step
            canvas.rectangle(x, y, width, 23, f"tint{i % 2}", ' rx="4"')
            canvas.text(shown, x + width / 2, y + 15.7, "code")
            if number_below:
                canvas.text(number_below, x + width / 2, y + 36, "code muted")
            x += width + 3
        y += step + 4
    told = "; ".join(f"{name}: {' | '.join(tokens)}" for name, tokens in rows.items())
    return canvas.finish(f"Texts cut into tokens. {told}.")


def two_typefaces(text: str, seen: Sequence[bool], *, names: tuple[str, str] = ("seen in training", "new")) -> Drawing:
    """Set a text in two typefaces: characters that are `seen` in one, all others in the other."""
    if len(seen) != len(text):
        raise ValueError(f"{len(text)} characters, and {len(seen)} answers")
    canvas = Canvas("two_typefaces")
    y = 20.0
    for begin, end in lines(text, 344):
        runs: list[tuple[bool, str]] = []
        for character, known in zip(text[begin:end], seen[begin:end], strict=True):
            if runs and runs[-1][0] == bool(known):
                runs[-1] = bool(known), runs[-1][1] + character
            else:
                runs.append((bool(known), character))
        canvas.runs([("" if known else "invented", run) for known, run in runs], 8, y, "recited", SERIF_SIZE)
        y += 25
    y += 8
    canvas.runs([("", names[0])], 8, y, "recited", SERIF_SIZE)
    x = 8 + text_width(names[0], SERIF_SIZE) + 18
    canvas.runs([("invented", names[1])], x, y, "recited", SERIF_SIZE)
    new = sum(not known for known in seen)
    invented = "".join(c if not known else "…" for c, known in zip(text, seen, strict=True))
    return canvas.finish(
        f"A text of {len(text)} characters, {new} of them marked as {names[1]}: {text!r}. "
        f"Marked are {[part for part in invented.split('…') if part.strip()]!r}."
    )


def lines(text: str, width: float) -> list[tuple[int, int]]:
    """Where to break a text into lines of this width: (begin, end) of each, at newlines and at spaces."""
    found = []
    begin = 0
    while begin < len(text):
        end, space = begin, -1
        while end < len(text) and text[end] != "\n" and text_width(text[begin : end + 1], SERIF_SIZE) <= width:
            space = end if text[end] == " " else space
            end += 1
        if end < len(text) and text[end] != "\n" and space > begin:
            end = space
        found.append((begin, end))
        begin = end + 1 if end < len(text) and text[end] in " \n" else max(end, begin + 1)
    return found
