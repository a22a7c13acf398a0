"""Several heads: split, attend, join, W_O; and the reshape that splits."""

from collections.abc import Sequence

from figures.drawing import Canvas, Drawing, number

SHADE = 0.35  # of the last position; more would drown the numbers


def split(canvas: Canvas, left: float, top: float, height: float, width: float, H: int) -> None:
    """The cuts between the heads."""
    for h in range(1, H):
        x = left + width * h / H
        canvas.path(f"M{number(x)} {number(top - 4)}V{number(top + height + 4)}", "edge H thin")


def multi_head(T: int, D: int, H: int, *, weights: Sequence[Sequence[Sequence[float]]]) -> Drawing:
    """Draw self-attention in H heads: Q, K, V are split, each head attends by itself, the outputs are joined, then W_O.

    `weights` (H, T, T) are drawn as shades.
    """
    if D % H:
        raise ValueError(f"{D} columns cannot be split among {H} heads")
    maps = [[[float(weight) for weight in row] for row in head] for head in weights]
    if len(maps) != H or any(len(head) != T or any(len(row) != T for row in head) for head in maps):
        raise ValueError(f"weights must be {H} times {T} rows of {T}")
    unit = min(11.0, 320 / (3 * D + 6), 310 / (H * (T + 1.5)))
    canvas = Canvas("multi_head", {"T": T, "D": D, "H": H, "Dh": D // H, "S": T}, unit=unit)
    centers = [180 - unit * D - 30, 180.0, 180 + unit * D + 30]
    y = 10.0
    for name, x in zip("QKV", centers, strict=True):
        left, top, _, bottom = canvas.matrix(name, "T", "D", x, y)
        split(canvas, left, top, bottom - top, unit * D, H)
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
        canvas.matrix(f"output {h + 1}", "T", "Dh", x, y + 20, label=0)
    y += 20 + unit * T
    canvas.shape("outputs", ("H", "T", "Dh"), 180, y + 17)
    y += 26
    joined = y + 32
    start = 180 - unit * D / 2
    canvas.text("join", places[0] - 4, y + 26, "muted")
    for h, x in enumerate(places):
        canvas.arrow((x, y), (start + unit * D * (h + 0.5) / H, joined - 7))
    left, top, _, bottom = canvas.matrix("joined", "T", "D", 180, joined)
    split(canvas, left, top, bottom - top, unit * D, H)
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
        f"Attention in {H} heads. Q, K and V, each {T} by {D}, are cut into {H} slices of {D // H} columns. Each head "
        f"has its own weights, {T} by {T}, and an output of {T} by {D // H}. The outputs stand side by side again, "
        f"{T} by {D}, and W_O, {D} by {D}, mixes them into the output."
    )


def head_reshape(T: int, H: int, Dh: int) -> Drawing:
    """Draw how x (T, D) becomes (H, T, Dh): the numbers are places in memory, the colors positions.

    Beside it stands the mistake: a view as (H, T, Dh) without the transpose mixes the positions.
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
    canvas.shape("x", ("T", "D"), 6, y - 6, "start")
    _, bottom = cells(memory, 6, y)
    y = bottom + 40
    canvas.arrow((20, bottom + 4), (20, y - 22))
    canvas.text("x.view({T}, {H}, {Dh})", 6, y - 6, "code", "start", axes=True)
    _, bottom = cells(memory, 6, y, cuts=Dh)
    y = bottom + 40
    canvas.arrow((20, bottom + 4), (20, y - 22))
    canvas.text(".transpose(0, 1): ({H}, {T}, {Dh})", 6, y - 6, "code", "start", axes=True)
    x = 6.0
    for h in range(H):
        right, bottom = cells([row[Dh * h : Dh * (h + 1)] for row in memory], x, y)
        canvas.text(f"head {h + 1}", (x + right) / 2 - 1, bottom + 15, "small")
        x = right + 18
    y = bottom + 66
    canvas.text("The mistake: no transpose", 6, y - 22, "loss strong", "start")
    canvas.text("x.view({H}, {T}, {Dh})", 6, y - 4, "code", "start", axes=True)
    y += 4
    x = 6.0
    flat = [place for row in memory for place in row]
    for h in range(H):
        rows = [flat[(h * T + t) * Dh : (h * T + t + 1) * Dh] for t in range(T)]
        right, bottom = cells(rows, x, y)
        canvas.text(f"“head {h + 1}”", (x + right) / 2 - 1, bottom + 15, "small loss")
        x = right + 18
    end = canvas.legend({"T": "positions", "H": "heads", "Dh": "width of a head", "D": "all heads"}, bottom + 46)
    canvas.text("The numbers count memory; a shade is a position.", 10, end + 20, "muted small", "start")
    return canvas.finish(
        f"Splitting {D} columns into {H} heads of {Dh}. A view as (T, H, Dh) leaves every number where it is; the "
        "transpose then gives each head its columns of all positions. A view as (H, T, Dh) without the transpose gives "
        "the first head the first positions, with all of their columns, and the last head the last ones."
    )
