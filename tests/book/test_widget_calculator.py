"""The calculator: its formulas are the library's, its entries those of the papers, and readers cannot break it."""

import dataclasses
import itertools
import json

import pytest
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, FALLBACK, data_of, turn, write_page

from transformer_lib import planning
from transformer_lib.published_runs import LLAMA3, RUNS

NAMES = ("calculator",)
DATA = data_of("calculator")
SHAPES = [run.shape for run in RUNS if run.shape is not None]
LAYOUTS = [
    planning.Layout(data=d, tensor=t, pipeline=p, stage=stage, sequences=2, micro_batches=m, kept=kept)
    for (d, t, p, m), (stage, kept) in itertools.product(
        [(1, 1, 1, 1), (8, 2, 1, 4), (64, 8, 16, 5)],
        [(0, "everything"), (1, "no scores"), (2, "layer inputs"), (3, "no scores")],
    )
]
browser = pytest.mark.browser


def test_committed_data_are_what_the_library_has():
    assert json.loads(json.dumps(widget_data.WIDGETS["calculator"]())) == DATA


@browser
def test_formulas_are_the_library_s(arithmetic):
    for shape in SHAPES:
        found = arithmetic(
            """([shape, layouts]) => { const c = BookWidgets.calculator; return {
                parameters: c.parameters(shape), attention: c.attentionFlops(shape),
                activations: layouts.map((layout) => c.activationBytes(shape, layout)),
                sent: layouts.map((layout) => c.sentBytes(shape, layout)),
                states: layouts.map((layout) => c.stateBytes(12345, layout.data, layout.stage)),
            }; }""",
            [vars(shape), [vars(layout) for layout in LAYOUTS]],
        )
        assert found["parameters"] == shape.parameters
        assert found["attention"] == shape.attention_flops
        for layout, activations, sent, states in zip(
            LAYOUTS, found["activations"], found["sent"], found["states"], strict=True
        ):
            assert activations == pytest.approx(planning.activation_bytes(shape, layout), rel=1e-12)
            assert sent == pytest.approx(planning.sent_bytes(shape, layout), rel=1e-12)
            assert states == pytest.approx(planning.state_bytes(12345, layout.data, layout.stage), rel=1e-12)
    pairs = [(p, m) for p in (1, 4, 16) for m in (1, 7)]
    assert arithmetic("(pairs) => pairs.map(([p, m]) => BookWidgets.calculator.bubble(p, m))", pairs) == pytest.approx(
        [planning.bubble(*pair) for pair in pairs]
    )
    assert arithmetic("() => BookWidgets.calculator.allReduceBytes(12, 4)") == planning.all_reduce_bytes(12, 4)


@browser
def test_published_runs_are_computed_alike(arithmetic):
    for run, entry in zip(RUNS, DATA["runs"], strict=True):
        for fact in run.facts:
            found = arithmetic(
                "([run, quantity]) => BookWidgets.calculator.computed(run, quantity)", [entry, fact.quantity]
            )
            assert found == pytest.approx(run.computed(fact.quantity), rel=1e-12), (run.name, fact.quantity)


@pytest.fixture
def seen(show, request):
    return show("calculator", **getattr(request, "param", {}))


def choose(page, name: str):
    page.get_by_label("a published run").select_option(name)


@browser
def test_the_paper_s_number_stands_beside_the_computed_one(seen):
    page = seen.page
    for run in RUNS:
        choose(page, run.name)
        rows = page.locator(".calculator-table").first.locator("tbody tr")
        assert rows.count() == len(run.facts)
        for row, fact in zip(rows.all(), run.facts, strict=True):
            assert fact.where in row.inner_text()
            ratio = float(row.locator("td").last.inner_text())
            assert ratio == pytest.approx(run.computed(fact.quantity) / fact.value, abs=0.0051)
    assert seen.complaints == [] and seen.outside() == []


@browser
def test_a_reader_s_own_run(seen):
    page = seen.page
    choose(page, "Llama 3 405B")
    page.get_by_text("Change the model").click()
    told = page.locator(".calculator-said")
    expect(told).to_contain_text("16,384 devices")
    page.get_by_label("data-parallel").fill("64")
    expect(told).to_contain_text("8,192 devices")
    page.get_by_label("pipeline stages").fill("1")
    expect(told).to_contain_text("it does not fit")
    page.get_by_label("layers", exact=True).fill("63")
    half = dataclasses.replace(LLAMA3, n_layers=63).parameters
    expect(page.get_by_label("parameters, billions")).to_have_value(f"{half / 1e9:.6g}")
    for text in ("", "-3", "0"):
        page.get_by_label("tokens, billions").fill(text)
        expect(told).to_contain_text("tokens, billions: a number above 0 is needed")
    page.get_by_label("tokens, billions").fill("15600")
    page.get_by_label("sharding stage").fill("4")
    expect(told).to_contain_text("sharding stage: a number above 0")
    choose(page, "Chinchilla 70B")
    expect(page.get_by_text("need all sizes of the model")).to_be_visible()
    assert seen.complaints == []


@browser
def test_without_javascript_the_fallback_shows(tmp_path, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(write_page(tmp_path, {"calculator": DATA}))
    expect(page.get_by_text(FALLBACK)).to_be_visible()
    context.close()


@browser
@pytest.mark.parametrize("seen", [{"width": 1280}, {"width": 390}], indirect=True)
def test_it_is_accessible_and_fits(seen):
    page = seen.page
    choose(page, "Llama 3 405B")
    page.get_by_text("Change the model").click()
    assert seen.overflow() == []
    assert page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(page, theme)
        assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []
