"""Plain values as a few short lines, the same on every processor, with the place of the first difference in view."""

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from transformer_lib.exercises.values import Opaque, Raised, TensorCopy, a, as_array
from transformer_lib.exercises.verdicts import WIDTH

ROWS, ITEMS, CHARACTERS = 8, 12, 60


def describe(value: Any) -> str:
    """Name the kind of a plain value, and its shape or length: "an array of shape (2, 3)"."""
    match value:
        case Raised():
            return f"{a(value.kind)}"
        case Opaque():
            return value.kind
        case np.ndarray():
            return f"{'a tensor' if isinstance(value, TensorCopy) else 'an array'} of shape {value.shape}"
        case list() | tuple() if (array := as_array(value)) is not None and array.ndim > 1:
            return f"{a(type(value).__name__)} of {type(value[0]).__name__}s of shape {array.shape}"
        case str() | bytes() | list() | tuple() | dict() | set():
            return f"{a(type(value).__name__)} of length {len(value)}"
        case None:
            return "None"
        case _:
            return a(type(value).__name__)


def show(value: Any, at: Sequence[Any] = (), digits: int = 4) -> str:
    """Return a plain value as text, long ones elided around a place in them.

    Args:
        value: what `plain` returned, or a `Raised`.
        at: the indices and keys that lead to the place to keep in view.
        digits: significant digits of a float.
    """
    array = as_array(value)
    if isinstance(value, Raised):
        return f"{value.kind}: {value.message}" if value.message else value.kind
    if isinstance(value, Opaque):
        return f"({value.kind})"
    if array is not None and array.ndim > 1:
        return _table(array, at, digits)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    index, deeper = (at[0], at[1:]) if at else (None, ())

    def item(key: Any, inside: Any) -> str:
        return _one_line(show(inside, deeper if key == index else (), digits))

    match value:
        case bool() | None:
            return str(value)
        case int() | float() | complex():
            return number(value, digits)
        case str() | bytes():
            start = max(0, min(index or 0, len(value) - CHARACTERS // 2) - CHARACTERS // 2)
            cut = value[start : start + CHARACTERS]
            return f"{'… ' if start else ''}{cut!r}{' …' if start + CHARACTERS < len(value) else ''}"
        case dict():
            keys = list(value)
            texts = _elided(keys, keys.index(index) if index in value else 0, ITEMS, lambda i: keys[i])
            return "{" + ", ".join(f"{show(k)}: {item(k, value[k])}" if k is not ... else "…" for k in texts) + "}"
        case set():
            parts = sorted(show(inside, (), digits) for inside in value)
            return "{" + ", ".join(_elided(parts, 0, ITEMS, lambda i: parts[i], "…")) + "}" if parts else "set()"
        case list() | tuple():
            parts = _elided(value, index or 0, ITEMS, lambda i: item(i, value[i]), "…")
            comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
            return ("({}{})" if isinstance(value, tuple) else "[{}{}]").format(", ".join(parts), comma)
        case _:
            return "..." if value is ... else f"({describe(value)})"


def number(value: complex, digits: int = 4) -> str:
    """Return a number with so many significant digits, in a form that rounding noise does not change."""
    if isinstance(value, complex):
        return f"({number(value.real, digits)} + {number(value.imag, digits)}j)"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 128 else f"an integer of {value.bit_length()} bits"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        return f"{value:.{digits - 1}e}"
    decimals = max(1, digits - 1 - (math.floor(math.log10(size)) if size else 0))
    text = f"{value:.{decimals}f}".rstrip("0")
    return ("0.0" if float(text) == 0 else text) + ("0" if text.endswith(".") else "")


def show_pair(expected: Any, given: Any, at: Sequence[Any]) -> tuple[str, str]:
    """Show two values that differ with as many digits as it takes to tell them apart."""
    for digits in (4, 7, 10, 17):
        texts = show(expected, at, digits), show(given, at, digits)
        if texts[0] != texts[1]:
            break
    return texts


def show_call(name: str, arguments: dict[str, Any]) -> str:
    """Return the call of a function with these plain arguments, on one line where it fits."""
    texts = {key: show(value) for key, value in arguments.items()}
    call = f"{name}({', '.join(texts.values())})"
    if len(call) <= WIDTH - 4 and "\n" not in call:
        return call
    lines = [f"{name}({', '.join(texts)}) with"]
    for key, text in texts.items():
        kind = describe(arguments[key])
        lines.append(
            f"    {key} = {text}" if "\n" not in text else f"    {key}, {kind}:\n{textwrap.indent(text, '      ')}"
        )
    return "\n".join(lines)


def _table(array: np.ndarray, at: Sequence[Any], digits: int) -> str:
    """Show the last two dimensions, aligned; of more dimensions, the slice that has the place in it."""
    place = [int(i) for i in at] if len(at) == array.ndim else [0] * array.ndim
    label = ""
    if array.ndim > 2:
        outer = tuple(place[:-2])
        label = f"at [{', '.join(map(str, outer))}]:\n" if array[..., 0, 0].size > 1 else ""
        array = array[outer] if array.size else np.empty((0, 0))
    noise = 1e-12 * float(np.max(np.abs(array[np.isfinite(array)]), initial=0.0)) if array.dtype.kind in "fc" else 0.0

    def cell(entry: Any) -> str:
        return show(0.0 if noise and abs(entry) < noise else entry, (), digits)

    rows = [
        row if row is None else _elided(row, place[-1], ITEMS, lambda j, row=row: cell(row[j]), "…")  # type: ignore[misc]
        for row in _elided(array.tolist(), place[-2], ROWS, lambda i: array[i].tolist(), None)
    ]
    widths = [max(map(len, column)) for column in zip(*(row for row in rows if row is not None), strict=True)]
    lines = [
        "…" if row is None else "[" + ", ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) + "]"
        for row in rows
    ]
    return label + "[" + ",\n ".join(lines) + "]"


def _elided(items: Sequence[Any], centre: int, most: int, text: Callable[[int], Any], gap: Any = ...) -> list[Any]:
    """Return at most so many of the items around one of them, with a gap for those left out on either side."""
    start = max(0, min(centre - most // 2, len(items) - most))
    stop = min(len(items), start + most)
    return [gap] * (start > 0) + [text(i) for i in range(start, stop)] + [gap] * (stop < len(items))


def _one_line(text: str) -> str:
    return textwrap.shorten(" ".join(line.strip() for line in text.splitlines()), CHARACTERS, placeholder=" …")
