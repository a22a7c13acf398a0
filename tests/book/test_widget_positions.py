"""The widget of the rotating hands: its arithmetic is the library's, and moving both places moves no score."""

import json

import numpy as np
import pytest
import torch
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, FALLBACK, data_of, turn, write_page

from transformer_lib.positions import Rotary, sinusoidal_positions

browser = pytest.mark.browser
DATA = data_of("positions")


@pytest.fixture
def show(tmp_path, visit):
    """show() -> the Visit of a page with the widget alone."""

    def open_page(**options):
        seen = visit(write_page(tmp_path, {"positions": DATA}), **options)
        seen.page.set_default_timeout(20_000)
        return seen

    return open_page


@pytest.fixture(scope="module")
def arithmetic(chromium, tmp_path_factory):
    page = chromium.new_page()
    page.goto(write_page(tmp_path_factory.mktemp("widget"), {"positions": DATA}))
    yield lambda script, argument=None: page.evaluate(script, argument)
    page.close()


def rotated(vector, position, base):
    """The library's rotation, in neighbours' order: it turns halves."""
    halves = torch.tensor(vector, dtype=torch.float64).view(-1, 2).T.reshape(1, 1, 1, -1)
    return Rotary(len(vector), base)(halves, torch.tensor([position])).view(2, -1).T.flatten()


def score(m, n, base, hands):
    return float(rotated(DATA["query"][: 2 * hands], m, base) @ rotated(DATA["key"][: 2 * hands], n, base))


def slide(page, **values):
    for name, value in values.items():
        page.get_by_role("slider", name=name.replace("_", " ")).fill(str(value))


def test_committed_data_are_what_the_tool_makes():
    assert json.loads(json.dumps(widget_data.positions())) == DATA
    assert len(DATA["query"]) == len(DATA["key"]) == 16


@browser
@pytest.mark.parametrize("base", [10, 10_000])
@pytest.mark.parametrize("width", [2, 8, 16])
def test_hands_are_the_librarys(width, base, arithmetic):
    vector = DATA["query"][:width]
    for place in (0, 1, 37, 100):
        turned = arithmetic("([v, m, base]) => BookWidgets.positions.rotate(v, m, base)", [vector, place, base])
        np.testing.assert_allclose(turned, rotated(vector, place, base), atol=1e-12)
        row = arithmetic("([m, w, base]) => BookWidgets.positions.sinusoidal(m, w, base)", [place, width, base])
        np.testing.assert_allclose(row, sinusoidal_positions(place + 1, width, base=base)[-1], atol=1e-6)


@browser
def test_the_shares_sum_to_the_dot_product(arithmetic):
    shares = arithmetic("([u, v]) => BookWidgets.positions.shares(u, v)", [DATA["query"], DATA["key"]])
    products = np.multiply(DATA["query"], DATA["key"])
    np.testing.assert_allclose(shares, products.reshape(-1, 2).sum(axis=1), atol=1e-12)


@browser
def test_the_score_shown_is_the_librarys(show):
    page = show().page
    for m, n, exponent, hands in ((9, 4, 3, 4), (100, 0, 0, 8), (3, 60, 4, 1)):
        slide(page, query_at_m=m, key_at_n=n, base=exponent, hands=hands)
        expected = f"{score(m, n, 10.0 ** (exponent + 1), hands):.2f}".replace("-", "−")
        expect(page.locator(".positions-status")).to_contain_text(f"score {expected} = ")
        expect(page.locator(".positions-dials li")).to_have_count(hands)


@browser
def test_moved_together_the_hands_turn_and_the_score_stays(show):
    page = show().page
    status, dials = page.locator(".positions-status"), page.locator(".positions-dials")
    before, hands = status.inner_text(), dials.inner_html()
    page.get_by_label("move m and n together").check()
    slide(page, query_at_m=50)
    expect(page.get_by_role("slider", name="key at n")).to_have_value("45")
    assert status.inner_text() == before and dials.inner_html() != hands

    slide(page, query_at_m=0)  # the key stands five places before and cannot go below 0
    expect(page.get_by_role("slider", name="key at n")).to_have_value("0")
    expect(page.get_by_role("slider", name="query at m")).to_have_value("5")
    assert status.inner_text() == before

    page.get_by_label("move m and n together").uncheck()
    slide(page, query_at_m=6)
    assert status.inner_text() != before


@browser
def test_by_keyboard(show):
    page = show().page
    status = page.locator(".positions-status")
    before = status.inner_text()
    page.get_by_role("button", name="both one on").press("Enter")
    expect(page.get_by_role("slider", name="query at m")).to_have_value("10")
    assert status.inner_text() == before
    page.get_by_role("slider", name="query at m").press("ArrowRight")
    expect(status).to_contain_text("m − n = 6")
    page.get_by_role("radio", name="rotary").press("ArrowRight")
    expect(page.get_by_role("radio", name="sinusoidal")).to_be_checked()


@browser
def test_at_the_ends_both_stay(show):
    page = show().page
    slide(page, query_at_m=100, key_at_n=0)
    for name in ("both one back", "both one on"):
        page.get_by_role("button", name=name).click()
        expect(page.locator(".positions-status")).to_contain_text("m − n = 100")


@browser
def test_sinusoidal_shows_two_rows_of_the_table(show):
    page = show().page
    page.get_by_text("sinusoidal", exact=True).click()
    slide(page, query_at_m=7, key_at_n=2)
    rows = page.locator(".positions-table tbody tr").all()
    table = sinusoidal_positions(8, 8)
    for row, place in zip(rows, (7, 2), strict=True):
        values = [float(cell.replace("−", "-")) for cell in row.locator("td").all_inner_texts()]
        np.testing.assert_allclose(values, table[place], atol=0.0051)
    expect(page.locator(".positions-status")).to_contain_text(f"score {float(table[7] @ table[2]):.2f}")


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_readable_in_both_themes_at_both_widths(width, show):
    seen = show(width=width)
    expect(seen.page.get_by_text(FALLBACK)).to_have_count(0)
    seen.page.get_by_text("sinusoidal", exact=True).click()
    slide(seen.page, hands=8)
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.overflow() == [] and seen.accessibility() == []
    assert seen.complaints == [] and seen.outside() == []
