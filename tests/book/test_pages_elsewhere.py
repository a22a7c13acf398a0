"""Each page on a telephone, and opened as a file, which is how `make book` hands it over."""

import io
from pathlib import Path

import pytest
from PIL import Image
from visits import pages

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("page", pages())
def test_page_on_a_telephone(page, site, serve, visit):
    seen = visit(f"{serve(site)}/{page}", width=390)
    seen.page.evaluate("() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert seen.overflow() == []
    assert seen.clipped() == []
    assert seen.accessibility(colours=False) == []


@pytest.mark.parametrize("page", pages())
def test_page_as_a_file(page, site, visit):
    seen = visit((site / page).as_uri())
    assert seen.outside() == []
    assert seen.complaints == []
    assert seen.unmounted() == []
    formulas = seen.page.locator(".math").count()
    assert bool(seen.page.locator("mjx-container").count()) == bool(formulas)


def test_index_is_the_front_page(site):
    assert (site / "index.html").read_bytes() == (site / "intro.html").read_bytes()


SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.shifts.push(entry.value)))
    .observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("width", [360, 412, 768, 1280])
def test_the_front_page_stays_where_it_is_while_its_model_arrives(width, site, chromium):
    """Browsers add up how far what is in view moves of itself; 0.1 is where they begin to call a page restless."""
    page = chromium.new_page(viewport={"width": width, "height": 823})
    page.add_init_script(SHIFTS)
    page.goto((site / "index.html").as_uri())
    page.wait_for_selector(".widget[data-characters]")
    assert sum(page.evaluate("window.shifts")) < 0.03
    page.close()


def test_figures_take_on_the_colour_of_a_dark_page(site, visit):
    """Drawn on white, in the dark a figure's paper is the page itself."""
    seen = visit((site / "chapters" / "01_counting.html").as_uri(), color_scheme="dark")
    seen.turn("dark")
    figure = seen.page.locator("div.cell figure img").first
    image = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
    red, green, blue = image.getpixel((2, 2))
    paper = seen.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert paper == f"rgb({red}, {green}, {blue})"
    assert max(red, green, blue) < 64


def test_clipped_code_is_seen(tmp_path: Path, visit):
    line = f'<span class="line">{"x" * 90}</span>'
    wide, wrapped = f"<pre>{line}</pre>", f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{line}</pre>'
    (tmp_path / "code.html").write_text(f"<!DOCTYPE html><title>Code</title>{wide}{wrapped}", encoding="utf-8")
    assert visit((tmp_path / "code.html").as_uri(), width=390).clipped() == ["x" * 80]


def test_faults_are_seen(tmp_path: Path, visit):
    """The same looks at a page with each fault in it."""
    (tmp_path / "faulty.html").write_text(
        """<!DOCTYPE html><html lang="en"><title>Faults</title><main><h1>Faults</h1>
        <img src="https://example.org/picture.png" >
        <div style="width: 2000px">wide</div><p style="color: #ccc; background: #fff">pale</p>
        <script src="missing.js"></script><script>console.error("oops"); throw new Error("thrown")</script></main>""",
        encoding="utf-8",
    )
    seen = visit((tmp_path / "faulty.html").as_uri(), width=390)
    assert seen.outside() == ["https://example.org/picture.png"]
    assert any("missing.js" in complaint for complaint in seen.complaints)
    assert any("oops" in complaint for complaint in seen.complaints)
    assert any("thrown" in complaint for complaint in seen.complaints)
    assert any("2000px" in element for element in seen.overflow())
    assert {finding.split(":")[0] for finding in seen.pale()} == {"color-contrast"}
    assert {"color-contrast", "image-alt"} <= {finding.split(":")[0] for finding in seen.accessibility()}
