"""The widget of learning rates in a browser: it reads the curves as NumPy does, and shows the stored runs."""

import json
import re

import numpy as np
import pytest
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, data_of, turn

NAMES = ("rates",)
browser = pytest.mark.browser

READ = "([points, rate]) => BookWidgets.rates.read(points, rate)"
BEST = "(points) => BookWidgets.rates.best(points)"


def test_committed_data_are_what_the_tool_makes():
    assert data_of("rates") == json.loads(json.dumps(widget_data.rates()))


def test_every_stored_run_is_in_the_data_once():
    stored = json.loads((widget_data.ROOT / "trained/mup/results.json").read_text(encoding="utf-8"))
    shown = {
        (way["name"], curve["width"], point["rate"]): sorted(point["values"])
        for way in widget_data.rates()["ways"]
        for curve in way["curves"]
        for point in curve["points"]
    }
    for run in stored["runs"]:
        if run["way"] != "muP beside 64":
            assert run["validation"] in shown[run["way"], run["width"], run["rate"]]
    base = stored["bases"]["muP"]
    assert {key[2]: shown[key] for key in shown if key[:2] == ("standard", base)} == {
        key[2]: shown[key] for key in shown if key[:2] == ("muP", base)
    }


@browser
def test_between_measured_rates_the_curve_is_the_line_over_the_logarithm(arithmetic):
    rng = np.random.default_rng(0)
    for _ in range(20):
        powers = np.sort(rng.choice(np.arange(-12, 0), size=4, replace=False)).astype(float)
        values = rng.normal(2, 0.3, (4, 3))
        points = [{"rate": 2.0**p, "values": row.tolist()} for p, row in zip(powers, values, strict=True)]
        at = rng.uniform(powers[0], powers[-1])
        found = arithmetic(READ, [points, 2.0**at])
        for name, of_seeds in (("mean", values.mean(1)), ("low", values.min(1)), ("high", values.max(1))):
            assert found[name] == pytest.approx(np.interp(at, powers, of_seeds))
        assert arithmetic(BEST, points) == pytest.approx(2.0 ** powers[values.mean(1).argmin()])


@browser
def test_nothing_is_said_outside_and_a_run_gone_astray_is_no_number(arithmetic):
    points = [{"rate": 2.0**p, "values": v} for p, v in ((-8, [3, 3.2]), (-7, [2.5, 2.7]), (-6, [2.6, None]))]
    assert arithmetic(READ, [points, 2.0**-9]) is None
    assert arithmetic(READ, [points, 2.0**-5.9]) is None
    assert arithmetic(READ, [points, 2.0**-8])["mean"] == pytest.approx(3.1)
    assert arithmetic(READ, [points, 2.0**-6]) == "astray"
    assert arithmetic(READ, [points, 2.0**-6.5]) == "astray"
    assert arithmetic(BEST, points) == 2.0**-7


def cells(page, width: int) -> list[str]:
    line = page.locator(".rates-table tbody tr").filter(has=page.get_by_role("rowheader", name=str(width), exact=True))
    return line.locator("td").all_inner_texts()


@browser
def test_the_rate_that_is_dragged_to_is_read_off_every_curve(show):
    page, data = show("rates").page, data_of("rates")
    slider = page.get_by_role("slider", name="learning rate")
    for power in (-8.0, -6.0):
        slider.fill(str(power))
        for i, way in enumerate(data["ways"]):
            for curve in way["curves"]:
                shown = cells(page, curve["width"])[i]
                point = next((one for one in curve["points"] if one["rate"] == 2**power), None)
                if point is None:
                    assert "not measured" in shown
                elif None not in point["values"]:
                    told = float(re.match(r"[\d.]+", shown)[0])
                    assert told == pytest.approx(np.mean(point["values"]), abs=0.0051)


@browser
def test_buttons_lead_to_the_rates_that_are_best_for_the_narrowest(show):
    page, data = show("rates").page, data_of("rates")
    for way in data["ways"]:
        points = way["curves"][0]["points"]
        best = min((one for one in points if None not in one["values"]), key=lambda one: np.mean(one["values"]))
        page.get_by_role("button", name=f"best at {way['curves'][0]['width']}, {way['name']}").click()
        slider = page.get_by_role("slider", name="learning rate")
        assert float(slider.input_value()) == np.log2(best["rate"])
        mean = np.mean(best["values"])
        assert float(cells(page, 64)[data["ways"].index(way)][:4]) == pytest.approx(mean, abs=0.0051)
    expect(page.locator(".rates-told")).to_contain_text("leaves the width of 512")


@browser
def test_each_width_has_one_ring_in_each_panel(show):
    page, data = show("rates").page, data_of("rates")
    for i, way in enumerate(data["ways"]):
        assert page.locator(".rates-panel").nth(i).locator(".rates-best").count() == len(way["curves"])


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_is_accessible_and_fits(width, show):
    seen = show("rates", width=width)
    seen.page.get_by_role("slider", name="learning rate").fill("-7.5")
    assert seen.overflow() == [] and seen.complaints == [] and seen.outside() == []
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []


@browser
def test_hostile_names_are_only_text(show):
    data = data_of("rates")
    data["ways"][0]["name"] = name = '<img src=x onerror="document.title=1">'
    seen = show("rates", data=data)
    expect(seen.page.get_by_role("columnheader", name=name)).to_be_visible()
    assert seen.page.locator(".widget img").count() == 0 and seen.page.title() == "Widgets" and seen.complaints == []
