"""What every bench shares: taking turns, memory, the machine by name, and the rows that it leaves in `results/`.

A row compares one figure of this library with the same figure of a peer. Both are run in turn, in one process of one
thread, and cost CPU seconds: what else the machine does falls on both alike. The ratio is the median over the pairs.
In every script it is above 1 where this library is the better.
"""

import contextlib
import ctypes
import gc
import json
import math
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

RESULTS = Path(__file__).resolve().parent / "results"
OURS = "this library"


class Peer(NamedTuple):
    """A contender, and what it does when it is called to be timed."""

    name: str
    call: Callable[[], object] = lambda: None
    package: str | None = None
    """The distribution whose version is printed beside its name."""


def take_turns(calls: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.process_time):
    """Seconds of each call in each round: [round][call]. The order turns round with each; a first round warms up."""
    seconds = []
    for turn in range(-1, rounds):
        spent = [0.0] * len(calls)
        for index in range(len(calls)) if turn % 2 else reversed(range(len(calls))):
            start = clock()
            calls[index]()
            spent[index] = clock() - start
        if turn >= 0:
            seconds.append(spent)
    return seconds


def ratios(seconds: Sequence[Sequence[float]]) -> list[float]:
    """How many times as long each contender takes as the first: medians over the rounds, not ratios of medians."""
    return [statistics.median(spent[index] / spent[0] for spent in seconds) for index in range(len(seconds[0]))]


def compare(task: str, size: str, ours: Peer, peers: Sequence[Peer], rounds: int, *, tokens: int) -> list[dict]:
    """Time contenders that do the same work on `tokens` tokens, and return a row for each peer."""
    seconds = take_turns([ours.call, *(peer.call for peer in peers)], rounds)
    rates = [tokens / statistics.median(column) for column in zip(*seconds, strict=True)]
    rows = []
    for peer, rate, ratio in zip(peers, rates[1:], ratios(seconds)[1:], strict=True):
        rows.append(row(task, size, peer, "tokens/s", rates[0], rate, ratio, rounds))
    return rows


def row(task: str, size: str, peer: Peer, unit: str, ours: float, theirs: float, ratio: float, rounds: int) -> dict:
    """A row of the table, printed as it is made; the ratio is above 1 where this library is the better."""
    name = f"{peer.name} {version(peer.package)}" if peer.package else peer.name
    print(f"{task:26} {size:42} {name:28} {ours:11,.1f} {theirs:11,.1f} {unit:9} {ratio:6.2f}", flush=True)
    return {
        "task": task,
        "size": size,
        "peer": name,
        "unit": unit,
        "ours": _rounded(ours, 4),
        "theirs": _rounded(theirs, 4),
        "ratio": _rounded(ratio, 3),
        "rounds": rounds,
    }


def _rounded(value: float, digits: int) -> float | None:
    """To so many significant digits; None, which JSON has, for what was never reached."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def peak_megabytes(work: Callable[[], object]) -> float:
    """The most memory that some work takes beyond what this process has: of a copy of the process that does it."""
    receiver, sender = get_context("fork").Pipe(duplex=False)
    gc.collect()
    process = get_context("fork").Process(target=_send_peak, args=(work, sender))
    process.start()
    peak = receiver.recv()
    process.join()
    return peak


def _send_peak(work: Callable[[], object], sender: Any) -> None:
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc: what was freed before goes back, so that taking it again is seen
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # Linux: from here on, not from the largest that this process's parent has been
    before = _peak_bytes()
    work()
    sender.send((_peak_bytes() - before) / 1e6)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def processor() -> str:
    """Its name, where the system tells."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(": ")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """What a figure depends on besides the code."""
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores, one thread",
        "versions": {"Python": platform.python_version(), "torch": version("torch")},
        "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
        "date": date.today().isoformat(),
    }


def write(name: str, started: float, rows: Sequence[Mapping[str, Any]], **facts: Any) -> None:
    """Leave `results/NAME.json`: the rows, the machine, the CPU seconds they took, and what else there is to say."""
    RESULTS.mkdir(exist_ok=True)
    seconds = round(time.process_time() - started)
    text = json.dumps({**machine(), "seconds": seconds, **facts, "rows": rows}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
