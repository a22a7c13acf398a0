"""Functions that an answer must not call, watched while it runs."""

import contextlib
import functools
import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def watched(names: Sequence[str]) -> Iterator[list[str]]:
    """Note which of these functions, "torch.nn.functional.layer_norm", another thread than this one calls."""
    used: list[str] = []
    this, before = threading.current_thread(), []
    for name in names:
        module, _, attribute = name.rpartition(".")
        home = importlib.import_module(module)
        before.append((home, attribute, getattr(home, attribute)))
        setattr(home, attribute, _noted(name, getattr(home, attribute), used, this))
    try:
        yield used
    finally:
        for home, attribute, function in before:
            setattr(home, attribute, function)


def _noted(name: str, function: Callable[..., Any], used: list[str], this: threading.Thread) -> Callable[..., Any]:
    @functools.wraps(function)
    def noted(*arguments: Any, **options: Any) -> Any:
        if threading.current_thread() is not this:
            used.append(name)
        return function(*arguments, **options)

    return noted
