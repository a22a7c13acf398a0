"""What processes send each other: which collectives ran, on how many bytes, and what the operating system saw go out.

A ring of n ranks passes chunks of 1/n of the data to the next neighbor. Each rank sends, for the B bytes of the whole
tensor,

    reduce-scatter   (n-1)/n B      every rank ends with the sum of its chunk
    all-gather       (n-1)/n B      every rank ends with every chunk
    all-reduce     2 (n-1)/n B      the one, then the other
    all-to-all       (n-1)/n B      of the B bytes that a rank has, one chunk for each rank

(Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002, show that no all-reduce can send less.) No rank sends more,
however many there are.
"""

import contextlib
import os
import socket
import struct
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

ROUNDS = {"all-reduce": 2, "all-gather": 1, "reduce-scatter": 1, "all-to-all": 1}
"""How many times the ring's (n-1)/n of the bytes each rank sends."""

_OPERATIONS = {
    "allreduce_": "all-reduce",
    "_allgather_base_": "all-gather",
    "allgather_into_tensor_coalesced_": "all-gather",
    "_reduce_scatter_base_": "reduce-scatter",
    "reduce_scatter_tensor_coalesced_": "reduce-scatter",
    "alltoall_base_": "all-to-all",
}


def ring_bytes(operation: str, whole: float, n: int) -> float:
    """Return the bytes that a rank sends in a ring.

    Args:
        operation: One of `ROUNDS`.
        whole: Bytes of the whole tensor: what is reduced, what is gathered, what is cut.
        n: Ranks.

    Raises:
        ValueError: If the operation is unknown, or there is no rank.
    """
    if operation not in ROUNDS:
        raise ValueError(f"operation={operation!r} must be one of {', '.join(ROUNDS)}")
    if n < 1:
        raise ValueError(f"n={n} must be at least 1: it counts processes")
    return ROUNDS[operation] * (n - 1) / n * whole


class Collectives(TorchDispatchMode):
    """Counts the collectives that PyTorch calls on this rank, and the bytes of the whole tensors that they work on.

        with Collectives() as collectives:
            loss(model, batch).backward()
        collectives.bytes  # {"all-reduce": 1234, …}

    Everything passes here before it reaches gloo or NCCL, and DDP's and FSDP's own calls do too. It is what was asked
    for; `bytes_sent` says what went out. Others, such as a broadcast or a barrier, are named as PyTorch names them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}
        self.bytes: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "c10d":
            name = func._schema.name.removeprefix("c10d::")
            name = _OPERATIONS.get(name, name)
            self.calls[name] = self.calls.get(name, 0) + 1
            self.bytes[name] = self.bytes.get(name, 0) + max(map(_bytes, args), default=0)
        return func(*args, **(kwargs or {}))


def _bytes(argument: Any) -> int:
    """Of a tensor or a list of them; the larger of a collective's input and output is the whole."""
    if isinstance(argument, Tensor):
        return argument.numel() * argument.element_size()
    return sum(map(_bytes, argument)) if isinstance(argument, list | tuple) else 0


def bytes_sent() -> int:
    """Return how many bytes this process has sent over its open TCP connections, as Linux counts them.

    The difference of two calls is what went out in between, whoever sent it: with gloo all payload, its headers (less
    than 1% of a megabyte), and the little that the ranks tell the store where they meet. A collective may return while
    its last bytes are on their way: call `dist.barrier()` before.

    Raises:
        OSError: If the system is not Linux, or its kernel is older than 4.19.
    """
    total = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # what is no socket, and the folder's own descriptor, closed by now
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                if connection.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                if connection.type != socket.SOCK_STREAM:
                    continue
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            sent, again = struct.unpack_from("2Q", info, 200)  # tcpi_bytes_sent, tcpi_bytes_retrans in linux/tcp.h
            total += sent - again
    return total
