"""The widget of the front page: packed weights, both models and the draws are the library's, and it writes at once."""

import json

import numpy as np
import pytest
import torch
import weights
import widget_data
import widget_pages
from playwright.sync_api import expect
from safetensors.numpy import load_file
from widget_pages import CONTRASTS, ROOT, data_of, lay, turn, write_page

from transformer_lib.data import shakespeare
from transformer_lib.ngram import AddK, NGramModel
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load

FOLDER = ROOT / "trained" / "front_page"
DATA = data_of("front")
TOKENIZER = CharacterTokenizer(DATA["symbols"])
TEXT = TOKENIZER.encode(
    "MACBETH:\nIf it were done when 'tis done, then 'twere well\nIt were done quickly: if the assassination\n"
)
COMPRESSED = 250_000  # bytes that a phone may have to wait for
browser = pytest.mark.browser


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The widgets' files with the packed weights beside them, as in the site."""
    folder = lay(tmp_path_factory.mktemp("front"), "front", FOLDER)
    (folder / "front-weights.js").write_text(weights.packed("front", FOLDER), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ask(chromium, shelf):
    page = chromium.new_page()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widget_pages, "SCRIPTS", shelf)
        page.goto(write_page(shelf, {"front": DATA}))
    yield lambda script, argument=None: page.evaluate(script, argument)
    page.close()


@pytest.fixture
def front(shelf, visit, monkeypatch):
    """front(…) -> a Visit of a page with the widget and its weights."""
    monkeypatch.setattr(widget_pages, "SCRIPTS", shelf)
    return lambda **options: visit(write_page(shelf, {"front": DATA}), **options)


def rounded_model():
    """The library's model with the weights that the page has."""
    model = load(FOLDER)
    state = {
        name: torch.from_numpy(weights.rounded(tensor))
        for name, tensor in load_file(FOLDER / "model.safetensors").items()
    }
    model.load_state_dict({name: state.get(name, state["embedding.tokens.weight"]) for name in model.state_dict()})
    return model.eval()


def test_committed_data_are_what_the_library_counts():
    assert json.loads(json.dumps(widget_data.WIDGETS["front"]())) == DATA
    plays = shakespeare.load()
    for prompt in DATA["prompts"]:
        assert prompt.split("\n")[0] in plays.test and prompt.split("\n")[0] not in plays.train


def test_a_phone_can_have_the_weights():
    import gzip

    assert len(gzip.compress(weights.packed("front", FOLDER).encode(), 6)) < COMPRESSED


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (4, 64)])
def test_rounding_errs_by_at_most_half_a_level(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    matrix[0] = 0  # a row of zeros stays one
    step = np.abs(matrix).max(axis=1, keepdims=True) / weights.LARGEST
    assert (np.abs(weights.rounded(matrix) - matrix) <= 0.5 * step * 1.02 + 1e-7).all()


@browser
def test_the_page_unpacks_what_was_packed(ask):
    tensors = load_file(FOLDER / "model.safetensors")
    found = ask(
        """async () => {
            const { tensors } = await BookWidgets.front.load();
            return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, [...tensor]]));
        }"""
    )
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(found[name], weights.rounded(tensor).ravel(), rtol=1e-6, atol=0)


@browser
def test_the_network_is_the_library_s_as_its_window_slides(ask):
    model = rounded_model()
    C = model.context_length
    lengths = [1, 2, 40, C - 1, C, C + 1, C + 2, C + C // 2, C + C // 2 + 1]
    text = (TEXT * 3)[: max(lengths)]
    found = ask(
        """async ([text, lengths]) => {
            const write = BookWidgets.front.network(await BookWidgets.front.load());
            return lengths.map((n) => {
                const work = write(text.slice(0, n));
                let step = work.next();
                while (!step.done) step = work.next();
                return [...step.value];
            });
        }""",
        [text, lengths],
    )
    first = 0
    for length, logits in zip(lengths, found, strict=True):
        if length - first > C:
            first = length - C // 2
        with torch.no_grad():
            expected = model(torch.tensor([text[first:length]]))[0, -1].numpy()
        np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-4)


@browser
def test_the_table_is_the_bigram_model(ask):
    train = TOKENIZER.encode_array(shakespeare.load().train)
    model = NGramModel(2, TOKENIZER.vocab_size, AddK(DATA["k"])).fit(train)
    found = ask(
        "([data, tokens]) => tokens.map((token) => BookWidgets.front.table(data)([token]).next().value)",
        [DATA, TEXT[:9]],
    )
    for token, logs in zip(TEXT[:9], found, strict=True):
        np.testing.assert_allclose(np.exp(logs), model.probabilities([token]), rtol=1e-9)


@browser
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_the_character_in_whose_share_the_draw_falls_is_taken(temperature, ask):
    generator = np.random.default_rng(0)
    logits, draws = generator.normal(size=7), generator.uniform(size=200)
    shares = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    expected = np.searchsorted(shares.cumsum(), draws, side="right")
    script = "([logits, t, draws]) => draws.map((draw) => BookWidgets.front.pick(logits, t, draw))"
    assert ask(script, [logits.tolist(), temperature, draws.tolist()]) == expected.tolist()


@browser
def test_it_writes_by_itself_and_the_switch_keeps_prompt_and_draws(front):
    seen = front(reduced_motion="reduce")
    page = seen.page
    made, prompt = page.locator(".front-made"), page.locator(".front-prompt")
    expect(page.locator(".widget[data-characters='240']")).to_be_visible()
    by_gpt = made.inner_text()
    page.get_by_label("the bigram table").check()
    expect(page.locator(".front-fact")).to_have_text(DATA["facts"]["bigram"])
    expect(made).not_to_have_text(by_gpt)
    assert prompt.inner_text() == DATA["prompts"][0]
    page.get_by_label("a small GPT").check()
    expect(made).to_have_text(by_gpt)  # the same dice
    page.get_by_role("button", name="Roll the dice again").click()
    expect(made).not_to_have_text(by_gpt)
    assert not seen.complaints and not seen.outside()


@browser
def test_a_reader_s_own_beginning_may_hold_anything(front):
    seen = front(reduced_motion="reduce")
    page = seen.page
    page.get_by_text("Give it your own beginning").click()
    field = page.get_by_label("Your own beginning")
    for typed, shown, told in [("“Ado”", '"Ado"', ""), ("日本", "", "日"), ("", "", ""), ("x" * 500, "x" * 400, "")]:
        field.fill(typed)
        expect(page.locator(".widget[data-characters='240']")).to_be_visible()
        if shown and all(character in DATA["symbols"] for character in shown):
            expect(page.locator(".front-prompt")).to_have_text(shown)
        if told:
            expect(page.locator(".widget > .widget-note")).to_contain_text(told)
    assert not seen.complaints


@browser
def test_without_the_weights_the_table_still_writes(front, shelf):
    seen = front(reduced_motion="reduce")
    seen.page.route("**/front-weights.js", lambda route: route.abort())
    seen.page.reload()
    expect(seen.page.locator(".widget > .widget-note")).to_contain_text("could not be read")
    seen.page.get_by_label("the bigram table").check()
    expect(seen.page.locator(".widget[data-characters='240']")).to_be_visible()


@browser
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_it_can_be_read_everywhere(width, theme, front):
    seen = front(width=width, reduced_motion="reduce")
    turn(seen.page, theme)
    expect(seen.page.locator(".widget[data-characters='240']")).to_be_visible()
    assert not seen.overflow()
    assert not seen.accessibility()
    assert not [found for ratio, found in seen.page.evaluate(CONTRASTS) if ratio < 4.5]
