"""A function run by several processes at once, from a notebook: what `torchrun` does for a script.

Each process imports torch anew and joins one gloo group; its number is its *rank*. A script would be started with
`torchrun --nproc-per-node 4 script.py`. A notebook has no script to start, so the function is sent to the processes by
value: its code, and of its globals those that the code names. Functions defined in the notebook travel the same way;
modules and whatever was imported are named, and imported there. (A script must call `on_ranks` under
`if __name__ == "__main__":`, as always where Python starts processes.)
"""

import builtins
import datetime
import importlib
import marshal
import multiprocessing
import pickle
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch
import torch.distributed as dist

# What the ranks will need, imported once: an optimizer's first step imports torch._dynamo, which takes seconds.
PRELOADED = [
    "torch._dynamo",
    "transformer_lib.models.gpt",
    "transformer_lib.training",
    "transformer_lib.training.ranks",
]


def on_ranks(function: Callable[..., Any], n: int, *arguments: Any, seconds: float = 300) -> list[Any]:
    """Call `function(*arguments)` in `n` new processes that form one gloo group, and return what each returned.

    Inside, `dist.get_rank()` and `dist.get_world_size()` say who is calling, and each process has one thread. The
    arguments and results are pickled, so tensors arrive as copies.

    Args:
        function: One that may use its globals, but no variables of a function around it.
        n: How many processes.
        *arguments: Given to every rank.
        seconds: How long all of them together may take, and one may wait for the others.

    Returns:
        The results, in the order of the ranks.

    Raises:
        RuntimeError: If a rank raises, which its message shows, or ends without a result.
        TimeoutError: If they take too long: ranks that call different collectives wait for each other for ever.
        ValueError: If `n` is less than 1, or the function uses variables of a function around it.

    Example:

        >>> def rank_and_sum(x):
        ...     total = torch.tensor(float(dist.get_rank() + x))
        ...     dist.all_reduce(total)
        ...     return dist.get_rank(), total.item()
        >>> on_ranks(rank_and_sum, 2, 10)
        [(0, 21.0), (1, 21.0)]
    """
    if n < 1:
        raise ValueError(f"n={n} must be at least 1: it counts processes")
    work = pickle.dumps((_packed(function), arguments))
    context = _context()
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_uri()
        pipes = [context.Pipe(duplex=False) for _ in range(n)]
        processes = [
            context.Process(target=_rank, args=(work, rank, n, meeting, seconds, sender), daemon=True)
            for rank, (_, sender) in enumerate(pipes)
        ]
        try:
            for process in processes:
                process.start()
            for _, sender in pipes:
                sender.close()
            return _collect([receiver for receiver, _ in pipes], seconds)
        finally:
            for process in processes:
                if process.pid is not None:
                    process.kill()
                    process.join()


def _context() -> Any:
    """A server that has imported torch and forks from there, where there is one; else every process starts anew."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _rank(work: bytes, rank: int, n: int, meeting: str, seconds: float, sender: Connection) -> None:
    """What one process does."""
    torch.set_num_threads(1)
    try:
        limit = datetime.timedelta(seconds=seconds)
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=n, timeout=limit)
        packed, arguments = pickle.loads(work)
        result = pickle.dumps(_unpacked(packed)(*arguments))
        dist.barrier()
        sender.send_bytes(b"+" + result)
        dist.destroy_process_group()
    except BaseException:
        sender.send_bytes(b"-" + traceback.format_exc().encode())


def _collect(receivers: list[Connection], seconds: float) -> list[Any]:
    """The result of each rank, or the first error."""
    results: dict[Connection, Any] = {}
    while len(results) < len(receivers):
        ready = wait([receiver for receiver in receivers if receiver not in results], timeout=seconds)
        if not ready:
            raise TimeoutError(
                f"ranks {[rank for rank, r in enumerate(receivers) if r not in results]} sent nothing for {seconds:g} "
                "seconds: see that all ranks call the same collectives in the same order"
            )
        for receiver in ready:
            assert isinstance(receiver, Connection)
            try:
                answer = receiver.recv_bytes()
            except EOFError:
                answer = b"-the process ended without a result"
            if answer[:1] == b"-":
                raise RuntimeError(f"rank {receivers.index(receiver)}: {answer[1:].decode()}")
            results[receiver] = pickle.loads(answer[1:])
    return [results[receiver] for receiver in receivers]


# --- a function by value -----------------------------------------------------------------------------------------


def _packed(function: Callable[..., Any]) -> dict[str, Any]:
    """Code and globals of a function and of those that it calls, as what pickle can hold."""
    sent: dict[str, Any] = {}
    _pack(function, sent)
    return {"main": function.__name__, "sent": sent}


def _pack(function: Any, sent: dict[str, Any]) -> None:
    if function.__closure__:
        names = ", ".join(function.__code__.co_freevars)
        raise ValueError(
            f"{function.__name__} uses {names} of a function around it, which cannot be sent: give it as an argument"
        )
    sent[function.__name__] = ("function", marshal.dumps(function.__code__), function.__defaults__)
    for name in sorted(_names(function.__code__) & function.__globals__.keys()):
        value = function.__globals__[name]
        if name in sent or hasattr(builtins, name):
            continue
        if isinstance(value, ModuleType):
            sent[name] = ("module", value.__name__)
        elif isinstance(value, FunctionType) and value.__module__ == function.__module__:
            sent[name] = None  # so that functions may call each other
            _pack(value, sent)
        else:
            sent[name] = ("value", pickle.dumps(value))


def _names(code: CodeType) -> set[str]:
    """Names that code may look up, with those of the functions and comprehensions inside it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _unpacked(packed: dict[str, Any]) -> Callable[..., Any]:
    space: dict[str, Any] = {"__builtins__": builtins, "__name__": "__ranks__"}
    for name, (kind, *rest) in packed["sent"].items():
        if kind == "module":
            space[name] = importlib.import_module(rest[0])
        elif kind == "value":
            space[name] = pickle.loads(rest[0])
        else:
            space[name] = FunctionType(marshal.loads(rest[0]), space, name, rest[1])
    main: Callable[..., Any] = space[packed["main"]]
    return main
