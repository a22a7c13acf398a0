"""Attention: queries meet keys, softmax makes weights, and the weights weigh the values."""

from collections.abc import Sequence

from figures.drawing import Canvas, Drawing, number, text_width

HEAT = 0.6  # the opacity behind the word with the largest weight; more would drown it


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
    row, word = marked or (None, "")
    q, k, v = 50.0, 174.0, 290.0  # the columns of queries, keys, values
    m = (k + v) / 2
    tall = unit * max(T, S)

    x_box = canvas.matrix("x", "T", "D", q, 6 + tall - unit * T, marked=row)
    canvas.matrix("m", "S", "D", m, 6 + tall - unit * S)
    if row is not None:
        canvas.text(word, x_box[2] + 6, x_box[1] + unit * (row + 0.5) + 4, "strong", "start")

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
    if row is not None:
        canvas.text(word, output[2] + 6, last + unit * (row + 0.5) + 4, "strong", "start")

    meanings = {"T": "queries", "S": "keys and values", "D": "width of an embedding", "Dh": "width of a query"}
    end = canvas.legend(meanings, last + unit * T + 50, hatched=True)
    canvas.text("self-attention: m is x", 190, end, "muted", "start")
    return canvas.finish(
        f"Attention with {T} queries and {S} keys. x times W_Q gives the queries Q; m times W_K gives the keys K, and "
        f"m times W_V the values V. Each query times each key gives the scores, {T} by {S}; softmax makes each row of "
        "scores into weights; and the sum of the values, each times its weight, is the output, one row per query."
    )


def words_attention(
    words: Sequence[str], weights: Sequence[float], query: int, *, gap: float = 5, least: float = 0.05
) -> Drawing:
    """Draw how much attention one word, `words[query]`, gives to each word of a text, the more the darker.

    A word "\\n" breaks the line. Weights of `least` and more are printed; on a text of one line they have arcs, too.
    """
    shares = [float(weight) for weight in weights]
    if len(shares) != len(words):
        raise ValueError(f"{len(words)} words, and {len(shares)} weights")
    canvas = Canvas("words_attention")
    widths = [
        0.0 if word == "\n" else max(text_width(word) + 6, 34.0 if w >= least else 0)
        for word, w in zip(words, shares, strict=True)
    ]
    places: list[tuple[float, int]] = []
    x, line = 6.0, 0
    for word, width in zip(words, widths, strict=True):
        if word == "\n" or (x + width > 354 and x > 6):
            x, line = 6.0, line + 1
        places.append((x, line))
        x += width + gap if word != "\n" else 0
    one_line = line == 0
    largest = max(shares) or 1.0
    first = 26.0
    if one_line:
        shift = (360 - (x - gap)) / 2 - 3
        places = [(left + shift, 0) for left, _ in places]
        centers = [left + width / 2 for (left, _), width in zip(places, widths, strict=True)]
        reach = max((abs(centers[j] - centers[query]) for j, w in enumerate(shares) if w >= 0.01), default=0)
        first = 30 + min(90.0, 14 + 0.4 * reach)
        for j, weight in enumerate(shares):
            if weight >= 0.01 and j != query:
                a, b, y = centers[query], centers[j], first - 15
                top = y - 1.33 * min(90.0, 14 + 0.4 * abs(a - b))
                start, *rest = (f"{number(at)} {number(level)}" for at, level in ((a, y), (a, top), (b, top), (b, y)))
                canvas.path(
                    f"M{start}C{' '.join(rest)}", "arc", f' style="stroke-width:{number(max(0.8, 9 * weight))}"'
                )
    printed = [
        any(w >= least for w, (_, at) in zip(shares, places, strict=True) if at == row) for row in range(line + 1)
    ]
    baselines = [first + sum(44 if percent else 27 for percent in printed[:row]) for row in range(line + 1)]
    for j, (word, weight) in enumerate(zip(words, shares, strict=True)):
        if word == "\n":
            continue
        left, row = places[j]
        y = baselines[row]
        canvas.rectangle(left, y - 14, widths[j], 20, "heat", f' rx="4" fill-opacity="{HEAT * weight / largest:.2f}"')
        if j == query:
            canvas.rectangle(left, y - 14, widths[j], 20, "line", ' rx="4"')
        canvas.text(word, left + widths[j] / 2, y, "strong" if j == query else "")
        if weight >= least:
            canvas.text(f"{100 * weight:.0f}%", left + widths[j] / 2, y + 20, "small muted")
    canvas.reach(baselines[-1] + (24 if printed[-1] else 10))
    seen = sorted(
        ((w, word) for w, word in zip(shares, words, strict=True) if w >= least and word != "\n"), reverse=True
    )
    told = ", ".join(f"{word} {100 * w:.0f}%" for w, word in seen)
    return canvas.finish(f"The attention that {words[query]!r} gives to the words of a text: {told}.")


def softmax_bars(weights: dict[str, Sequence[float]]) -> Drawing:
    """Draw softmax weights as bars, a panel for each key of `weights`, such as {"4 components": [...], ...}."""
    canvas = Canvas("softmax_bars")
    panels = len(weights)
    width = (348 - 22 * (panels - 1)) / panels
    top, height = 46.0, 120.0
    told = []
    for k, (name, values) in enumerate(weights.items()):
        values = [float(value) for value in values]
        left = 6 + (width + 22) * k
        canvas.text(name, left + width / 2, 16, "strong")
        pitch = width / len(values)
        best = max(range(len(values)), key=values.__getitem__)
        for i, value in enumerate(values):
            tall = max(0.8, height * value)
            x = left + pitch * (i + 0.14)
            canvas.rectangle(x, top, 0.72 * pitch, height, "box")
            canvas.rectangle(x, top + height - tall, 0.72 * pitch, tall, "mark" if i == best else "bar")
        center = min(max(left + pitch * (best + 0.5), left + 18), left + width - 18)
        canvas.text(f"{100 * values[best]:.0f}%", center, top - 7, "strong")
        canvas.line((left, top + height), (left + width, top + height))
        told.append(f"{name}: the largest of {len(values)} weights is {100 * values[best]:.0f}%")
    canvas.text("one bar for each key; together 100%", 180, top + height + 20, "muted")
    return canvas.finish(f"Softmax weights as bars. {'; '.join(told)}.")


def attention_table(
    weights: Sequence[Sequence[float]],
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    glosses: Sequence[tuple[str, int]] = (),
    titles: tuple[str, str] = ("query", "keys"),
    marked: int | None = None,
) -> Drawing:
    """Draw attention weights as a table of percentages, a row for each query, the more the darker.

    `glosses` say what the keys mean, each with the number of keys that it spans; `marked` is a row to look at.
    """
    rows = [[float(weight) for weight in row] for row in weights]
    if len(rows) != len(queries) or any(len(row) != len(keys) for row in rows):
        raise ValueError(f"weights must be {len(queries)} rows of {len(keys)}")
    if glosses and sum(span for _, span in glosses) != len(keys):
        raise ValueError(f"the glosses span {sum(span for _, span in glosses)} keys, and there are {len(keys)}")
    canvas = Canvas("attention_table")
    left = max(text_width(word) for word in (*queries, titles[0])) + 12
    width, height = min(44.0, (354 - left) / len(keys)), 27.0
    canvas.text(titles[0], 4, 16, "muted", "start")
    canvas.text(titles[1], left + width * len(keys) / 2, 16, "muted")
    top = 40.0
    for j, key in enumerate(keys):
        canvas.text(key, left + width * (j + 0.5), top)
    place = 0
    for gloss, span in glosses:
        a, b = left + width * place + 4, left + width * (place + span) - 4
        canvas.line((a, top + 7), (b, top + 7), kind="hair")
        canvas.text(gloss, (a + b) / 2, top + 21, "muted small")
        place += span
    top += 32 if glosses else 12
    for i, (query, row) in enumerate(zip(queries, rows, strict=True)):
        y = top + height * i
        canvas.text(query, left - 8, y + 17.5, "strong" if i == marked else "", "end")
        for j, weight in enumerate(row):
            x = left + width * j
            canvas.rectangle(x, y, width - 2, height - 2, "heat", f' rx="3" fill-opacity="{HEAT * weight:.2f}"')
            canvas.text(
                f"{100 * weight:.0f}%", x + width / 2 - 1, y + 17.3, "small" if weight >= 0.05 else "small muted"
            )
    if marked is not None:
        canvas.rectangle(left - 2, top + height * marked - 2, width * len(keys) + 2, height + 2, "marked", ' rx="4"')
    told = []
    for query, row in zip(queries, rows, strict=True):
        seen = sorted(((w, key) for w, key in zip(row, keys, strict=True) if w >= 0.1), reverse=True)
        told.append(f"{query}: {', '.join(f'{key} {100 * w:.0f}%' for w, key in seen) or 'nothing above 10%'}")
    return canvas.finish(f"Attention weights in percent, a row for each query. {'; '.join(told)}.")
