"""The widget of the GPT: logits, switches, samples and scores are the library's, and readers cannot break it."""

import copy
import functools
import json
import math
import re

import numpy as np
import pytest
import torch
import widget_data
import widget_pages
from playwright.sync_api import expect
from torch import nn
from widget_pages import CONTRASTS, ROOT, data_of, lay, turn, write_page

from transformer_lib.architectures import LanguageModel
from transformer_lib.data import shakespeare
from transformer_lib.generation import generate
from transformer_lib.inspection import record_attention
from transformer_lib.masks import CAUSAL
from transformer_lib.models.gpt import GPTConfig, gpt
from transformer_lib.sampling import next_token_probabilities
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import evaluate, load, save

TRAINED = [name for name in ("gpt", "first_transformer") if (ROOT / "trained" / name / "model.safetensors").exists()]
FOLDER = ROOT / "trained" / TRAINED[0]  # the chapter's; the other has the same form and other sizes
DATA = data_of("gpt")
TOKENIZER = CharacterTokenizer(DATA["symbols"])
PASSAGE = TOKENIZER.encode(DATA["passage"]["text"])
BRIEF = {**DATA, "passage": {"name": "brief", "text": DATA["passage"]["text"][:60]}}  # for pages that score it often
browser = pytest.mark.browser


def test_committed_data_are_what_the_library_reads():
    assert json.loads(json.dumps(widget_data.WIDGETS["gpt"]())) == DATA
    assert CharacterTokenizer.load(FOLDER / "tokenizer.json").symbols == DATA["symbols"]


def test_texts_are_as_the_page_says():
    text = shakespeare.load()
    assert DATA["passage"]["text"] in text.test
    for prompt in DATA["prompts"]:
        TOKENIZER.encode(prompt["text"])
    name = DATA["prompts"][-1]["text"].split(":")[0].title()
    assert not any(name in play or name.upper() in play for play in shakespeare.plays().values())


# --- the arithmetic ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelve(tmp_path_factory):
    """shelve(trained) -> a folder with the widget's files and these weights."""
    return functools.cache(lambda trained: lay(tmp_path_factory.mktemp("shelf"), "gpt", trained))


SETTING = """async (argument) => {
    const model = await BookWidgets.gpt.load(), { Reading, score, mean } = BookWidgets.gpt_model;
    const finish = (worker) => {
        for (;;) { const { done, value } = worker.next(); if (done) return value; }
    };
    return (SCRIPT)(argument);
}"""


@pytest.fixture(scope="module")
def ask(chromium, shelve):
    """ask(trained) -> a function that runs a script with that model, loaded once, and an argument."""
    pages = {}

    def open_page(trained):
        if trained not in pages:
            pages[trained] = chromium.new_page()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(widget_pages, "SCRIPTS", shelve(trained))
                pages[trained].goto(write_page(shelve(trained), {"gpt": DATA}))
        return lambda script, argument=None: pages[trained].evaluate(SETTING.replace("SCRIPT", script), argument)

    yield open_page
    for page in pages.values():
        page.close()


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load(FOLDER)


class Nothing(nn.Module):
    """What a feed-forward network adds when it is off."""

    def forward(self, x):
        return torch.zeros_like(x)


class Without(nn.Module):
    """A model with parts off, made by other means than the page's: the library's modules, replaced."""

    def __init__(self, model, heads=(), layers=(), feedForwards=(), positions=False, mask=False):
        super().__init__()
        self.model, self.mask = copy.deepcopy(model), mask
        for layer, head in heads:
            self.silence(self.model.blocks[layer].attention, head)
        for layer in feedForwards:
            self.model.blocks[layer].feed_forward = Nothing()
        self.model.blocks = nn.ModuleList(b for n, b in enumerate(self.model.blocks) if n not in layers)
        if positions:
            nn.init.zeros_(self.model.embedding.positions.table.weight)

    def silence(self, layer, head):
        def without(_, inputs):
            others = torch.ones(layer.n_heads)
            others[head] = 0
            return (inputs[0] * others.repeat_interleave(layer.d_head),)

        layer.w_o.register_forward_pre_hook(without)

    def forward(self, tokens):
        return self.model(tokens, mask=None if self.mask else CAUSAL)


@torch.no_grad()
def logits_of(model, tokens) -> np.ndarray:
    return model(torch.tensor([tokens]))[0].numpy()


READ = """([off, texts]) => {
    const reading = new Reading(model, off);
    return texts.map((tokens) => { finish(reading.read(tokens)); return reading.logits.map((row) => [...row]); });
}"""


def texts_of(model: LanguageModel) -> list[list[int]]:
    C = model.context_length
    everything = list(range(model.vocab_size))
    return [PASSAGE[:C], [*everything, *everything][-C:], [3] * 17, [0]]


@browser
@pytest.mark.parametrize("trained", TRAINED)
def test_logits_are_the_library_s_however_the_text_grows(trained, ask):
    """All at once; a character at a time; in pieces; cut back; changed in the middle."""
    model = load(ROOT / "trained" / trained)
    read = ask(ROOT / "trained" / trained)
    worst = 0.0
    for tokens in texts_of(model):
        [whole] = read(READ, [{}, [tokens]])
        worst = max(worst, np.abs(np.array(whole) - logits_of(model, tokens)).max())
    tokens = PASSAGE[: model.context_length]
    steps = [tokens[: n + 1] for n in range(20)]
    steps += [tokens[:37], tokens[:54], tokens, tokens[:30], [*tokens[:20], 5, 5, *tokens[22:40]], tokens[1:], tokens]
    for step, found in zip(steps, read(READ, [{}, steps]), strict=True):
        worst = max(worst, np.abs(np.array(found) - logits_of(model, step)).max())
    assert worst < 1e-4


OFF = [
    {"heads": [[0, 1]]},
    {"heads": [[1, 0], [1, 3], [0, 2]]},
    {"layers": [0]},
    {"layers": [1]},
    {"feedForwards": [0]},
    {"feedForwards": [1]},
    {"positions": True},
    {"mask": True},
    {"heads": [[0, 0]], "layers": [1], "feedForwards": [0], "positions": True, "mask": True},
]


@browser
@pytest.mark.parametrize("off", OFF, ids=str)
def test_each_switch_is_the_library_with_that_part_off(off, model, ask):
    damaged, tokens = Without(model, **off), PASSAGE[: model.context_length]
    steps = [tokens[:9], tokens[:10], tokens[:11], tokens[:45], tokens[:44], tokens]
    for step, found in zip(steps, ask(FOLDER)(READ, [off, steps]), strict=True):
        expected = logits_of(damaged, step)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert np.abs(expected - logits_of(model, tokens)).max() > 0.1  # it does something


@browser
def test_a_model_of_other_sizes_without_biases_in_half_precision(ask, tmp_path):
    config = GPTConfig(vocab_size=9, context_length=30, d_model=24, n_layers=3, n_heads=3, d_ff=20, bias=False)
    other = gpt(config, torch.Generator().manual_seed(0)).eval()
    nn.init.normal_(other.embedding.tokens.weight, generator=torch.Generator().manual_seed(1))
    save(other.half(), tmp_path / "other")
    other = load(tmp_path / "other")
    tokens = [3, 8, 4, 4, 7] * 6
    [found] = ask(tmp_path / "other")(READ, [{}, [tokens]])
    np.testing.assert_allclose(found, logits_of(other, tokens), rtol=0, atol=1e-4)


@browser
@pytest.mark.parametrize("off", [{}, {"heads": [[0, 1]], "layers": [1]}, {"mask": True}], ids=str)
def test_attention_is_the_library_s(off, model, ask):
    """Of each head, turned off or not; a layer that is off has none."""
    tokens, damaged = PASSAGE[:40], Without(model, **off)
    with record_attention(damaged) as weights:
        logits_of(damaged, tokens)
    script = """([off, tokens]) => {
        const reading = new Reading(model, off);
        finish(reading.read(tokens.slice(0, 25)));
        finish(reading.read(tokens));
        return reading.weights.map((heads) => heads?.map((rows) => rows.map((row) => [...row])));
    }"""
    found = [layer for layer in ask(FOLDER)(script, [off, tokens]) if layer]
    assert len(found) == len(weights) == len(model.blocks) - len(off.get("layers", []))
    for heads, expected in zip(found, weights.values(), strict=True):
        for rows, square in zip(heads, expected[0].numpy(), strict=True):
            for row, line in zip(rows, square, strict=True):
                np.testing.assert_allclose(np.pad(row, (0, len(tokens) - len(row))), line, atol=1e-5)


@browser
@pytest.mark.parametrize("off", [{}, {"heads": [[0, 1]]}, {"positions": True}, {"mask": True}], ids=str)
def test_bits_per_character_are_the_library_s(off, model, ask):
    """Of texts shorter than the context, as long, and longer: all that the last window holds is scored."""
    C, damaged = model.context_length, Without(model, **off)
    lengths = [C + C // 2 + 1] if off.get("mask") else [1, 2, C // 2, C, C + 1, C + 2, len(PASSAGE)]
    for tokens in (PASSAGE[:length] for length in lengths):
        nats = evaluate(damaged, torch.tensor(tokens), length=C, overlap=C // 2)
        found = ask(FOLDER)("([off, tokens]) => finish(score(model, off, tokens))", [off, tokens])
        assert found == pytest.approx(nats / math.log(2), abs=1e-5), len(tokens)
    text = PASSAGE[: C // 2]
    each = ask(FOLDER)(
        "(tokens) => { const r = new Reading(model); finish(r.read(tokens)); return mean(r.bits()); }", text
    )
    assert each == pytest.approx(evaluate(model, torch.tensor(text), length=C) / math.log(2), abs=1e-5)


def uniforms(seed: int):
    """mulberry32, by its definition, on Python's integers."""
    while True:
        seed = (seed + 0x6D2B79F5) % 2**32
        mixed = ((seed ^ (seed >> 15)) * (seed | 1)) % 2**32
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (mixed | 61)) % 2**32) % 2**32
        yield (mixed ^ (mixed >> 14)) / 2**32


def sampled(model, prompt: list[int], count: int, seed: int = 1, window: int | None = None, **knobs) -> list[int]:
    """Draw from the library's distribution the first token whose running sum exceeds the next uniform number."""
    tokens, draws = list(prompt), uniforms(seed)
    for _ in range(count):
        logits = torch.from_numpy(logits_of(model, tokens[-(window or len(tokens)) :])[-1]).double()
        sums = next_token_probabilities(logits, **knobs).cumsum(dim=0)
        tokens.append(int((sums <= next(draws) * sums[-1]).sum()))
    return tokens[len(prompt) :]


@browser
def test_what_is_read_as_text(ask):
    encode = ask(FOLDER)
    script = "([typed, symbols, most]) => BookWidgets.gpt.encode(typed, symbols, most)"
    assert encode(script, ["’Tis\r\nso", DATA["symbols"], 99]) == {"tokens": TOKENIZER.encode("'Tis\nso"), "note": ""}
    cut = encode(script, ["to be or not", DATA["symbols"], 3])
    assert cut["tokens"] == TOKENIZER.encode("not") and "of your 12 it sees the last 3" in cut["note"]


@browser
def test_the_time_of_a_character_is_measured(model, ask, record_property):
    took = ask(FOLDER)(
        """(tokens) => {
            const reading = new Reading(model), started = performance.now();
            tokens.forEach((_, n) => finish(reading.read(tokens.slice(0, n + 1))));
            return (performance.now() - started) / tokens.length;
        }""",
        PASSAGE[: model.context_length],
    )
    record_property("milliseconds_a_character", took)
    print(f"{took:.2f} ms a character")
    assert took > 0


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(request, show, shelve, monkeypatch):
    """A page with the widget; its width can be given as a parameter."""
    monkeypatch.setattr(widget_pages, "SCRIPTS", shelve(FOLDER))
    return show("gpt", data=BRIEF, width=getattr(request, "param", 1280))


def status(page):
    return page.locator(".gpt-told")


def press(page, name: str):
    page.get_by_role("button", name=name, exact=True).click()


def written(page) -> str:
    """The text without its prompt."""
    prompt = len("".join(page.locator(".gpt-text .gpt-prompt").all_text_contents()))
    return page.locator(".gpt-unseen").text_content()[prompt:]


def settled(page):
    """Nothing is being computed any more."""
    expect(page.locator('.widget > [aria-busy="false"] .gpt-scores')).to_be_visible(timeout=60_000)


def write(page, count: int = 100):
    press(page, f"Write {count}")
    expect(status(page)).to_contain_text("written, " if count > 1 else "1 character written, ", timeout=120_000)


def scores(page) -> list[list[float]]:
    rows = page.locator(".gpt-scores tbody tr").all()
    return [[float(c.replace("−", "-")) for c in row.locator("td").all_inner_texts() if c] for row in rows]


@browser
def test_nothing_is_loaded_before_it_is_wanted(seen):
    page = seen.page
    assert not any(re.search("weights|transformer|sampling|gpt_", url) for url in seen.requests)
    expect(status(page)).to_contain_text("Press Write, or type")
    expect(page.locator(".gpt-example")).to_be_visible()
    expect(page.locator(".gpt-knobs")).to_have_count(0)
    press(page, "Write 1")
    expect(status(page)).to_contain_text("1 character written", timeout=60_000)
    assert sum("weights" in url for url in seen.requests) == 1
    assert seen.complaints == [] and seen.outside() == []


@browser
def test_the_example_is_what_the_model_writes(model, seen):
    """It is there before the model is, and makes room for it."""
    page, example = seen.page, DATA["example"]
    text = page.locator(".gpt-example .gpt-unseen").text_content()
    prompt = DATA["prompts"][0]["text"]
    assert text == prompt + example["written"]
    tokens = TOKENIZER.encode(text)
    assert tokens[len(prompt) :] == sampled(model, tokens[: len(prompt)], len(example["written"]))
    p = torch.from_numpy(logits_of(model, tokens)).double().softmax(dim=-1)
    spent = [-math.log2(p[t, token]) for t, token in enumerate(tokens[1:])]
    np.testing.assert_allclose(example["bits"][1:], spent, atol=0.006)
    rows = page.locator(".gpt-example .gpt-next tbody tr").all()
    top = p[-1].topk(len(rows))
    names = [{" ": "␣", "\n": "↵"}.get(DATA["symbols"][i], DATA["symbols"][i]) for i in top.indices]
    assert [row.locator("th").inner_text() for row in rows] == names
    shown = [float(row.locator("td").last.inner_text().strip("%")) / 100 for row in rows]
    np.testing.assert_allclose(shown, top.values, atol=6e-4)
    write(page, 1)
    expect(page.locator(".gpt-example")).to_have_count(0)


@browser
def test_the_tour_s_numbers_are_the_library_s(model, ask):
    """One head of the first layer, at a position with others after it, and what is predicted there."""
    tokens, t, h = TOKENIZER.encode("Is this a dagger"), 12, 1
    found = ask(FOLDER)(
        """([tokens, t, h]) => {
            const reading = new Reading(model);
            finish(reading.read(tokens));
            const facts = BookWidgets.gpt_tour.facts(model, reading, t, h);
            return Object.fromEntries(Object.entries(facts).map(([name, values]) => [name, [...values]]));
        }""",
        [tokens, t, h],
    )
    ids, block = torch.tensor([tokens]), model.blocks[0]
    with torch.no_grad():
        x = model.embedding(ids)
        read = block.attention_residual.norm(x)
        attention, width = block.attention, block.attention.d_head
        q, k, v = (w(read)[0, :, h * width : (h + 1) * width] for w in (attention.w_q, attention.w_k, attention.w_v))
        scores = q[t] @ k.T / width**0.5
        weights = scores[: t + 1].softmax(dim=0)
        added = attention(read, mask=CAUSAL)
        network = block.feed_forward(block.feed_forward_residual.norm(x + added))
        p = model(ids)[0, t].softmax(dim=0)
    lengths = torch.stack([part[0, t].norm() for part in (x, added, network)])
    expected = {"x": x[0, t], "q": q[t], "k": k[t], "v": v[t], "scores": scores, "weights": weights}
    expected |= {"out": weights @ v[: t + 1], "lengths": lengths, "p": p}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values.numpy(), atol=2e-4, err_msg=name)


@browser
@pytest.mark.parametrize("seen", [1280, 390], indirect=True)
def test_the_tour_has_four_steps(seen):
    page = seen.page
    tour, title = page.locator(".gpt-tour"), page.locator(".gpt-tour .gpt-title")
    press(page, "Guided tour")
    for n, word in enumerate(["q, k and v", "mask", "Softmax", "logits"], start=1):
        expect(title).to_contain_text(f"Step {n} of 4", timeout=60_000)
        assert word in title.inner_text()
        assert seen.overflow() == []
        if n == 2:
            assert tour.locator("tbody tr").last.inner_text().endswith("hidden")
        if n < 4:
            tour.get_by_role("button", name="Next").click()
    expect(tour.get_by_role("button", name="Next")).to_be_disabled()
    tour.get_by_role("button", name="Back").click()
    shares = [cell.strip("%–") or "0" for cell in tour.locator("tbody td:last-child").all_inner_texts()]
    assert 95 <= sum(map(int, shares)) <= 104  # the text is short enough to be seen whole
    for theme in ("light", "dark"):
        turn(page, theme)
        assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []
    tour.get_by_role("button", name="Close").click()
    expect(tour).to_be_hidden()
    assert seen.complaints == []


@browser
def test_a_run_repeats_and_is_the_library_s(model, seen):
    """Past the context, where the window slides; the same again; another seed, another text."""
    page, prompt = seen.page, TOKENIZER.encode(DATA["prompts"][0]["text"])
    write(page)
    expected = TOKENIZER.decode(sampled(model, prompt, 100, window=model.context_length))
    assert written(page) == expected
    press(page, "Again, same dice")
    expect(page.locator(".gpt-earlier")).to_have_text(expected)
    expect(status(page)).to_contain_text("100 characters written", timeout=120_000)
    assert written(page) == expected
    press(page, "Start over")
    page.get_by_role("spinbutton", name="seed").fill("7")
    page.get_by_role("spinbutton", name="seed").press("Tab")
    write(page)
    assert written(page) == TOKENIZER.decode(sampled(model, prompt, 100, 7, window=model.context_length)) != expected


@browser
@pytest.mark.parametrize(
    ("moved", "knobs"),
    [
        ({"temperature": "0.6", "top-k": "5"}, {"temperature": 0.6, "top_k": 5}),
        ({"temperature": "1.5", "top-p": "0.8"}, {"temperature": 1.5, "top_p": 0.8}),
        ({"min-p": "0.1"}, {"min_p": 0.1}),
    ],
)
def test_knobs_draw_as_the_library_does(moved, knobs, model, seen):
    page, prompt = seen.page, TOKENIZER.encode(DATA["prompts"][0]["text"])
    write(page, 1)
    for name, value in moved.items():
        page.get_by_role("slider", name=name).fill(value)
    press(page, "Start over")
    for _ in range(8):
        write(page, 1)
    assert written(page) == TOKENIZER.decode(sampled(model, prompt, 8, **knobs))


@browser
def test_greedy_is_generate_past_the_context(model, seen):
    page, prompt = seen.page, TOKENIZER.encode(DATA["prompts"][1]["text"])
    page.get_by_role("textbox").fill(DATA["prompts"][1]["text"])
    expect(status(page)).to_contain_text("Ready", timeout=60_000)
    page.get_by_role("slider", name="temperature").fill("0")
    write(page)
    expected = generate(model, torch.tensor([prompt]), 100, temperature=0)[0, len(prompt) :]
    assert written(page) == TOKENIZER.decode(expected)
    expect(status(page)).to_contain_text(f"It sees the last {model.context_length} characters")


@browser
def test_candidates_and_scores_with_and_without_a_part(model, seen):
    page, text = seen.page, DATA["prompts"][1]["text"]
    press(page, DATA["prompts"][1]["name"])
    settled(page)
    C, tokens = model.context_length, TOKENIZER.encode(text)

    def bits(model, tokens):
        return evaluate(model, torch.tensor(tokens), length=C, overlap=C // 2) / math.log(2)

    def candidates() -> list[tuple[str, float]]:
        cells = page.locator(".gpt-next tbody tr").all()
        rows = [(row.locator("th").inner_text(), row.locator("td").last.inner_text()) for row in cells]
        return [(name.replace("␣", " ").replace("↵", "\n"), float(p.strip("<%")) / 100) for name, p in rows]

    def best(model) -> list[tuple[str, float]]:
        top = torch.from_numpy(logits_of(model, tokens)[-1]).softmax(dim=0).topk(8)
        return [(DATA["symbols"][i], p) for i, p in zip(top.indices, top.values.tolist(), strict=True)]

    def agree(shown, expected):
        assert [name for name, _ in shown] == [name for name, _ in expected]
        np.testing.assert_allclose([p for _, p in shown], [p for _, p in expected], atol=6e-4)

    agree(candidates(), best(model))
    whole = [bits(model, tokens), bits(model, PASSAGE[:60])]
    np.testing.assert_allclose(scores(page), [[w] for w in whole], atol=0.00501)
    page.get_by_role("checkbox", name="layer 1 feed-forward").uncheck()
    settled(page)
    damaged = Without(model, feedForwards=[0])
    now = [bits(damaged, tokens), bits(damaged, PASSAGE[:60])]
    agree(candidates(), best(damaged))
    np.testing.assert_allclose(scores(page), [[w, n, n - w] for w, n in zip(whole, now, strict=True)], atol=0.0101)
    page.get_by_role("button", name="Everything on").click()
    settled(page)
    agree(candidates(), best(model))
    np.testing.assert_allclose(scores(page), [[w] for w in whole], atol=0.00501)
    expect(page.get_by_role("button", name="Everything on")).to_be_disabled()


@browser
def test_each_switch_moves_its_own_part(model, seen):
    """Every checkbox: what is computed has exactly that part off."""
    page, layers, heads = seen.page, len(model.blocks), model.blocks[0].attention.n_heads
    write(page, 1)
    named = {"positions": {"positions": True}, "causal mask": {"mask": True}}
    for layer in range(layers):
        named[f"layer {layer + 1}"] = {"layers": [layer]}
        named[f"layer {layer + 1} feed-forward"] = {"feedForwards": [layer]}
        named |= {f"layer {layer + 1} head {head + 1}": {"heads": [[layer, head]]} for head in range(heads)}
    assert page.get_by_role("checkbox").count() == len(named)
    page.evaluate("""() => {
        const { Reading } = BookWidgets.gpt_model;
        window.off = [];
        BookWidgets.gpt_model.Reading = class extends Reading {
            constructor(model, off) { super(model, off); window.off.push(off); }
        };
    }""")
    for name, off in named.items():
        box = page.get_by_role("checkbox", name=name, exact=True)
        page.evaluate("() => { window.off = []; }")
        box.uncheck()
        made = page.evaluate("() => window.off[0]")
        assert {key: value for key, value in made.items() if value not in ([], False)} == off
        box.check()


@browser
def test_each_part_is_measured_by_itself(model, seen):
    page, layers, C = seen.page, len(model.blocks), model.context_length
    press(page, DATA["prompts"][0]["name"])
    settled(page)
    press(page, "Measure each part")
    expect(status(page)).to_contain_text("what turning off that part alone adds", timeout=120_000)

    def bits(model) -> float:
        return evaluate(model, torch.tensor(PASSAGE[:60]), length=C, overlap=C // 2) / math.log(2)

    expect(page.locator(".gpt-measured")).to_contain_text("bits per character that turning this part off adds")
    parts = page.get_by_role("progressbar", name="parts measured")
    assert parts.evaluate("(bar) => bar.value === bar.max && bar.max") == page.get_by_role("checkbox").count()
    prices = page.locator(".gpt-switch small").all_inner_texts()
    assert len(prices) == page.get_by_role("checkbox").count() and "" not in prices
    offs = {"layer 1": {"layers": [0]}, f"layer {layers} feed-forward": {"feedForwards": [layers - 1]}}
    offs |= {"layer 2 head 1": {"heads": [[1, 0]]}, "positions": {"positions": True}}
    for name, off in offs.items():
        switch = page.locator(".gpt-switch").filter(has=page.get_by_role("checkbox", name=re.compile(f"^{name}: ")))
        price = float(switch.locator("small").inner_text().replace("−", "-"))
        assert price == pytest.approx(bits(Without(model, **off)) - bits(model), abs=0.00501)


@browser
def test_a_part_that_is_off_writes_another_text(model, seen):
    page, prompt = seen.page, TOKENIZER.encode(DATA["prompts"][0]["text"])
    write(page)
    before = written(page)
    page.get_by_role("checkbox", name="layer 2", exact=True).uncheck()
    press(page, "Again, same dice")
    expect(status(page)).to_contain_text("100 characters written", timeout=120_000)
    damaged = Without(model, layers=[1])
    assert written(page) == TOKENIZER.decode(sampled(damaged, prompt, 100, window=model.context_length)) != before
    expect(page.locator(".gpt-earlier")).to_have_text(before)
    expect(page.locator(".gpt-dead")).to_have_count(model.blocks[0].attention.n_heads)


@browser
def test_a_map_is_enlarged_by_click_and_by_arrow(model, seen):
    page, heads = seen.page, model.blocks[0].attention.n_heads
    press(page, DATA["prompts"][1]["name"])
    settled(page)
    maps, title = page.locator(".gpt-map"), page.locator(".gpt-magnifier .gpt-title")
    assert maps.count() == len(model.blocks) * heads
    expect(title).to_have_text("Layer 1, head 1")
    maps.nth(heads + 2).click()
    expect(title).to_have_text("Layer 2, head 3")
    for key, now in (("ArrowLeft", "Layer 2, head 2"), ("ArrowUp", "Layer 1, head 2"), ("ArrowUp", "Layer 1, head 2")):
        page.keyboard.press(key)
        expect(title).to_have_text(now)
    expect(maps.nth(1)).to_be_focused()
    expect(page.locator('.gpt-map[tabindex="0"]')).to_have_count(1)
    expect(page.locator('.gpt-map[aria-pressed="true"]')).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="layer 1 head 2", exact=True)).to_be_focused()
    page.keyboard.press("Space")
    expect(maps.nth(1)).to_have_attribute("aria-label", "layer 1, head 2, off")


@browser
def test_the_row_that_is_chosen_says_where_it_looks(model, seen):
    page, tokens = seen.page, TOKENIZER.encode(DATA["prompts"][1]["text"])
    press(page, DATA["prompts"][1]["name"])
    settled(page)
    with record_attention(model) as weights:
        logits_of(model, tokens)
    page.locator(".gpt-map").nth(1).click()
    page.get_by_role("slider", name="row").press("ArrowLeft")  # the last but one
    row = weights["blocks.0.attention"][0, 1, len(tokens) - 2].numpy()
    near = len(tokens) - 24
    where = near + int(row[near:].argmax())
    words = page.locator(".gpt-looks").inner_text()
    back = len(tokens) - 2 - where
    name = {" ": "␣", "\n": "↵"}.get(TOKENIZER.decode([tokens[where]]), TOKENIZER.decode([tokens[where]]))
    place = "(itself)" if back == 0 else f"({back} back)"
    assert f"looks at: {name} {place} {100 * row[where]:.0f}%" in words
    expect(page.get_by_role("slider", name="row")).to_have_attribute("aria-valuetext", words)
    box = page.locator(".gpt-large").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 1.5 * box["height"] / 25)
    expect(page.get_by_role("slider", name="row")).to_have_value("1")


@browser
def test_stop_stops_and_keeps_what_is_written(model, seen):
    page = seen.page
    write(page, 1)
    press(page, "Write 100")
    page.wait_for_function("document.querySelectorAll('.gpt-text [aria-hidden] span').length > 12")
    press(page, "Stop")
    expect(status(page)).to_contain_text("Stopped after")
    n = int(re.search(r"after (\d+)", status(page).inner_text())[1])
    assert 1 < n < 101 and len(written(page)) == n
    settled(page)
    assert len(written(page)) == n
    expect(page.get_by_role("button", name="Write 100")).to_be_enabled()


@browser
def test_a_candidate_can_be_written(seen):
    page = seen.page
    press(page, "a speaker")
    settled(page)
    second = page.locator(".gpt-pick").nth(1)
    name = second.inner_text()
    second.click()
    expect(status(page)).to_have_text(f"You wrote {name}.")
    assert written(page) == name.replace("␣", " ").replace("↵", "\n")


@browser
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "There is nothing to go on from: type at least one character."),
        ("a 🍊 for 3 naïve 骑士", "It cannot read 🍊 3 ï 骑 士: its alphabet is the 72 characters of the plays."),
        ("<img src=x onerror='document.title=1'>", "It cannot read < = 1 >:"),
        ("\u0000\u202e\ud800", "It cannot read U+0000 U+202E U+"),
        ("0123456789@#$%^*", "and "),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(typed, words, seen):
    page = seen.page
    page.get_by_role("textbox").evaluate(
        "(area, typed) => { area.value = typed; area.dispatchEvent(new Event('input')); }", typed
    )
    expect(status(page)).to_contain_text(words)
    press(page, "Write 100")
    expect(status(page)).to_contain_text(words)
    assert not any("weights" in url for url in seen.requests)  # no model is needed to know
    assert seen.page.title() == "Widgets" and seen.complaints == []
    page.get_by_role("textbox").fill("To be")
    expect(status(page)).to_have_text("Ready.", timeout=60_000)


@browser
def test_a_long_text_keeps_its_end_and_says_so(model, seen):
    page, C = seen.page, model.context_length
    page.get_by_role("textbox").fill("To be, or not to be. " * 400)
    expect(status(page)).to_contain_text(f"of your 8,400 it sees the last {C}", timeout=60_000)
    page.get_by_role("textbox").fill("Never " * 30_000)
    expect(page.locator(".widget-text .widget-note")).to_contain_text("Too long: only the first 20,000 characters")
    write(page, 1)
    assert seen.overflow() == [] and seen.complaints == []


@browser
def test_a_model_that_is_not_there_is_said_and_can_be_tried_again(seen):
    page, file = seen.page, widget_pages.SCRIPTS / "gpt-weights.js"
    away = file.rename(file.with_suffix(".away"))
    try:
        press(page, "Write 1")
        expect(status(page)).to_have_text(
            "The model did not load: gpt-weights.js could not be read. Press Write to try again."
        )
    finally:
        away.rename(file)
    write(page, 1)


@browser
@pytest.mark.parametrize("seen", [1280, 390], indirect=True)
def test_it_is_accessible_and_fits(seen):
    page = seen.page
    press(page, DATA["prompts"][-1]["name"])
    settled(page)
    page.get_by_role("checkbox", name="layer 1", exact=True).uncheck()
    page.get_by_role("slider", name="top-p").fill("0.6")
    write(page, 1)
    press(page, "Again, same dice")
    settled(page)
    assert seen.overflow() == []
    assert page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(page, theme)
        assert [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    assert seen.accessibility() == []
