"""The book's Sphinx extensions and settings, on a book of two pages that is built, changed and broken."""

import base64
import json
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, Build, build_book, start_book
from docutils import nodes
from notebook_trials import code, figure, glued, notebook, png, store

import bench

PAGE = """\
# A page

The loss is {glue:text}`chapters/01_trial.ipynb::loss:.2f`, and $\\R$ is a set of numbers (实数集), not `苹果`.

```{widget} trial
:data: trial.json
:weights: trained/trial trained/other

Shown without JavaScript.
```

```{bench} trial
```

```{bench} trial
:losses:
```

```{bench} trial
:curves:
```

```{bench} trial
:summary:
```
"""
BENCH = [  # task, ours, theirs, times as good
    ("Walking", 30.0, 20.0, 1.5),
    ("Swimming", 1234.5, 2469.0, 0.5),
    ("Flying", None, 3.0, None),
]
WEIGHTS = bytes(range(256))


@pytest.fixture(scope="module")
def trial(tmp_path_factory) -> Path:
    """A small book with the real book's settings and extensions."""
    book = start_book(tmp_path_factory.mktemp("trial"), "intro", "chapters/01_trial")
    (book / "intro.md").write_text(PAGE)
    (book / "trial.json").write_text('{"text": "</script><p>苹果"}', encoding="utf-8")
    widgets = book / "extra" / "widgets"
    widgets.mkdir(parents=True)
    for name in ("widgets.js", "widgets.css"):
        shutil.copy(ROOT / "extra" / "widgets" / name, widgets)
    (widgets / "trial.js").write_text('BookWidgets.register("trial", (element, data) => element.append(data.text));')
    for name, d_model in (("trial", 4), ("other", 6)):
        trained = book / "trained" / name
        trained.mkdir(parents=True)
        (trained / "config.json").write_text(json.dumps({"d_model": d_model}), encoding="utf-8")
        (trained / "model.safetensors").write_bytes(WEIGHTS)
    results = {
        "processor": "an abacus",
        "versions": {"beads": "3.0"},
        "date": "2026-01-01",
        "seconds": 1200,
        "rows": [],
    }
    for task, ours, theirs, ratio in BENCH:
        words = {"task": task, "size": "a mile", "peer": "a fish", "unit": "km/h"}
        results["rows"].append(words | {"ours": ours, "theirs": theirs, "ratio": ratio})
    results["curves"] = {
        "ours": [[[1, 3.0], [2, 2.5], [3, 2.4]], [[1, 3.1], [3, 2.6]]],
        "theirs": [[10, 3.0], [40, 2.5]],
    }
    (book / "bench" / "results").mkdir(parents=True)
    (book / "bench" / "results" / "trial.json").write_text(json.dumps(results), encoding="utf-8")
    store_losses(book, "1.25")
    return book


def store_losses(book: Path, loss: str) -> None:
    words = {"image": {"alt": "A square."}, "figure": {"name": "square", "caption": "A square."}}
    picture = figure(png(288, dpi=144), words=words, number=2)
    store(book / "chapters" / "01_trial.ipynb", notebook(code("1", glued("loss", loss)), picture))


def build_trial(book: Path, **environment: str) -> Build:
    return build_book(book, book, GITHUB_REPOSITORY="", **environment)


@pytest.fixture(scope="module")
def built(trial) -> Path:
    """Where the small book was built, unbroken."""
    build = build_trial(trial)
    assert build.returncode == 0, build.output
    return build.html


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_widget_has_a_place_its_data_and_its_scripts(built):
    page = soup(built / "intro.html")
    place = page.select_one('div.widget[data-widget="trial"]')
    assert place.get_text().strip() == "Shown without JavaScript."
    data = page.select_one(f'script#{place["id"]}-data[type="application/json"]').string
    assert data == '{"text":"\\u003c/script>\\u003cp>苹果"}'
    scripts = [tag for tag in page.select("script[src*='widgets/']")]
    assert [tag["src"].split("?")[0].rsplit("/", 1)[1] for tag in scripts] == ["widgets.js", "trial.js"]
    assert all(tag.has_attr("defer") and tag.get("type") != "module" for tag in scripts)


@pytest.mark.parametrize(("name", "d_model"), [("trial", 4), ("trial-other", 6)])
def test_stored_model_becomes_a_script_that_no_page_loads(built, name, d_model):
    script = (built / "widgets" / f"{name}-weights.js").read_text(encoding="utf-8")
    assert script.startswith(f'(BookWidgets.weights ??= {{}})["{name}"] = {{')
    model = json.loads(script.split(" = ", 1)[1].removesuffix(";\n"))
    assert model["config"] == {"d_model": d_model}
    assert base64.b64decode(model["safetensors"]) == WEIGHTS
    assert not soup(built / "intro.html").select("script[src*='weights']")


def test_page_without_a_widget_loads_no_widget(built):
    assert not soup(built / "chapters" / "01_trial.html").select("[src*='widgets/'], [href*='widgets/']")


@pytest.mark.browser
def test_widget_mounts_from_a_file(built, visit):
    seen = visit((built / "intro.html").as_uri())
    assert seen.page.locator(".widget[data-mounted]").inner_text() == "</script><p>苹果"
    assert seen.complaints == []


@pytest.mark.browser
def test_widget_that_breaks_leaves_its_fallback(trial, built, visit):
    script = built / "widgets" / "trial.js"
    sound = script.read_text(encoding="utf-8")
    script.write_text('BookWidgets.register("trial", () => { throw new Error("broken") });')
    try:
        seen = visit((built / "intro.html").as_uri())
    finally:
        script.write_text(sound, encoding="utf-8")
    assert seen.page.locator(".widget").inner_text() == "Shown without JavaScript."
    assert any("broken" in complaint for complaint in seen.complaints)


@pytest.mark.browser
def test_widget_stays_a_sentence_without_javascript(built, chromium):
    page = chromium.new_page(java_script_enabled=False)
    page.goto((built / "intro.html").as_uri())
    assert page.locator(".widget").inner_text() == "Shown without JavaScript."
    page.close()


def test_chinese_is_marked_as_chinese(built):
    page = soup(built / "intro.html")
    assert [tag.get_text() for tag in page.select('span[lang="zh"]')] == ["实数集"]


def test_bench_shows_what_was_measured_and_where_it_loses(built):
    whole, losses = soup(built / "intro.html").select("table.bench:not(.bench-summary)")
    cells = [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in whole.select("tbody tr")]
    assert cells == [
        ["Walking a mile", "a fish", "30 km/h", "20 km/h", "1.50"],
        ["Swimming a mile", "a fish", "1,234.5 km/h", "2,469 km/h", "0.50"],
        ["Flying a mile", "a fish", "never", "3 km/h", "–"],
    ]
    assert [row.td.p.get_text() for row in losses.select("tbody tr")] == ["Swimming", "Flying"]
    [machine] = [p.get_text() for p in soup(built / "intro.html").select("p.bench-machine")]
    assert machine == "Measured on an abacus; beads 3.0; 2026-01-01; 1,200 CPU seconds in all."


def test_bench_summary_has_a_row_for_each_task_and_peer(built):
    [table] = soup(built / "intro.html").select("table.bench-summary")
    cells = [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in table.select("tbody tr")]
    assert cells == [["Walking", "a fish", "1.50"], ["Swimming", "a fish", "0.50"], ["Flying", "a fish", "–"]]
    kinds = [row.select_one("[class^=bench-]")["class"] for row in table.select("tbody tr")]
    assert kinds == [["bench-gain"], ["bench-loss"], ["bench-loss"]]


def test_bench_summary_joins_what_differs_in_version_and_size():
    def row(peer: str, ratio: float, **others: str) -> dict:
        return {"task": "Writing", "size": "a line", "peer": peer, "unit": "words/s", "ratio": ratio} | others

    rows = [row("scribe 2.0", 0.75), row("scribe 2.0", 1.5, size="a page"), row("quill Q8_0 1.0", 2.0)]
    rows += [row("bound", 0.1), row("scribe 2.0", 9.0, unit="MB"), row("scribe 2.0", 3.0, size="SmolLM2, a page")]
    table = bench.summary(rows)
    cells = [[cell.astext() for cell in line.children] for line in table.findall(nodes.row)]
    assert cells[1:] == [
        ["Writing", "scribe", "0.75–1.50"],
        ["Writing", "quill", "2.00"],
        ["Writing, SmolLM2", "scribe", "3.00"],
    ]
    assert [line["classes"] for line in table.findall(nodes.inline)][3:][2::3] == [
        ["bench-even"],
        ["bench-gain"],
        ["bench-gain"],
    ]


def test_bench_draws_curves_to_one_scale(built):
    [svg] = soup(built / "intro.html").select("svg.bench-curves")
    assert svg["aria-label"] == "2.50 bits per character: the common recipe after 40 s, ours after 2 and no number of s"
    first, second, theirs = (
        [tuple(map(float, point.split())) for point in path["d"][1:].split("L")] for path in svg.select("path.curve")
    )
    assert [len(curve) for curve in (first, second, theirs)] == [3, 2, 2]
    assert first[0][1] == theirs[0][1] > 0 and first[1][1] == theirs[1][1], "equal bits, equal height"
    (x1, _), (x2, _), (x3, _) = first
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and theirs[1][0] - x1 == pytest.approx(39 * (x2 - x1), rel=0.02)
    assert first[2][1] > first[1][1], "less is lower on the page"


def test_figure_is_as_wide_as_it_was_drawn(built):
    """288 pixels at 144 to the inch are 2 inches, 192 CSS pixels."""
    assert soup(built / "chapters" / "01_trial.html").select_one("figure img")["style"] == "width: 192px;"


def test_pages_leave_out_what_the_theme_brings_for_nothing(built):
    page = (built / "intro.html").read_text(encoding="utf-8")
    assert "fontawesome.js" not in page
    assert "thebe" not in page
    assert "https://cdn" not in page


def test_build_after_build(trial, built):
    """Incremental builds: a changed number reaches the pages that glue it, and a warning is not forgotten."""
    assert 'The loss is <span class="pasted-text">1.25</span>' in (built / "intro.html").read_text(encoding="utf-8")
    store_losses(trial, "0.75")
    assert build_trial(trial).returncode == 0
    assert 'The loss is <span class="pasted-text">0.75</span>' in (built / "intro.html").read_text(encoding="utf-8")

    faults = "\n[lost](lost.md) {glue:text}`chapters/01_trial.ipynb::gain:.2f`\n\n```{widget} absent\nFallback.\n```\n"
    (trial / "intro.md").write_text(
        PAGE + faults + "\n```{widget} trial\n:data: absent.json\n\nFallback.\n```\n"
        "\n```{widget} trial\n:weights: trained/absent\n\nFallback.\n```\n\n```{bench} absent\n```\n"
    )
    first, second = build_trial(trial), build_trial(trial)
    (trial / "intro.md").write_text(PAGE)
    for build in (first, second):
        assert build.returncode != 0
        assert "lost.md" in build.output
        assert "Glue reference 'gain' not found" in build.output
        assert "widget 'absent' has no script" in build.output
        assert "widget 'trial' cannot read its data absent.json" in build.output
        assert "widget 'trial' has no model: trained/absent/config.json does not exist" in build.output
        assert "bench/results/absent.json is not there: run `make bench NAME=absent`" in build.output
