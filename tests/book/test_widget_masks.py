"""The widget of masks: its patterns are the library's, its probes agree with the library's, and a reader can paint."""

import json

import numpy as np
import pytest
import torch
import widget_data
from playwright.sync_api import expect
from widget_pages import CONTRASTS, data_of, turn

from transformer_lib import masks
from transformer_lib.attention import MultiHeadAttention
from transformer_lib.inspection import assert_causal, assert_permutation_equivariant, dependency_mask

NAMES = ("masks",)
T = len(data_of("masks")["tokens"])
pytestmark = pytest.mark.browser


def library_mask(name: str, T: int, n: int, real: int) -> torch.Tensor:
    causal, padding = masks.causal_mask(T), masks.padding_mask(torch.tensor([real]), T)[0, 0].expand(T, T)
    return {
        "causal": causal,
        "sliding window": masks.sliding_window_mask(T, n),
        "prefix": masks.prefix_mask(torch.tensor([n]), T)[0, 0],
        "padding": padding,
        "causal and padding": causal & padding,
        "full": torch.ones(T, T, dtype=torch.bool),
        "shifted by one": torch.ones(T, T, dtype=torch.bool).tril(1),
        "nothing": torch.zeros(T, T, dtype=torch.bool),
    }[name]


def some_masks() -> list[torch.Tensor]:
    """Every preset, and tables drawn at random in which each token sees itself."""
    generator = torch.Generator().manual_seed(0)
    drawn = [(torch.rand(6, 6, generator=generator) < share) | torch.eye(6).bool() for share in (0, 0.1, 0.3, 0.5) * 3]
    presets = [library_mask(name, 6, 3, 4) for name in ("causal", "sliding window", "prefix", "full", "shifted by one")]
    return drawn + presets + [library_mask("padding", 6, 3, 4), library_mask("causal and padding", 6, 3, 4)]


def stack(mask: torch.Tensor, layers: int):
    torch.manual_seed(0)
    attentions = [MultiHeadAttention(16, 2).double().requires_grad_(False) for _ in range(layers)]

    def forward(x):
        for attention in attentions:
            x = attention(x, mask=mask)
        return x

    return forward


def inputs() -> torch.Tensor:
    return torch.randn(6, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_committed_data_are_what_the_library_computes():
    assert data_of("masks") == json.loads(json.dumps(widget_data.WIDGETS["masks"]()))


def test_presets_equal_the_library(arithmetic):
    assert arithmetic("() => Object.keys(BookWidgets.masks.PRESETS)")[-1] == "nothing"
    for name in arithmetic("() => Object.keys(BookWidgets.masks.PRESETS)"):
        for size in (1, 2, 5, 8):
            for n in (1, size // 2 + 1, size):
                for real in (1, size):
                    made = arithmetic(
                        "([name, T, n, real]) => BookWidgets.masks.PRESETS[name](T, n, real)", [name, size, n, real]
                    )
                    assert made == library_mask(name, size, n, real).tolist(), (name, size, n, real)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_reach_is_what_the_probe_finds_in_layers_of_attention(layers, arithmetic):
    """A token always moves its own output, through its query: so the diagonal is not compared."""
    for mask in some_masks():
        seen = torch.tensor(
            arithmetic("([mask, layers]) => BookWidgets.masks.reach(mask, layers)", [mask.tolist(), layers])
        )
        works = dependency_mask(stack(mask, layers), inputs())
        own = torch.eye(6, dtype=torch.bool)
        if mask.diagonal().all():
            assert torch.equal(seen | own, works | own), mask


def passes(arithmetic, mask, layers=1, real=6) -> dict[str, bool]:
    found = arithmetic(
        "([mask, layers, real]) => BookWidgets.masks.probes(mask, layers, real)", [mask.tolist(), layers, real]
    )
    return {probe["name"]: not probe["failures"] for probe in found}


def holds(check, *arguments) -> bool:
    try:
        check(*arguments)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("layers", [1, 2])
def test_probes_agree_with_the_invariants(layers, arithmetic):
    verdicts = set()
    for mask in some_masks():
        forward, x = stack(mask, layers), inputs()
        found = passes(arithmetic, mask, layers, real=4)
        causal, blind = holds(assert_causal, forward, x), holds(assert_permutation_equivariant, forward, x[None])
        changed = x.clone()
        changed[4:] += 1
        apart = torch.equal(forward(x[None])[0, :4], forward(changed[None])[0, :4])
        assert (found["causal"], found["set"], found["padding"]) == (causal, blind, apart), mask
        assert found["rows"]
        verdicts |= {("causal", causal), ("set", blind), ("padding", apart)}
    assert len(verdicts) == 6  # each probe passed somewhere, and failed somewhere


def test_rows_are_empty_where_the_library_refuses(arithmetic):
    for row in range(6):
        mask = masks.causal_mask(6).clone()
        mask[row] = False
        with pytest.raises(ValueError, match=rf"row \({row},\) empty"):
            masks.validate_rows(mask)
        found = arithmetic("(mask) => BookWidgets.masks.probes(mask, 1, 6)[0]", mask.tolist())
        assert found == {"name": "rows", "failures": [[row, 0]]}


# --- the page ------------------------------------------------------------------------------------------------------


def painted(page) -> np.ndarray:
    cells = page.locator(".masks-grid [data-query]").evaluate_all(
        "(cells) => cells.map((cell) => cell.getAttribute('aria-selected') === 'true')"
    )
    return np.array(cells).reshape(T, T)


def cell(page, i: int, j: int):
    return page.locator(f'[data-query="{i}"][data-key="{j}"]')


def failing(page) -> list[str]:
    return page.locator(".masks-fails strong").evaluate_all("(all) => all.map((one) => one.textContent.slice(2, -2))")


def test_it_opens_causal_and_every_preset_is_drawn(show):
    seen = show("masks")
    page, choose = seen.page, seen.page.get_by_role("combobox")
    np.testing.assert_array_equal(painted(page), masks.causal_mask(T).numpy())
    assert failing(page) == []
    expect(page.locator(".masks-told strong")).to_have_text("• Order matters. ")
    for name in ("sliding window", "prefix", "padding", "full", "shifted by one", "nothing"):
        choose.select_option(name)
        mask = library_mask(name, T, 3, T - 2)
        np.testing.assert_array_equal(painted(page), mask.numpy())
        expect(page.locator(".masks-summary")).to_have_text(f"{int(mask.sum())} of {T * T} cells are open.")
    assert seen.complaints == [] and seen.outside() == []


def test_each_mistake_fails_the_probe_it_should(show):
    page = show("masks").page
    choose = page.get_by_role("combobox")
    choose.select_option("shifted by one")
    assert failing(page) == ["Causal"]
    expect(page.locator(".masks-fails").first).to_contain_text(f"to (1) moves with input be (2), and {T - 2} more.")
    page.get_by_role("slider", name="layers").fill("2")
    expect(page.locator(".masks-fails").first).to_contain_text(f"and {2 * T - 4} more.")
    page.get_by_role("slider", name="layers").fill("1")
    choose.select_option("full")
    page.get_by_role("slider", name="real tokens").fill("5")
    assert failing(page) == ["Causal", "Alone as in a batch"]
    choose.select_option("padding")
    assert failing(page) == ["Causal"]
    choose.select_option("nothing")
    assert "No empty row" in failing(page)
    assert page.locator(".masks-empty").count() == T


def test_a_window_hears_from_further_back_through_layers(show):
    page = show("masks").page
    page.get_by_role("combobox").select_option("sliding window")
    page.get_by_role("slider", name="window").fill("2")
    for layers in (1, 2, 3, 4):
        page.get_by_role("slider", name="layers").fill(str(layers))
        assert page.locator('[data-query="7"].masks-open, [data-query="7"].masks-far').count() == layers + 1
    cell(page, 7, 0).hover()
    strip = page.locator(".masks-strip").first
    expect(strip).to_have_attribute("aria-label", "is (8) hears from not (4), to (5), be (6), that (7), is (8)")
    assert strip.locator(".masks-far").all_inner_texts() == ["not", "to", "be"]


def test_a_drag_paints_what_the_first_cell_became(show):
    page = show("masks").page
    start, end = cell(page, 0, 1).bounding_box(), cell(page, 0, 4).bounding_box()
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 5, end["y"] + 5, steps=12)
    page.mouse.up()
    assert painted(page)[0].tolist() == [True] * 5 + [False] * 3
    page.mouse.move(start["x"] + 5, start["y"] + 60)
    assert painted(page).sum() == T * (T + 1) // 2 + 4  # nothing more is painted after the button is up
    cell(page, 0, 2).click()
    assert painted(page)[0].tolist() == [True, True, False, True, True] + [False] * 3


def test_a_finger_paints_too(show):
    page = show("masks", width=390, has_touch=True).page
    cell(page, 0, 3).tap()
    assert painted(page)[0].tolist() == [True, False, False, True] + [False] * 4
    assert cell(page, 0, 3).evaluate("(cell) => getComputedStyle(cell).touchAction") == "none"


def test_the_keyboard_paints_too(show):
    page = show("masks").page
    page.locator('[data-query][tabindex="0"]').focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "Space", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator('[data-query][tabindex="0"]')).to_have_count(1)
    expect(page.locator(":focus")).to_have_attribute("aria-label", "that (7) does not see not (4)")
    assert painted(page).sum() == T * (T + 1) // 2 - 2
    page.keyboard.press("Space")
    assert painted(page).sum() == T * (T + 1) // 2 - 1


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible_and_fits(width, show):
    seen = show("masks", width=width)
    seen.page.get_by_role("combobox").select_option("sliding window")
    seen.page.get_by_role("slider", name="layers").fill("2")
    for key in range(4):  # an empty row, and leaks
        if painted(seen.page)[3, key]:
            cell(seen.page, 3, key).click()
    cell(seen.page, 0, 5).click()
    assert seen.overflow() == []
    grid, probes = (seen.page.locator(name).bounding_box() for name in (".masks-grid", ".masks-probes"))
    below, beside = probes["y"] >= grid["y"] + grid["height"], probes["x"] >= grid["x"] + grid["width"]
    assert below or beside
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []


def test_the_controls_the_table_and_the_verdicts_are_on_one_screen_of_a_phone(show):
    page = show("masks", width=390).page
    page.get_by_role("combobox").select_option("sliding window")
    page.get_by_role("slider", name="layers").fill("2")
    cell(page, 0, 5).click()
    assert len(failing(page)) == 2
    top = page.locator(".widget-controls").bounding_box()["y"]
    probes = page.locator(".masks-probes").bounding_box()
    assert probes["y"] + probes["height"] - top < 660
    assert page.locator(".masks-passes span").first.is_hidden() and page.locator(".masks-fails span").first.is_visible()


def test_hostile_tokens_are_only_text(show):
    hostile = '<img src=x onerror="document.title=1">'
    seen = show("masks", data={"tokens": [hostile, "b", "c"]})
    assert seen.page.locator(".widget img").count() == 0
    assert seen.page.title() == "Widgets" and seen.complaints == []
