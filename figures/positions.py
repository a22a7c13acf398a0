"""Positions: RoPE turns queries and keys in the plane."""

import math
from collections.abc import Sequence

from figures.drawing import Canvas, Drawing, number

Vector = tuple[float, float]


def turned(vector: Vector, angle: float) -> Vector:
    """The vector turned counterclockwise."""
    c, s = math.cos(angle), math.sin(angle)
    return c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]


def rope_plane(query: Vector, key: Vector, places: Sequence[tuple[int, int]], theta: float) -> Drawing:
    """Draw a query and a key in one plane of RoPE at several `places` (position of the query, of the key).

    Each is turned by theta (in radians) times its position; where the distance is the same, so is the product.
    """
    canvas = Canvas("rope_plane")
    columns = min(2, len(places))
    width = 348 / columns
    radius = min(72.0, width / 2 - 14)
    longest = max(math.hypot(*query), math.hypot(*key))
    told = []
    for k, (m, n) in enumerate(places):
        cx, cy = 6 + width * (k % columns + 0.5), radius + 42 + (2 * radius + 96) * (k // columns)
        canvas.text(f"query at {m}, key at {n}", cx, cy - radius - 18, "strong")
        canvas.parts.append(f'<circle class="hair" cx="{number(cx)}" cy="{number(cy)}" r="{number(radius)}"/>')
        canvas.line((cx - radius, cy), (cx + radius, cy), kind="hair")
        canvas.line((cx, cy - radius), (cx, cy + radius), kind="hair")
        q, key_here = turned(query, m * theta), turned(key, n * theta)
        for start, vector, letter, name in ((query, q, "T", "q"), (key, key_here, "S", "k")):
            unit = (radius - 12) / longest
            x0, y0 = cx + unit * start[0], cy - unit * start[1]
            x1, y1 = cx + unit * vector[0], cy - unit * vector[1]
            canvas.line((cx, cy), (x0, y0), kind=f"spoke {letter} faint")
            canvas.arrow((cx, cy), (x1, y1), kind=f"spoke {letter}", head=letter)
            length = math.hypot(*vector)
            canvas.text(name, x1 + 12 * vector[0] / length, y1 - 12 * vector[1] / length + 4, f"strong {letter}")
        product = q[0] * key_here[0] + q[1] * key_here[1]
        canvas.text(f"q · k = {product:.2f}".replace("-", "−"), cx, cy + radius + 22)
        canvas.text(f"distance {m - n}".replace("-", "−"), cx, cy + radius + 39, "muted")
        told.append(f"query at {m}, key at {n}: product {product:.2f}")
    y = canvas.bottom + 24
    canvas.text("faint: at position 0, before the turn", 180, y, "muted small")
    return canvas.finish(f"A query and a key in the plane, each turned by its position. {'; '.join(told)}.")
