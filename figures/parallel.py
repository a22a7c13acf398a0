"""Many processes: a ring all-reduce step by step, what each rank holds, and the bubble of a pipeline."""

from collections.abc import Sequence

from figures.drawing import WIDTH, Canvas, Drawing


def ring_all_reduce(n: int) -> Drawing:
    """Draw what each of `n` ranks has of each part after each step: how many ranks' numbers are summed in it."""
    canvas = Canvas("ring_all_reduce")
    side, left, gap = 17.0, 46.0, 12.0
    have = [[1] * n for _ in range(n)]
    tables: list[tuple[list[list[int]], set[tuple[int, int]]]] = [([row[:] for row in have], set())]
    for step in range(2 * (n - 1)):
        arrived = set()
        sent = {rank: have[rank][(rank - step) % n] for rank in range(n)}
        for rank in range(n):
            part = (rank - step - 1) % n
            count = sent[(rank - 1) % n]
            have[rank][part] = have[rank][part] + count if step < n - 1 else count
            arrived.add((rank, part))
        tables.append(([row[:] for row in have], arrived))
    per_row = int((WIDTH - left + gap) // (n * side + gap))
    y = 4.0
    for title, first, last in (("reduce-scatter", 0, n - 1), ("all-gather", n, 2 * n - 2)):
        canvas.text(title, 4, y + 12, "strong", "start")
        y += 20
        for begin in range(first, last + 1, per_row):
            shown = range(begin, min(begin + per_row, last + 1))
            for k, index in enumerate(shown):
                x = left + k * (n * side + gap)
                canvas.text("start" if index == 0 else f"step {index}", x + n * side / 2, y + 12, "muted small")
                counts, arrived = tables[index]
                for rank in range(n):
                    for part in range(n):
                        at = x + side * part, y + 18 + side * rank
                        done = counts[rank][part] == n
                        canvas.rectangle(*at, side - 1, side - 1, "heat" if done else "tint0")
                        canvas.text(str(counts[rank][part]), at[0] + side / 2 - 0.5, at[1] + side / 2 + 4, "small")
                for rank, part in sorted(arrived):
                    canvas.rectangle(x + side * part, y + 18 + side * rank, side - 1, side - 1, "marked")
            for rank in range(n):
                canvas.text(f"rank {rank}", 4, y + 18 + side * rank + side / 2 + 4, "small", "start")
            y += 18 + side * n + 12
    canvas.rectangle(5, y, 13, 13, "marked")
    canvas.text("just arrived from the rank above", 26, y + 11, "muted", "start")
    canvas.rectangle(5, y + 20, 13, 13, "heat")
    canvas.text(f"complete: the sum of all {n}", 26, y + 31, "muted", "start")
    return canvas.finish(
        f"A ring all-reduce of {n} ranks, each with {n} parts. In {n - 1} steps of reduce-scatter each rank adds "
        f"a part that arrives from its neighbor, until it has one part with the sum of all {n}. In {n - 1} steps of "
        "all-gather the complete parts go around, until all ranks have all of them."
    )


HELD = (
    ("data parallel", "sends gradients"),
    ("fully sharded", "weights, gradients"),
    ("tensor parallel", "activations, each layer"),
    ("pipeline", "activations, once"),
)


def what_ranks_hold(n_layers: int, batch: int) -> Drawing:
    """Draw the sequences and the weights that each of two ranks has, under four ways to share a model."""
    if n_layers % 2 or batch % 2:
        raise ValueError(f"n_layers={n_layers} and batch={batch} must be even: they are cut in two")
    canvas = Canvas("what_ranks_hold")
    width, tall, columns = 84.0, 13.0, (164.0, 266.0)
    for rank, x in enumerate(columns):
        canvas.text(f"rank {rank}", x + width / 2, 14, "strong")
    y = 24.0
    for name, sends in HELD:
        canvas.text(name, 4, y + 12, "strong", "start")
        canvas.text(sends, 4, y + 30, "muted small", "start")
        for rank, x in enumerate(columns):
            cell = width / batch
            for i in range(batch):
                mine = i // (batch // 2) == rank or name in ("tensor parallel", "pipeline")
                canvas.rectangle(x + cell * i + 0.5, y, cell - 1, 11, "cell" if mine else "gone")
            canvas.path(f"M{x:g} {y:g}h{width:g}", "edge B")
            for layer in range(n_layers):
                top = y + 17 + (tall + 3) * layer
                halves = _held(name, rank, layer, n_layers)
                for half, has in enumerate(halves):
                    at = x + width / 2 * half
                    canvas.rectangle(at, top, width / 2, tall, "tint1" if has else "gone")
                    if has:
                        canvas.hatch([(at, top), (at + width / 2, top), (at + width / 2, top + tall), (at, top + tall)])
        y += 17 + (tall + 3) * n_layers + 14
    canvas.rectangle(5, y, 16, 11, "cell")
    canvas.text("a sequence of the batch", 28, y + 10, "muted", "start")
    canvas.hatch([(5, y + 20), (21, y + 20), (21, y + 31), (5, y + 31)], 5)
    canvas.text("weights held, a bar for each layer", 28, y + 30, "muted", "start")
    return canvas.finish(
        "Two ranks under four ways to share a model. Data parallel: half of the batch, all weights. Fully sharded: "
        "half of the batch, half of the weights of every layer, gathered when needed. Tensor parallel: the whole "
        "batch, half of every layer. Pipeline: the whole batch, half of the layers."
    )


def _held(name: str, rank: int, layer: int, n_layers: int) -> tuple[bool, bool]:
    """Which halves of a layer's weights a rank has."""
    if name == "data parallel":
        return True, True
    if name == "pipeline":
        mine = layer // (n_layers // 2) == rank
        return mine, mine
    return rank == 0, rank == 1


def pipeline_bubble(stages: int, micro_batches: Sequence[int]) -> Drawing:
    """Draw when each stage of a pipeline works, all forwards before all backwards, and when it waits (hatched)."""
    canvas = Canvas("pipeline_bubble")
    left, tall, y = 52.0, 18.0, 4.0
    unit = (WIDTH - left - 4) / (3 * (max(micro_batches) + stages - 1))
    told = []
    for m in micro_batches:
        slots = m + stages - 1
        share = (stages - 1) / slots
        told.append(f"{m} micro-batch{'es' if m > 1 else ''}, {share:.0%} idle")
        canvas.text(f"{m} micro-batch" + ("es" if m > 1 else ""), 4, y + 12, "strong", "start")
        canvas.text(f"{share:.0%} idle", WIDTH - 4, y + 12, "", "end")
        y += 20
        for stage in range(stages):
            top = y + (tall + 2) * stage
            canvas.text(f"stage {stage}", 4, top + 13, "small", "start")
            end = left + 3 * slots * unit
            canvas.hatch([(left, top), (end, top), (end, top + tall), (left, top + tall)], 5)
            for i in range(m):
                forward = left + unit * (stage + i), unit, "node"
                backward = left + unit * (slots + 2 * (stages - 1 - stage + i)), 2 * unit, "heat"
                for x, wide, kind in (forward, backward):
                    canvas.rectangle(x, top, wide, tall, "page")
                    canvas.rectangle(x + 0.5, top + 0.5, wide - 1, tall - 1, kind)
                    canvas.text(str(i + 1), x + wide / 2, top + 13, "small")
        y += (tall + 2) * stages + 14
    canvas.rectangle(5, y, 14, 12, "node")
    canvas.text("forward", 26, y + 11, "muted", "start")
    canvas.rectangle(105, y, 14, 12, "heat")
    canvas.text("backward", 126, y + 11, "muted", "start")
    canvas.hatch([(215, y), (231, y), (231, y + 12), (215, y + 12)], 5)
    canvas.text("idle", 238, y + 11, "muted", "start")
    return canvas.finish(
        f"A pipeline of {stages} stages over time, forward passes of all micro-batches before the backward passes. "
        + "; ".join(told)
        + "."
    )
