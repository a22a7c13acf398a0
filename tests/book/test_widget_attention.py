"""The attention widget in a browser: its arithmetic is the library's; all of it moves by pointer and by keyboard."""

import json
import re

import numpy as np
import pytest
import torch
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, data_of, turn

from transformer_lib.attention import additive_attention_weights, attention_weights

NAMES = ("attention",)
KINDS = {"dot": "dot", "scaled": "dot / √2", "cosine": "cosine", "additive": "additive"}
browser = pytest.mark.browser


def test_committed_data_are_what_the_tool_makes():
    assert data_of("attention") == json.loads(json.dumps(widget_data.attention()))


def expected_weights(kind: str, query: list, keys: list, sharpness: float, network: dict) -> torch.Tensor:
    """(S,) weights by the library and torch, in float64."""
    q, k = torch.tensor([query], dtype=torch.float64), torch.tensor(keys, dtype=torch.float64)
    if kind == "dot":  # the library divides by the root of the width: take that back beforehand
        return attention_weights(sharpness * 2**0.5 * q, k)[0]
    if kind == "scaled":
        return attention_weights(sharpness * q, k)[0]
    if kind == "cosine":
        return (sharpness * torch.cosine_similarity(q, k)).softmax(dim=0)
    w_query, w_key, v = (torch.tensor(network[name], dtype=torch.float64) for name in ("w_query", "w_key", "v"))
    return additive_attention_weights(torch.cat((q, torch.ones(1, 1)), dim=1), k, w_query, w_key, sharpness * v)[0]


@browser
@pytest.mark.parametrize("kind", KINDS)
def test_lookup_equals_the_library(kind, arithmetic):
    rng = np.random.default_rng(6)
    cases = []
    for _ in range(60):
        hidden, count = rng.integers(1, 6, size=2)
        shapes = {"w_query": (hidden, 3), "w_key": (hidden, 2), "v": (hidden,)}
        network = {name: rng.normal(size=shape).tolist() for name, shape in shapes.items()}
        query, keys = rng.normal(size=2).tolist(), (3 * rng.normal(size=(count, 2))).tolist()
        cases.append([kind, query, keys, (10 * rng.normal(size=count)).tolist(), float(rng.uniform(0, 10)), network])
    found = arithmetic("(cases) => cases.map((one) => BookWidgets.attention.lookup(...one))", cases)
    for (_, query, keys, values, sharpness, network), answer in zip(cases, found, strict=True):
        weights = expected_weights(kind, query, keys, sharpness, network)
        np.testing.assert_allclose(answer["weights"], weights, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(answer["output"], weights @ torch.tensor(values, dtype=torch.float64), atol=1e-9)


@browser
def test_extremes_stay_finite(arithmetic):
    lookup = "(one) => BookWidgets.attention.lookup(...one)"
    zero = arithmetic(lookup, ["cosine", [0, 0], [[1, 0], [0, 0]], [1, 3], 5, None])
    assert zero["weights"] == [0.5, 0.5] and zero["output"] == 2
    loud = arithmetic(lookup, ["dot", [1000, 0], [[1000, 0], [-1000, 0]], [1, 3], 10, None])
    assert loud["weights"] == [1, 0]


def column(page, number: int) -> list[float]:
    cells = page.locator(f".attention-table tbody tr:not(.attention-output) td:nth-child({number})")
    return [float(text) for text in cells.all_inner_texts()]


def best(page) -> str:
    return page.locator(".attention-best th").inner_text()


def output(page) -> float:
    return float(page.locator(".attention-output output").inner_text())


@browser
def test_three_scores_choose_three_keys(show):
    page = show("attention").page
    data = data_of("attention")
    keys = [key["at"] for key in data["keys"]]
    for kind, name in (("dot", "A"), ("scaled", "A"), ("cosine", "C"), ("additive", "B")):
        page.get_by_text(KINDS[kind], exact=True).click()
        assert best(page) == name
        weights = expected_weights(kind, data["query"], keys, 1.0, data["network"])
        np.testing.assert_allclose(column(page, 3), weights, atol=0.0051)
        assert output(page) == pytest.approx(float(weights @ torch.tensor([10.0, 20, 30, 40]).double()), abs=0.051)


@browser
def test_the_dot_product_does_not_choose_a_copy_of_the_query(show):
    page = show("attention").page
    page.get_by_role("button", name="Query onto B").click()
    assert page.get_by_role("slider", name="query").get_attribute("aria-valuetext") == "0.85, 0.55"
    assert best(page) == "A"
    page.get_by_text("cosine", exact=True).click()
    assert best(page) == "B" and column(page, 2)[1] == 1


@browser
def test_values_move_the_output_and_no_weight(show):
    page = show("attention").page
    before = column(page, 3)
    page.get_by_label("value of A").fill("-50")
    assert column(page, 3) == before
    assert output(page) == pytest.approx(before[0] * -50 + np.dot(before[1:], [20, 30, 40]), abs=0.8)
    page.get_by_label("value of A").fill("")  # nothing typed counts as 0
    assert output(page) == pytest.approx(np.dot(before[1:], [20, 30, 40]), abs=0.8)


@browser
def test_sharpness_leads_from_the_mean_to_the_nearest(show):
    page = show("attention").page
    sharpness = page.get_by_role("slider", name="sharpness")
    sharpness.fill("0")
    assert column(page, 3) == [0.25] * 4 and output(page) == 25
    sharpness.fill("10")
    assert column(page, 3) == [1, 0, 0, 0] and output(page) == 10


def place(page, name: str) -> tuple[float, float]:
    text = page.get_by_role("slider", name=name, exact=True).get_attribute("aria-valuetext")
    return tuple(map(float, text.split(", ")))


@browser
def test_moves_by_keyboard_and_stops_at_the_edge(show):
    page = show("attention").page
    page.get_by_role("slider", name="key C", exact=True).focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "Shift+ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    assert place(page, "key C") == (0.05, 0.3)
    for _ in range(60):
        page.keyboard.press("Shift+ArrowUp")
    assert place(page, "key C")[1] == 1.85
    page.get_by_role("button", name="Reset").click()
    assert place(page, "key C") == (0.25, 0.25)


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_moves_by_pointer(width, show):
    page = show("attention", width=width).page
    star = page.get_by_role("slider", name="query", exact=True)
    star.scroll_into_view_if_needed()
    box, plane = star.bounding_box(), page.locator(".attention-plane").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    unit = plane["width"] / 5.25
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - unit, y + 1.5 * unit, steps=3)
    page.mouse.up()
    assert place(page, "query") == pytest.approx((-0.25, -0.75), abs=0.06)
    page.mouse.move(x, y)  # let go: it stays
    assert place(page, "query") == pytest.approx((-0.25, -0.75), abs=0.06)
    assert best(page) == "C"


@browser
def test_background_shows_who_would_be_chosen(show):
    page = show("attention").page
    colours = """(kind) => {
        const canvas = document.querySelector(".attention-map"), brush = canvas.getContext("2d");
        const { data } = brush.getImageData(0, 0, canvas.width, canvas.height), seen = {};
        for (let i = 0; i < data.length; i += 4) seen[data.slice(i, i + 3).join()] = true;
        return Object.keys(seen);
    }"""
    dot = page.evaluate(colours)
    page.get_by_text("cosine", exact=True).click()
    cosine = page.evaluate(colours)
    assert len(dot) == 3 and len(cosine) == 4  # the dot product never chooses B
    [missing] = set(cosine) - set(dot)
    assert missing == "230,159,0"  # B's orange


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_is_accessible_and_fits(width, show):
    seen = show("attention", width=width)
    assert seen.overflow() == [] and seen.complaints == [] and seen.outside() == []
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []


@browser
def test_hostile_names_are_only_text(show):
    data = data_of("attention")
    name = '<img src=x onerror="document.title=1">'
    data["keys"][0]["name"] = name
    seen = show("attention", data=data)
    assert best(seen.page) == name
    expect(seen.page.locator(".attention-status")).to_have_text(re.compile(re.escape(name)))
    assert seen.page.locator(".widget img").count() == 0 and seen.page.title() == "Widgets" and seen.complaints == []
