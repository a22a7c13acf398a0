"""The widget of chapter 12: its steps are those of the stored translator, and a reader can walk through them."""

import json

import numpy as np
import pytest
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, data_of, turn

from transformer_lib.data import translation
from transformer_lib.generation import beam_search
from transformer_lib.training import load, pad_to_longest

NAMES = ("translate",)
DATA = data_of("translate")
pytestmark = pytest.mark.browser

SMALL = {  # 2 layers, 2 heads, 3 characters, 2 steps; every number another one
    "layers": 2,
    "heads": 2,
    "sentences": [
        {
            "group": "small",
            "source": ["他", "好", "吗"],
            "reference": "Yes.",
            "steps": [
                {
                    "next": [["Yes", 0.75], ["No", 0.2499], ["a", 0.0001]],
                    "weights": [[[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]], [[0.0, 0.0, 1.0], [0.6, 0.4, 0.0]]],
                },
                {
                    "next": [[".", 0.9996], ["?", 0.0004]],
                    "weights": [[[0.2, 0.2, 0.6], [1.0, 0.0, 0.0]], [[0.9, 0.1, 0.0], [0.3, 0.3, 0.4]]],
                },
                {
                    "next": [["[end]", 1.0]],
                    "weights": [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]],
                },
            ],
        }
    ],
}


def sentence(text: str) -> dict:
    return next(one for one in DATA["sentences"] if "".join(one["source"]) == text)


def test_committed_data_are_what_the_stored_model_computes():
    """To two decimals: processors round differently. The words are exactly those."""
    computed = json.loads(json.dumps(widget_data.WIDGETS["translate"]()))
    assert [one["source"] for one in computed["sentences"]] == [one["source"] for one in DATA["sentences"]]
    for ours, stored in zip(computed["sentences"], DATA["sentences"], strict=True):
        assert (ours["group"], ours["reference"]) == (stored["group"], stored["reference"])
        assert [step["next"][0][0] for step in ours["steps"]] == [step["next"][0][0] for step in stored["steps"]]
        for a, b in zip(ours["steps"], stored["steps"], strict=True):
            np.testing.assert_allclose([p for _, p in a["next"]], [p for _, p in b["next"]], atol=5e-3)
            np.testing.assert_allclose(a["weights"], b["weights"], atol=5e-3)


def test_the_words_are_those_of_the_librarys_search():
    """The widget's steps decode without a cache, one sentence at a time; the search has both."""
    model = load(widget_data.ROOT / "trained" / "translation")
    chinese, english = translation.vocabularies()
    for one in DATA["sentences"]:
        source = pad_to_longest([chinese.encode(one["source"])], chinese.pad)
        marks = {"bos": english.bos, "eos": english.eos, "pad": english.pad}
        [[best]] = beam_search(model, source, beams=1, max_length=40, **marks)
        assert [step["next"][0][0] for step in one["steps"]] == [*english.decode(best.tokens), "[end]"]


def test_data_fit_the_page_and_every_distribution_is_one():
    assert (widget_data.FOLDER / "translate.json").stat().st_size < 300_000
    shape = (DATA["layers"], DATA["heads"])
    for one in DATA["sentences"]:
        assert one["steps"][-1]["next"][0][0] == "[end]"
        for step in one["steps"]:
            probabilities = [p for _, p in step["next"]]
            assert probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1.001
            weights = np.array(step["weights"])
            assert weights.shape == (*shape, len(one["source"]))
            np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=0.01)


def test_groups_are_what_they_say():
    text = translation.load()
    sets = {name: {p.chinese for p in getattr(text, name)} for name in ("train", "test", "longer")}
    for one in DATA["sentences"]:
        source = "".join(one["source"])
        assert (source in sets["test"]) or one["group"] != "never seen in training", source
        assert (source in sets["longer"]) == (one["group"] == "longer than any in training"), source
        assert (source in sets["train"]) <= (one["group"] == "a or an"), source


def test_held_out_sentences_come_out_right(arithmetic):
    right = [one for one in DATA["sentences"] if one["group"] != "longer than any in training"]
    for one in right:
        words = arithmetic("(one) => BookWidgets.translate.written(one, one.steps.length)", one)
        assert arithmetic("(words) => BookWidgets.translate.joined(words)", words) == one["reference"]


def test_weights_of_a_head_and_their_mean(arithmetic):
    call = "([step, layer, head]) => BookWidgets.translate.weightsOf(step, layer, head)"
    step = SMALL["sentences"][0]["steps"][0]
    assert arithmetic(call, [step, 0, 1]) == [0.1, 0.8, 0.1]
    for layer in range(2):
        mean = np.mean(step["weights"][layer], axis=0)
        np.testing.assert_allclose(arithmetic(call, [step, layer, "mean"]), mean)


def test_percentages_never_claim_too_much(arithmetic):
    call = "(p) => BookWidgets.translate.percent(p)"
    assert [arithmetic(call, p) for p in (1, 0.9994, 0.25, 0.0005)] == ["100%", "99.9%", "25.0%", "<0.1%"]


# --- the page ------------------------------------------------------------------------------------------------------


def shown(page) -> list[float]:
    return [float(text) for text in page.locator(".translate-source small").all_inner_texts()]


def words(page) -> list[str]:
    return page.locator(".translate-word").all_inner_texts()


def test_a_reader_steps_to_the_end_and_back(show):
    seen = show("translate", data=SMALL)
    page = seen.page
    back, onward = page.get_by_role("button", name="Back"), page.get_by_role("button", name="Next word")
    expect(back).to_be_disabled()
    assert words(page) == ["[begin]"] and shown(page) == [0.3, 0.2, 0.5]
    assert page.locator(".translate-next td:first-child").all_inner_texts() == ["Yes", "No", "a"]
    assert page.locator(".translate-next td:last-child").all_inner_texts() == ["75.0%", "25.0%", "<0.1%"]
    onward.click()
    assert words(page) == ["[begin]", "Yes"] and shown(page) == [0.6, 0.2, 0.2]
    expect(page.get_by_role("status")).to_have_text("Step 2 of 3: it looks most at 他 and writes ..")
    onward.click()
    expect(onward).to_be_disabled()
    expect(page.get_by_role("status")).to_contain_text("Done: Yes. (as the reference has it).")
    assert page.locator(".translate-steps tbody tr").count() == 3
    back.click()
    assert words(page) == ["[begin]", "Yes"] and page.locator(".translate-steps tbody tr").count() == 2
    assert seen.complaints == [] and seen.outside() == []


def test_layer_and_head_choose_the_weights(show):
    page = show("translate", data=SMALL).page
    layer, head = page.get_by_role("group", name="decoder layer"), page.get_by_role("group", name="head")
    layer.get_by_text("1", exact=True).click()
    assert shown(page) == [0.3, 0.55, 0.15]
    head.get_by_text("1", exact=True).click()
    assert shown(page) == [0.5, 0.3, 0.2]
    layer.get_by_text("2", exact=True).click()
    assert shown(page) == [0.0, 0.0, 1.0]
    assert page.locator(".translate-steps tbody td").all_inner_texts() == ["", "", "1.0"]


def test_the_slider_and_another_sentence(show):
    page = show("translate").page
    page.get_by_role("slider", name="step").fill("4")
    assert words(page) == ["[begin]", *(step["next"][0][0] for step in DATA["sentences"][0]["steps"][:3])]
    page.get_by_role("combobox").select_option(label="我是一名老师")
    assert words(page) == ["[begin]"]
    assert page.locator(".translate-source").count() == 6
    for _ in range(2):
        page.get_by_role("button", name="Next word").click()
    assert page.locator(".translate-taken td").first.inner_text() == "a"


def test_a_wrong_translation_is_called_by_its_name(show):
    page = show("translate").page
    long = sentence("安娜正在开车，大卫有四瓶水，他们正在说中文")
    page.get_by_role("combobox").select_option(label="".join(long["source"]))
    page.get_by_role("slider", name="step").fill(str(len(long["steps"])))
    expect(page.get_by_role("status")).to_contain_text(f"the reference: {long['reference']}")


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible_and_fits(width, show):
    seen = show("translate", width=width)
    seen.page.get_by_role("slider", name="step").fill("4")
    assert seen.overflow() == []
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []


def test_hostile_words_are_only_text(show):
    hostile = '<img src=x onerror="document.title=1">'
    data = json.loads(json.dumps(SMALL).replace("Yes", hostile.replace('"', '\\"')))
    seen = show("translate", data=data)
    seen.page.get_by_role("button", name="Next word").click()
    assert seen.page.locator(".widget img").count() == 0
    assert seen.page.title() == "Widgets" and seen.complaints == []
