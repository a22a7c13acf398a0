"""The widget of pronunciation: its Transformer is the library's, on the stored weights, and readers cannot break it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import weights
import widget_data
import widget_pages
from playwright.sync_api import expect
from widget_pages import CONTRASTS, ROOT, data_of, turn, write_page

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.data import pronunciation
from transformer_lib.data.pronunciation import LETTERS, PHONEMES
from transformer_lib.generation import beam_search
from transformer_lib.inspection import record_attention
from transformer_lib.masks import padding_mask
from transformer_lib.models.rotary_transformer import rotary_transformer
from transformer_lib.models.transformer import TransformerConfig
from transformer_lib.training import load, pad_to_longest, save

FOLDER = ROOT / "trained" / "pronunciation"
LONGEST = data_of("pronounce")["most_phonemes"]
browser = pytest.mark.browser


def test_committed_data_are_what_the_library_computes():
    assert data_of("pronounce") == json.loads(json.dumps(widget_data.WIDGETS["pronounce"]()))


def test_words_are_as_the_page_says():
    data, dictionary = data_of("pronounce"), pronunciation.load()
    said = {**dictionary.train, **dictionary.validation, **dictionary.test}
    assert set(data["as_in"]) == set(PHONEMES.symbols[3:])
    assert all(phoneme in one for phoneme, word in data["as_in"].items() for one in said[word])
    assert not set(data["words"]) & (set(dictionary.train) | set(dictionary.validation))
    assert {"colonel", "lieutenant", "pizza", "knight"} == set(data["right"])
    assert all(data["right"][word] == [" ".join(one) for one in said[word]] for word in data["right"])


# --- the arithmetic ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> EncoderDecoder:
    return load(FOLDER)


@pytest.fixture(scope="module")
def shelve(tmp_path_factory):
    """shelve(trained) -> a folder with the widget's files and these weights side by side, as in the site."""
    shelves = {}

    def lay(trained: Path) -> Path:
        if trained not in shelves:
            shelves[trained] = folder = tmp_path_factory.mktemp("shelf")
            widget = ("widgets.js", "widgets.css", "pronounce.js", "pronounce.css")
            for file in (*widget, "transformer.js", "rotary_transformer.js"):
                shutil.copy(ROOT / "extra" / "widgets" / file, folder)
            (folder / "pronounce-weights.js").write_text(weights.script("pronounce", trained), encoding="utf-8")
        return shelves[trained]

    return lay


@pytest.fixture(scope="module")
def ask(chromium, shelve):
    """ask(trained) -> a function that runs a script with that model, loaded once, and an argument."""
    pages = {}

    def open_page(trained: Path = FOLDER):
        if trained not in pages:
            pages[trained] = chromium.new_page()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(widget_pages, "SCRIPTS", shelve(trained))
                pages[trained].goto(write_page(shelve(trained), {"pronounce": data_of("pronounce")}))
        return lambda script, argument=None: pages[trained].evaluate(
            f"async (argument) => ({script})(await BookWidgets.pronounce.load(), argument)", argument
        )

    yield open_page
    for page in pages.values():
        page.close()


def some_words(count: int) -> list[str]:
    words = list(pronunciation.load().test)
    return words[:: len(words) // count][:count]


def steps_of(model: EncoderDecoder, source: list[int], target: list[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logits (T, V), and a layer's weights of cross-attention (H, T, S), for each layer."""
    with torch.no_grad(), record_attention(model) as seen:
        logits = model(torch.tensor([source]), torch.tensor([target]))[0]
    return logits.numpy(), [seen[f"decoder.{n}.cross_attention"][0].numpy() for n in range(len(model.decoder))]


STEPS = """(model, [source, target]) => {
    const place = model.begin(source, target.length);
    const steps = target.map((token) => model.step(place, token));
    return { logits: steps.map((step) => [...step.logits]),
             weights: steps.map((step) => step.weights.map((layer) => layer.map((row) => [...row]))) };
}"""


def greatest_difference(evaluate, model: EncoderDecoder, source: list[int], target: list[int]) -> tuple[float, float]:
    logits, attention = steps_of(model, source, target)
    made = evaluate(STEPS, [source, target])
    looks = np.array(made["weights"])  # (T, L, H, S)
    return (
        np.abs(np.array(made["logits"]) - logits).max(),
        max(np.abs(looks[:, n].swapaxes(0, 1) - layer).max() for n, layer in enumerate(attention)),
    )


@browser
def test_logits_and_weights_are_the_library_s(model, ask):
    evaluate, test = ask(), pronunciation.load().test
    for word in some_words(20):
        target = PHONEMES.encode(test[word][0], add_special_tokens=True)[:-1]
        logits, attention = greatest_difference(evaluate, model, LETTERS.encode(word), target)
        assert logits < 1e-4 and attention < 1e-4, word


@browser
def test_another_model_of_other_sizes_is_read_too(ask, tmp_path):
    """Stored in 32 bits, with a long source: nothing of the trained model's sizes is written into the script."""
    config = TransformerConfig(vocab_size=9, source_vocab_size=12, d_model=24, n_layers=2, n_heads=3, d_ff=20)
    other = rotary_transformer(config, torch.Generator().manual_seed(0)).eval()
    save(other, tmp_path / "other")
    logits, attention = greatest_difference(ask(tmp_path / "other"), other, [3, 11, 4, 4, 7] * 8, [1, 3, 8, 8, 0, 5])
    assert logits < 1e-4 and attention < 1e-4


@browser
@pytest.mark.parametrize(("search", "beams", "count"), [("greedy", 1, 200), ("beamed", 4, 60)])
def test_words_are_pronounced_as_the_library_does(search, beams, count, model, ask):
    sources = [LETTERS.encode(word) for word in some_words(count)]
    source = pad_to_longest(sources, LETTERS.pad)
    found = beam_search(
        model, source, beams=beams, max_length=LONGEST, bos=PHONEMES.bos, eos=PHONEMES.eos, pad=PHONEMES.pad,
        source_mask=padding_mask(torch.tensor([len(one) for one in sources]), source.shape[1]),
    )  # fmt: skip
    written = ask()(
        "(model, sources) => sources.map((source) => BookWidgets.pronounce."
        f"{search}(model, source, {LONGEST}).map(({{ token }}) => token))",
        sources,
    )
    assert [PHONEMES.decode(one) for one in written] == [PHONEMES.decode(row[0].tokens) for row in found]
    assert len({tuple(one) for one in written}) > count / 2


@browser
def test_letters_are_spelt_as_the_library_does(ask):
    data, spell = data_of("pronounce"), ask()
    script = "(model, [typed, data]) => BookWidgets.pronounce.spell(typed, data)"
    typed = {"knight": "knight", " Isn’t ": "isn't", "O'CLOCK": "o'clock", "x" * 28: "x" * 28}
    for text, word in typed.items():
        assert spell(script, [text, data]) == {"word": word, "source": LETTERS.encode(word)}


@browser
def test_what_it_says_is_compared_with_the_dictionary(ask):
    judge = "(model, argument) => BookWidgets.pronounce.judge(...argument)"
    right = {"read": ["R EH D", "R IY D"]}
    assert ask()(judge, ["read", "R IY D", right]) == "Right: the dictionary has R EH D or R IY D."
    assert ask()(judge, ["read", "R AY D", right]) == "Wrong: the dictionary has R EH D or R IY D."
    for word in ("blorf", "constructor"):
        assert ask()(judge, [word, "R IY D", right]) == "This page has no dictionary entry to compare it with."


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(request, show, shelve, monkeypatch):
    """A page with the widget; its width can be given as a parameter."""
    monkeypatch.setattr(widget_pages, "SCRIPTS", shelve(FOLDER))
    return show("pronounce", width=getattr(request, "param", 1280))


def status(page):
    return page.get_by_role("status")


def press(page):
    page.get_by_role("button", name="Pronounce").click()
    expect(status(page)).to_contain_text("probability", timeout=30_000)


def greedily(model: EncoderDecoder, word: str) -> list[int]:
    (best,) = beam_search(
        model, torch.tensor([LETTERS.encode(word)]), beams=1, max_length=LONGEST, bos=PHONEMES.bos, eos=PHONEMES.eos,
        pad=PHONEMES.pad,
    )[0]  # fmt: skip
    return best.tokens


@browser
def test_nothing_is_loaded_before_it_is_wanted(model, seen):
    page = seen.page
    assert not any("weights" in url or "transformer" in url for url in seen.requests)
    expect(status(page)).to_contain_text("about 8 MB")
    assert (widget_pages.SCRIPTS / "pronounce-weights.js").stat().st_size == pytest.approx(8e6, rel=0.1)
    page.get_by_role("textbox").press("Enter")
    said = " ".join(PHONEMES.decode(greedily(model, "knight")))
    expect(status(page)).to_contain_text(f"knight: {said} (probability ", timeout=30_000)
    assert sum("weights" in url for url in seen.requests) == 1
    assert seen.complaints == [] and seen.outside() == []


@browser
def test_loading_shows_while_it_lasts(seen):
    """The first answer after a press is that it loads: both happen before the script can have arrived."""
    first = seen.page.evaluate("""() => {
        const root = document.querySelector(".widget"), at = (name) => root.querySelector(name);
        [...root.querySelectorAll("button")].find((one) => one.textContent === "Pronounce").click();
        return [at("[role=status]").textContent, root.ariaBusy];
    }""")
    assert first == ["Loading the model …", "true"]
    expect(status(seen.page)).to_contain_text("knight: ", timeout=30_000)
    expect(seen.page.locator(".widget")).to_have_attribute("aria-busy", "false")


@browser
def test_a_word_is_said_while_it_is_typed(model, seen):
    page = seen.page
    press(page)
    field = page.get_by_role("textbox")
    field.fill("")
    for end in range(1, len("colonel") + 1):
        field.press("colonel"[end - 1])
        word = "colonel"[:end]
        said = " ".join(PHONEMES.decode(greedily(model, word)))
        expect(status(page)).to_contain_text(f"{word}: {said} (probability ")
    assert page.locator(".pronounce-strip label").all_inner_texts() == [*said.split(), "[end]"]
    assert page.locator(".pronounce-steps thead th").all_inner_texts() == list("colonel")


@browser
def test_a_wrong_word_is_marked_as_wrong(model, seen):
    page = seen.page
    press(page)
    page.get_by_role("button", name="colonel").click()
    assert tuple(PHONEMES.decode(greedily(model, "colonel"))) not in pronunciation.load().test["colonel"]
    expect(page.locator(".pronounce-wrong")).to_have_text("Wrong: the dictionary has K ER N AH L.")
    page.get_by_role("textbox").fill("knight")
    expect(page.locator(".pronounce-right")).to_have_text("Right: the dictionary has N AY T.")
    page.get_by_role("button", name="brillig").click()
    expect(page.locator(".pronounce-right, .pronounce-wrong")).to_have_count(0)


@browser
@pytest.mark.parametrize("seen", [1280, 390], indirect=True)
def test_the_table_of_a_long_word_is_seen_whole(seen):
    page = seen.page
    press(page)
    for word in ("knight", "lieutenant", "antidisestablishmentarianism"):
        page.get_by_role("textbox").fill(word)
        expect(status(page)).to_contain_text(f"{word}: ")
        assert page.locator(".pronounce-steps thead th").all_inner_texts() == list(word)
        assert page.locator(".pronounce-scroll").evaluate("(one) => one.scrollWidth <= one.clientWidth"), word


@browser
def test_runners_up_and_looks_are_those_of_the_step(model, seen):
    page = seen.page
    press(page)
    page.get_by_role("button", name="pizza").click()
    tokens = greedily(model, "pizza")
    logits, attention = steps_of(model, LETTERS.encode("pizza"), [PHONEMES.bos, *tokens])
    radios = page.locator(".pronounce-strip").get_by_role("radio")
    radios.nth(2).check()
    best = torch.from_numpy(logits[2]).softmax(dim=0).topk(3)
    shown = page.locator(".pronounce-next th").all_inner_texts()
    assert shown == [PHONEMES.symbols[i] for i in best.indices]
    assert page.locator(".pronounce-taken th").all_inner_texts() == [PHONEMES.symbols[tokens[2]]]
    page.get_by_role("group", name="decoder layer").get_by_text("1", exact=True).click()
    page.get_by_role("group", name="head", exact=True).get_by_text("4", exact=True).click()
    looks = [float(text) for text in page.locator(".pronounce-letter small").all_inner_texts()]
    np.testing.assert_allclose(looks, attention[0][3, 2], atol=0.00501)
    for row, look in zip(page.locator(".pronounce-steps tbody tr").all(), attention[0][3], strict=True):
        cells = [float(text or 0) for text in row.locator("td").all_inner_texts()]
        np.testing.assert_allclose(cells, look, atol=0.096)
    page.get_by_role("group", name="head", exact=True).get_by_text("mean", exact=True).click()
    looks = [float(text) for text in page.locator(".pronounce-letter small").all_inner_texts()]
    np.testing.assert_allclose(looks, attention[0][:, 2].mean(0), atol=0.00501)


@browser
def test_arrows_and_clicks_choose_the_step(seen):
    page = seen.page
    press(page)
    rows, radios = page.locator(".pronounce-steps tbody tr"), page.locator(".pronounce-strip").get_by_role("radio")
    radios.first.focus()
    for step in (1, 2):
        page.keyboard.press("ArrowRight")
        expect(rows.nth(step)).to_have_attribute("aria-current", "step")
    expect(radios.nth(2)).to_be_focused()
    rows.nth(0).locator("td").nth(1).click()
    expect(rows.nth(0)).to_have_attribute("aria-current", "step")
    expect(radios.nth(0)).to_be_checked()
    expect(page.locator("[aria-current]")).to_have_count(1)


@browser
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "There is no word yet: type one."),
        ("   ", "There is no word yet: type one."),
        ("naïve", "It cannot read ï: its alphabet is a to z and the apostrophe, one word at a time."),
        ("two words!", "It cannot read ␣ !: its alphabet"),
        ("<img src=x onerror='document.title=1'>", "That is too long: 38 characters, and it never saw a word of"),
        ("<i>", "It cannot read < >:"),
        ("骑士🍊", "It cannot read 骑 士 🍊:"),
        ("x" * 29, "That is too long: 29 characters, and it never saw a word of more than 28."),
        ("y" * 100_000, "That is too long: 100,000 characters, and it never saw a word of more than 28."),
    ],
)
def test_what_cannot_be_read_is_said_plainly(typed, words, seen):
    page = seen.page
    field = page.get_by_role("textbox")
    field.fill(typed)
    page.get_by_role("button", name="Pronounce").click()
    expect(status(page)).to_contain_text(words)
    expect(page.locator(".pronounce-steps")).to_be_hidden()
    assert not any("weights" in url for url in seen.requests)  # no model is needed to know
    assert seen.page.title() == "Widgets" and seen.complaints == []


@browser
def test_the_longest_and_the_strangest_words_are_still_read(seen):
    page = seen.page
    press(page)
    for word in ("x" * 28, "'", "''''''", "a"):
        page.get_by_role("textbox").fill(word)
        expect(status(page)).to_contain_text(f"{word}: ")
    assert seen.overflow() == [] and seen.complaints == []


@browser
def test_a_model_that_is_not_there_is_said_and_can_be_tried_again(seen):
    page, file = seen.page, widget_pages.SCRIPTS / "pronounce-weights.js"
    away = file.rename(file.with_suffix(".away"))
    try:
        page.get_by_role("button", name="Pronounce").click()
        expect(status(page)).to_have_text(
            "The model did not load: pronounce-weights.js could not be read. Press Pronounce to try again."
        )
    finally:
        away.rename(file)
    press(page)


@browser
@pytest.mark.parametrize("seen", [1280, 390], indirect=True)
def test_it_is_accessible_and_fits(seen):
    page = seen.page
    press(page)
    page.get_by_text("4 beams").click()
    page.get_by_role("textbox").fill("antidisestablishmentarianism")
    page.locator(".pronounce-strip").get_by_role("radio").nth(1).check()
    assert seen.overflow() == []
    assert page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(page, theme)
        assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []
