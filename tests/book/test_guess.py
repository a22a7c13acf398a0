"""Guesses: what is folded, until when, and what is said of them."""

import pytest
from asking_pages import WAYS, faults
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def card(page, name: str):
    return page.locator(f"#guess-{name}")


def fold(page, name: str):
    return page.locator(f'.guess-rest[data-for$="#guess-{name}"]')


def guess(page, name: str, text: str) -> None:
    card(page, name).locator("input").fill(text)
    page.keyboard.press("Enter")


def told(page, name: str) -> str:
    return card(page, name).locator(".record-told").inner_text()


def test_result_is_folded_until_a_guess_and_then_stands_beside_it(ask):
    page = ask().page
    hidden = page.get_by_text("bread 0.84"), page.get_by_text("It is eighty-four percent.")
    for text in hidden:
        expect(text).not_to_be_visible()
    assert fold(page, "share").get_attribute("hidden") == "until-found", "so that the browser's search finds it"
    for text in ("exps = 1", "Between the guess and the figure."):
        expect(page.get_by_text(text)).to_be_visible()

    guess(page, "share", "60%")
    for text in hidden:
        expect(text).to_be_visible()
    result = fold(page, "share").locator(".guess-result")
    expect(result).to_have_text(
        "You guessed 60%. The answer is 84 percent. Your guess was 24 percentage points too low."
    )
    before = page.get_by_text("bread 0.84").bounding_box()["y"], page.get_by_text("It is eighty").bounding_box()["y"]
    assert before[0] < result.bounding_box()["y"] < before[1], "right after the cell that was named"
    expect(card(page, "share").locator(".record-told")).to_be_focused()

    page.reload()
    expect(result).to_contain_text("You guessed 60%.")
    card(page, "share").get_by_role("button", name="Guess again").click()
    expect(hidden[0]).not_to_be_visible()
    expect(card(page, "share").locator("input")).to_be_focused()


def test_a_figure_is_revealed_up_to_the_end_of_the_fold(ask):
    page = ask().page
    expect(page.get_by_text("Between the guess and the figure.")).to_be_visible()
    expect(page.get_by_text("After the end of the fold.")).to_be_visible()
    expect(page.locator("figure")).not_to_be_visible()
    expect(page.get_by_text("After the figure.")).not_to_be_visible()
    group = card(page, "who").get_by_role("radiogroup")
    group.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("figure")).to_be_visible()
    expect(fold(page, "who").locator(".guess-result")).to_have_text("You guessed mostly Ada. The answer is equally.")


def test_waiving_shows_the_result_and_is_remembered(ask):
    page = ask().page
    card(page, "word").get_by_role("button", name="Just show me").click()
    expect(page.get_by_text("Told in a paragraph.")).to_be_visible()
    assert told(page, "word").startswith("You chose to see the result.")
    page.reload()
    expect(page.get_by_text("Told in a paragraph.")).to_be_visible()
    card(page, "word").get_by_role("button", name="Guess after all").click()
    expect(page.get_by_text("Told in a paragraph.")).not_to_be_visible()


def test_what_is_no_guess_opens_nothing(ask):
    page = ask().page
    for text, answer in (("", "Type your guess first."), ("lots", "“lots” does not look like a number.")):
        guess(page, "share", text)
        assert told(page, "share") == answer
    card(page, "who").get_by_role("button", name="This is my guess").click()
    assert told(page, "who") == "Pick one first."
    assert fold(page, "share").get_attribute("hidden") == fold(page, "who").get_attribute("hidden") == "until-found"


def test_without_anything_to_reveal_the_answer_stands_in_the_card(ask):
    page = ask().page
    guess(page, "many", "1,600")
    result = card(page, "many").locator(".guess-result")
    expect(result).to_have_text(
        "You guessed 1,600 characters. The answer is 320 characters. Your guess was too high by a factor of 5."
    )


def test_link_into_a_fold_and_search_open_it_without_a_guess(asking, ask):
    page = ask(place="#inside").page
    expect(page.get_by_text("A paragraph with a label")).to_be_in_viewport()
    assert page.evaluate("BookRecord.read().guesses") == {}
    page.goto((asking.html / "chapters/06_asking.html").as_uri() + "?again")
    expect(page.get_by_text("A paragraph with a label")).not_to_be_visible()
    page.evaluate("location.hash = 'inside'")
    expect(page.get_by_text("A paragraph with a label")).to_be_in_viewport()
    fold(page, "who").evaluate("(rest) => rest.dispatchEvent(new Event('beforematch'))")
    expect(page.locator("figure")).to_be_visible()


@pytest.mark.parametrize("way", ["without JavaScript", "on paper"])
def test_nothing_is_folded(ask, asking, chromium, way):
    if way == "on paper":
        page = ask().page
        page.emulate_media(media="print")
    else:
        page = chromium.new_page(java_script_enabled=False)
        page.goto((asking.html / "chapters/06_asking.html").as_uri())
    for text in ("bread 0.84", "After the figure.", "Told in a paragraph.", "How will ate divide its attention?"):
        expect(page.get_by_text(text)).to_be_visible()
    assert page.locator(".guess button:visible, .guess input:visible, .guess-lid:visible").count() == 0
    if way == "without JavaScript":
        expect(card(page, "who").locator(".guess-choices")).to_have_text("mostly Bo; mostly Ada; or equally?")
        page.close()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([84, 84, "percent"], "Exactly right."),
        ([83, 84, "percent"], "Very close: off by 1 percentage point."),
        ([87.5, 84, "percent"], "Your guess was 3.5 percentage points too high."),
        ([330, 320, "steps"], "Very close: within 3 percent."),
        ([400, 320, "steps"], "Your guess was 25 percent too high."),
        ([0.1, 320, ""], "Your guess was too low by a factor of 3,200."),
        ([-3, 2, ""], "Your guess was too low by 5."),
        ([3, 0, ""], "Your guess was too high by 3."),
    ],
)
def test_distance_in_words(calculator, numbers, words):
    assert calculator("(numbers) => BookGuess.distance(...numbers)", numbers) == words


@pytest.fixture(scope="module")
def calculator(asking, chromium):
    page = chromium.new_page()
    page.goto((asking.html / "chapters/06_asking.html").as_uri())
    yield page.evaluate
    page.close()


def test_faults_of_the_author_stop_the_build(asking):
    assert asking.returncode != 0
    for fault in (
        "guess 'chapters/07_faults#guess-lost' reveals 'nowhere', and nothing after it on this page has that name",
        "one of `:number: UNIT`, `:choices: one, another` and `:text:`",
        "its answer among them: 'three', of ['one', 'two']",
        "no cell of this page glues 'absent'",
    ):
        assert fault in asking.output
    assert "06_asking" not in "".join(line for line in asking.output.splitlines() if "WARNING" in line)


@pytest.mark.parametrize("way", WAYS, ids=["wide", "narrow and dark"])
def test_accessible_wide_and_narrow(ask, way):
    seen = ask(**way)
    guess(seen.page, "share", "60")  # the others are still to be made
    assert faults(seen) == []
