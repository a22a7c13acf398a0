"""Each page in a browser: it needs no other machine, complains of nothing and fits a telephone."""

import io
from pathlib import Path

import pytest
from PIL import Image
from visits import pages

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("page", pages())
def test_page_stands_alone_over_http(page, site, serve_site, visit):
    seen = visit(f"{serve_site}/{page}")
    assert seen.outside() == []
    assert seen.complaints == []
    assert seen.page.locator(".widget:not([data-mounted])").count() == 0


@pytest.mark.parametrize("page", pages())
def test_page_stands_alone_as_a_file(page, site, visit):
    seen = visit((site / page).as_uri())
    assert seen.outside() == []
    assert seen.complaints == []
    assert seen.page.locator(".widget:not([data-mounted])").count() == 0
    if seen.page.locator(".math").count():
        assert seen.page.locator("mjx-container").count() > 0


@pytest.mark.parametrize("page", pages())
def test_page_does_not_scroll_sideways_on_a_telephone(page, site, serve_site, visit):
    assert visit(f"{serve_site}/{page}", width=390).overflow() == []


def test_index_leads_to_the_book(site, visit):
    seen = visit((site / "index.html").as_uri())
    seen.page.wait_for_url("**/intro.html")


def test_figures_take_on_the_colour_of_a_dark_page(site, visit):
    """Drawn on white, in the dark a figure's paper is the page itself."""
    figures = [page for page in pages() if "<figure" in (site / page).read_text(encoding="utf-8")]
    if not figures:
        pytest.skip("no page has a figure yet")
    seen = visit((site / figures[0]).as_uri(), color_scheme="dark")
    seen.turn("dark")
    figure = seen.page.locator("div.cell figure img").first
    image = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
    red, green, blue = image.getpixel((2, 2))
    paper = seen.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert paper == f"rgb({red}, {green}, {blue})"
    assert max(red, green, blue) < 64


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


@pytest.fixture(scope="module")
def serve_site(site, serve):
    return serve(site)
