"""Plain copies of whatever an answer returns.

A reader's function may return anything: a tensor, a generator, an object whose `__eq__` raises. `plain` copies it once
into numbers, strings, lists, tuples, dicts, sets and arrays that are ours; what has no such copy becomes an `Opaque`.
After that nothing a reader wrote runs any more, and comparing and printing are safe.
"""

import dataclasses
import decimal
import inspect
import numbers
import sys
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

DEEPEST = 20
LONGEST = 1_000_000


@dataclasses.dataclass(frozen=True)
class Opaque:
    """A value that has no plain copy: what kind it is, with its article, and advice for those who return it."""

    kind: str
    advice: str = ""


@dataclasses.dataclass(frozen=True)
class Raised:
    """An exception in place of a value; two are the same when their types are."""

    kind: str
    message: str = dataclasses.field(default="", compare=False)
    line: str = dataclasses.field(default="", compare=False)


class TensorCopy(np.ndarray):
    """An array that was a tensor, and is still called one."""


def plain(value: Any, depth: int = 0) -> Any:
    """Return a copy of the value made of nothing but built-in types and arrays.

    Subclasses become their base type (a Counter a dict, a named tuple a tuple), NumPy scalars, arrays without
    dimensions, fractions and decimals Python numbers, a range a list. This may run code of the value's own type.

    Args:
        value: anything at all.
        depth: how deep in other containers it lies.
    """
    if value is None or value is ... or isinstance(value, bool):
        return value
    bases: tuple[Any, ...] = (int, float, complex, str, bytes)
    for base in bases:
        if isinstance(value, base):
            return base(value) if base not in (str, bytes) or len(value) <= LONGEST else _too_large(value)
    if isinstance(value, numbers.Rational | decimal.Decimal):
        number = float(value)
        return int(number) if number.is_integer() and int(number) == value else number
    if _is_tensor(value):
        value = value.detach().cpu()
        if value.dtype == sys.modules["torch"].bfloat16:
            value = value.float()
        return plain_array(value.resolve_conj().resolve_neg().numpy(), TensorCopy)
    if isinstance(value, np.ndarray | np.generic) or hasattr(type(value), "__array__"):
        return plain_array(np.asarray(value), np.ndarray)
    if isinstance(value, list | tuple | AbstractSet | Mapping | range) and (depth == DEEPEST or len(value) > LONGEST):
        return _too_large(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return {_key(item) for item in value}
    if isinstance(value, tuple):
        return tuple(plain(item, depth + 1) for item in value)
    if isinstance(value, list | range):
        return [plain(item, depth + 1) for item in value]
    return _opaque(value)


def plain_array(array: np.ndarray, kind: type[np.ndarray]) -> Any:
    """Return a copy of an array as one of that kind, or as a Python number where it has no dimensions."""
    if array.dtype.kind not in "biufc":  # of objects, of strings, of dates
        return plain(array.tolist(), 1)
    if array.size > 10 * LONGEST:
        return _too_large(array)
    return array.item() if array.ndim == 0 else np.array(array, subok=False).view(kind)


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _key(value: Any) -> Any:
    copy = plain(value)
    return copy if hashable(copy) else Opaque(with_article(type(value).__name__))


def hashable(value: Any) -> bool:
    """Say whether a plain value can be in a set."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _too_large(value: Any) -> Opaque:
    size = f"shape {value.shape}" if isinstance(value, np.ndarray) else f"length {len(value)}"
    return Opaque(f"{with_article(type(value).__name__)} of {size}, too large to look into")


def _opaque(value: Any) -> Opaque:
    if inspect.isgenerator(value) or isinstance(value, Iterator):
        kind = "a generator" if inspect.isgenerator(value) else with_article(type(value).__name__ + " iterator")
        return Opaque(kind, "Nothing in it is computed until somebody asks: list(…) around it does.")
    if inspect.iscoroutine(value):
        value.close()
        return Opaque(
            "a coroutine", "A function defined with `async def` has to be awaited; here a plain `def` will do."
        )
    if inspect.isroutine(value) or inspect.isclass(value):
        return Opaque("a class" if inspect.isclass(value) else "a function")
    return Opaque(f"{with_article(type(value).__name__)} object")


def with_article(noun: str) -> str:
    """Put the indefinite article before a noun."""
    return f"an {noun}" if noun[:1].lower() in "aeio" else f"a {noun}"
