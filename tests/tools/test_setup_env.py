"""The set-up: one clear line for each failure, and safe to repeat."""

import builtins
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def setup_env(tmp_path, monkeypatch):
    """The module, with its environment in a folder of the test's own and every command it runs recorded."""
    spec = importlib.util.spec_from_file_location("setup_env", ROOT / "tools" / "setup_env.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = tmp_path / ".venv"
    for name, path in {
        "ENVIRONMENT": environment,
        "PYTHON": environment / "bin" / "python",
        "LOG": environment / "set-up.log",
        "UNFINISHED": environment / "unfinished",
    }.items():
        monkeypatch.setattr(module, name, str(path))
    return module


def make_bare_environment(module):
    """What venv.create leaves, without pip: quick, and enough for the logic."""
    python = Path(module.PYTHON)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)


@pytest.mark.parametrize(("version", "word"), [((3, 10, 9), "old"), ((3, 14, 0), "new")])
def test_a_python_out_of_range_is_named_with_the_remedy(setup_env, monkeypatch, version, word):
    monkeypatch.setattr(setup_env.sys, "version_info", version)
    with pytest.raises(setup_env.SetUpError, match=rf"Python 3\.{version[1]} is too {word}.*make PY="):
        setup_env.check_python()


def test_the_script_can_be_read_by_python_3_7():
    """An old Python must get as far as the line that says it is too old."""
    import ast

    ast.parse((ROOT / "tools" / "setup_env.py").read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "cache purge"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError: failed to establish a new connection: Name or service not known", "Check the network"),
        ("ERROR: No matching distribution found for torch==2.13.0+cpu", "no torch==2.13.0+cpu for this Python"),
        ("something unheard of\nERROR: the last word", "ERROR: the last word"),
        ("", "no output"),
    ],
)
def test_what_pip_prints_becomes_one_line(setup_env, output, meaning):
    line = setup_env.explain(output)
    assert meaning in line
    assert "\n" not in line


def test_a_python_without_ensurepip_says_what_to_install(setup_env, monkeypatch):
    real = builtins.__import__

    def without_ensurepip(name, *args, **kwargs):
        if name == "ensurepip":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_ensurepip)
    with pytest.raises(setup_env.SetUpError, match="python3-venv"):
        setup_env.make_environment()


def test_an_interrupted_set_up_starts_from_nothing(setup_env, monkeypatch, capsys):
    make_bare_environment(setup_env)
    half_installed = Path(setup_env.ENVIRONMENT) / "half_installed"
    half_installed.touch()

    setup_env.make_environment()
    assert half_installed.exists()  # whole: left alone

    Path(setup_env.UNFINISHED).touch()
    monkeypatch.setattr("venv.create", lambda *args, **kwargs: None)
    setup_env.make_environment()
    assert not half_installed.exists()
    assert Path(setup_env.UNFINISHED).exists()  # until the installation is through
    assert "starting again" in capsys.readouterr().out


def test_an_environment_whose_python_is_gone_is_made_again(setup_env, monkeypatch):
    make_bare_environment(setup_env)
    Path(setup_env.PYTHON).unlink()
    made = []
    monkeypatch.setattr("venv.create", lambda *args, **kwargs: made.append(args))
    setup_env.make_environment()
    assert made


def installs(module, monkeypatch, system, working):
    """Install PyTorch where only the command with these words works; return the commands tried."""
    tried = []

    def run(*command):
        if "-c" in command:
            return "", False  # nothing installed yet
        tried.append(command)
        return "ERROR: No matching distribution found for x", working is not None and working in command

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module.platform, "system", lambda: system)
    module.install_torch()
    return tried


def test_torch_comes_from_pips_own_configuration_first(setup_env, monkeypatch):
    assert len(installs(setup_env, monkeypatch, "Linux", f"torch=={setup_env.TORCH}+cpu")) == 1


def test_plain_torch_is_taken_where_it_is_a_cpu_build(setup_env, monkeypatch):
    tried = installs(setup_env, monkeypatch, "Darwin", f"torch=={setup_env.TORCH}")
    assert len(tried) == 3


def test_on_linux_a_missing_cpu_build_stops_and_never_takes_the_cuda_one(setup_env, monkeypatch):
    tried = []
    monkeypatch.setattr(setup_env, "run", lambda *command: (tried.append(command), ("no", False))[1])
    monkeypatch.setattr(setup_env.platform, "system", lambda: "Linux")
    with pytest.raises(setup_env.SetUpError, match="could not be installed"):
        setup_env.install_torch()
    assert not any(f"torch=={setup_env.TORCH}" in command for command in tried)


def test_nothing_is_installed_twice_and_everything_after_a_change(setup_env, monkeypatch):
    make_bare_environment(setup_env)
    installed = []
    monkeypatch.setattr(setup_env, "install", installed.append)
    setup_env.set_up("book")
    setup_env.set_up("book")
    assert installed == ["book"]
    monkeypatch.setattr(setup_env, "TORCH", "9.9.9")
    setup_env.set_up("book")
    assert installed == ["book", "book"]


def test_a_failed_installation_is_not_taken_for_a_finished_one(setup_env, monkeypatch):
    make_bare_environment(setup_env)

    def fail(group):
        raise setup_env.SetUpError("the network is down")

    monkeypatch.setattr(setup_env, "install", fail)
    with pytest.raises(setup_env.SetUpError):
        setup_env.set_up("book")
    assert Path(setup_env.UNFINISHED).exists()


def test_what_is_measured_beside_the_library_is_installed_for_the_bench_alone(setup_env):
    assert setup_env.LOCKS["bench"] == [*setup_env.LOCKS["test"], "requirements-bench.lock"]
    pinned = {name: (ROOT / name).read_text(encoding="utf-8") for name in setup_env.LOCKS["bench"]}
    for package in ("onnxruntime", "xllamacpp"):
        assert [name for name, lock in pinned.items() if f"\n{package}==" in f"\n{lock}"] == ["requirements-bench.lock"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nbench: .venv/bench " in makefile and "\ntest: .venv/test " in makefile


def test_make_alone_lists_every_command():
    listed = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert {"book", "test", "lint", "notebooks", "serve", "recipes", "bench", "clean"} <= set(names)


@pytest.mark.parametrize(
    ("status", "in_ci", "refused"), [(0, True, False), (1, False, True), (2, False, False), (2, True, True)]
)
def test_only_a_reader_may_go_without_the_weights_of_real_models(
    setup_env, monkeypatch, capsys, status, in_ci, refused
):
    monkeypatch.setattr(setup_env.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], status))
    monkeypatch.delenv("CI", raising=False)
    if in_ci:
        monkeypatch.setenv("CI", "true")
    if refused:
        with pytest.raises(setup_env.SetUpError, match="the data could not be fetched: see the line above"):
            setup_env.fetch_data()
    else:
        setup_env.fetch_data()
    assert ("what needs those is skipped" in capsys.readouterr().out) == (status == 2 and not in_ci)


def test_the_environment_finds_the_drawings(setup_env, tmp_path):
    """From any folder, and without installing a package of that name."""
    make_bare_environment(setup_env)
    (Path(setup_env.ENVIRONMENT) / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    (Path(setup_env.ENVIRONMENT) / "lib" / version / "site-packages").mkdir(parents=True)
    setup_env.find_figures()
    where = "import figures; print(figures.__file__)"
    found = subprocess.run([setup_env.PYTHON, "-c", where], cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.strip() == str(ROOT / "figures" / "__init__.py"), found.stderr


def pins(lock):
    """Name and version of each package of a lock."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return dict(line.split()[0].rstrip(";").split("==") for line in lines if "==" in line.split("#")[0].split(";")[0])


def test_the_locks_of_a_group_agree(setup_env):
    """They go into one environment, so the later one must not undo the earlier one."""
    known = {}
    for lock in setup_env.LOCKS["lab"]:
        found = pins(lock)
        assert found and "torch" not in found
        assert [name for name in found if known.get(name, found[name]) != found[name]] == []
        known |= found
    assert {"jupyterlab", "jupyterlab-myst", "ipykernel", "jupyter-book"} <= set(known)


@pytest.mark.parametrize(
    ("group", "steps"), [("book", []), ("test", ["torch", "browser", "data"]), ("lab", ["torch", "data"])]
)
def test_each_group_gets_what_it_needs(setup_env, monkeypatch, group, steps):
    make_bare_environment(setup_env)
    done = []
    monkeypatch.setattr(setup_env, "pip", lambda *arguments: ("", True))
    monkeypatch.setattr(setup_env, "find_figures", lambda: None)
    for name in ("install_torch", "install_browser", "fetch_data"):
        monkeypatch.setattr(setup_env, name, lambda name=name: done.append(name.rpartition("_")[2]))
    setup_env.set_up(group)
    assert done == steps


def test_make_lab_opens_the_chapters_after_its_set_up():
    planned = subprocess.run(
        ["make", "--no-print-directory", "-n", "-B", "lab"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    set_up, *_, start = planned.stdout.strip().splitlines()
    assert set_up.endswith("tools/setup_env.py lab")
    assert "-m jupyterlab" in start and start.endswith(" chapters")
