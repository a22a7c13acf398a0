"""One call of a reader's function, and everything worth knowing about it afterwards."""

import copy
import dataclasses
import inspect
import linecache
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformer_lib.exercises.comparing import same
from transformer_lib.exercises.guard import Stopped, printed
from transformer_lib.exercises.values import Opaque, Raised, plain, with_article
from transformer_lib.exercises.verdicts import WIDTH

_NOT_THEIRS = (sysconfig.get_paths()["stdlib"], str(Path(__file__).parents[1]), "<frozen", "<__array_function__")


@dataclasses.dataclass(frozen=True)
class Attempt:
    """What one call gave, as a plain value or a `Raised`, which of its arguments it changed, and what it printed."""

    result: Any
    edited: tuple[int, ...] = ()
    printed: str = ""


def attempt(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Attempt:
    """Call the function with copies of the arguments; whatever it raises or returns is part of the result."""
    given, before = copy.deepcopy(arguments), [plain(argument) for argument in arguments]
    try:
        result = plain_or_opaque(function(*given))
    except Stopped:
        raise
    except BaseException as exception:
        result = _raised(exception)
    after = [plain_or_opaque(argument) for argument in given]
    edited = [i for i in range(len(given)) if not same(before[i], after[i], rtol=0.0, atol=0.0)]
    return Attempt(result, tuple(edited), printed())


def plain_or_opaque(value: Any) -> Any:
    """Return a plain copy even of a value whose own methods raise."""
    try:
        return plain(value)
    except Stopped:
        raise
    except BaseException:
        return Opaque(f"{with_article(type(value).__name__)} object that cannot be read")


def validate_signature(function: Callable[..., Any], parameters: Sequence[str]) -> str:
    """Say in what way a function cannot be called with these positional arguments; nothing where it can."""
    try:
        signature = inspect.signature(function)
        theirs = str(signature).partition(" -> ")[0]
    except Stopped:
        raise
    except BaseException:  # a built-in function without a signature, or an object that refuses to give one
        return ""
    ours = ", ".join(parameters)
    count = "one argument" if len(parameters) == 1 else f"{len(parameters)} arguments"
    try:
        signature.bind(*parameters)
    except TypeError:
        return f"it is called with {count}, ({ours}), and yours takes {theirs}."
    names = list(signature.parameters)[: len(parameters)]
    if sorted(names) == sorted(parameters) and names != list(parameters):
        return f"its arguments come in the order ({ours}), and yours takes {theirs}."
    return ""


def _raised(exception: BaseException) -> Raised:
    try:
        message = re.sub(r" at 0x[0-9a-fA-F]+", "", str(exception))
    except Stopped:
        raise
    except BaseException:
        message = "a message that cannot be read"
    message = textwrap.shorten(message, 160, placeholder=" …")
    return Raised(type(exception).__name__, "".join(filter(str.isprintable, message)), _line(exception))


def _line(exception: BaseException) -> str:
    """Return the innermost line of the reader's own code that the exception came through."""
    theirs = ""
    for frame, number in traceback.walk_tb(exception.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith(_NOT_THEIRS) and not re.search("(site|dist)-packages", file):
            text = linecache.getline(file, number).strip()
            theirs = f"line {number} of {frame.f_code.co_name}" + (f": {text}" if text else "")
    return textwrap.shorten(theirs, WIDTH - 8, placeholder=" …")
