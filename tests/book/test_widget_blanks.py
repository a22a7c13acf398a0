"""The widget of blanks: its BERT and its twin are the library's, on the stored weights, and readers cannot break it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import widget_data
import widget_pages
from playwright.sync_api import expect
from widget_pages import CONTRASTS, ROOT, data_of, lay, turn, write_page

from transformer_lib.data import shakespeare
from transformer_lib.masks import CAUSAL
from transformer_lib.models.bert import BertConfig, bert, bert_for_pre_training
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load, save

FOLDER = ROOT / "trained" / "bert"
MARKS = {"[PAD]": 72, "[CLS]": 73, "[SEP]": 74, "[MASK]": 75}
browser = pytest.mark.browser


def test_committed_data_are_what_the_library_computes():
    assert data_of("blanks") == json.loads(json.dumps(widget_data.WIDGETS["blanks"]()))


def test_texts_are_of_held_out_plays_and_marks_those_of_the_recipe():
    data, tokenizer = data_of("blanks"), CharacterTokenizer.load(FOLDER / "tokenizer.json")
    assert all(one["text"] in shakespeare.load().test for one in data["texts"])
    assert all(word in one["text"] for one in data["texts"] for word in one["hide"])
    assert data["symbols"] == list(tokenizer.symbols) and data["marks"] == MARKS


# --- the arithmetic ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models():
    return load(FOLDER).masked, load(ROOT / "trained/bert_twin")


def lay_both(folder: Path, trained: Path, twin: Path) -> Path:
    """The widget's files and the weights of its two models, as in the site."""
    return lay(lay(folder, "blanks", trained), "blanks-bert_twin", twin)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return lay_both(tmp_path_factory.mktemp("shelf"), FOLDER, ROOT / "trained" / "bert_twin")


def asker(chromium, folder: Path):
    """ask(script, argument): script(models, argument) runs in a page that has these weights."""
    page = chromium.new_page()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widget_pages, "SCRIPTS", folder)
        page.goto(write_page(folder, {"blanks": data_of("blanks")}))
    return page, lambda script, argument=None: page.evaluate(
        f"async (argument) => ({script})(await BookWidgets.blanks.load(), argument)", argument
    )


@pytest.fixture(scope="module")
def ask(chromium, shelf):
    page, evaluate = asker(chromium, shelf)
    yield evaluate
    page.close()


LOGITS = """({ bert, twin }, ids) => {
    const places = ids.map((_, t) => t);
    return [bert, twin].map((model) => model.logits(ids, places).map((row) => [...row]));
}"""


@torch.no_grad()
def logits_of(models, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    both, twin = models
    return both(torch.tensor([ids]))[0].numpy(), twin(torch.tensor([ids]), mask=CAUSAL)[0].numpy()


def some_inputs(count: int) -> list[list[int]]:
    """[CLS] passage [SEP] of many lengths, some characters hidden."""
    tokenizer, text = CharacterTokenizer.load(FOLDER / "tokenizer.json"), shakespeare.load().test
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        start = int(torch.randint(len(text) - 100, (), generator=generator))
        ids = torch.tensor(tokenizer.encode(text[start : start + 1 + (number * 13) % 94]))
        ids[torch.rand(len(ids), generator=generator) < 0.2] = MARKS["[MASK]"]
        yield [MARKS["[CLS]"], *ids.tolist(), MARKS["[SEP]"]]


@browser
def test_logits_are_the_library_s(models, ask):
    for ids in some_inputs(20):
        made, expected = ask(LOGITS, ids), logits_of(models, ids)
        for got, wanted in zip(made, expected, strict=True):
            assert np.abs(np.array(got) - wanted).max() < 1e-4


@browser
def test_other_models_of_other_sizes_are_read_too(chromium, tmp_path):
    config = BertConfig(vocab_size=13, context_length=20, d_model=24, n_layers=2, n_heads=3, d_ff=20)
    generator = torch.Generator().manual_seed(0)
    both, twin = bert_for_pre_training(config, generator).eval(), bert(config, generator).eval()
    for model in (both, twin):
        for parameter in model.parameters():
            parameter.data.normal_(std=0.3, generator=generator)
    save(both, tmp_path / "one")
    save(twin, tmp_path / "two")
    (tmp_path / "shelf").mkdir()
    page, evaluate = asker(chromium, lay_both(tmp_path / "shelf", tmp_path / "one", tmp_path / "two"))
    ids = [3, 11, 4, 4, 7] * 4
    for got, wanted in zip(evaluate(LOGITS, ids), logits_of((both.masked, twin), ids), strict=True):
        assert np.abs(np.array(got) - wanted).max() < 1e-4 * max(1, np.abs(wanted).max())
    page.close()


@browser
def test_the_gelu_is_exact(ask):
    points = np.linspace(-8, 8, 400).tolist()
    made = ask("(models, points) => points.map(BookWidgets.blanks.erf)", points)
    np.testing.assert_allclose(made, [math.erf(x) for x in points], atol=1e-14)


def read(ask, text: str) -> dict:
    return ask("(models, [text, data]) => BookWidgets.blanks.read(text, data)", [text, data_of("blanks")])


@browser
def test_characters_are_read_as_the_library_does(ask):
    tokenizer, plays = CharacterTokenizer.load(FOLDER / "tokenizer.json"), shakespeare.load()
    for text in (plays.test, plays.validation):
        for start in range(0, len(text) - 94, len(text) // 60):
            passage = text[start : start + 94]
            assert read(ask, passage) == {"ids": tokenizer.encode(passage), "strange": [], "cut": False}
    assert read(ask, "Don’t\r\n\tgo")["ids"] == tokenizer.encode("Don't\n go")
    assert read(ask, "“Go”") == {"ids": tokenizer.encode("Go"), "strange": ['"'], "cut": False}
    assert read(ask, "a骑b🍊c骑") == {"ids": tokenizer.encode("abc"), "strange": ["骑", "🍊"], "cut": False}
    assert read(ask, "x" * 95) == {"ids": tokenizer.encode("x" * 94), "strange": [], "cut": True}


@browser
def test_blanks_are_filled_from_both_sides_and_from_the_left(models, ask):
    tokenizer = CharacterTokenizer.load(FOLDER / "tokenizer.json")
    ids, hidden = tokenizer.encode("I have thee not, and yet I see thee still."), [2, 3, 20]
    made = ask(
        "(models, [ids, hidden, marks]) => BookWidgets.blanks.fill(models, ids, hidden, marks)"
        ".map(({ place, bert, twin }) => [place, [...bert], [...twin]])",
        [ids, hidden, MARKS],
    )
    masked = [MARKS["[MASK]"] if t in hidden else id for t, id in enumerate(ids)]
    both, _ = logits_of(models, [MARKS["[CLS]"], *masked, MARKS["[SEP]"]])
    _, left = logits_of(models, [MARKS["[CLS]"], *ids])
    for place, bert_says, twin_says in made:
        softmax = [torch.from_numpy(row).double().softmax(0).numpy() for row in (both[place + 1], left[place])]
        np.testing.assert_allclose([bert_says, twin_says], softmax, atol=1e-4)
    assert [place for place, _, _ in made] == hidden


@browser
def test_the_twin_tries_every_character_up_to_the_next_hole(models, ask):
    tokenizer, twin = CharacterTokenizer.load(FOLDER / "tokenizer.json"), models[1]
    text = "I have thee not, and yet I see thee still."
    ids = tokenizer.encode(text)
    for place, hidden, read_on in ((7, [7], 8), (7, [7, 10], 2), (7, [7, 8], 0), (0, [0], 8), (40, [40], 1)):
        made = ask(
            """(models, [ids, hidden, place, marks]) => {
                const trial = BookWidgets.blanks.tryEach(models, ids, hidden, place, marks);
                let step = trial.next();
                while (!step.done) step = trial.next();
                return [...step.value];
            }""",
            [ids, hidden, place, MARKS],
        )
        every = torch.tensor([[MARKS["[CLS]"], *ids[: place + 1 + read_on]]]).repeat(76, 1)
        every[:, place + 1] = torch.arange(76)
        with torch.no_grad():
            log_p = twin(every[:, :-1], mask=CAUSAL).double().log_softmax(-1)
        joint = log_p.gather(2, every[:, 1:, None])[:, place:, 0].sum(dim=1)
        np.testing.assert_allclose(made, joint.softmax(0).numpy(), atol=1e-4)


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(request, show, shelf, monkeypatch):
    """A page with the widget; its width can be given as a parameter."""
    monkeypatch.setattr(widget_pages, "SCRIPTS", shelf)
    return show("blanks", width=getattr(request, "param", 1280))


def status(page):
    return page.get_by_role("status")


def press(page):
    page.get_by_role("button", name="Fill the blanks").click()
    expect(status(page)).to_contain_text("BERT says", timeout=30_000)


@browser
def test_nothing_is_loaded_before_it_is_wanted(seen):
    page = seen.page
    assert not any("weights" in url or "transformer" in url for url in seen.requests)
    expect(status(page)).to_contain_text("about 5 MB")
    sizes = sum(file.stat().st_size for file in widget_pages.SCRIPTS.glob("*-weights.js"))
    assert sizes == pytest.approx(5e6, rel=0.15)
    press(page)
    assert sum("weights" in url for url in seen.requests) == 2
    expect(page.locator(".blanks-bars")).to_have_count(3, timeout=30_000)
    assert seen.complaints == [] and seen.outside() == []


@browser
def test_a_click_hides_and_shows_again(seen):
    page = seen.page
    press(page)
    page.get_by_role("textbox").fill("To be or not")
    expect(status(page)).to_contain_text("Press a character to hide it.")
    characters = page.locator(".blanks-character")
    assert characters.all_inner_texts()[:3] == ["T", "o", "\xa0"]
    characters.nth(0).click()
    first = page.locator(".blanks-bars").nth(0).locator("tr").nth(0)
    expect(status(page)).to_contain_text(
        f"Hidden: T. BERT says {first.locator('th').inner_text()} ({first.locator('td').last.inner_text()}), the twin "
    )
    expect(characters.nth(0)).to_have_attribute("aria-pressed", "true")
    expect(characters.nth(0)).to_be_focused()
    characters.nth(3).click()
    expect(status(page)).to_contain_text("Hidden: Tb.")
    expect(status(page)).not_to_contain_text("%")  # of one hole only
    page.get_by_role("group", name="blank").get_by_text("1", exact=True).click()
    expect(page.locator(".blanks-truth th")).to_have_text(["T", "T", "T"], timeout=30_000)
    for at in (0, 3):
        characters.nth(at).click()
    expect(status(page)).to_contain_text("Press a character to hide it.")


@browser
def test_the_keyboard_suffices(seen):
    page = seen.page
    press(page)
    page.get_by_role("textbox").fill("thou art")
    characters = page.locator(".blanks-character")
    characters.nth(0).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(characters.nth(3)).to_be_focused()
    page.keyboard.press("Space")
    expect(status(page)).to_contain_text("Hidden: u.")
    page.keyboard.press("End")
    expect(characters.nth(7)).to_be_focused()
    page.keyboard.press("ArrowRight")  # there is nothing further on
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text("Hidden: ut.")


@browser
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "There is nothing to read yet: type a text."),
        ("骑士", "The plays have no 骑 士: left out. There is nothing to read yet"),
        ("<img src=x onerror='document.title=1'>", "The plays have no < = 1 >: left out."),
        ("y" * 100_000, "Only the first 94 characters are read"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(typed, words, seen):
    page = seen.page
    page.get_by_role("textbox").fill(typed)
    expect(status(page)).to_contain_text(words)
    assert page.title() == "Widgets" and seen.complaints == [] and seen.overflow() == []


@browser
def test_models_that_are_not_there_can_be_tried_again(seen):
    page, file = seen.page, widget_pages.SCRIPTS / "blanks-bert_twin-weights.js"
    away = file.rename(file.with_suffix(".away"))
    try:
        page.get_by_role("button", name="Fill the blanks").click()
        expect(status(page)).to_contain_text("did not load: blanks-bert_twin-weights.js could not be read.")
    finally:
        away.rename(file)
    press(page)


@browser
@pytest.mark.parametrize("seen", [1280, 390], indirect=True)
def test_it_is_accessible_and_fits(seen):
    page = seen.page
    press(page)
    page.get_by_role("textbox").fill(
        "The way to dusty death. Out, out, brief candle! Life's but a walking shadow, a poor player"
    )
    for at in range(0, 40, 2):
        page.locator(".blanks-character").nth(at).click()
    assert seen.overflow() == []
    assert page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(page, theme)
        assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []
