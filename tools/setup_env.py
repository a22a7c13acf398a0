"""Make the virtual environment that the Makefile's commands run in: `python tools/setup_env.py GROUP`.

`book` is what building the site needs; `test` adds PyTorch, the checks and the data, `lab` JupyterLab,
and `bench` the runtimes that are measured beside the library. Standard library only, and no syntax newer than Python
3.7, so that an old Python can still read the line that says it is too old.

A set-up that was interrupted leaves the file `unfinished` in the environment, and the next one starts from nothing: a
half-written package looks installed, so nothing in such an environment can be trusted.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
TORCH = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENT = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(ENVIRONMENT, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
LOG = os.path.join(ENVIRONMENT, "set-up.log")
UNFINISHED = os.path.join(ENVIRONMENT, "unfinished")
LOCKS = {"book": ["requirements.lock"]}
LOCKS["test"] = LOCKS["book"] + ["requirements-test.lock"]
LOCKS["lab"] = LOCKS["test"] + ["requirements-lab.lock"]
LOCKS["bench"] = LOCKS["test"] + ["requirements-bench.lock"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# What pip prints -> what it means and what to do. The first that is found in its output is shown.
CAUSES = [
    (
        r"DO NOT MATCH THE HASHES",
        "a downloaded file does not match its hash in the lock: it is damaged, or not the file that was pinned. "
        "Run `python -m pip cache purge` and repeat the command; if it happens again, do not install it.",
    ),
    (r"No space left on device", "the disk is full. Free about 3 GB and repeat the command."),
    (r"Permission denied|Access is denied", "a file could not be written. Check who owns this folder."),
    (
        r"NewConnectionError|ConnectTimeout|Temporary failure in name resolution|Name or service not known|"
        r"getaddrinfo failed|Network is unreachable|ProxyError|SSLError|ReadTimeout|Connection refused|"
        r"Connection broken|IncompleteRead",
        "the package index could not be reached. Check the network (and pip's proxy settings), then repeat the "
        "command: what it has downloaded is kept.",
    ),
    (r"No matching distribution found for ([^\s(]+)", "the package index has no {} for this Python and platform."),
]


class SetUpError(Exception):
    """A set-up step that failed, with one line for the reader."""


def check_python():
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        raise SetUpError(
            f"Python {version[0]}.{version[1]} is too {'old' if version < OLDEST else 'new'}: the book needs "
            "Python 3.11 to 3.13. Name one, for example `make PY=python3.12 book`."
        )


def run(*command):
    """Run a command, its output to the log; return that output and whether it succeeded."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with open(LOG, "a", encoding="utf-8") as log:
        log.write("$ {}\n{}\n".format(" ".join(command), done.stdout))
    return done.stdout, done.returncode == 0


def explain(output):
    for pattern, meaning in CAUSES:
        found = re.search(pattern, output)
        if found:
            return meaning.format(*found.groups())
    lines = [line for line in output.splitlines() if line.strip()]
    return "{} (all of it: {})".format(lines[-1].strip() if lines else "no output", os.path.relpath(LOG, ROOT))


def pip(*arguments):
    # Modules are compiled when first imported: compiling every one at installation takes longer than installing them.
    return run(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--no-deps", *arguments)


def make_environment():
    if os.path.exists(ENVIRONMENT):
        works = (
            os.path.exists(PYTHON) and subprocess.run([PYTHON, "-m", "pip", "-V"], capture_output=True).returncode == 0
        )
        if works and not os.path.exists(UNFINISHED):
            return
        say("the last set-up did not finish: starting again")
        shutil.rmtree(ENVIRONMENT)
    say("virtual environment in .venv")
    try:
        import ensurepip  # noqa: F401  (Debian ships it apart, and venv only fails half way without it)
        import venv
    except ImportError:
        raise SetUpError(
            "this Python cannot make a virtual environment (no ensurepip). Install it (Debian, Ubuntu: "
            "`apt install python3-venv`) or name another Python: `make PY=python3.12 book`."
        ) from None
    os.makedirs(ENVIRONMENT)
    open(UNFINISHED, "w").close()
    try:
        venv.create(ENVIRONMENT, with_pip=True, symlinks=os.name != "nt")
    except (subprocess.CalledProcessError, OSError) as error:
        raise SetUpError(f"the virtual environment could not be made: {error}. Repeat the command.") from None


def install_torch():
    """PyTorch's CPU build. On Linux never a plain `torch`, which would bring several GB of CUDA."""
    installed, found = run(PYTHON, "-c", "from importlib.metadata import version; print(version('torch'))")
    if found and installed.strip().split("+")[0] == TORCH:
        return
    say(f"PyTorch {TORCH} for the CPU")
    cpu = f"torch=={TORCH}+cpu"
    attempts = [[cpu], ["--index-url", TORCH_CPU_INDEX, cpu]]
    if platform.system() != "Linux":
        attempts.append(["torch==" + TORCH])  # a CPU build there
    outputs = []
    for attempt in attempts:
        output, succeeded = pip(*attempt)
        if succeeded:
            return
        outputs.append(output)
    raise SetUpError("PyTorch {}+cpu could not be installed: {}".format(TORCH, explain("\n".join(outputs))))


def install(group):
    for lock in LOCKS[group]:
        say(f"packages of {lock}")
        output, succeeded = pip("--require-hashes", "-r", lock)
        if not succeeded:
            raise SetUpError(f"{lock} could not be installed: {explain(output)}")
    if group != "book":
        install_torch()
    output, succeeded = pip("--no-build-isolation", "--editable", ".")
    if not succeeded:
        raise SetUpError(f"transformer_lib could not be installed: {explain(output)}")


def find_figures():
    """Let Python find `figures`, the book's drawings: they serve the pages alone and are no part of the package."""
    folder, succeeded = run(PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    if not succeeded:
        raise SetUpError("the environment's packages could not be found: " + explain(folder))
    with open(os.path.join(folder.strip(), "book.pth"), "w", encoding="utf-8") as file:
        file.write(ROOT + "\n")


def install_browser():
    """The browser that the page tests drive: on a CI machine installed, elsewhere the reader's to choose."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    apt = shutil.which("apt-get")
    if not (os.environ.get("CI") and apt and os.geteuid() == 0):
        print("set-up: no Chromium found, so the browser tests will be skipped (Debian: `apt install chromium`)")
        return
    say("Chromium for the browser tests")
    for command in ([apt, "update", "-qq"], [apt, "install", "-y", "-qq", "chromium", "fonts-noto-cjk"]):
        output, succeeded = run("env", "DEBIAN_FRONTEND=noninteractive", *command)
        if not succeeded:
            raise SetUpError(f"Chromium could not be installed: {explain(output)}")


def fetch_data():
    """Data, without which little works; and weights of real models, which CI must have and others may go without."""
    status = subprocess.run([PYTHON, "-m", "transformer_lib.data"], cwd=ROOT).returncode
    if status == 2 and not os.environ.get("CI"):
        say("not all weights of real models could be fetched (see above): what needs those is skipped")
    elif status:
        raise SetUpError("the data could not be fetched: see the line above, then repeat the command.")


def fingerprint(group):
    """What the environment was made from, so that a repeated set-up does only what changed."""
    digest = hashlib.sha256((f"{sys.version} {ROOT} {TORCH}").encode())
    for name in LOCKS[group] + ["pyproject.toml"]:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path) as file:
        return file.read()


def say(message):
    print("set-up: " + message, flush=True)


def set_up(group):
    check_python()
    make_environment()
    stamp = os.path.join(ENVIRONMENT, "made-from-" + group)
    wanted = fingerprint(group)
    if read(stamp) != wanted:
        open(UNFINISHED, "w").close()
        install(group)
        os.remove(UNFINISHED)
    find_figures()
    if group == "test":
        install_browser()
    if group != "book":
        fetch_data()
    with open(stamp, "w") as file:
        file.write(wanted)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        sys.exit("usage: python tools/setup_env.py book|test|lab|bench")
    try:
        set_up(sys.argv[1])
    except SetUpError as error:
        sys.exit("set-up: " + str(error))
    except KeyboardInterrupt:
        sys.exit("set-up: interrupted. Repeat the command: it starts again from a safe place.")
