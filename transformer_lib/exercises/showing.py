"""Plain values as a few short lines, the same on every processor, with the place of the first difference in view."""

import functools
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from transformer_lib.exercises.comparing import as_array
from transformer_lib.exercises.values import Opaque, Raised, TensorCopy, with_article
from transformer_lib.exercises.verdicts import WIDTH

LINE = WIDTH - 12  # what is left of a line between its indentation and the brackets of a table
ROWS, ITEMS, MOST_LINES = 8, 12, 14


def describe(value: Any) -> str:
    """Name the kind of a plain value, and its shape or length: "an array of shape (2, 3)"."""
    match value:
        case Raised():
            return "an exception"
        case Opaque():
            return value.kind
        case np.ndarray():
            return f"{'a tensor' if isinstance(value, TensorCopy) else 'an array'} of shape {value.shape}"
        case list() | tuple() if (array := as_array(value)) is not None and array.ndim > 1:
            kind = {TensorCopy: "tensor", np.ndarray: "array"}.get(type(value[0]), type(value[0]).__name__)
            return f"{with_article(type(value).__name__)} of {kind}s of shape {array.shape}"
        case str() | bytes() | list() | tuple() | dict() | set():
            return f"{with_article(type(value).__name__)} of length {len(value)}"
        case None:
            return "None"
        case _:
            return with_article(type(value).__name__)


def show(value: Any, at: Sequence[Any] = (), digits: int = 4, width: int = LINE) -> str:
    """Return a plain value, or a `Raised`, as text.

    Args:
        value: what `plain` returned.
        at: the indices and keys that lead to the place to keep in view where the value is too long.
        digits: significant digits of a float.
        width: characters a line may have.
    """
    place, inside = at[0] if at else None, functools.partial(_item, at=at, digits=digits)
    room = width - 8  # for an item: what the brackets leave, and a gap on either side
    match value:
        case Raised():
            return textwrap.fill(": ".join(filter(None, (value.kind, value.message))), width)
        case Opaque():
            return f"({value.kind})"
        case bool() | None:
            return str(value)
        case int() | float() | complex():
            return number(value, digits)
        case str() | bytes() | np.ndarray() | list() | tuple() | set() | dict() if width < 12:
            return "…"
        case str() | bytes():
            return _text(value, place or 0, width)
        case np.ndarray() | list() | tuple() if (array := as_array(value)) is not None and array.ndim > 1:
            return _table(array, at, digits, width)
        case np.ndarray() | list() | tuple():
            items = value.tolist() if isinstance(value, np.ndarray) else value
            brackets = "[]" if not isinstance(value, tuple) else ("(", ",)" if len(value) == 1 else ")")
            return _row(len(items), place or 0, lambda i: inside(i, items[i], width=room), brackets, width)
        case set():
            parts = sorted(_item(None, item, (), digits, room) for item in value)
            return _row(len(parts), 0, lambda i: parts[i], "{}", width) if parts else "set()"
        case dict():
            keys = list(value)
            names = [show(key, width=width // 3) for key in keys]
            items = [inside(key, value[key], width=room - width // 3 - 2) for key in keys]
            middle = keys.index(place) if place in value else 0
            return _row(len(keys), middle, lambda i: f"{names[i]}: {items[i]}", "{}", width)
        case _:
            return str(value)


def number(value: int | float | complex, digits: int = 4) -> str:
    """Return a number with so many significant digits, in a form that rounding noise does not change."""
    if isinstance(value, complex):
        return f"({number(value.real, digits)} + {number(value.imag, digits)}j)"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 128 else f"(an integer of {value.bit_length()} bits)"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        return f"{value:.{digits - 1}e}"
    decimals = max(1, digits - 1 - (math.floor(math.log10(size)) if size else 0))
    whole, _, fraction = f"{value:.{decimals}f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}" if size else "0.0"


def show_pair(expected: Any, given: Any, at: Sequence[Any]) -> tuple[str, str]:
    """Show two values that differ, with as many digits as it takes to tell them apart."""
    for digits in (4, 7, 10, 17):
        texts = show(expected, at, digits), show(given, at, digits)
        if texts[0] != texts[1]:
            break
    return texts


def show_call(name: str, arguments: dict[str, Any]) -> str:
    """Return the call of a function with these plain arguments as code, or, where it is long, as a view of it."""
    code = call_code(name, arguments)
    if len(code.splitlines()) <= MOST_LINES and max(map(len, code.splitlines())) <= WIDTH - 4:
        return code
    lines = [f"{name}({', '.join(arguments)}), where"]
    for key, value in arguments.items():
        text = _made(value)
        in_lines = f"{key} is {describe(value)}:\n{textwrap.indent(show(value), '    ')}"
        lines.append(in_lines if "\n" in text or len(text) > LINE - len(key) else f"{key} = {text}")
    return "\n".join(lines)


def call_code(name: str, arguments: dict[str, Any]) -> str:
    """Return the call of a function with these plain arguments, complete and ready to be run."""
    call = f"{name}({', '.join(map(_made, arguments.values()))})"
    if len(call) <= WIDTH - 4 and "\n" not in call:
        return call
    lines = [f"{key} = {_made(value, len(key) + 3)}" for key, value in arguments.items()]
    return "\n".join([*lines, f"{name}({', '.join(arguments)})"])


def _made(value: Any, indent: int = 0) -> str:
    """Return the Python that makes a plain value, in as many lines as it takes."""
    if isinstance(value, np.ndarray):
        module, maker = ("torch", "torch.tensor") if isinstance(value, TensorCopy) else ("np", "np.array")
        if value.size == 0:
            kind = {"i": f", dtype={module}.int64", "b": f", dtype={module}.bool"}.get(value.dtype.kind, "")
            return f"{module}.zeros({value.shape}{kind})"
        return f"{maker}({_literal(value.tolist(), indent + len(maker) + 1)})"
    return _literal(value, indent)


def _literal(value: Any, indent: int) -> str:
    match value:
        case float() | complex() if value == value and abs(value) != math.inf:
            return number(value, 6)
        case float():
            return f'float("{value}")'
        case list() | tuple():
            brackets = "[]" if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
            parts = [_literal(item, indent + 1) for item in value]
            line = ", ".join(parts)
            if any(isinstance(item, list) for item in value):
                line = (",\n" + " " * (indent + 1)).join(parts)
            elif len(line) > WIDTH - 8 - indent:
                line = textwrap.fill(line, WIDTH - 8 - indent, break_long_words=False, break_on_hyphens=False)
                line = line.replace("\n", "\n" + " " * (indent + 1))
            return brackets[0] + line + brackets[1]
        case np.ndarray():
            return _made(value, indent)
        case dict():
            return "{" + ", ".join(f"{key!r}: {_literal(item, indent)}" for key, item in value.items()) + "}"
        case Opaque():
            return show(value)
        case _:
            return repr(value)


def _item(key: Any, item: Any, at: Sequence[Any], digits: int, width: int) -> str:
    """Show what a container holds under a key, on one line."""
    text = show(item, at[1:] if at and at[0] == key else (), digits, width)
    return text if "\n" not in text else textwrap.shorten(text, width, placeholder=" …")


def _text(value: str | bytes, middle: int, width: int) -> str:
    """Quote a text, or the part of it around a place."""
    room = width - 6
    start = max(0, min(middle - room // 2, len(value) - room))
    while True:
        shown = repr(value[start : start + room])
        if len(shown) <= width - 4 or room < 2:
            break
        room, start = room * 3 // 4, max(start, middle - room * 3 // 8)
    return f"{'… ' if start else ''}{shown}{' …' if start + room < len(value) else ''}"


def _row(length: int, middle: int, text: Callable[[int], str], brackets: Sequence[str], width: int) -> str:
    """Put items between brackets, as many of those around one of them as fit on a line."""
    text = functools.cache(text)
    for most in range(min(ITEMS, max(length, 1)), 0, -1):
        line = ", ".join("…" if i is None else text(i) for i in _around(length, middle, most))
        if len(line) <= width - 2 or most == 1:
            break
    return brackets[0] + line + brackets[1]


def _around(length: int, middle: int, most: int) -> list[int | None]:
    """Return at most so many indices around one of them, and None for those left out on either side."""
    start = max(0, min(middle - most // 2, length - most))
    stop = min(length, start + most)
    return [None] * (start > 0) + list(range(start, stop)) + [None] * (stop < length)


def _table(array: np.ndarray, at: Sequence[Any], digits: int, width: int) -> str:
    """Show the last two dimensions aligned; of more dimensions, the slice that has the place in it."""
    *outer, row, column = at if len(at) == array.ndim else [0] * array.ndim
    if array.size == 0:
        return "(nothing in it)"
    label = f"in [{', '.join(map(str, outer))}, :, :]:\n" if outer else ""
    array = array[tuple(outer)]
    noise = 1e-12 * np.max(np.abs(array[np.isfinite(array)]), initial=0.0) if array.dtype.kind in "fc" else 0.0
    cleaned = np.where(np.abs(array) < noise, 0, array).tolist() if noise else array.tolist()
    rows = _around(len(array), row, ROWS)
    for most in range(ITEMS, 0, -1):
        columns = _around(array.shape[1], column, most)
        texts = [
            ["…" if j is None else show(cleaned[i][j], (), digits) for j in columns] for i in rows if i is not None
        ]
        widths = [max(map(len, texts_of_column)) for texts_of_column in zip(*texts, strict=True)]
        if sum(widths) + 2 * len(widths) + 2 <= width or most == 1:
            break
    lines = iter("[" + ", ".join(text.rjust(w) for text, w in zip(line, widths, strict=True)) + "]" for line in texts)
    return label + "[" + ",\n ".join("…" if i is None else next(lines) for i in rows) + "]"
