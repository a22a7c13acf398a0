"""A distribution over the next token, and what the rules of sampling leave of it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from figures.drawing import Canvas, Drawing, text_width
from figures.learning import visible
from figures.style import CODE


def probability_bars(
    labels: Sequence[str],
    p: Sequence[float],
    kept: Sequence[bool] | Mapping[str, Sequence[bool]] | None = None,
    *,
    rows: int = 12,
) -> Drawing:
    """Draw the likeliest tokens of one distribution, and what sampling keeps of them.

    `kept` says it for each token: one answer (what is deleted is dashed), or one for each rule, such as
    {"top-k 5": [...], "top-p 0.9": [...]}, drawn as bars beside each other. The tokens after the first `rows` share a
    last row.
    """
    p = [float(value) for value in p]
    rules = dict(kept) if isinstance(kept, Mapping) else {}
    answers = [*rules.values()] or [[True] * len(p) if kept is None or isinstance(kept, Mapping) else kept]
    if len(labels) != len(p) or any(len(answer) != len(p) for answer in answers):
        raise ValueError("labels, p and kept must have the same length")
    survives = [any(answer[i] for answer in answers) for i in range(len(p))]
    order = sorted(range(len(p)), key=lambda i: -p[i])
    shown, rest = order[:rows], order[rows:]
    canvas = Canvas("probability_bars")
    words = [part for rule in rules for part in rule.split(" ", 1)]
    column = max(map(text_width, words)) + 8 if rules else 0.0
    centers = [352 - column * (len(rules) - k - 0.5) for k in range(len(rules))]
    name = max([text_width(visible(labels[i]), CODE, mono=True) for i in shown] + [24.0]) + 10
    scale = (352 - name - column * len(rules) - 44) / p[order[0]]
    top = 44.0 if rules else 10.0
    for center, rule in zip(centers, rules, strict=True):
        for line, part in enumerate(rule.split(" ", 1)):
            canvas.text(part, center, 16 + 16 * line)
    for r, i in enumerate(shown):
        y, width = top + 22 * r, max(1.0, scale * p[i])
        canvas.text(visible(labels[i]), name - 8, y + 12, "code strong" if survives[i] else "code muted", "end")
        if survives[i]:
            canvas.rectangle(name, y + 2, width, 12, "bar")
        else:
            canvas.rectangle(name + 0.6, y + 2.6, max(1.0, width - 1.2), 10.8, "gone")
        canvas.text(percent(p[i]), name + width + 5, y + 12.5, "small" if survives[i] else "small muted", "start")
    end = top + 22 * len(shown)
    if rest:
        canvas.text(f"{len(rest)} others: {percent(sum(p[i] for i in rest))}", name, end + 13, "small muted", "start")
        end += 22
    for center, answer in zip(centers, answers, strict=False):
        canvas.line((center, top), (center, end - 4), kind="hair")
        for begin, stop in runs([bool(answer[i]) for i in shown]):
            canvas.rectangle(center - 4, top + 22 * begin, 8, 22 * (stop - begin) - 5, "mark")
        if alive := sum(bool(answer[i]) for i in rest):
            canvas.rectangle(center - 4, end - 22, 8, max(2.0, 17 * alive / len(rest)), "mark")
    y = end + 18
    told = []
    for rule, answer in zip(rules or [""], answers, strict=True) if rules or not all(survives) else ():
        mass = sum(value for value, keep in zip(p, answer, strict=True) if keep)
        what = f"{sum(map(bool, answer))} of {len(p)} tokens, {100 * mass:.0f}% of the probability"
        canvas.text(f"{rule} keeps {what}" if rule else f"Kept: {what}", 4, y, "", "start")
        told.append(f"{rule} keeps {what}" if rule else f"Kept are {what}")
        y += 19
    listed = ", ".join(f"{labels[i]!r} {100 * p[i]:.1f}%" for i in shown)
    return canvas.finish(" ".join([f"The likeliest next tokens: {listed}.", *(f"{sentence}." for sentence in told)]))


def percent(p: float) -> str:
    """A probability with about two digits."""
    return f"{100 * p:.0f}%" if p >= 0.095 else f"{100 * p:.1f}%" if p >= 0.0005 else "< 0.1%"


def runs(answers: Sequence[bool]) -> list[tuple[int, int]]:
    """Where a row of answers is true: (begin, stop) of each run."""
    edges = [k for k, (a, b) in enumerate(pairwise([False, *answers, False])) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))
