"""The learning widget in a browser: its arithmetic is PyTorch's, and its table ends where counting ends."""

import json
import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, data_of, turn

from transformer_lib.data import toy

NAMES = ("learning",)
browser = pytest.mark.browser

DESCENT = """([pairs, W, rate, steps]) => {
    const { count, loss, gradient, descend } = BookWidgets.learning;
    const counts = count(pairs, W.length);
    return { loss: loss(W, counts), gradient: gradient(W, counts), after: descend(W, counts, rate, steps) };
}"""


def test_committed_data_are_what_the_tool_makes():
    assert data_of("learning") == json.loads(json.dumps(widget_data.learning()))


@browser
def test_losses_gradients_and_steps_equal_pytorch(arithmetic):
    rng = np.random.default_rng(4)
    for _ in range(20):
        size, n_pairs, steps = int(rng.integers(2, 7)), int(rng.integers(1, 12)), int(rng.integers(1, 30))
        pairs, W = rng.integers(size, size=(n_pairs, 2)), rng.normal(scale=3, size=(size, size))
        rate = float(10 ** rng.uniform(-1, 1))
        answer = arithmetic(DESCENT, [pairs.tolist(), W.tolist(), rate, steps])

        table = torch.tensor(W, requires_grad=True)
        inputs, targets = torch.tensor(pairs).T
        optimizer = torch.optim.SGD([table], rate)
        for step in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(table[inputs], targets)
            loss.backward()
            if step == 0:
                assert answer["loss"] == pytest.approx(loss.item(), rel=1e-12)
                np.testing.assert_allclose(answer["gradient"], table.grad, atol=1e-12)
            optimizer.step()
        np.testing.assert_allclose(answer["after"], table.detach(), rtol=1e-9, atol=1e-9)


@browser
def test_floor_is_the_conditional_entropy(arithmetic):
    rng = np.random.default_rng(0)
    for counts in ([[0, 2, 1], [0, 0, 0], [1, 0, 0]], rng.integers(0, 5, size=(5, 5)).tolist()):
        joint = np.array(counts) / np.sum(counts)

        def entropy(p):
            p = p[p > 0]
            return -(p * np.log(p)).sum()

        expected = entropy(joint.ravel()) - entropy(joint.sum(axis=1))
        assert arithmetic("(counts) => BookWidgets.learning.floor(counts)", counts) == pytest.approx(expected)


@browser
def test_large_logits_stay_finite(arithmetic):
    W = [[1000, 0], [-1000, 1000]]
    answer = arithmetic(DESCENT, [[[0, 0], [1, 0]], W, 1, 1])
    assert answer["loss"] == pytest.approx(1000)
    np.testing.assert_allclose(answer["gradient"], [[0, 0], [-0.5, 0.5]], atol=1e-12)


def row(page, word: str) -> list[float]:
    line = page.locator(".learning-table tbody tr").filter(has=page.get_by_role("rowheader", name=word, exact=True))
    return [float(text.replace("−", "-")) for text in line.locator(".learning-now").all_inner_texts()]


def shown_loss(page) -> float:
    return float(re.search(r"the loss is ([\d.]+)", page.locator(".learning-status").inner_text())[1])


@browser
def test_four_hundred_steps_lead_to_the_counted_table(show):
    page = show("learning").page
    assert row(page, "love") == [0.2] * 5
    assert shown_loss(page) == pytest.approx(math.log(5), abs=1e-4)
    for _ in range(4):
        page.get_by_role("button", name="100 steps").click()
    expect(page.locator(".learning-status")).to_contain_text("Step 400")
    oranges, grapes = map(toy.WORDS.index, ("oranges", "grapes"))
    love = row(page, "love")
    assert love[oranges] == pytest.approx(2 / 3, abs=0.01) and love[grapes] == pytest.approx(1 / 3, abs=0.01)
    assert row(page, "oranges") == [0.2] * 5  # nothing ever followed it: not one step has moved the row


@browser
def test_a_dead_row_keeps_what_it_started_with(show):
    page = show("learning").page
    page.get_by_text("random", exact=True).click()
    before = row(page, "grapes"), row(page, "love")
    page.get_by_role("button", name="100 steps").click()
    assert row(page, "grapes") == before[0] and row(page, "love") != before[1]
    page.get_by_role("button", name="Start over").click()
    assert (row(page, "grapes"), row(page, "love")) == before


@browser
def test_one_step_is_the_learning_rate_times_the_gradient(show):
    page = show("learning").page
    page.get_by_text("logits", exact=True).click()
    page.get_by_text("10", exact=True).click()
    page.get_by_role("button", name="1 step", exact=True).click()
    # after "love", read three times in six pairs: I, you, love, oranges, grapes
    expected = -10 / 6 * (3 * np.full(5, 0.2) - np.array([0, 0, 0, 2, 1]))
    np.testing.assert_allclose(row(page, "love"), expected, atol=0.0051)


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_is_accessible_and_fits(width, show):
    seen = show("learning", width=width)
    for choice in ("random", "logits", "50"):
        seen.page.get_by_text(choice, exact=True).click()
    seen.page.get_by_role("button", name="100 steps").click()
    assert seen.overflow() == [] and seen.complaints == [] and seen.outside() == []
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []


@browser
def test_hostile_words_are_only_text(show):
    data = data_of("learning")
    data["words"][0] = name = '<img src=x onerror="document.title=1">'
    seen = show("learning", data=data)
    expect(seen.page.get_by_role("rowheader", name=name)).to_be_visible()
    assert seen.page.locator(".widget img").count() == 0 and seen.page.title() == "Widgets" and seen.complaints == []
