"""Each page on a desk, light and dark: it needs no other machine, complains of nothing, and anyone can read it."""

import re

import pytest
from visits import pages

pytestmark = pytest.mark.browser
SAME_EVERYWHERE = ".highlight pre > *, mjx-container"  # the colours of code are tried apart; formulas have the text's


@pytest.mark.parametrize("page", pages())
def test_page_on_a_desk(page, site, serve, visit):
    seen = visit(f"{serve(site)}/{page}")
    assert seen.outside() == []
    assert seen.complaints == []
    assert seen.unmounted() == []
    seen.drop(SAME_EVERYWHERE)
    assert seen.accessibility() == []
    seen.turn("dark")
    assert seen.pale() == []


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
