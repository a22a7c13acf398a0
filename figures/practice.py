"""Models at work: the cache of keys and values, the roofline, low-rank adapters, a batch on several processes."""

import math
from collections.abc import Sequence

from figures.drawing import Canvas, Drawing, number


def kv_cache(steps: int) -> Drawing:
    """Draw the scores that are computed at each step of writing, without a cache and with one."""
    canvas = Canvas("kv_cache")
    side = min(14.0, 92 / steps)
    columns = (74.0, 232.0)
    for x, title in zip(columns, ("without a cache", "with a cache"), strict=True):
        canvas.text(title, x, 16, "strong", "start")
    y = 34.0
    for step in range(1, steps + 1):
        middle = y + side * step / 2
        canvas.text(f"step {step}", 4, middle + 4, "muted", "start")
        for i in range(step):
            for j in range(i + 1):
                canvas.rectangle(columns[0] + side * j, y + side * i, side - 1, side - 1, "bar")
        for j in range(step):
            canvas.rectangle(columns[1] + side * j, middle - side / 2, side - 1, side - 1, "bar")
        canvas.rectangle(columns[1] + side * (step - 1) - 0.5, middle - side / 2 - 0.5, side, side, "marked")
        y += side * step + 14
    without, cached = steps * (steps + 1) * (steps + 2) // 6, steps * (steps + 1) // 2
    canvas.text(f"{without} scores in all", columns[0], y + 10, "", "start")
    canvas.text(f"{cached} scores in all", columns[1], y + 10, "", "start")
    canvas.rectangle(5, y + 24, 11, 11, "marked")
    canvas.text("the key and value that are new", 24, y + 34, "muted", "start")
    canvas.text("queries down, keys across", 24, y + 53, "muted", "start")
    return canvas.finish(
        f"Writing {steps} tokens one by one. Without a cache, each step computes the scores of all positions again, a "
        f"growing triangle, {without} in all. With a cache, each step computes one row, for the new query, "
        f"{cached} in all."
    )


def roofline(
    peak: float, bandwidth: float, points: dict[str, Sequence[tuple[float, float, str]]], *, lowest: float = 0.1
) -> Drawing:
    """Draw the roof that memory and arithmetic put over every program, and programs under it.

    Args:
        peak: GFLOP/s of arithmetic alone.
        bandwidth: GB/s of memory.
        points: Of each kind of program, operations per byte, GFLOP/s, and a label (or "").
        lowest: Operations per byte at the left end.
    """
    ridge, floor = peak / bandwidth, 232.0
    highest = max(30 * ridge, *(1.3 * point[0] for kind in points.values() for point in kind))
    least = min(peak / 100, *(0.7 * point[1] for kind in points.values() for point in kind))
    left, right, top = 46.0, 338.0, 20.0

    def x(intensity: float) -> float:
        return left + (right - left) * math.log10(intensity / lowest) / math.log10(highest / lowest)

    def y(speed: float) -> float:
        return floor - (floor - top) * math.log10(speed / least) / math.log10(2.4 * peak / least)

    canvas = Canvas("roofline")
    canvas.line((left, top), (left, floor), (right, floor), kind="hair")
    for power in range(math.ceil(math.log10(lowest) - 1e-9), math.floor(math.log10(highest)) + 1):
        canvas.line((x(10.0**power), floor), (x(10.0**power), floor + 5), kind="hair")
        canvas.text(f"{10.0**power:g}", x(10.0**power), floor + 19)
    for power in range(math.ceil(math.log10(least)), math.floor(math.log10(2.4 * peak)) + 1):
        canvas.line((left - 5, y(10.0**power)), (left, y(10.0**power)), kind="hair")
        canvas.text(f"{10.0**power:g}", left - 8, y(10.0**power) + 4, anchor="end")
    canvas.text("GFLOP/s", 4, 12, "muted", "start")
    canvas.text("operations per byte", right, floor + 36, "muted", "end")
    start = max(lowest, 1.02 * least / bandwidth)
    canvas.line((x(start), y(start * bandwidth)), (x(ridge), y(peak)), (right, y(peak)))
    canvas.line((x(ridge), y(peak)), (x(ridge), floor), kind="hair", extra=' stroke-dasharray="3 3"')
    canvas.text("memory decides", x(ridge) - 12, top + 8, "strong", "end")
    canvas.text(f"{bandwidth:.0f} GB/s", x(ridge) - 12, top + 24, anchor="end")
    canvas.text("arithmetic decides", x(ridge) + 8, y(peak) - 24, "strong", "start")
    canvas.text(f"{peak:.0f} GFLOP/s", x(ridge) + 8, y(peak) - 8, "", "start")
    for number_, (name, kind) in enumerate(points.items()):
        for intensity, speed, label in kind:
            mark(canvas, number_, x(intensity), y(speed))
            if label:
                canvas.text(label, x(intensity) + (8 if number_ == 0 else -8), y(speed) + (13 if number_ == 0 else -3),
                            "", "start" if number_ == 0 else "end")  # fmt: skip
        mark(canvas, number_, 12 + 178 * (number_ % 2), floor + 56 - 4)
        canvas.text(name, 24 + 178 * (number_ % 2), floor + 56, "", "start")
    return canvas.finish(
        f"The roofline: speed against operations per byte, both logarithmic. A line rises to {peak:.0f} GFLOP/s, which "
        f"it reaches at {ridge:.1f} operations per byte, and is flat from there. "
        + " ".join(
            f"{name}: {', '.join(f'{speed:.0f} GFLOP/s at {intensity:.1f}' for intensity, speed, _ in kind)}."
            for name, kind in points.items()
        )
    )


def mark(canvas: Canvas, kind: int, x: float, y: float) -> None:
    """A point of the first kind, a dot, or of the second, a hollow square."""
    if kind == 0:
        canvas.parts.append(f'<circle class="bar" cx="{number(x)}" cy="{number(y)}" r="4"/>')
    else:
        canvas.rectangle(x - 4.5, y - 4.5, 9, 9, "marked")


def low_rank(T: int, D: int, r: int) -> Drawing:
    """Draw LoRA: the frozen matrix W, and beside it A and B, through which the update passes in `r` dimensions."""
    unit = min(10.0, 130 / D)
    canvas = Canvas("low_rank", {"T": T, "D": D, "r": r}, unit=unit)
    left, right = 84.0, 270.0
    top = canvas.matrix("x", "T", "D", 180, 6)[3] + 24
    canvas.line((180, top), (180, top + 10))
    canvas.arrow((180, top + 10), (left, top + 10), (left, top + 29))
    canvas.arrow((180, top + 10), (right, top + 10), (right, top + 29))
    y = top + 34
    frozen = canvas.matrix("W", "D", "D", left, y, weights=True)
    canvas.text("frozen", left, frozen[3] + 33, "muted")
    narrow = canvas.matrix("A", "D", "r", right, y, weights=True)
    canvas.rectangle(narrow[0] - 4, y - 4, narrow[2] - narrow[0] + 8, narrow[3] - y + 8, "marked")
    end = narrow[3] + 24
    canvas.arrow((right, end), (right, end + 18))
    flat = canvas.matrix("B", "r", "D", right, end + 26, weights=True)
    canvas.rectangle(flat[0] - 4, flat[1] - 4, flat[2] - flat[0] + 8, flat[3] - flat[1] + 8, "marked")
    add = flat[3] + 44
    canvas.line((right, flat[3] + 24), (right, add))
    canvas.arrow((right, add), (189, add))
    canvas.line((left, frozen[3] + 40), (left, add))
    canvas.arrow((left, add), (171, add))
    canvas.plus(180, add)
    canvas.arrow((180, add + 8), (180, add + 25))
    output = canvas.matrix("output", "T", "D", 180, add + 30)
    y = output[3] + 50
    canvas.rectangle(10, y - 11, 18, 13, "marked")
    canvas.text(f"trained: {2 * D * r:,} numbers", 34, y, "", "start")
    canvas.text(f"frozen: {D * D:,}", 214, y, "", "start")
    canvas.legend({"T": "positions", "D": "width of the stream"}, y + 24, hatched=True)
    return canvas.finish(
        f"LoRA. x, {T} by {D}, goes through the frozen matrix W, {D} by {D}, and beside it through A, {D} by {r}, "
        f"and B, {r} by {D}, which are trained; the two results are added."
    )


def data_parallel(processes: Sequence[int], batch: int) -> Drawing:
    """Draw one training step on each number of `processes`, with the same `batch` of sequences cut among them."""
    if any(batch % count for count in processes):
        raise ValueError(f"a batch of {batch} cannot be cut evenly among {processes} processes")
    canvas = Canvas("data_parallel", {"B": batch})
    y = 4.0
    left, width = 92.0, 262.0
    for count in processes:
        canvas.text(f"{count} process" + ("es" if count > 1 else ""), 4, y + 12, "strong", "start")
        pitch = width / count
        canvas.text("batch", 4, y + 32, "muted", "start")
        canvas.text("gradients", 4, y + 70, "muted", "start")
        canvas.text("their mean", 4, y + 104, "muted", "start")
        canvas.text("update", 4, y + 138, "muted", "start")
        cell = width / batch
        for i in range(batch):
            canvas.rectangle(left + cell * i + 1, y + 20, cell - 2, 16, "cell")
        for k in range(count):
            x, inner = left + pitch * (k + 0.5), pitch - 8
            canvas.path(f"M{number(x - inner / 2)} {number(y + 20)}H{number(x + inner / 2)}", "edge B")
            for at in (y + 38, y + 76, y + 110):
                if at == y + 76 and count == 1:
                    continue
                canvas.arrow((x, at), (x, at + 13))
            canvas.rectangle(x - inner / 2, y + 52, inner, 24, "node", ' rx="4"')
            canvas.text(f"of {batch // count}", x, y + 68)
            canvas.rectangle(x - inner / 2, y + 124, inner, 22, "node", ' rx="4"')
            if count > 1:
                canvas.text("same", x, y + 139.4)
        if count > 1:
            canvas.rectangle(left + 4, y + 90, width - 8, 20, "marked", ' rx="10"')
            canvas.text("all-reduce", left + width / 2, y + 104.4)
        else:
            canvas.line((left + width / 2, y + 76), (left + width / 2, y + 112))
        y += 172
    return canvas.finish(
        f"One training step on {', '.join(map(str, processes))} processes. The same batch of {batch} sequences is "
        "cut among them; each computes the gradients of its share, all-reduce takes the mean over the processes, and "
        "each takes the same step, so that their parameters stay equal."
    )
