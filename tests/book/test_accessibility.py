"""Each page under axe-core, wide and narrow, light and dark: no finding, the theme's own mended in _ext/bookfix.py."""

import re

import pytest
from visits import pages

pytestmark = pytest.mark.browser
SAME_EVERYWHERE = (".highlight pre span", "mjx-container")  # code in its few colours, tested apart; formulas as text


@pytest.fixture(scope="module")
def address(site, serve):
    return serve(site)


@pytest.mark.parametrize("page", pages())
def test_page_is_accessible(page, address, visit):
    seen = visit(f"{address}/{page}")
    assert seen.accessibility(colours=False) == []
    assert seen.pale(exclude=SAME_EVERYWHERE) == []
    seen.turn("dark")
    assert seen.pale(exclude=SAME_EVERYWHERE) == []


@pytest.mark.parametrize("page", pages())
def test_page_is_accessible_on_a_telephone(page, address, visit):
    assert visit(f"{address}/{page}", width=390).accessibility(colours=False) == []


def test_code_is_legible_in_every_colour(site, visit):
    """One word of each class that the site's style sheet colours, in a page's own code panel."""
    css = (site / "_static" / "pygments.css").read_text(encoding="utf-8")
    classes = sorted(set(re.findall(r"\.highlight \.(\w+)", css)))
    words = " ".join(f'<span class="{name}">word</span>' for name in classes)
    code = f'<div class="cell"><div class="cell_input"><div class="highlight"><pre>{words}</pre></div></div></div>'
    page = (site / "genindex.html").read_text(encoding="utf-8")
    trial = site / "code_colours.html"
    article = '<article class="bd-article">'
    trial.write_text(page.replace(article, article + code), encoding="utf-8")
    try:
        seen = visit(trial.as_uri())
        assert seen.page.locator(".highlight pre span").count() == len(classes) > 20
        assert seen.pale() == []
        seen.turn("dark")
        assert seen.pale() == []
    finally:
        trial.unlink()
