"""Files of tensors that are whole or are refused: each is written beside its place, renamed into it, and has checksums.

The format is safetensors, whose header holds texts beside the tensors: nothing has to be unpickled. A checksum covers a
tensor's type, shape and bytes, or a text, so that a flipped bit is found and named, wherever it is.
"""

import errno
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

_KEY = "transformer_lib"  # of one text that holds all others: safetensors writes several in an order of its own


def write_tensors(path: Path, tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> None:
    """Write tensors, texts, and a checksum of each, in one step.

    Args:
        path: The file; its folder is made if it is not there.
        tensors: By name.
        texts: By name.

    Raises:
        OSError: If there is no room for it, or no right to write there; a file that was there is as it was.
    """
    sums = {name: checksum(x) for name, x in tensors.items()}
    described = json.dumps({"texts": texts, "checksums": sums}, sort_keys=True)
    data = safetensors.torch.save(dict(tensors), {_KEY: f"{_digest(described.encode())} {described}"})
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `write_tensors` wrote, or a file of safetensors from elsewhere, which has no checksums.

    Args:
        path: The file.

    Returns:
        Its tensors and its texts, by name.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run what makes it, or name another file")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            header = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): remove it and make it again") from error
    if not header.keys() - {"format"}:  # a file from elsewhere has this text, or none
        return tensors, {}
    digest, _, described = header.get(_KEY, "").partition(" ")
    if digest != _digest(described.encode()):
        raise ValueError(f"{path} is damaged (its texts are not what was written): remove it and make it again")
    written = json.loads(described)
    sums, found = written["checksums"], {name: checksum(x) for name, x in tensors.items()}
    for name in sorted(sums.keys() | found.keys()):
        if sums.get(name) != found.get(name):
            raise ValueError(f"{path} is damaged ({name} is not what was written): remove it and make it again")
    return tensors, written["texts"]


def checksum(tensor: Tensor) -> str:
    """Return 32 hexadecimal digits that change with a tensor's type, its shape, or any of its bits."""
    content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    described = f"{tensor.dtype} {tuple(tensor.shape)} ".encode()
    return _digest(described + content.tobytes())


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: beside its place, to the disk, then renamed into it.

    A process that is killed may leave the part that it had written; the next one that writes the same file on the same
    machine removes it.

    Args:
        path: The file, in a folder that is there.
        data: All of it.

    Raises:
        OSError: If the disk is full; the file that was there is as it was.
    """
    begins = f"{path.name}.partial-{platform.node()}-"
    for left in path.parent.glob(f"{begins}*"):
        if not _is_running(left.name.removeprefix(begins)):
            left.unlink(missing_ok=True)
    partial = path.with_name(f"{begins}{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                error.errno,
                f"no room for the {len(data):,} bytes of {path}: make some, or write to another disk. "
                "What was there before is still whole",
            ) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def _is_running(process: str) -> bool:
    """Whether a process may still be writing; where that cannot be asked without harm, it may."""
    if os.name == "nt" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)  # sends nothing
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """See to it that a new name is on the disk, too; where folders cannot be opened, the system sees to it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some network disks have no such call
        os.fsync(descriptor)
    os.close(descriptor)
