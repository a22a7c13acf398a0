"""Memory for many texts at once: blocks, wherever they are, and the tables that put them in order."""

from collections.abc import Mapping, Sequence

from figures.drawing import Canvas, Drawing, number

CELL, STRIP, PITCH = 16, 18, 25


def block_tables(texts: Mapping[str, str], tables: Mapping[str, Sequence[int]], size: int, n_blocks: int) -> Drawing:
    """Draw each text in blocks of `size` positions, and where in memory its table says that they are.

    A block that several texts share is framed.
    """
    for name, text in texts.items():
        if len(tables[name]) != -(-len(text) // size):
            raise ValueError(f"texts[{name!r}] of {len(text)} positions does not fill {len(tables[name])} blocks")
    canvas = Canvas("block_tables")
    left, right = 62.0, 252.0
    canvas.text("texts", left, 14, "strong", "start")
    canvas.text("memory", right, 14, "strong", "start")
    content: dict[int, str] = {}
    users = [block for table in tables.values() for block in table]
    y = 26.0
    for name, text in texts.items():
        canvas.text(name, 4, y + 13, "", "start")
        for i, block in enumerate(tables[name]):
            piece = text[i * size : (i + 1) * size]
            _strip(canvas, piece, left, y, size)
            content[block] = max(content.get(block, ""), piece, key=len)
            start, end = left + CELL * size + 4, right - 24
            target = 26 + PITCH * block + STRIP / 2
            canvas.arrow((start, y + STRIP / 2), (start + 8, y + STRIP / 2), (end, target))
            y += PITCH
        y += 8
    for block in range(n_blocks):
        at = 26.0 + PITCH * block
        canvas.text(str(block), right - 8, at + 13, "muted", "end")
        _strip(canvas, content.get(block, ""), right, at, size)
        if users.count(block) > 1:
            canvas.rectangle(right - 3, at - 3, CELL * size + 6, STRIP + 6, "marked")
    bottom = max(y, 26 + PITCH * n_blocks) + 12
    if len(users) > len(set(users)):
        canvas.rectangle(5, bottom - 10, 13, 11, "marked")
        canvas.text("shared by several texts", 26, bottom, "muted", "start")
    free = n_blocks - len(set(users))
    return canvas.finish(
        f"{len(texts)} texts in blocks of {size} positions. "
        + " ".join(f"{name} is in blocks {', '.join(map(str, tables[name]))}." for name in texts)
        + f" {free} of {n_blocks} blocks are free."
    )


def _strip(canvas: Canvas, piece: str, x: float, y: float, size: int) -> None:
    """A block: a cell for each position, with its character if it is taken."""
    canvas.rectangle(x, y, CELL * size, STRIP, "box")
    cuts = "".join(f"M{number(x + CELL * i)} {number(y)}v{STRIP}" for i in range(1, size))
    canvas.path(cuts, "hair")
    for i, character in enumerate(piece):
        canvas.text(character.replace(" ", "␣").replace("\n", "↵"), x + CELL * (i + 0.5), y + 13.4, "code")
