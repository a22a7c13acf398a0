"""The widget of the KV cache: its counts are the model's, its logits torch's, both ways; readers cannot break it."""

import json
import re

import numpy as np
import pytest
import torch
import widget_data
import widget_pages
from playwright.sync_api import expect
from torch.utils.flop_counter import FlopCounterMode
from widget_pages import CONTRASTS, FALLBACK, ROOT, data_of, lay, turn, write_page

from transformer_lib.cache import KVCache
from transformer_lib.generation import generate
from transformer_lib.masks import causal_mask
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load

NAMES = ("cache",)
FOLDER = ROOT / "trained" / "gpt"
DATA = data_of("cache")
TOKENIZER = CharacterTokenizer(DATA["symbols"])
PROMPT, LENGTH = DATA["prompts"][0], DATA["length"]
STEPS = LENGTH - len(PROMPT)
SHAPES = [
    {"d_model": 24, "n_layers": 3, "n_heads": 3, "d_ff": 20},
    {"d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 32},
]
browser = pytest.mark.browser


def test_committed_data_are_what_the_library_makes():
    assert json.loads(json.dumps(widget_data.WIDGETS["cache"]())) == DATA
    assert CharacterTokenizer.load(FOLDER / "tokenizer.json").symbols == DATA["symbols"]
    assert all(len(TOKENIZER.encode(prompt)) < LENGTH for prompt in DATA["prompts"])


# --- the arithmetic ------------------------------------------------------------------------------------------------


def counted(model, first: int, T: int) -> tuple[int, int]:
    """Multiply-adds that torch counts of positions first to T - 1, and the numbers in the caches after them.

    Attention's own products are counted by their mask: torch counts the masked half too, or, on a CPU, none of them.
    """
    caches = [KVCache(T) for _ in model.blocks]
    tokens = torch.zeros(1, T, dtype=torch.long)
    with torch.no_grad():
        if first:
            model(tokens[:, :first], cache=caches)
        with FlopCounterMode(display=False) as counter:
            model(tokens[:, first:], cache=caches)
    flops = counter.get_flop_counts()["Global"]
    products = sum(count for op, count in flops.items() if "attention" not in str(op)) // 2
    pairs = int(causal_mask(T - first, T).sum())
    attention = sum(2 * pairs * block.attention.n_heads * block.attention.d_head for block in model.blocks)
    return products + attention, sum(part.numel() for cache in caches for part in cache.read())


@browser
@pytest.mark.parametrize("sizes", [DATA["config"], *({**shape, "vocab_size": 9} for shape in SHAPES)], ids=str)
def test_counts_are_torch_s(sizes, arithmetic):
    model = gpt(GPTConfig(**sizes, context_length=32), torch.Generator().manual_seed(0)).eval()
    for first, T in [(0, 1), (0, 6), (0, 16), (6, 7), (15, 16), (3, 9)]:
        count = arithmetic(
            """([config, first, T]) => {
                const { multiplyAdds, numbersKept } = BookWidgets.cache;
                return [multiplyAdds(config, first, T), numbersKept(config, T)];
            }""",
            [sizes, first, T],
        )
        assert tuple(count) == counted(model, first, T)


@browser
def test_fewer_key_value_heads_keep_fewer_numbers(arithmetic):
    for groups in (1, 2, 6):
        config = {"n_layers": 3, "d_model": 24, "n_heads": 6}
        kept = arithmetic("([config, G]) => BookWidgets.cache.numbersKept(config, 7, G)", [config, groups])
        head = torch.empty(1, groups, 7, 24 // 6)
        assert kept == 3 * 2 * head.numel()


FATE = "([kind, i, j, step, cached, last]) => BookWidgets.cache.fate(kind, i, j, step, cached, last)"


@browser
@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_what_nothing_uses_does_not_move_the_next_logits(first, cached, last, arithmetic):
    """Spoil a number in the library's model: the last position's logits move, unless the number's fate says no."""
    T = 6
    model = load(FOLDER)
    block = model.blocks[-1 if last else 0]
    tokens = torch.tensor([TOKENIZER.encode("The qu")])
    parts = {"q": block.attention.w_q, "k": block.attention.w_k, "v": block.attention.w_v, "out": block}
    with torch.no_grad():
        whole = model(tokens)[0, -1]
        for kind, part in parts.items():
            for i in range(T):
                hook = part.register_forward_hook(
                    lambda _, __, y, i=i: y.index_add(1, torch.tensor([i]), torch.ones_like(y[:, :1]).cumsum(-1))
                )
                moved = bool((model(tokens)[0, -1] - whole).abs().max() > 1e-4)
                hook.remove()
                fate = arithmetic(FATE, [kind, i, 0, {"first": first, "T": T}, cached, last])
                if fate == "unused":
                    assert not moved
                elif fate in ("new", "again", "read"):
                    assert moved or (kind, i) == ("q", 0)  # whose one weight is 1, whatever it asks
                else:
                    assert fate == "past" and cached and i < first and kind in ("q", "out")


@browser
def test_no_score_is_read_or_computed_above_the_diagonal(arithmetic):
    T, step = 6, {"first": 4, "T": 6}
    mask = causal_mask(T)
    for cached in (True, False):
        fates = [[arithmetic(FATE, ["score", i, j, step, cached, False]) for j in range(T)] for i in range(T)]
        masked = torch.tensor([[fate == "masked" for fate in row] for row in fates])
        assert torch.equal(masked, ~mask)
        assert {fates[i][j] for i in range(4) for j in range(i + 1)} == ({"past"} if cached else {"again"})
        assert {fates[i][j] for i in (4, 5) for j in range(i + 1)} == {"new"}
    for i, fate in enumerate(["unused"] * 5 + ["new"]):  # the logits of the first step
        assert arithmetic(FATE, ["logits", i, 0, {"first": 0, "T": T}, True, True]) == fate
        assert arithmetic(FATE, ["logits", i + T, 0, {"first": 0, "T": T}, True, True]) == "future"


# --- in the page ---------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(show, tmp_path, monkeypatch, request):
    """The widget's page with its model beside it."""
    monkeypatch.setattr(widget_pages, "SCRIPTS", lay(tmp_path / "shelf", "cache", FOLDER))
    return show("cache", **getattr(request, "param", {}))


def press(page, name: str):
    page.get_by_role("button", name=name, exact=True).click()


def status(page):
    return page.locator(".cache-told")


def step(page, number: int):
    press(page, "Step ▶")
    expect(status(page)).to_contain_text(f"Step {number} of {STEPS}", timeout=60_000)


def numbers(page) -> dict[str, list[str]]:
    rows = page.locator(".cache-numbers tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


@browser
def test_logits_of_both_ways_are_torch_s(seen):
    """And the page computes what it counts: the rows that pass through each linear layer."""
    page, model = seen.page, load(FOLDER)
    steps, work = page.evaluate(
        """async ([prompt, length]) => {
            const model = await BookWidgets.cache.load(), work = [], { linear } = Object.getPrototypeOf(model);
            model.linear = (name, x, O = model.config.d_model) => {
                work[work.length - 1] += x.length * O;
                return linear.call(model, name, x, O);
            };
            const { Reading } = BookWidgets.gpt_model;
            BookWidgets.gpt_model.Reading = class extends Reading {
                *read(tokens) { work.push(0); yield* super.read(tokens); }
            };
            const worker = BookWidgets.cache.write(model, prompt, length);
            for (;;) {
                const { done, value } = worker.next();
                if (done) return [value.map((s) => ({ ...s, logits: [...s.logits], others: [...s.others] })), work];
            }
        }""",
        [TOKENIZER.encode(PROMPT), LENGTH],
    )
    tokens = generate(model, torch.tensor([TOKENIZER.encode(PROMPT)]), STEPS, temperature=0)
    assert [step["next"] for step in steps] == tokens[0, len(PROMPT) :].tolist()
    with torch.no_grad():
        logits = model(tokens)[0, len(PROMPT) - 1 : -1]
    for step, expected in zip(steps, logits, strict=True):
        np.testing.assert_allclose(step["logits"], expected, rtol=0, atol=1e-4)
        np.testing.assert_allclose(step["others"], expected, rtol=0, atol=1e-4)
        assert step["difference"] == np.abs(np.subtract(step["logits"], step["others"])).max() < 1e-5
        assert step["p"] == pytest.approx(float(expected.softmax(dim=0).max()), abs=1e-4)
    layer = sum(p.numel() for name, p in model.blocks.named_parameters() if re.search(r"(w_.|up|down)\.weight", name))
    rows = [n for T in range(len(PROMPT), LENGTH) for n in (T if T == len(PROMPT) else 1, T)]
    assert work == [n * layer for n in rows]


@browser
def test_nothing_is_loaded_before_it_is_wanted(seen):
    page = seen.page
    assert not any(re.search("weights|transformer|gpt_", url) for url in seen.requests)
    expect(status(page)).to_contain_text("Press Step")
    step(page, 1)
    assert sum("weights" in url for url in seen.requests) == 1
    assert seen.complaints == [] and seen.outside() == []


@browser
def test_counters_are_the_model_s(seen):
    page, model = seen.page, load(FOLDER)
    spent = [0, 0]
    for n in range(1, 4):
        step(page, n)
        T, first = len(PROMPT) + n - 1, 0 if n == 1 else len(PROMPT) + n - 2
        (with_cache, kept), (without, _) = counted(model, first, T), counted(model, 0, T)
        spent = [spent[0] + with_cache, spent[1] + without]
        shown = numbers(page)
        assert shown["positions computed"] == [str(T - first), str(T)]
        for name, pair in (("this step", (with_cache, without)), ("all steps", spent)):
            figures = [float(value.removesuffix(" M")) for value in shown[f"multiply-adds, {name}"]]
            np.testing.assert_allclose(figures, np.array(pair) / 1e6, atol=0.051)
        assert shown["numbers kept"] == [f"{kept:,} ({4 * kept / 1000:.1f} kB)", "0"]
        assert shown["numbers read from the cache"] == [f"{kept * first // T:,}", "0"]
        one = kept // model.blocks[0].attention.n_heads
        assert shown["kept, were one key/value head shared by all 5"] == [f"{one:,} ({4 * one / 1000:.1f} kB)", "0"]
    expect(page.locator(".cache-check")).to_contain_text("the same 72 logits: the largest difference is 0.")


def squares(page, drawing: int) -> dict[str, int]:
    cells = page.locator(".cache-drawing").nth(drawing).locator(".cache-cell")
    names = cells.evaluate_all("(cells) => cells.map((cell) => cell.classList[1].slice(6))")
    return {name: names.count(name) for name in set(names) - {"future"}}


@browser
def test_squares_with_and_without_the_cache(seen):
    page, P, L = seen.page, len(PROMPT), DATA["config"]["n_layers"]
    step(page, 1)
    triangle = P * (P + 1) // 2
    assert squares(page, 0) == {"new": 4 * P + triangle, "masked": P * P - triangle}
    assert squares(page, 1) == {"new": L * P + 1, "unused": P - 1}
    step(page, 2)
    T = P + 1
    masked = T * (T - 1) // 2
    assert squares(page, 0) == {"new": 4 + T, "read": 2 * P, "past": 2 * P + triangle, "masked": masked}
    assert squares(page, 1) == {"new": L + 1, "read": L * P, "past": P}
    page.get_by_text("off", exact=True).click()
    assert squares(page, 0) == {"new": 4 + T, "again": 4 * P + triangle, "masked": masked}
    assert squares(page, 1) == {"new": L + 1, "again": L * P, "unused": P}
    page.get_by_role("radio", name=str(L), exact=True).check(force=True)
    assert squares(page, 0) == {"new": 4 + T, "again": 2 * P, "unused": 2 * P + triangle, "masked": masked}
    expect(status(page)).to_contain_text(f"All {T} characters are computed, {P} of them again")
    expect(page.get_by_role("img", name=f"layer {L}, step 2: {4 + T} computed now, the first time; ")).to_be_visible()


@browser
def test_keys_alone_step_back_and_reset(seen):
    page = seen.page
    page.get_by_role("button", name="Step ▶").focus()
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text("Step 1 of", timeout=60_000)
    page.keyboard.press("Space")
    expect(status(page)).to_contain_text("Step 2 of")
    page.get_by_role("radio", name="on").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="off")).to_be_checked()
    press(page, "◀ Back")
    expect(status(page)).to_contain_text("Step 1 of")
    press(page, "Reset")
    expect(status(page)).to_contain_text("Press Step")
    for name in ("◀ Back", "Reset"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert squares(page, 0) == {}


@browser
def test_play_writes_what_generate_writes_and_can_be_paused(seen):
    page = seen.page
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") + 1_000)
    page.evaluate("async () => { const model = BookWidgets.cache.load(); await model; }")
    play = page.get_by_role("button", name="Play")
    play.click()
    for n in (1, 2, 3):
        page.clock.run_for(500 if n == 1 else 900)
        expect(status(page)).to_contain_text(f"Step {n} of")
    press(page, "Pause")
    page.clock.run_for(5_000)
    expect(status(page)).to_contain_text("Step 3 of")
    play.click()
    page.clock.run_for(900 * STEPS)
    expect(status(page)).to_contain_text(f"Step {STEPS} of {STEPS}")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.get_by_role("button", name="Step ▶")).to_be_disabled()
    model = load(FOLDER)
    text = TOKENIZER.decode(generate(model, torch.tensor([TOKENIZER.encode(PROMPT)]), STEPS, temperature=0)[0].tolist())
    drawn = page.locator(".cache-drawing").first.locator(".cache-name, .cache-fresh").all_text_contents()
    assert "".join(drawn[:LENGTH]) == text.replace(" ", "␣").replace("\n", "↵")


@browser
@pytest.mark.parametrize("seen", [{"reduced_motion": "reduce"}], indirect=True)
def test_play_goes_to_the_end_at_once_where_motion_is_unwanted(seen):
    press(seen.page, "Play")
    expect(status(seen.page)).to_contain_text(f"Step {STEPS} of {STEPS}", timeout=60_000)
    press(seen.page, "Play")
    expect(status(seen.page)).to_contain_text(f"Step {STEPS} of {STEPS}")


@browser
def test_another_text_begins_anew(seen):
    page = seen.page
    step(page, 1)
    page.get_by_role("combobox").select_option(DATA["prompts"][2])
    expect(status(page)).to_contain_text("Press Step")
    press(page, "Step ▶")
    expect(status(page)).to_contain_text(f"the prompt, {len(DATA['prompts'][2])} characters, is read at once")


@browser
def test_a_model_that_is_not_there_is_said_and_can_be_tried_again(seen):
    page, file = seen.page, widget_pages.SCRIPTS / "cache-weights.js"
    away = file.rename(file.with_suffix(".away"))
    try:
        press(page, "Play")
        expect(status(page)).to_have_text(
            "The model did not load: cache-weights.js could not be read. Press Step to try again."
        )
    finally:
        away.rename(file)
    step(page, 1)


@browser
def test_without_javascript_the_fallback_shows(tmp_path, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(write_page(tmp_path, {"cache": DATA}))
    expect(page.get_by_text(FALLBACK)).to_be_visible()
    context.close()


@browser
@pytest.mark.parametrize("seen", [{"width": 1280}, {"width": 390}], indirect=True)
def test_it_is_accessible_and_fits(seen):
    page = seen.page
    for n in (1, 2):
        step(page, n)
    assert seen.overflow() == []
    assert page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for mode in ("off", "on"):
        page.get_by_text(mode, exact=True).click()
        for theme in ("light", "dark"):
            turn(page, theme)
            assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []
