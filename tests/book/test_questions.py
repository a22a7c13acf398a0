"""Exercises answered in the page are diagnosed as in the notebook, without PyTorch and without telling."""

import hashlib
import json
import math
import random
import subprocess
import sys

import pytest
import questions
from asking_pages import FUNCTION, QUESTIONS, REAL, TEXT, WAYS, WHOLE, faults
from bs4 import BeautifulSoup
from conftest import ROOT
from playwright.sync_api import expect

browser = pytest.mark.browser


def test_exported_without_pytorch():
    """With every import of PyTorch forbidden; and the imitation is gone afterwards."""
    program = f"""
import sys
sys.path.insert(0, {str(ROOT / "_ext")!r})
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("PyTorch was imported")
sys.meta_path.insert(0, Forbid())
import questions, json
known = questions.catalogue()
assert not [name for name in sys.modules if name.startswith(("torch", "transformer_lib."))]
print(json.dumps([questions.export(one) for one, _ in known.values() if questions.can_be_asked(one)]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    askable = [question for question in QUESTIONS if questions.can_be_asked(question)]
    assert json.loads(done.stdout) == [questions.export(question) for question in askable]
    assert len(askable) > 20


@pytest.fixture(scope="module")
def call(asking, chromium):
    page = chromium.new_page()
    page.goto((asking.html / "chapters/06_asking.html").as_uri())
    yield page.evaluate
    page.close()


def tries(question, rng) -> list:
    """The foreseen values, values around them, at either side of the tolerance, and some quite other ones."""
    found = []
    for value in [question.answer, *(m for m in question.mistakes if type(m) in (int, float, str))]:
        if isinstance(value, str):
            found += [value, value.upper(), f" {value}\t", value + "x"]
            continue
        edge = value * (1 + rng.choice([-1, 1]) * question.rtol * rng.choice([0.9999, 1.0001]))
        found += [
            value,
            edge,
            2 * value,
            value / 100,
            value * math.log(2),
            value * rng.uniform(0.98, 1.02),
            -value,
            value + rng.choice([-1, 1]),
            float(f"{value:.2g}"),
        ]
    other = (
        ["", "other"] if isinstance(question.answer, str) else [0, 1, rng.uniform(-1e6, 1e6), 10 ** rng.uniform(-9, 9)]
    )
    return found + other


@browser
def test_verdicts_are_those_of_diagnose(call):
    rng = random.Random(13)
    askable = [question for question in QUESTIONS if questions.can_be_asked(question)]
    data = {question.id: questions.export(question, rounds=2) for question in askable}
    cases = [(question, value) for question in askable for _ in range(3) for value in tries(question, rng)]
    found = call(
        "([data, cases]) => cases.map(([id, value]) => BookQuestions.diagnose(data[id], value))",
        [data, [[question.id, value] for question, value in cases]],
    )
    assert len(cases) > 2000 and {one["status"] for one in found} == {"correct", "mistake", "different"}
    for (question, value), answer in zip(cases, found, strict=True):
        verdict = question.diagnose(value)
        if any(callable(one) and one.__name__ == verdict.mistake for one in question.mistakes):
            assert answer["status"] != "correct"  # the one thing that the page cannot tell
            continue
        assert answer["status"] == verdict.status, (question.id, value)
        said = questions.squeeze(verdict.message.partition("\n")[2])
        assert answer["hint"] == said, (question.id, value)


@browser
def test_sha256_is_sha256(call):
    texts = ["", "abc", "苹果", *("x" * n for n in range(50, 70)), "y" * 200]
    script = """(texts) => texts.map((text) => [...BookQuestions.sha256(new TextEncoder().encode(text))]
        .map((byte) => byte.toString(16).padStart(2, "0")).join(""))"""
    assert call(script, texts) == [hashlib.sha256(text.encode()).hexdigest() for text in texts]


@browser
def test_numbers_as_people_type_them(call):
    numbers = {
        "84": 84, "84%": 84, "84 percent": 84, "about 84": 84, "1,000": 1000, "12,345,678.5": 12345678.5, "−0.5": -0.5,
        ".5": 0.5, "3e5": 3e5, "1/3": 1 / 3, "2^10": 1024, "2**-1": 0.5, "64*(3+1)": 256, "2 × 3 − 1": 5, "-2^2": -4,
        "8/2/2": 2, "1.5 million": 1.5e6, "320 characters": 320, "10-4-3": 3,
    }  # fmt: skip
    assert call("(texts) => texts.map(BookRecord.number)", list(numbers)) == list(numbers.values())
    nonsense = ["", "lots", "1,5", "1 2..", "(1", "1)", "2^", "1/0", "alert(1)", "--"]
    assert call("(texts) => texts.map((text) => Number.isNaN(BookRecord.number(text)))", nonsense) == [True] * 10


def box(page, question):
    return page.locator(f'.question[data-exercise="{question.id}"]')


def answer(page, question, text: str) -> str:
    box(page, question).locator("input").fill(text)
    page.keyboard.press("Enter")
    return box(page, question).locator(".record-told").inner_text()


@browser
@pytest.mark.parametrize("question", [WHOLE, REAL, TEXT], ids=["whole", "real", "text"])
def test_answer_is_diagnosed_and_remembered(ask, question):
    page = ask().page
    mistake, hint = next(iter(question.mistakes.items()))
    assert answer(page, question, str(mistake)) == f"Not yet. {questions.squeeze(hint)}".replace("`", "")
    assert answer(page, question, str(question.answer)) == "Correct."
    page.reload()
    expect(box(page, question)).to_contain_text("You solved this one.")
    expect(box(page, question).locator("input")).to_have_value(str(question.answer))
    kept = page.evaluate("BookRecord.read().answers")[question.id]
    assert (kept["answer"], kept["correct"], kept["tries"]) == (str(question.answer), True, 2)


@browser
def test_what_is_no_number_is_not_counted_as_a_try(ask):
    page = ask().page
    assert answer(page, WHOLE, "no idea").startswith("“no idea” does not look like a number.")
    assert answer(page, WHOLE, "").startswith("Type your answer first.")
    assert page.evaluate("BookRecord.read().answers") == {}
    assert answer(page, WHOLE, f"{WHOLE.answer} * 3 / 3") == "Correct."


def test_page_tells_neither_answer_nor_hints(asking):
    page = (asking.html / "chapters" / "06_asking.html").read_text(encoding="utf-8")
    for question in (WHOLE, REAL, TEXT):
        for hint in question.mistakes.values():
            assert questions.squeeze(hint) not in page
    data = [json.loads(one.string) for one in BeautifulSoup(page, "html.parser").select(".question script")]
    assert len(data) == 3
    for one in data:
        assert {"sort", "salt", "rounds", "hint", "values"} == set(one)
        assert all(set(value) <= {"is", "offset", "rtol", "box", "guess"} for value in one["values"])


def test_cell_of_a_question_is_folded_and_a_function_leads_to_its_notebook(asking):
    page = BeautifulSoup((asking.html / "chapters" / "06_asking.html").read_text(encoding="utf-8"), "html.parser")
    assert [WHOLE.id in one.get_text() for one in page.select("details.question-stub")] == [True, False, False]
    line = page.select_one("#ex-4 p.question-elsewhere")
    assert line.get_text() == "Write your answer in the notebook, cell 8."
    notebook = asking.html / "chapters" / line.a["href"]
    assert FUNCTION.id in notebook.read_text(encoding="utf-8")
    assert not page.select("#ex-4 .question")


def test_minutes_stand_beside_the_title(asking):
    page = BeautifulSoup((asking.html / "chapters" / "06_asking.html").read_text(encoding="utf-8"), "html.parser")
    beside = [one.find_previous_sibling().get_text() for one in page.select(".exercise-minutes")]
    assert [one.get_text() for one in page.select(".exercise-minutes")] == ["5 minutes", "40 minutes"]
    assert beside == ["Exercise 1  (Number 1)", "Exercise 3  (Number 3)"]
    assert "65 minutes of exercises" in page.get_text(), "5, 40, and 10 for each that does not say"
    assert page.select_one("div.exercise.lab")["id"] == "ex-3"


@browser
def test_without_javascript_the_notebook_is_named(asking, chromium):
    page = chromium.new_page(java_script_enabled=False)
    page.goto((asking.html / "chapters/06_asking.html").as_uri())
    expect(page.locator("#ex-1 .question-elsewhere")).to_have_text("Answer in the notebook, cell 5.")
    page.close()


@browser
@pytest.mark.parametrize("way", WAYS, ids=["wide", "narrow and dark"])
def test_accessible_wide_and_narrow(ask, way):
    seen = ask(**way)
    answer(seen.page, WHOLE, str(WHOLE.answer))
    answer(seen.page, TEXT, "nonsense")
    assert faults(seen) == []
