"""Attention: queries meet keys, softmax makes weights, and the weights weigh the values."""

from collections.abc import Sequence

from figures.drawing import Canvas, Drawing


def attention_flow(
    T: int, S: int, D: int, Dh: int, *, weights: Sequence[Sequence[float]], marked: tuple[int, str] | None = None
) -> Drawing:
    """Draw the way from x and m to the output of one head.

    `weights` (T, S) are drawn as shades, and the query `marked` (row, word) is framed wherever it goes.
    """
    rows = [[float(weight) for weight in row] for row in weights]
    if len(rows) != T or any(len(row) != S for row in rows):
        raise ValueError(f"weights must be {T} rows of {S}")
    unit = min(11.0, 66 / max(S, D))
    canvas = Canvas("attention_flow", {"T": T, "S": S, "D": D, "Dh": Dh}, unit=unit)
    row = None if marked is None else marked[0]
    q, k, v = 50.0, 174.0, 290.0  # the columns of queries, keys, values
    m = (k + v) / 2
    tall = unit * max(T, S)

    x_box = canvas.matrix("x", "T", "D", q, 6 + tall - unit * T, marked=row)
    canvas.matrix("m", "S", "D", m, 6 + tall - unit * S)
    if marked:
        canvas.text(marked[1], x_box[2] + 6, x_box[1] + unit * (row + 0.5) + 4, "strong", "start")

    learned = 6 + tall + 42
    made = learned + max(unit * D, 34) + 46
    middle = learned + unit * D / 2
    for letter, column, source in (("Q", q, q), ("K", k, m), ("V", v, m)):
        start = learned - 20
        canvas.line((source, start), (source, start + 8), (column, start + 8), (column, middle - 9.5))
        canvas.pill("×", column, middle, 19)
        canvas.arrow((column, middle + 9.5), (column, made - 5))
        box = canvas.matrix(f"W_{letter}", "D", "Dh", column + 42, learned, weights=True, label=2)
        canvas.line((column + 9.5, middle), (box[0] - 5, middle))
        axis = "T" if letter == "Q" else "S"
        canvas.matrix(letter, axis, "Dh", column, made, marked=row if letter == "Q" else None)

    meet = made + tall + 52
    last = meet + 32
    q_end, k_end = made + unit * T + 23, made + unit * S + 23
    half = canvas.pill("q · k", q, meet)
    canvas.arrow((q, q_end), (q, meet - 13))
    canvas.arrow((k, k_end), (k, meet), (q + half + 3, meet))
    canvas.arrow((q, meet + 11), (q, last - 5))
    scores = canvas.matrix("scores", "T", "S", q, last, marked=row)
    shares = canvas.matrix("weights", "T", "S", k, last, marked=row, shades=rows)
    output = canvas.matrix("output", "T", "Dh", v, last, marked=row)
    line = last + unit * T / 2
    total = (shares[2] + output[0]) / 2
    canvas.text("softmax", (scores[2] + shares[0]) / 2, line - 7)
    canvas.arrow((scores[2] + 4, line), (shares[0] - 5, line))
    half = canvas.pill("Σ", total, line)
    canvas.arrow((shares[2] + 4, line), (total - half - 3, line))
    canvas.arrow((total + half, line), (output[0] - 5, line))
    canvas.arrow((v, k_end), (v, meet), (total, meet), (total, line - 13))
    if marked:
        canvas.text(marked[1], output[2] + 6, last + unit * (row + 0.5) + 4, "strong", "start")

    meanings = {"T": "queries", "S": "keys and values", "D": "width of an embedding", "Dh": "width of a query"}
    end = canvas.legend(meanings, last + unit * T + 50, hatched=True)
    canvas.text("self-attention: m is x", 190, end, "muted", "start")
    return canvas.finish(
        f"Attention with {T} queries and {S} keys. x times W_Q gives the queries Q; m times W_K gives the keys K, and "
        f"m times W_V the values V. Each query times each key gives the scores, {T} by {S}; softmax makes each row of "
        "scores into weights; and the sum of the values, each times its weight, is the output, one row per query."
    )
