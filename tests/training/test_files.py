import errno
import os
import platform
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from transformer_lib.training import files
from transformer_lib.training.files import checksum, read_tensors, replace_file, write_tensors

TENSORS = {
    "matrix": torch.arange(6.0).reshape(2, 3),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "flags": torch.tensor([True, False]),
    "number": torch.tensor(3),
    "nothing": torch.empty(0, 4),
}


def test_tensors_and_texts_come_back(tmp_path):
    write_tensors(tmp_path / "new" / "file", TENSORS, {"run": "{}"})
    tensors, texts = read_tensors(tmp_path / "new" / "file")
    assert texts == {"run": "{}"} and tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensor.dtype == tensors[name].dtype and torch.equal(tensor, tensors[name])
    assert load_file(tmp_path / "new" / "file").keys() == TENSORS.keys()  # any reader of safetensors can read it


def test_a_checksum_changes_with_type_shape_and_every_bit():
    x = torch.zeros(2, 3)
    others = [x.reshape(3, 2), x.int(), x.double(), x[:, :2]]
    for index in range(6):
        flipped = x.clone()
        flipped.view(torch.int32).view(-1)[index] ^= 1
        others.append(flipped)
    assert len({checksum(x), *map(checksum, others)}) == 1 + len(others)
    assert checksum(x) == checksum(torch.zeros(3, 2).T)  # values, not how they lie in memory


@pytest.mark.parametrize("what", ["value", "shape", "missing", "more", "text", "name of the texts"])
def test_what_was_changed_by_hand_is_refused_by_name(what, tmp_path):
    write_tensors(tmp_path / "file", {"a": torch.zeros(2, 3), "b": torch.ones(2)}, {"run": "step 5"})
    tensors, texts = read_tensors(tmp_path / "file")
    with safe_open(tmp_path / "file", framework="pt") as file:
        texts = file.metadata()
    named = "a"
    if what == "value":
        tensors["a"][0, 0] = 1
    elif what == "shape":
        tensors["a"] = tensors["a"].reshape(3, 2)
    elif what == "missing":
        del tensors["a"]
    elif what == "more":
        tensors["c"], named = torch.ones(1), "c"
    elif what == "text":
        texts["transformer_lib"] = texts["transformer_lib"].replace("step 5", "step 6")
    else:
        texts["transformer_lic"] = texts.pop("transformer_lib")
    save_file(tensors, tmp_path / "file", texts)
    reason = "its texts are" if "text" in what else f"{named} is"
    with pytest.raises(
        ValueError, match=rf"file is damaged \({reason} not what was written\): remove it and make it again"
    ):
        read_tensors(tmp_path / "file")


@pytest.mark.parametrize("texts", [None, {"format": "pt"}])
def test_a_file_from_elsewhere_has_no_checksums(texts, tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "file", texts)
    assert torch.equal(read_tensors(tmp_path / "file")[0]["a"], torch.ones(2))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="run is missing: run what makes it"):
        read_tensors(tmp_path / "run")


@pytest.mark.skipif(os.name == "nt", reason="there it cannot be asked whether a process runs")
def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    names = {
        "dead": f"run.partial-{platform.node()}-{gone.stdout.strip()}",
        "alive": f"run.partial-{platform.node()}-{os.getppid()}",
        "elsewhere": "run.partial-another.machine-1",
        "another file": f"run2.partial-{platform.node()}-{gone.stdout.strip()}",
    }
    for name in names.values():
        (tmp_path / name).write_bytes(b"half")
    replace_file(tmp_path / "run", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == {"run", *names.values()} - {names["dead"]}


def test_a_full_disk_names_the_file_and_leaves_the_last_one(tmp_path, monkeypatch):
    replace_file(tmp_path / "run", b"before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(
        OSError, match=r"no room for the 3,000 bytes of .*run: make some, or write to another"
    ) as raised:
        replace_file(tmp_path / "run", bytes(3000))
    assert raised.value.errno == errno.ENOSPC
    assert (tmp_path / "run").read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be opened there")
def test_the_new_name_is_on_the_disk_too(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        files.os, "fsync", lambda descriptor: synced.append(os.path.isdir(f"/proc/self/fd/{descriptor}"))
    )
    replace_file(tmp_path / "run", b"x")
    if os.path.isdir("/proc/self/fd"):
        assert synced == [False, True]  # the file before it is renamed, the folder after
