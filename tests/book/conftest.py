"""The built site, served and opened in a browser, once a session."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "_ext")]  # notebooks.py, notebook_rules.py; weights.py

BUILD = ROOT / "_build" / "tests"  # apart from `make book`, so that neither waits for the other


@dataclass(frozen=True)
class Build:
    html: Path
    returncode: int
    output: str


def build_book(source: Path, target: Path, **environment: str) -> Build:
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [jupyter_book, "build", "-W", "-n", "--keep-going", "--path-output", target, source],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "NO_COLOR": "1", "PYTHONUTF8": "1", **environment},
    )
    return Build(target / "_build" / "html", done.returncode, done.stdout + done.stderr)


def start_book(book: Path, *pages: str) -> Path:
    """A small book of these pages, with the real book's settings and extensions; the pages are yet to be written."""
    for name in ("_ext", "_static"):
        shutil.copytree(ROOT / name, book / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "_config.yml", book)
    (book / "references.bib").touch()
    (book / "extra").mkdir()
    root, *others = pages
    chapters = "".join(["chapters:\n"] * bool(others) + [f"- file: {page}\n" for page in others])
    (book / "_toc.yml").write_text(f"format: jb-book\nroot: {root}\n{chapters}")
    return book


@pytest.fixture(scope="session")
def build() -> Build:
    """This tree's site, built as `make book` builds it; only what changed since the last time is built again."""
    BUILD.mkdir(parents=True, exist_ok=True)
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    record = BUILD / "record.json"
    with FileLock(BUILD / "lock"):  # two workers, one build
        if record.exists() and (known := json.loads(record.read_text(encoding="utf-8")))["session"] == session:
            return Build(BUILD / "_build" / "html", known["returncode"], known["output"])
        built = build_book(ROOT, BUILD)
        known = {"session": session, "returncode": built.returncode, "output": built.output}
        record.write_text(json.dumps(known), encoding="utf-8")
    return built


@pytest.fixture(scope="session")
def site(build: Build) -> Path:
    return build.html


@pytest.fixture(scope="session")
def serve():
    """serve(folder) -> the address of a server for it on this machine."""
    servers = {}

    def start(folder: Path) -> str:
        if folder not in servers:
            handler = functools.partial(QuietHandler, directory=str(folder))
            servers[folder] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=servers[folder].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[folder].server_address[1]}"

    yield start
    for server in servers.values():
        server.shutdown()
        server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        why = "no Chromium on this machine: the browser tests need one (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    names = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # nothing outside can be reached, only asked for
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*flags, names])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """visit(address, width=1280, …) -> a Visit; its tab is closed after the test."""
    from visits import Visit

    contexts = []

    def open_page(address: str, *, width: int = 1280, **options: object) -> Visit:
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, **options))
        return Visit(contexts[-1].new_page(), address)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def show(tmp_path, visit):
    """show("bigram", …) -> the Visit of a page with these widgets; Visit.page is Playwright's."""
    from widget_pages import data_of, write_page

    def open_page(*names: str, data: dict | None = None, **options):
        seen = visit(write_page(tmp_path, {name: data or data_of(name) for name in names}), **options)
        seen.page.set_default_timeout(20_000)
        return seen

    return open_page


@pytest.fixture(scope="module")
def arithmetic(request, chromium, tmp_path_factory):
    """call("bigram.count", …) -> what a widget's function answers; one page for all tests, with the module's NAMES."""
    from widget_pages import data_of, write_page

    page = chromium.new_page()
    page.goto(write_page(tmp_path_factory.mktemp("widgets"), {name: data_of(name) for name in request.module.NAMES}))
    yield lambda script, argument=None: page.evaluate(script, argument)
    page.close()


@pytest.fixture(scope="module")
def asking(tmp_path_factory) -> Build:
    """The small book of asking_pages, built once a process."""
    from asking_pages import build_asking

    return build_asking(tmp_path_factory.getbasetemp())


@pytest.fixture
def ask(asking, visit):
    """ask() -> the Visit of its page that asks; ask("appendices/your_record.html", width=390) -> of another one."""

    def open_page(page: str = "chapters/06_asking.html", place: str = "", **options):
        seen = visit((asking.html / page).as_uri() + place, **options)
        seen.page.set_default_timeout(10_000)
        return seen

    return open_page
