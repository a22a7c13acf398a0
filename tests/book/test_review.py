"""Review prompts: asked, folded, and planned in the reader's own browser."""

import pytest
from asking_pages import WAYS, faults
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def prompt(page, name: str = "doubled"):
    return page.locator(f"#review-{name}")


def press(page, words: str) -> str:
    prompt(page).get_by_role("button", name=words).click()
    return prompt(page).locator(".record-told").inner_text()


def test_answer_is_behind_a_fold_that_works_without_javascript(asking, chromium):
    page = chromium.new_page(java_script_enabled=False)
    page.goto((asking.html / "chapters/06_asking.html").as_uri())
    expect(page.get_by_text("It is squared")).not_to_be_visible()
    prompt(page).locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("It is squared")).to_be_visible()
    assert page.get_by_role("button", name="I knew it").count() == 0
    page.close()


def test_paper_has_the_answers(ask):
    page = ask().page
    page.emulate_media(media="print")
    expect(page.get_by_text("It is squared")).to_be_visible()


def test_known_prompts_return_later_and_later(ask):
    page = ask().page
    prompt(page).locator("summary").click()
    plan = "BookRecord.get('reviews', 'chapters/06_asking#review-doubled')"
    for day, words, due in (
        ("2026-03-01", "tomorrow", "2026-03-02"),
        ("2026-03-02", "in 3 days", "2026-03-05"),
        ("2026-03-06", "in 7 days", "2026-03-13"),  # a day late
        ("2026-03-13", "in 16 days", "2026-03-29"),
        ("2026-03-29", "in 35 days", "2026-05-03"),
        ("2026-05-03", "in 35 days", "2026-06-07"),
    ):
        page.clock.set_fixed_time(f"{day}T23:30:00")
        assert press(page, "I knew it") == f"It returns {words} in your record."
        assert page.evaluate(plan)["due"] == due
        press(page, "I knew it")
        assert page.evaluate(plan)["due"] == due, "knowing it again on the same day earns nothing"
    assert press(page, "I did not") == "It returns tomorrow in your record."
    assert page.evaluate(plan) == {"step": 0, "due": "2026-05-04", "at": "2026-05-03"}


def test_nothing_is_planned_that_was_not_answered(ask):
    page = ask().page
    prompt(page).locator("summary").click()
    assert page.evaluate("BookRecord.read().reviews") == {}


def test_link_to_a_prompt_opens_it(ask):
    expect(ask(place="#review-doubled").page.get_by_text("It is squared")).to_be_in_viewport()


@pytest.mark.parametrize("way", WAYS, ids=["wide", "narrow and dark"])
def test_accessible_wide_and_narrow(ask, way):
    seen = ask(**way)
    prompt(seen.page).locator("summary").click()
    press(seen.page, "I did not")
    assert faults(seen) == []
