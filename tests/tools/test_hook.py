"""The checks before a commit: the same by `make hook` and by pre-commit, and a failure stops the commit."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hook():
    spec = importlib.util.spec_from_file_location("hook", ROOT / "tools" / "hook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path):
    """A repository whose checks fail where a file `bad` is staged."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho checked $1\ntest ! -e bad\n")
    python.chmod(0o755)
    return tmp_path


def commit(repository):
    who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    command = ["git", "commit", "-q", "--allow-empty", "-m", "try"]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, env=os.environ | who)


def test_the_hook_lets_good_commits_through_and_stops_others(hook, repository):
    hook.install(repository)
    good = commit(repository)
    assert good.returncode == 0, good.stderr
    assert "checked tools/hook.py" in good.stderr + good.stdout
    (repository / "bad").touch()
    assert commit(repository).returncode != 0


def test_installing_twice_is_once_and_another_hook_stays(hook, repository):
    path = hook.install(repository)
    assert hook.install(repository) == path
    path.write_text("#!/bin/sh\nmine\n")
    with pytest.raises(SystemExit, match="left alone"):
        hook.install(repository)
    assert "mine" in path.read_text()


def test_a_failing_check_is_named(hook, monkeypatch):
    monkeypatch.setattr(hook.sys, "argv", ["hook.py"])
    monkeypatch.setattr(hook, "CHECKS", {"fine": ["-c", ""], "wrong": ["-c", "raise SystemExit(1)"]})
    with pytest.raises(SystemExit, match="see wrong above"):
        hook.main()


def test_pre_commit_runs_the_same_and_nothing_from_elsewhere(hook):
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"
    entries = {entry["id"]: entry["entry"].split() for entry in repository["hooks"]}
    assert entries == {name: [".venv/bin/python", *command] for name, command in hook.CHECKS.items()}
    assert all(entry["language"] == "system" for entry in repository["hooks"])


def test_every_quick_test_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    quick = re.search(r"^QUICK := (.*?[^\\])$", makefile, re.MULTILINE | re.DOTALL)[1].replace("\\", "").split()
    assert len(quick) > 20
    assert [path for path in quick if not (ROOT / path).is_file()] == []
