"""The reward widget in a browser: its gradient is PyTorch's, and with a price it settles at the best policy."""

import json
import re

import numpy as np
import pytest
import torch
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, data_of, turn

from transformer_lib.training.policy_gradient import leave_one_out_advantages, reinforce_loss

NAMES = ("reward",)
browser = pytest.mark.browser

SLOPE = """([logits, reference, rewards, beta, samples]) => {
    const { softmax, earned, advantages, gradient, optimum, divergence } = BookWidgets.reward;
    const p = softmax(logits), paid = earned(samples, p, reference, rewards, beta);
    return {
        slopes: [true, false].map((baseline) => gradient(samples, advantages(paid, baseline), p)),
        best: optimum(reference, rewards, beta), far: divergence(p, reference),
    };
}"""


def test_committed_data_are_what_the_tool_makes():
    assert data_of("reward") == json.loads(json.dumps(widget_data.reward()))


@browser
def test_the_step_is_pytorchs_policy_gradient(arithmetic):
    rng = np.random.default_rng(21)
    for _ in range(10):
        z, rewards = torch.tensor(rng.normal(size=5), requires_grad=True), torch.tensor(rng.normal(size=5))
        q, beta = torch.tensor(rng.dirichlet(np.ones(5))), float(rng.uniform(0.1, 1))
        samples = rng.integers(5, size=8).tolist()
        answer = arithmetic(SLOPE, [z.tolist(), q.tolist(), rewards.tolist(), beta, samples])
        ln_p = z.log_softmax(0)
        paid = (rewards - beta * (ln_p.detach() - q.log()))[samples]
        for found, A in zip(answer["slopes"], (leave_one_out_advantages(paid[None])[0], paid), strict=True):
            loss = reinforce_loss(ln_p[samples][:, None], A)
            want = -torch.autograd.grad(loss, z, retain_graph=True)[0]
            np.testing.assert_allclose(found, want, atol=1e-12)
        best = q * (rewards / beta).exp()
        np.testing.assert_allclose(answer["best"], best / best.sum(), atol=1e-12)
        assert answer["far"] == pytest.approx((ln_p.exp() * (ln_p - q.log())).sum().item())


def shares(page) -> list[float]:
    return [float(text) for text in page.locator(".reward-table tbody td:nth-child(3)").all_inner_texts()]


@browser
def test_sample_reward_and_step_take_turns(show):
    page = show("reward").page
    buttons = {name: page.get_by_role("button", name=name, exact=True) for name in ("Sample", "Reward", "Step")}
    before = shares(page)
    for name in buttons:
        assert [other for other, button in buttons.items() if button.is_enabled()] == [name]
        buttons[name].click()
    expect(page.locator(".reward-status")).to_contain_text("Step 1:")
    assert shares(page) != before  # the seed is one that draws a mark which is paid for


@browser
def test_with_a_price_it_stays_near_the_best_policy_and_without_one_it_goes_to_the_mark(show):
    page = show("reward").page
    for _ in range(4):
        page.get_by_role("button", name="50 rounds").click()
    reached, best = map(float, re.findall(r"([\d.]+)(?:;|\.$)", page.locator(".reward-status").inner_text())[-2:])
    assert best - 0.12 < reached <= best + 0.005
    page.get_by_role("slider").fill("0")
    for _ in range(8):
        page.get_by_role("button", name="50 rounds").click()
    assert shares(page)[data_of("reward")["answers"].index("!")] > 0.95


@browser
@pytest.mark.parametrize("width", [1280, 390])
def test_is_accessible_and_fits(width, show):
    seen = show("reward", width=width)
    for name in ("Sample", "Reward", "Step", "50 rounds", "Sample", "Reward"):
        seen.page.get_by_role("button", name=name, exact=True).click()
    assert seen.overflow() == [] and seen.complaints == [] and seen.outside() == []
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []


@browser
def test_hostile_answers_are_only_text(show):
    data = data_of("reward")
    data["answers"][0] = name = '<img src=x onerror="document.title=1">'
    seen = show("reward", data=data)
    expect(seen.page.get_by_role("rowheader", name=name)).to_be_visible()
    assert seen.page.locator(".widget img").count() == 0 and seen.page.title() == "Widgets" and seen.complaints == []
