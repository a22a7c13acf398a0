"""Real runs of pip against folders and closed ports; huggingface_hub is played by a stand-in."""

import hashlib
import re
import socket
import subprocess
import sys
import types
import venv
from dataclasses import replace

import pytest

from transformer_lib.data import sources
from transformer_lib.data.sources import Hub, HubFile, SourceError


def contents(source, temporary):
    return {name: file.read() for name, file in source.files(temporary)}


@pytest.fixture
def offered(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))


def test_pip_gives_the_files_of_the_pinned_wheel(wheel, members, offered, tmp_path, capsys):
    found = contents(wheel, tmp_path)
    assert members.items() <= found.items()
    assert "tiny" not in sys.modules
    assert capsys.readouterr() == ("", "")  # too small for a progress bar


def test_a_large_wheel_shows_a_progress_bar_and_removes_it(wheel, offered, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sources, "_LARGE", 0)
    contents(wheel, tmp_path)
    shown = capsys.readouterr().err
    assert "tiny-plays:" in shown
    assert shown.endswith("\r")


def test_a_wheel_with_another_hash_is_refused_by_pip(wheel, offered, tmp_path):
    with pytest.raises(SourceError, match="does not have the pinned SHA-256"):
        contents(replace(wheel, sha256="0" * 64), tmp_path)


def test_a_wheel_with_another_hash_is_refused_by_us_too(wheel, tmp_path, monkeypatch):
    def lax_pip(self, command, temporary):
        (temporary / "downloads").mkdir()
        (temporary / "downloads" / "tiny_plays-1.0-py3-none-any.whl").write_bytes(b"something else")

    monkeypatch.setattr(sources.Wheel, "_run", lax_pip)
    with pytest.raises(SourceError, match=f"has SHA-256 {hashlib.sha256(b'something else').hexdigest()} instead of"):
        contents(wheel, tmp_path)


def test_a_wheel_that_no_index_offers_is_one_clear_line(wheel, tmp_path):
    with pytest.raises(SourceError, match=r"^no package index offers it \(is the network there\?\)$"):
        contents(wheel, tmp_path)


def test_an_index_out_of_reach_is_one_clear_line(wheel, tmp_path, monkeypatch):
    with socket.socket() as listener:  # a port that was free a moment ago refuses connections
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(SourceError, match=r"^no package index can be reached \(is the network there\?\)$"):
        contents(wheel, tmp_path)


def test_a_python_without_pip_is_one_clear_line(wheel, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False, symlinks=sys.platform != "win32")
    folder, name = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / folder / name))
    with pytest.raises(SourceError, match=r"^this Python has no pip \(this adds it: python -m ensurepip\)$"):
        contents(wheel, tmp_path)


def test_what_else_pip_complains_of_is_passed_on_in_one_line(wheel, offered, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "perhaps")
    with pytest.raises(SourceError, match=r"^pip failed \([^\n]*perhaps[^\n]*\)$"):
        contents(wheel, tmp_path)


def test_an_interrupted_download_takes_pip_down_with_it(wheel, offered, tmp_path, monkeypatch):
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    def interrupt(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(sources, "_bytes_under", interrupt)
    with pytest.raises(KeyboardInterrupt):
        contents(wheel, tmp_path)
    assert started[0].returncode not in (None, 0)


def hub_file(content=b"to be or not to be"):
    return HubFile(
        member="tiny/words.txt",
        repository="someone/tiny",
        revision="4f3c",
        filename="original/words.txt",
        sha256=hashlib.sha256(content).hexdigest(),
    )


def stand_in(monkeypatch, download):
    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_the_hub_gives_each_file_under_its_members_name(tmp_path, monkeypatch):
    def download(repository, filename, *, revision, local_dir):
        assert (repository, filename, revision) == ("someone/tiny", "original/words.txt", "4f3c")
        (local_dir / "words.txt").write_bytes(b"to be or not to be")
        return str(local_dir / "words.txt")

    stand_in(monkeypatch, download)
    assert contents(Hub((hub_file(),)), tmp_path) == {"tiny/words.txt": b"to be or not to be"}


def test_a_hub_file_with_another_hash_is_refused(tmp_path, monkeypatch):
    def download(repository, filename, *, revision, local_dir):
        (local_dir / "words.txt").write_bytes(b"other words")
        return str(local_dir / "words.txt")

    stand_in(monkeypatch, download)
    with pytest.raises(SourceError, match=r"^someone/tiny/original/words\.txt has SHA-256 \w{64} instead of \w{64}$"):
        contents(Hub((hub_file(),)), tmp_path)


def test_a_hub_out_of_reach_is_one_clear_line(tmp_path, monkeypatch):
    def download(*args, **kwargs):
        raise ConnectionError("Name or service not known\n(and a page of advice)")

    stand_in(monkeypatch, download)
    expected = "someone/tiny does not give original/words.txt: Name or service not known"
    with pytest.raises(SourceError, match=f"^{re.escape(expected)}$"):
        contents(Hub((hub_file(),)), tmp_path)


def test_a_hub_without_its_library_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SourceError, match=re.escape("pip install 'transformer_lib[hub]'")):
        contents(Hub((hub_file(),)), tmp_path)
