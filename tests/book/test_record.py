"""The page "Your record": what it lists, and that nothing it is given can break or betray it."""

import json

import pytest
from asking_pages import WAYS, WHOLE, faults
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PAGE = "appendices/your_record.html"
KEY = "from-bigram-to-transformer"
RECORD = {
    "version": 1,
    "guesses": {
        "chapters/06_asking#guess-share": {"guess": "60", "at": "2026-03-01"},
        "chapters/06_asking#guess-word": {"guess": None, "at": "2026-03-01"},
        "chapters/99_gone#guess-gone": {"guess": "7", "at": "2026-03-01"},
    },
    "answers": {WHOLE.id: {"answer": str(WHOLE.answer), "correct": True, "tries": 2, "at": "2026-03-01"}},
    "reviews": {
        "chapters/06_asking#review-doubled": {"step": 0, "due": "2026-03-02", "at": "2026-03-01"},
        "chapters/06_asking#review-who": {"step": 2, "due": "2026-03-09", "at": "2026-03-01"},
    },
}


@pytest.fixture
def page(ask):
    return ask(PAGE).page


def keep(page, text: str, day: str = "2026-03-02") -> None:
    page.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, text])
    page.clock.set_fixed_time(f"{day}T09:00:00")
    page.reload()


def place(page, name: str):
    return page.locator(f'.your-record[data-place="{name}"]')


def test_nothing_yet(page):
    assert place(page, "reviews").inner_text().startswith("Nothing yet.")
    assert place(page, "guesses").inner_text() == "No guesses yet."
    assert place(page, "answers").inner_text() == "No exercises yet."


def test_lists_what_was_said_with_what_is_so(page, asking):
    keep(page, json.dumps(RECORD))
    share, word = (one.inner_text().splitlines() for one in place(page, "guesses").locator("li").all())
    assert share[0] == "The share of bread" and share[-1] == "You guessed 60 percent. The answer is 84 percent."
    assert word[0] == "The word" and word[-1] == "You asked to see the result."
    assert place(page, "guesses").locator("mjx-container").count() == 1, "mathematics is set as mathematics"
    expect(place(page, "answers").locator("li")).to_have_text(
        f"Number 1You answered {WHOLE.answer}: solved in 2 tries."
    )
    expect(place(page, "answers")).to_contain_text("You have solved 1 of 3.")
    place(page, "guesses").get_by_role("link", name="The share of bread").click()
    expect(page).to_have_url((asking.html / "chapters/06_asking.html").as_uri() + "#guess-share")
    expect(page.get_by_text("You guessed 60.", exact=False).first).to_be_visible()


def test_what_is_due_is_asked_and_what_is_not_is_announced(page, asking):
    keep(page, json.dumps(RECORD))
    [prompt] = place(page, "reviews").locator("details").all()
    prompt.locator("summary").click()
    expect(prompt.get_by_text("It is squared")).to_be_visible()
    links = [link.evaluate("(link) => link.href") for link in prompt.locator(".record-answer a").all()]
    here = asking.html.as_uri()
    assert links == [f"{here}/chapters/06_asking.html#guess-share", f"{here}/intro.html"]
    prompt.get_by_role("button", name="I knew it").click()
    expect(prompt).to_contain_text("It returns in 3 days")
    page.reload()
    assert place(page, "reviews").inner_text() == "You are all caught up. The next prompt returns on Thursday, March 5."


def test_saved_cleared_and_loaded_again(page, tmp_path):
    keep(page, json.dumps(RECORD))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as a file").click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    assert file.name == "bigram-to-transformer-2026-03-02.json"
    assert json.loads(file.read_text(encoding="utf-8")) == RECORD

    page.get_by_role("button", name="Clear…").click()
    page.get_by_role("button", name="Keep it").click()
    expect(place(page, "guesses").locator("li")).to_have_count(2)
    page.get_by_role("button", name="Clear…").click()
    page.get_by_role("button", name="Clear everything").click()
    expect(place(page, "guesses")).to_have_text("No guesses yet.")

    page.get_by_label("A saved record").set_input_files(file)
    expect(place(page, "file")).to_contain_text("Loaded: 6 entries.")
    expect(place(page, "guesses").locator("li")).to_have_count(2)
    assert page.evaluate("BookRecord.read()") == RECORD


def load(page, tmp_path, text: str) -> None:
    (tmp_path / "record.json").write_text(text, encoding="utf-8")
    page.get_by_label("A saved record").set_input_files(tmp_path / "record.json")


def test_of_two_entries_the_later_stays(page, tmp_path):
    keep(page, json.dumps(RECORD))
    key = "chapters/06_asking#guess-share"
    for day, guess in (("2026-02-01", "60"), ("2026-04-01", "<img src=x onerror=alert(1)>")):
        load(
            page,
            tmp_path,
            json.dumps({"version": 1, "guesses": {key: {"guess": "<img src=x onerror=alert(1)>", "at": day}}}),
        )
        expect(place(page, "guesses").locator("li").first).to_contain_text(f"You guessed {guess}")
    assert place(page, "guesses").locator("img").count() == 0, "what is loaded is text, and no page"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', "null"])
def test_a_file_without_a_record_changes_nothing(page, tmp_path, text):
    load(page, tmp_path, text)
    expect(place(page, "file")).to_contain_text("This file holds no record of this book. Nothing was changed.")


def test_what_is_damaged_is_left_out(page):
    bad = {"a": None, "b": 3, "c": {"guess": 5, "at": "2026-03-01"}, "d": {"guess": "x", "at": "yesterday"}}
    keep(page, json.dumps({**RECORD, "guesses": {**RECORD["guesses"], **bad}, "reviews": "none", "answers": None}))
    assert page.evaluate("BookRecord.read()") == {**RECORD, "reviews": {}, "answers": {}}


def test_what_cannot_be_read_is_put_aside(page):
    keep(page, "{broken")
    assert place(page, "guesses").inner_text() == "No guesses yet."
    page.evaluate("BookRecord.set('guesses', 'a', {guess: '1'})")
    assert page.evaluate(f"localStorage.getItem('{KEY}-unreadable')") == "{broken"
    assert page.evaluate("BookRecord.get('guesses', 'a').guess") == "1"


def test_where_nothing_can_be_stored_the_page_still_works(ask):
    seen = ask()
    seen.page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('private'); }})")
    seen.page.reload()
    seen.page.locator("#guess-share input").fill("60")
    seen.page.keyboard.press("Enter")
    expect(seen.page.get_by_text("It is eighty-four percent.")).to_be_visible()
    assert seen.page.evaluate("Object.keys(BookRecord.read().guesses)") == ["chapters/06_asking#guess-share"]


@pytest.mark.parametrize("way", WAYS, ids=["wide", "narrow and dark"])
def test_accessible_wide_and_narrow(ask, way):
    seen = ask(PAGE, **way)
    keep(seen.page, json.dumps(RECORD))
    place(seen.page, "reviews").locator("summary").click()
    seen.page.get_by_role("button", name="Clear…").click()
    assert faults(seen) == []
