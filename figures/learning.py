"""How a table is learned, and the network that takes its place."""

from collections.abc import Sequence

from figures.drawing import Canvas, Drawing, text_width
from figures.style import CODE


def visible(character: str) -> str:
    """A character as it can be seen in a box."""
    return {" ": "␣", "\n": "↵"}.get(character, character)


def window_mlp(
    n: int,
    D: int,
    F: int,
    V: int,
    *,
    window: Sequence[str] | None = None,
    predictions: Sequence[tuple[str, float]] = (),
) -> Drawing:
    """Draw a window of n tokens on its way to the logits of the next one.

    `window` are the tokens (a string, if they are characters), and `predictions` the likeliest next ones with their
    probabilities.
    """
    if window is not None and len(window) != n:
        raise ValueError(f"the window {window!r} has {len(window)} tokens, not {n}")
    canvas = Canvas("window_mlp", {"n": n, "D": D, "F": F, "V": V}, unit=min(16.0, 270 / max(n * D, F), 250 / V))
    x, unit = 145.0, canvas.unit
    table_width, table_height = unit * D, unit * V
    shown = [visible(token) for token in window] if window else ["·"] * n
    side = min(24.0, 280 / n - 4)
    widths = [max(side, text_width(token, CODE, mono=True) + 10 if len(token) > 1 else 0) for token in shown]
    gap = min(12.0, (290 - sum(widths)) / max(1, n - 1))
    gap = max(gap, unit * D + 10 - min(widths))
    start = x - (sum(widths) + gap * (n - 1)) / 2
    places = [start + sum(widths[:i]) + gap * i + widths[i] / 2 for i in range(n)]

    for token, place, width in zip(shown, places, widths, strict=True):
        canvas.rectangle(place - width / 2, 4, width, side, "line", ' rx="3"')
        canvas.text(token, place, 4 + side / 2 + 4.5, "code")
    canvas.shape("window", ("n",), x, side + 22)
    looked_up = side + 62
    table_top = max(4.0, looked_up + 6 - table_height / 2)
    for place in places:
        canvas.arrow((place, side + 28), (place, looked_up - 4))
        canvas.rectangle(place - unit * D / 2, looked_up, unit * D, 12, "box")
        canvas.path(f"M{place - unit * D / 2:.1f} {looked_up:.1f}h{unit * D:.1f}", "edge D")
    center = 354 - max(table_width, 62) / 2
    canvas.matrix("E", "V", "D", center, table_top, weights=True)
    canvas.arrow((center - table_width / 2 - 5, looked_up + 6), (places[-1] + unit * D / 2 + 5, looked_up + 6))

    joined = max(looked_up + 48, table_top + table_height - 14)
    start = x - unit * n * D / 2
    for i, place in enumerate(places):
        canvas.arrow((place, looked_up + 16), (start + unit * D * (i + 0.5), joined - 4))
    _, right = canvas.vector("x", "n·D", x, joined, parts=n)
    canvas.shape("x", ("n·D",), right + 8, joined + 10, "start")
    canvas.between("W_1", "n·D", "F", x, joined + 15, 64)
    hidden = joined + 82
    right_of_all = canvas.vector("h", "F", x, hidden)[1] + 8
    canvas.between("W_2", "F", "V", x, hidden + 15, 64)
    canvas.shape("h", ("F",), right_of_all, hidden + 10, "start")
    canvas.text("tanh", right_of_all, hidden - 8, "", "start")
    logits = hidden + 82
    _, right = canvas.vector("logits", "V", x, logits)
    canvas.shape("logits", ("V",), max(right + 8, x + 34), logits + 10, "start")
    y = logits + 34
    if predictions:
        canvas.arrow((x, logits + 16), (x, logits + 44))
        canvas.text("softmax", x + 10, logits + 34, "", "start")
        y = logits + 64
        for token, p in predictions:
            canvas.text(visible(token), x - 38, y, "code strong", "end")
            canvas.rectangle(x - 28, y - 9, max(1, 150 * p), 10, "bar")
            canvas.text(f"{100 * p:.0f}%", x - 22 + 150 * p, y, "small", "start")
            y += 19
        y += 12
    meanings = {"D": "width of an embedding", "F": "hidden units", "V": "vocabulary"}
    y = canvas.legend(meanings, y + 10, hatched=True)
    canvas.text("Biases are not drawn.", 10, y + 20, "muted small", "start")
    given = f" of the window {window!r}" if window else ""
    told = ", ".join(f"{token!r} {100 * p:.0f}%" for token, p in predictions)
    return canvas.finish(
        f"The {n} tokens{given} are looked up in the table E, one embedding of {D} numbers each. Side by side they "
        f"are a vector of {n * D} numbers; the weights W_1 and tanh make {F} hidden units from it, and W_2 makes {V} "
        f"logits from those, one for each token that may come next." + (f" Softmax gives {told}." if told else "")
    )


def gradient_step(
    labels: Sequence[str],
    before: Sequence[float],
    target: Sequence[float],
    after: Sequence[float],
    *,
    row: str = "",
    rate: float | None = None,
) -> Drawing:
    """Draw one gradient step on one row of the table: probabilities, minus the target, and what the step makes of them.

    `row` names the context, and `rate` is the learning rate that led from `before` to `after`.
    """
    if not len(labels) == len(before) == len(target) == len(after):
        raise ValueError("labels, before, target and after must have the same length")
    canvas = Canvas("gradient_step")
    name_width = max(text_width(visible(label), CODE, mono=True) for label in labels) + 10
    step = (362 - name_width) / 4
    full = step - 26
    lefts = [name_width + 2 + step * i for i in range(4)]
    top = 20.0
    if row:
        canvas.text(f"The row of {row}", 4, 16, "strong", "start")
        top = 44.0
    for left, title in zip(lefts, ("before", "− target", "= gradient", "after"), strict=True):
        canvas.text(title, left, top, "", "start")
    gradient = [float(b) - float(t) for b, t in zip(before, target, strict=True)]
    scale = full / max(1.0, max(gradient) - min(gradient))  # of every bar, so that they can be compared
    zero = lefts[2] + max(0.0, -min(gradient)) * scale + (full - (max(gradient) - min(gradient)) * scale) / 2
    for i, label in enumerate(labels):
        y = top + 25 + 37 * i
        canvas.text(visible(label), name_width - 6, y + 7, "code strong", "end")
        for left, value, kind in (
            (lefts[0], before[i], "bar"),
            (lefts[1], target[i], "mark"),
            (lefts[3], after[i], "bar"),
        ):
            canvas.text(f"{value:.2f}", left, y, "code", "start")
            canvas.rectangle(left, y + 5, full, 7, "box")
            if value > 0:
                canvas.rectangle(left, y + 5, max(1.0, scale * float(value)), 7, kind)
        length = scale * abs(gradient[i])
        canvas.text(f"{gradient[i]:+.2f}".replace("-", "−"), lefts[2], y, "code", "start")
        canvas.rectangle(lefts[2], y + 5, full, 7, "box")
        kind = "loss" if gradient[i] > 0 else "gain"
        canvas.rectangle(zero if gradient[i] > 0 else zero - length, y + 5, length, 7, kind)
        canvas.line((zero, y + 2), (zero, y + 15))
        change = float(after[i]) - float(before[i])
        if abs(change) >= 0.005:
            up = change > 0
            canvas.tip(lefts[3] + 40, y - 9 if up else y + 1, 0, -1 if up else 1, "gain" if up else "loss")
    y = top + 25 + 37 * len(labels) + 2
    times = "learning rate" if rate is None else f"{rate:g}"
    canvas.text(f"The step takes {times} × gradient from the logits.", 4, y + 4, "muted", "start")
    told = "; ".join(
        f"{label}: {b:.2f} before, target {t:.2f}, {a:.2f} after"
        for label, b, t, a in zip(labels, before, target, after, strict=True)
    )
    return canvas.finish(f"One gradient step{f' on the row of {row}' if row else ''}. {told}.")
