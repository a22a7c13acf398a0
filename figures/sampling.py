"""A distribution over the next token, and what the rules of sampling leave of it."""

from collections.abc import Mapping, Sequence

from figures.drawing import Canvas, Drawing, text_width
from figures.learning import visible
from figures.style import CODE


def probability_bars(
    labels: Sequence[str],
    p: Sequence[float],
    kept: Sequence[bool] | Mapping[str, Sequence[bool]],
    *,
    rows: int = 12,
) -> Drawing:
    """Draw the likeliest tokens of one distribution and what sampling keeps of them.

    `kept` says it for each token: one answer (what is deleted is dashed), or one for each rule, such as
    {"top-k 5": [...], "top-p 0.9": [...]}, drawn as bars beside each other. The rest of the tokens shares a last row.
    """
    p = [float(value) for value in p]
    rules = dict(kept) if isinstance(kept, Mapping) else {"": kept}
    if len(labels) != len(p) or any(len(keep) != len(p) for keep in rules.values()):
        raise ValueError("labels, p and kept must have the same length")
    order = sorted(range(len(p)), key=lambda i: -p[i])
    shown, rest = order[:rows], order[rows:]
    canvas = Canvas("probability_bars")
    single = "" in rules
    column = (
        0
        if single
        else max(max(text_width(rule.partition(" ")[0]), text_width(rule.partition(" ")[2])) for rule in rules) + 8
    )
    name = max([text_width(visible(labels[i]), CODE, mono=True) for i in shown] + [24.0]) + 10
    bars = 352 - name - column * (0 if single else len(rules)) - 44
    scale = bars / p[order[0]]
    top = 10.0 if single else 44.0
    for k, rule in enumerate(() if single else rules):
        center = 352 - column * (len(rules) - k - 0.5)
        first, _, second = rule.partition(" ")
        canvas.text(first, center, 16)
        canvas.text(second, center, 32)
    for r, i in enumerate(shown):
        y = top + 22 * r
        survives = rules[""][i] if single else any(keep[i] for keep in rules.values())
        canvas.text(visible(labels[i]), name - 8, y + 12, "code strong" if survives else "code muted", "end")
        width = max(1.0, scale * p[i])
        if survives:
            canvas.rectangle(name, y + 2, width, 12, "bar")
        else:
            canvas.rectangle(name + 0.6, y + 2.6, max(1.0, width - 1.2), 10.8, "gone")
        percent = f"{100 * p[i]:.0f}%" if p[i] >= 0.095 else f"{100 * p[i]:.1f}%"
        canvas.text(percent, name + width + 5, y + 12.5, "small" if survives else "small muted", "start")
    end = top + 22 * len(shown)
    if rest:
        left = f"{len(rest)} others: {100 * sum(p[i] for i in rest):.1f}%"
        alive = [i for i in rest if any(keep[i] for keep in rules.values())]
        canvas.text(
            left + (f", {len(alive)} of them kept" if alive and single else ""), name, end + 13, "small muted", "start"
        )
        end += 22
    for k, keep in enumerate(() if single else rules.values()):
        center = 352 - column * (len(rules) - k - 0.5)
        canvas.line((center, top), (center, end - 4), kind="hair")
        begin = None
        for r, survives in enumerate([*(bool(keep[i]) for i in shown), False]):
            if survives and begin is None:
                begin = r
            elif not survives and begin is not None:
                canvas.rectangle(center - 4, top + 22 * begin, 8, 22 * (r - begin) - 5, "mark")
                begin = None
        if any(keep[i] for i in rest):
            canvas.rectangle(center - 4, end - 22, 8, 17, "mark")
    counts = {
        rule: (sum(map(bool, keep)), sum(v for v, k in zip(p, keep, strict=True) if k)) for rule, keep in rules.items()
    }
    y = end + 18
    for rule, (count, mass) in counts.items():
        start = f"{rule} keeps" if rule else "Kept:"
        canvas.text(f"{start} {count} of {len(p)} tokens, {100 * mass:.0f}% of the probability", 4, y, "", "start")
        y += 19
    told = ", ".join(f"{labels[i]!r} {100 * p[i]:.1f}%" for i in shown)
    rule_told = "; ".join(f"{rule or 'kept are'} {count} of {len(p)} tokens" for rule, (count, _) in counts.items())
    return canvas.finish(f"The likeliest next tokens: {told}. What is kept: {rule_told}.")
