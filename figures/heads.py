"""Several heads: what one and two of them find; split, attend, join, W_O; and the reshape that splits."""

from collections.abc import Mapping, Sequence

from figures.drawing import Canvas, Drawing, number

SHADE = 0.35  # of the last position; more would drown the numbers


def split(canvas: Canvas, left: float, top: float, height: float, width: float, H: int) -> None:
    """The cuts between the heads."""
    for h in range(1, H):
        x = left + width * h / H
        canvas.path(f"M{number(x)} {number(top - 4)}V{number(top + height + 4)}", "edge H thin")


def tint(h: int, H: int) -> str:
    """How strong the color of one head is among H."""
    return f' fill-opacity="{0.12 + 0.5 * h / max(1, H - 1):.2f}"'


def tints(canvas: Canvas, left: float, top: float, height: float, width: float, H: int) -> None:
    """The slices of the heads, each a little stronger than the one before, and the cuts between them."""
    for h in range(H):
        canvas.rectangle(left + width * h / H, top, width / H, height, "H", tint(h, H))
    split(canvas, left, top, height, width, H)


def drawers(
    contents: Sequence[str],
    asked: Sequence[int],
    layers: Mapping[str, tuple[Sequence[Sequence[float]], Sequence[str]]],
) -> Drawing:
    """Draw what layers find in a row of drawers, of which some are asked for.

    Each layer has a title, the weights of its heads (H, drawers), and its answers.
    """
    canvas = Canvas("drawers")
    pitch, left, tall = 324 / len(contents), 18.0, 52.0
    y, told = 8.0, []
    for title, (weights, answers) in layers.items():
        if any(len(head) != len(contents) for head in weights):
            raise ValueError(f"{title}: each head needs {len(contents)} weights, one for each drawer")
        canvas.text(title, left, y + 10, "strong", "start")
        floor = y + 40 + tall
        for i, letter in enumerate(contents):
            x, thick = left + pitch * i, (pitch - 8) / len(weights)
            for h, head in enumerate(weights):
                height = tall * head[i]
                canvas.rectangle(x + 4 + thick * h, floor - height, thick, height, "H", bar(h))
                if head[i] >= 0.1:
                    share = ">99%" if head[i] > 0.99 else f"{head[i]:.0%}"
                    canvas.text(share, x + pitch / 2, floor - height - 5, "small")
            canvas.rectangle(x + 2, floor, pitch - 4, 26, "marked" if i in asked else "cell")
            canvas.text(letter, x + pitch / 2, floor + 17.5, "strong" if i in asked else "")
            canvas.text(str(i + 1), x + pitch / 2, floor + 41, "small muted")
        y = floor + 64
        width = pitch * len(contents) / len(weights)
        for h, head in enumerate(weights):
            start = left + width * h
            canvas.arrow((start + width / 2, y - 16), (start + width / 2, y - 2))
            mixture(canvas, contents, head, start, y, width, h)
        told.append(f"{title}: " + "; ".join(parts(contents, head) for head in weights))
        wrong = sum(contents[place] != answer for place, answer in zip(asked, answers, strict=True))
        canvas.text(f"answers: {', '.join(answers)}", left, y + 45, "loss strong" if wrong else "gain strong", "start")
        verdict = {0: "right", 1: "one is wrong"}.get(wrong, f"{wrong} are wrong")
        canvas.text(verdict, left + 324, y + 45, "loss" if wrong else "gain", "end")
        y += 68
    return canvas.finish(
        f"{len(contents)} drawers with a letter in each; {' and '.join(str(i + 1) for i in asked)} are asked for. "
        + ". ".join(told)
        + "."
    )


def bar(h: int) -> str:
    """The first head's color is full, and those of the others are lighter."""
    return f' fill-opacity="{0.9 if h == 0 else 0.45}"'


def parts(contents: Sequence[str], head: Sequence[float]) -> str:
    """What a head brings, in words."""
    return "a head brings " + " and ".join(
        f"{weight:.0%} of {letter}" for letter, weight in zip(contents, head, strict=True) if weight >= 0.1
    )


def mixture(
    canvas: Canvas, contents: Sequence[str], head: Sequence[float], left: float, top: float, width: float, h: int
) -> None:
    """What a head brings, as one bar: a piece for each letter with a tenth of the weight or more, and then the rest."""
    width -= 6
    end = left + width
    canvas.rectangle(left, top, width, 24, "cell")
    for letter, weight in zip(contents, head, strict=True):
        if weight >= 0.1:
            canvas.rectangle(left, top, width * weight, 24, "H", f' fill-opacity="{(0.9, 0.45)[min(h, 1)] / 2}"')
            canvas.text(letter, left + width * weight / 2, top + 16.5, "strong")
            left += width * weight
            canvas.line((left, top), (left, top + 24))
    if end - left > 50:
        canvas.text("others", (left + end) / 2, top + 16.5, "muted")


def multi_head(T: int, D: int, H: int, *, weights: Sequence[Sequence[Sequence[float]]]) -> Drawing:
    """Draw self-attention in H heads: Q, K, V are split, each head attends by itself, the outputs are joined, then W_O.

    `weights` (H, T, T) are drawn as shades.
    """
    if D % H:
        raise ValueError(f"{D} columns cannot be split among {H} heads")
    maps = [[[float(weight) for weight in row] for row in head] for head in weights]
    if len(maps) != H or any(len(head) != T or any(len(row) != T for row in head) for head in maps):
        raise ValueError(f"weights must be {H} times {T} rows of {T}")
    unit = min(9.0, 320 / (3 * D + 6), 310 / (H * (T + 1.5)))
    canvas = Canvas("multi_head", {"T": T, "D": D, "H": H, "Dh": D // H, "S": T}, unit=unit)
    centers = [180 - unit * D - 30, 180.0, 180 + unit * D + 30]
    canvas.matrix("x", "T", "D", 180, 10)
    fork = 10 + unit * T + 32
    y = fork + 58
    for name, x in zip("QKV", centers, strict=True):
        canvas.arrow((180, fork - 10), (180, fork), (x, fork), (x, fork + 14))
        canvas.part(f"W_{name}", x, fork + 14, 58, 24)
        canvas.arrow((x, fork + 38), (x, y - 4))
        left, top, _, bottom = canvas.matrix(name, "T", "D", x, y)
        tints(canvas, left, top, bottom - top, unit * D, H)
    y += unit * T + 24
    for x in centers:
        canvas.arrow((x, y), (x, y + 24))
    canvas.text("split", centers[0] + 10, y + 16, "muted", "start")
    y += 52
    pitch = 348 / H
    places = [6 + pitch * (h + 0.5) for h in range(H)]
    for h, x in enumerate(places):
        canvas.text(f"head {h + 1}", x, y - 10, "strong")
        canvas.matrix(f"weights {h + 1}", "T", "T", x, y, shades=maps[h], label=0)
    y += unit * T
    canvas.shape("weights", ("H", "T", "T"), 180, y + 17)
    y += 26
    for h, x in enumerate(places):
        canvas.arrow((x, y), (x, y + 16))
        if h == 0:
            canvas.text("× V", x + 10, y + 12, "muted", "start")
        left, top, right, bottom = canvas.matrix(f"output {h + 1}", "T", "Dh", x, y + 20, label=0)
        canvas.rectangle(left, top, right - left, bottom - top, "H", tint(h, H))
    y += 20 + unit * T
    canvas.shape("outputs", ("H", "T", "Dh"), 180, y + 17)
    y += 26
    joined = y + 32
    start = 180 - unit * D / 2
    canvas.text("join", places[0] - 4, y + 26, "muted")
    for h, x in enumerate(places):
        canvas.arrow((x, y), (start + unit * D * (h + 0.5) / H, joined - 7))
    left, top, _, bottom = canvas.matrix("joined", "T", "D", 180, joined)
    tints(canvas, left, top, bottom - top, unit * D, H)
    y = bottom + 22
    middle = y + unit * D / 2
    canvas.line((180, y), (180, middle - 9.5))
    canvas.pill("×", 180, middle, 19)
    w_o = canvas.matrix("W_O", "D", "D", 180 + 54 + unit * D / 2, middle - unit * D / 2, weights=True, label=1)
    canvas.line((189.5, middle), (w_o[0] - 5, middle))
    end = middle + max(unit * D / 2 + 12, 40)
    canvas.arrow((180, middle + 9.5), (180, end - 4))
    canvas.matrix("output", "T", "D", 180, end)
    meanings = {"T": "positions", "D": "width of the stream", "H": "heads", "Dh": "width of a head"}
    canvas.legend(meanings, end + unit * T + 48, hatched=True)
    return canvas.finish(
        f"Attention in {H} heads. x, {T} by {D}, times W_Q, W_K and W_V gives Q, K and V, each {T} by {D}, which are "
        f"cut into {H} slices of {D // H} columns. Each head has its own weights, {T} by {T}, and an output of {T} by "
        f"{D // H}. The outputs stand side by side again, {T} by {D}, and W_O, {D} by {D}, makes the output of them."
    )


def head_reshape(T: int, H: int, Dh: int) -> Drawing:
    """Draw how q (B, T, D) becomes (B, H, T, Dh), for one sequence: numbers are places in memory, colors positions.

    Below it stands the mistake: a view as (B, H, T, Dh) without the transpose gives each head positions of its own.
    """
    D = H * Dh
    canvas = Canvas("head_reshape", {"T": T, "D": D, "H": H, "Dh": Dh})
    side, tall = min(40.0, 320 / D), 22.0

    def cells(rows: list[list[int]], left: float, top: float, cuts: int | None = None) -> tuple[float, float]:
        """Rows of numbered cells; a gap after every `cuts` columns. Returns right and bottom."""
        for i, row in enumerate(rows):
            for j, place in enumerate(row):
                x = left + side * j + (10 * (j // cuts) if cuts else 0)
                y = top + tall * i
                canvas.rectangle(x, y, side - 1.5, tall - 1.5, "box")
                canvas.rectangle(
                    x, y, side - 1.5, tall - 1.5, "band", f' fill-opacity="{SHADE * (place // D) / max(1, T - 1):.2f}"'
                )
                canvas.text(str(place), x + side / 2 - 0.7, y + tall / 2 + 3.6, "code")
        width = side * len(rows[0]) + (10 * ((len(rows[0]) - 1) // cuts) if cuts else 0)
        return left + width, top + tall * len(rows)

    memory = [[D * t + d for d in range(D)] for t in range(T)]
    y = 22.0
    canvas.shape("q", ("B", "T", "D"), 6, y - 6, "start")
    _, bottom = cells(memory, 6, y)
    y = bottom + 46
    canvas.arrow((20, bottom + 4), (20, y - 22))
    canvas.text("q.view({B}, {T}, {H}, {Dh})", 32, bottom + 17, "code", "start", axes=True)
    canvas.shape("cut", ("B", "T", "H", "Dh"), 6, y - 6, "start")
    _, bottom = cells(memory, 6, y, cuts=Dh)
    y = bottom + 46
    canvas.arrow((20, bottom + 4), (20, y - 22))
    canvas.text(".transpose(1, 2)", 32, bottom + 17, "code", "start")
    canvas.shape("heads", ("B", "H", "T", "Dh"), 6, y - 6, "start")
    x = 6.0
    for h in range(H):
        right, bottom = cells([row[Dh * h : Dh * (h + 1)] for row in memory], x, y)
        canvas.text(f"head {h + 1}", (x + right) / 2 - 1, bottom + 15, "small")
        x = right + 18
    y = bottom + 66
    canvas.text("The mistake: no transpose", 6, y - 22, "loss strong", "start")
    canvas.text("q.view({B}, {H}, {T}, {Dh})", 6, y - 4, "code", "start", axes=True)
    y += 4
    x = 6.0
    flat = [place for row in memory for place in row]
    for h in range(H):
        rows = [flat[(h * T + t) * Dh : (h * T + t + 1) * Dh] for t in range(T)]
        right, bottom = cells(rows, x, y)
        canvas.text(f"“head {h + 1}”", (x + right) / 2 - 1, bottom + 15, "small loss")
        x = right + 18
    meanings = {"B": "sequences, one drawn", "T": "positions", "H": "heads", "Dh": "width of a head", "D": "all heads"}
    end = canvas.legend(meanings, bottom + 46)
    canvas.text("The numbers count memory; a shade is a position.", 10, end + 20, "muted small", "start")
    return canvas.finish(
        f"Splitting {D} columns into {H} heads of {Dh}. A view as (B, T, H, Dh) leaves every number where it is; the "
        "transpose then gives each head its columns of all positions. A view as (B, H, T, Dh) without the transpose "
        "gives the first head the first positions, with all of their columns, and the last head the last ones."
    )
