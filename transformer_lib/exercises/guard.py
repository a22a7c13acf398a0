"""Run code written by somebody else: with a time limit, without a sound, and without a trace.

The code runs in a daemon thread while the caller waits, so the caller always comes back. A thread cannot be killed, but
CPython can raise an exception in it: `PyThreadState_SetAsyncExc` (Python/C API, "Thread State"). No signal and no
second process is needed, so it works alike in Jupyter and plain Python, on Linux, macOS and Windows, and with functions
that cannot be pickled. What it cannot stop is C code that does not come back to Python: a long `time.sleep` is left
behind, and a computation like `9**9**9`, which keeps the interpreter to itself, holds up the caller too.

An import that the code sets off is neither counted nor interrupted: half a module would break what comes after.
"""

import contextlib
import ctypes
import enum
import functools
import math
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
PAUSE = 0.05
IMPORTS = 60.0  # seconds that imports may take besides
MOST_TEXTS = 2000

_raise_in_thread = ctypes.PYFUNCTYPE(None, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


class Ending(enum.Enum):
    """How a guarded run came to its end."""

    FINISHED = "finished"
    STOPPED = "stopped at the time limit"
    STUCK = "past the time limit and impossible to stop"
    INTERRUPTED = "interrupted by the reader"


class Stopped(BaseException):
    """Raised in the guarded thread to end it; code that records exceptions must let it pass."""


def run_guarded(calls: Iterable[Callable[[], T]], *, seconds: float, patience: float = 2.0) -> tuple[list[T], Ending]:
    """Make the calls one after another in a thread of their own, for at most so many seconds in all.

    What the calls print is kept for `printed`, and warnings are dropped. The global random generators of Python, NumPy
    and PyTorch are seeded for the calls. They, the recursion limit, the working folder, the environment, the default
    dtype, and what a call has replaced in a module are put back afterwards.

    Args:
        calls: functions of no arguments, which must let `Stopped` pass.
        seconds: wall-clock limit for all of them together.
        patience: seconds to go on trying to stop a thread that catches every exception.

    Returns:
        The results that were there within the limit, in order, and how the run ended.

    Raises:
        Exception: what a call raised; the calls after it are not made.
    """
    results: list[T] = []
    thread = _StoppableThread(list(calls), results)
    with _in_silence(thread), _undisturbed():
        try:
            thread.start()
            thread.wait(seconds)
            in_time, ending = results[:], Ending.STOPPED if thread.is_alive() else Ending.FINISHED
        except KeyboardInterrupt:
            in_time, ending = results[:], Ending.INTERRUPTED
        if not thread.stop(patience) and ending is Ending.STOPPED:
            ending = Ending.STUCK
    if thread.fault is not None:
        raise thread.fault
    return in_time, ending


class _StoppableThread(threading.Thread):
    """A thread that fills `results`, and that `stop` can end in the middle of any Python code."""

    def __init__(self, calls: list[Callable[[], Any]], results: list[Any]):
        super().__init__(daemon=True)
        self.calls, self.results = calls, results
        self.texts: list[str] = []
        self.ended = False
        self.fault: Exception | None = None
        self.stop_type: Any = type("Stop", (Stopped,), {})  # a class of its own, because `stop` changes it

    def run(self) -> None:
        try:
            try:
                while len(self.results) < len(self.calls):
                    self.results.append(self.calls[len(self.results)]())
                self.ended = True
            except Stopped:
                self.ended = True  # assignments are not interrupted, only calls and jumps are
                self.stop_type.__init__ = Stopped.__init__
                time.sleep(0)  # a call, for the exception that is already on its way
            except Exception as fault:
                self.fault, self.ended = fault, True
        except Stopped:
            pass

    def wait(self, seconds: float) -> None:
        """Return when the thread has ended, or after so many seconds, in which imports do not count."""
        deadline, most = time.monotonic() + seconds, time.monotonic() + seconds + IMPORTS
        while self.is_alive() and time.monotonic() < min(deadline, most):
            before, imports = time.monotonic(), self.imports
            self.join(PAUSE)  # short, because on Windows a longer wait would not see an interrupt
            if imports or self.imports:
                deadline += time.monotonic() - before

    @property
    def imports(self) -> bool:
        """Whether the thread is in the middle of an import."""
        frame = sys._current_frames().get(self.ident or 0)
        while frame is not None:
            if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
                return True
            frame = frame.f_back
        return False

    def stop(self, patience: float) -> bool:
        """End the thread, with a single exception or else with a chain of them; say whether it has ended.

        `while True: try: … except: pass` survives any number of exceptions that arrive within the `try`. So those of
        the chain ask, each as it is made, for the next. That one arrives at the following call or jump: in the handler,
        or behind it, but outside the `try`. The constructor is C code from end to end, and not interrupted itself.
        """
        deadline = time.monotonic() + patience
        pause = 0.05
        while self.is_alive() and time.monotonic() < deadline:
            with contextlib.suppress(KeyboardInterrupt):
                if self.imports:
                    self.join(PAUSE)
                    continue
                if not self.ended:
                    _raise_in_thread(self.ident or 0, self.stop_type)
                self.join(pause)
                pause = 0.25
                if not self.ended:
                    again = functools.partial(_raise_in_thread, self.ident or 0, self.stop_type)
                    self.stop_type.__init__ = staticmethod(again)
        return not self.is_alive()


def printed() -> str:
    """What the guarded call has printed since this was last asked, or the beginning of it."""
    texts = getattr(threading.current_thread(), "texts", [])
    text = "".join(texts)
    texts.clear()
    return text


class _Muted:
    """A stream that keeps the first of what one thread writes and passes on the rest."""

    def __init__(self, stream: Any, thread: _StoppableThread):
        self._stream, self._thread = stream, thread

    def write(self, text: str) -> int:
        if threading.current_thread() is self._thread:
            if len(self._thread.texts) < MOST_TEXTS:
                self._thread.texts.append(str(text)[:MOST_TEXTS])
            return len(text)
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _in_silence(thread: _StoppableThread) -> Iterator[None]:
    """Keep what the thread prints to itself, and drop warnings; a thread that outlives the block stays mute."""
    out, err = sys.stdout, sys.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.stdout, sys.stderr = _Muted(out, thread), _Muted(err, thread)
        try:
            yield
        finally:
            if not thread.is_alive():
                sys.stdout, sys.stderr = out, err


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Seed the global random generators and keep recursion shallow enough for C's stack; then put everything back."""
    torch = sys.modules.get("torch")
    recursion, folder, environment = sys.getrecursionlimit(), os.getcwd(), dict(os.environ)
    states = random.getstate(), np.random.get_state(), torch.default_generator.get_state() if torch else None
    dtype = torch.get_default_dtype() if torch else None
    shared = [math, np, np.linalg, random] + ([torch, torch.nn, torch.nn.functional, torch.linalg] if torch else [])
    contents = [(module, dict(vars(module))) for module in shared]
    sys.setrecursionlimit(min(recursion, 3000))
    random.seed(0)
    np.random.seed(0)
    if torch:
        torch.default_generator.manual_seed(0)
    try:
        yield
    finally:
        for module, content in contents:
            for name, value in content.items():
                if vars(module).get(name) is not value:
                    setattr(module, name, value)
        sys.setrecursionlimit(recursion)
        os.chdir(folder)
        if environment != dict(os.environ):
            os.environ.clear()
            os.environ.update(environment)
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch:
            torch.default_generator.set_state(states[2])
            torch.set_default_dtype(dtype)
