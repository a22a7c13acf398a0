"""The widgets of Part I in a browser: their arithmetic is the library's, and a reader can use and not break them."""

import json
import math
import re

import numpy as np
import pytest
import torch
import widget_data
from playwright.sync_api import expect
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
from widget_pages import CONTRASTS, FALLBACK, ROOT, data_of, turn, write_page

from transformer_lib.data import toy
from transformer_lib.ngram import AddK, NGramModel, Unsmoothed
from transformer_lib.sampling import next_token_probabilities
from transformer_lib.tokenizers.bpe import BPETokenizer
from transformer_lib.tokenizers.pretokenize import GPT2

NAMES = ("bigram", "merges", "sampling")
browser = pytest.mark.browser


# --- the data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_committed_data_are_what_the_library_computes(name):
    made = json.loads(json.dumps(widget_data.WIDGETS[name]()))
    stored = data_of(name)
    if name == "sampling":
        for old, new in zip(stored["contexts"], made["contexts"], strict=True):
            np.testing.assert_allclose(old.pop("logits"), new.pop("logits"), rtol=0, atol=2e-4)
    assert stored == made


def test_contexts_are_held_out():
    splits = widget_data.shakespeare.load()
    for context in widget_data.CONTEXTS:
        assert context in splits.test


# --- every widget ----------------------------------------------------------------------------------------------------


@browser
def test_widgets_live_on_one_page_without_a_complaint(show):
    seen = show(*NAMES)
    expect(seen.page.locator(".widget[data-mounted]")).to_have_count(len(NAMES))
    expect(seen.page.get_by_text(FALLBACK)).to_have_count(0)
    assert seen.complaints == [] and seen.outside() == []


@browser
def test_without_javascript_the_fallback_shows(show, tmp_path, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(write_page(tmp_path, {"bigram": data_of("bigram")}))
    expect(page.get_by_text(FALLBACK)).to_be_visible()
    context.close()


@browser
def test_a_widget_that_fails_leaves_the_fallback(show):
    seen = show("bigram", data={"corpora": "none"})
    expect(seen.page.get_by_text(FALLBACK)).to_be_visible()
    assert any("widget bigram" in complaint for complaint in seen.complaints)


def use(page, choice: str, button: str) -> None:
    """Bring a widget to a state that has everything in it."""
    page.get_by_role("combobox").select_option(choice)
    for slider in page.get_by_role("slider", name="top-").all():
        slider.fill("0.6")
    page.get_by_role("button", name=button).click()


@browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("name", "choice", "button"),
    [
        ("bigram", "three sentences", "Sample a line"),
        ("bigram", "Hamlet, act 3", "Sample a line"),
        ("merges", "Chinese and emoji", "Play ×10"),
        ("sampling", "… Out,␣out,␣brief␣", "Draw 20"),
    ],
)
def test_widget_is_accessible_and_fits(name, choice, button, width, show):
    seen = show(name, width=width, reduced_motion="reduce")
    use(seen.page, choice, button)
    assert seen.overflow() == []
    assert seen.page.locator(".widget").evaluate("(widget) => widget.scrollWidth <= widget.clientWidth")
    for theme in ("light", "dark"):
        turn(seen.page, theme)
        assert [pair for pair in seen.page.evaluate(CONTRASTS) if pair[0] < 4.5] == []
    if choice != "Hamlet, act 3":  # the same elements, in many more cells
        assert seen.accessibility() == []


HOSTILE = '<img src=x onerror="document.title=1"> </script><script>document.title=1</script> \u202e&lt;'


@browser
def test_hostile_tokens_are_only_text(show):
    context = {"text": HOSTILE, "tokens": [HOSTILE, "b"], "logits": [1.0, 0.0]}
    seen = show("sampling", data={"model": HOSTILE, "contexts": [context]})
    seen.page.get_by_role("button", name="Draw 20").click()
    assert seen.page.locator(".sampling-table tbody th").first.text_content() == HOSTILE.replace(" ", "␣")
    assert seen.page.locator(".widget :is(img, script)").count() == 0
    assert seen.page.title() == "Widgets" and seen.complaints == []


@browser
@pytest.mark.parametrize("name", ["bigram", "merges"])
def test_hostile_text_is_only_text(name, show):
    seen = show(name)
    for choice in ("characters", "words" if name == "bigram" else "bytes"):
        seen.page.get_by_text(choice, exact=True).click()
        seen.page.locator("textarea").first.fill(HOSTILE)
        for button in seen.page.get_by_role("button").all():
            if button.is_enabled():
                button.click()
    assert seen.page.title() == "Widgets"
    assert seen.page.locator(".widget :is(img, script)").count() == 0
    assert seen.complaints == []


@browser
@pytest.mark.parametrize(("name", "limit"), [("bigram", 20_000), ("merges", 5_000)])
def test_too_long_a_text_is_cut_and_says_so(name, limit, show):
    seen = show(name)
    area, note = seen.page.locator("textarea").first, seen.page.get_by_text("Too long")
    area.fill("x" * (limit - 1) + "🍊" * 50_000)
    expect(note).to_have_text(f"Too long: only the first {limit:,} characters are kept.")
    assert area.input_value() == "x" * (limit - 1)  # half of the orange is not kept
    area.fill("short")
    expect(note).to_have_count(0)


@browser
@pytest.mark.parametrize(("name", "limit"), [("bigram", 20_000), ("merges", 5_000)])
def test_as_many_characters_as_fit_may_all_differ(name, limit, show):
    seen = show(name)
    seen.page.get_by_text("characters", exact=True).click()
    seen.page.locator("textarea").first.fill("".join(chr(0x4E00 + i) for i in range(limit)))
    seen.page.get_by_role("button").first.click()  # Sample one step; Step
    expect(seen.page.get_by_text(f"{limit:,}" if name == "bigram" else "and more.")).to_be_visible()
    assert seen.complaints == []


@browser
def test_draws_follow_their_weights_and_their_seed(arithmetic):
    draw = """([seed, weights, n]) => {
        const uniform = BookWidgets.random(seed);
        return Array.from({ length: n }, () => BookWidgets.choose(weights, uniform));
    }"""
    weights, n = [0, 5, 0.5, 0, 2.5, 0], 40_000
    draws = arithmetic(draw, [7, weights, n])
    share = np.bincount(draws, minlength=len(weights)) / n
    expected = np.array(weights) / sum(weights)
    assert (np.abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / n)).all()
    assert arithmetic(draw, [7, weights, 100]) == draws[:100]
    assert arithmetic(draw, [8, weights, 100]) != draws[:100]
    assert arithmetic(draw, [7, [0, 0], 1]) == [-1]


# --- bigram ----------------------------------------------------------------------------------------------------------

TEXTS = [
    "\n".join(toy.SENTENCES),
    "To be, or not to be: that is the question.\n\n  To die: to sleep;\nNo more; and by a sleep to say we end",
    "我是一名工程师。\n你是一名学生。🍊🍊🍇\taa aaa aaaa",
    "a",
]


@browser
@pytest.mark.parametrize("k", [0, 0.35, 2])
@pytest.mark.parametrize("unit", ["words", "characters"])
@pytest.mark.parametrize("text", TEXTS)
def test_bigram_table_equals_the_library(text, unit, k, arithmetic):
    answer = arithmetic(
        """([text, unit, k]) => {
            const sentences = BookWidgets.bigram.tokenise(text, unit);
            const table = BookWidgets.bigram.count(sentences);
            const rows = table.vocabulary.map((_, i) => BookWidgets.bigram.probabilities(table, i, k));
            return { sentences, vocabulary: table.vocabulary, rows };
        }""",
        [text, unit, k],
    )
    ids = {token: i for i, token in enumerate(answer["vocabulary"])}
    sentences = [np.array([ids[token] for token in sentence]) for sentence in answer["sentences"]]
    assert len(ids) == len(answer["vocabulary"])
    model = NGramModel(2, len(ids), AddK(k) if k else Unsmoothed()).fit(sentences)
    for i, row in enumerate(answer["rows"]):
        if k == 0 and not model.counts([i]).any():
            assert row is None
        else:
            np.testing.assert_allclose(row, model.probabilities([i]), rtol=1e-12)


@browser
def test_bigram_tokens(arithmetic):
    tokenise = "([text, unit, ends]) => BookWidgets.bigram.tokenise(text, unit, ends)"
    assert arithmetic(tokenise, ["To be, or\n\nnot—wish'd", "words", False]) == [
        ["To", "be", ",", "or"],
        ["not", "—", "wish'd"],
    ]
    assert arithmetic(tokenise, ["a b\nc", "words", True]) == [["∎", "a", "b", "∎"], ["∎", "c", "∎"]]
    assert arithmetic(tokenise, ["我\n🍊", "characters", False]) == [["我", "\n", "🍊"]]
    assert arithmetic(tokenise, ["", "characters", False]) == []


def cells(page) -> list[list[str]]:
    return [row.locator("td[data-row]").all_inner_texts() for row in page.locator(".bigram-table tbody tr").all()]


def trail(page) -> list[str]:
    return page.locator(".bigram-trail li").all_inner_texts()


@browser
def test_bigram_shows_the_table_and_its_dead_rows(show):
    page = show("bigram").page
    model = NGramModel(2, len(toy.WORDS)).fit(toy.tokens())
    counts = [model.counts([i]) for i in range(len(toy.WORDS))]
    assert page.locator(".bigram-table thead th").all_inner_texts()[1:-1] == list(toy.WORDS)
    assert cells(page) == [[str(n) for n in row] for row in counts]
    dead = page.locator(".bigram-dead th")
    assert dead.all_inner_texts() == ["oranges\ndead row", "grapes\ndead row"]

    page.get_by_text("probabilities", exact=True).click()
    assert cells(page)[2] == ["0", "0", "0", "0.67", "0.33"]

    page.get_by_role("slider", name="add k").fill("1")
    assert cells(page)[3] == ["0.20"] * 5
    expect(dead).to_have_count(0)


@browser
def test_bigram_walk_by_mouse(show):
    page = show("bigram").page
    page.get_by_role("rowheader", name="I", exact=True).click()
    page.locator('[data-row="0"][data-column="2"]').click()
    page.locator('[data-row="2"][data-column="3"]').click()
    assert trail(page) == ["I", "love", "oranges"]
    status = page.locator(".bigram-status")
    expect(status).to_contain_text("These 2 steps have probability 0.667. Nothing ever followed “oranges”")
    expect(page.locator("[aria-current] th")).to_contain_text("oranges")

    page.locator('[data-row="2"][data-column="0"]').click()
    expect(status).to_contain_text("“I” never followed “love”")
    assert trail(page) == ["I", "love", "oranges"]


@browser
def test_bigram_walk_by_keyboard(show):
    page = show("bigram").page
    grid = page.get_by_role("grid", name="What followed what")
    stop = grid.locator("[tabindex='0']")
    stop.focus()
    press = page.keyboard.press
    press("Enter")  # stand on I
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Space"):
        press(key)
    assert trail(page) == ["I", "love"]
    expect(page.locator(":focus")).to_contain_text("love")  # and go on from the row where the walk now is
    for key in ("ArrowRight", "ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowDown"):
        press(key)
        expect(stop).to_have_count(1)
        expect(stop).to_be_focused()
    press("Enter")
    assert trail(page) == ["oranges"]


@browser
def test_bigram_samples_are_possible_and_repeatable(show):
    page = show("bigram").page
    line = page.get_by_role("button", name="Sample a line")
    lines = set()
    for seed in range(12):
        page.get_by_label("seed").fill(str(seed))
        page.get_by_label("seed").blur()
        line.click()
        lines.add(" ".join(trail(page)))
    last = trail(page)
    page.get_by_role("button", name="Clear the path").click()
    assert trail(page) == []
    line.click()
    assert trail(page) == last
    line.click()  # at a dead end, a new line
    assert trail(page)[0] in {"I", "you"} and len(trail(page)) == 3
    assert {"I love oranges", "I love grapes"} <= lines <= {*toy.SENTENCES, "you love grapes"}


@browser
def test_bigram_ends_revive_the_dead_rows(show):
    page = show("bigram").page
    page.get_by_label("count where a line begins and ends").check()
    expect(page.locator(".bigram-dead")).to_have_count(0)
    assert cells(page)[5] == ["2", "1", "0", "0", "0", "0"]  # what begins a line
    assert [row[5] for row in cells(page)] == ["0", "0", "0", "2", "1", "0"]  # what ends one
    line = page.get_by_role("button", name="Sample a line")
    for _ in range(2):  # the second line begins where the first one ended
        line.click()
        assert trail(page)[0] == trail(page)[-1] == "∎"


@browser
def test_bigram_shows_the_most_frequent_of_many(show):
    page = show("bigram").page
    page.get_by_text("characters", exact=True).click()
    text = "".join(chr(0x4E00 + i) * (40 - i) for i in range(40))
    page.locator("textarea").fill(text)
    assert len(cells(page)) == 16 and len(cells(page)[0]) == 16
    expect(page.get_by_text("40 tokens")).to_contain_text("The 16 most frequent are shown.")
    assert page.locator(".bigram-table tbody tr").first.locator("td").all_inner_texts()[:2] == ["39", "1"]
    assert page.locator(".bigram-table tbody tr").nth(15).locator(".bigram-sum").all_inner_texts() == ["1", "25"]
    page.get_by_text("words", exact=True).click()
    page.locator("textarea").fill("")
    page.get_by_role("button", name="Sample one step").click()
    assert trail(page) == [] and cells(page) == []


# --- merges ----------------------------------------------------------------------------------------------------------

MERGED = [
    "low low low low low lower lower newest newest newest newest newest newest widest widest widest",
    "aaaaaaa aaaa abababab   \n\n  aa\u3000bb\u00a0c\u2028d",
    "我是一名工程师。你是一名学生。他是一名医生。",
    "🍊🍊🍇 👩‍💻 e\u0301é I'll you've 2024 3½ naïve \t#!?",
    "x\x1cy\x1c\x85z\ufeffa\x1c b",
    widget_data.soliloquy(1_500),
]
RUN = """([text, unit, word]) => {
    let state = BookWidgets.merges.start(text, unit);
    for (let next = state; next; next = BookWidgets.merges.step(state)) state = next;
    const { merges, tokens } = state;
    return {
        merges: merges.map(({ left, right }) => [tokens[left], tokens[right]]),
        ids: BookWidgets.merges.encode(word, state).flat(),
        words: state.order.map((index) => state.words[index].ids).flat(),
    };
}"""


@browser
@pytest.mark.parametrize("text", MERGED)
def test_byte_merges_equal_the_library(text, arithmetic):
    tokenizer = BPETokenizer.train(text, 5_000)  # more than the text has: until every piece is one token
    for word in ("unhappiness 工程 🍊", "lowest newer 'tis", text[5:50]):
        answer = arithmetic(RUN, [text, "bytes", word])
        assert [tuple(part.encode("latin-1") for part in pair) for pair in answer["merges"]] == tokenizer.merges
        assert answer["ids"] == tokenizer.encode(word)
    assert answer["words"] == tokenizer.encode(text)


@browser
@pytest.mark.parametrize("text", MERGED)
def test_character_merges_equal_a_reference(text, arithmetic):
    reference = Tokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.Split(Regex(GPT2), "isolated")
    reference.train_from_iterator([text], trainers.BpeTrainer(vocab_size=5_000, show_progress=False))
    merges = json.loads(reference.to_str())["model"]["merges"]
    answer = arithmetic(RUN, [text, "characters", text])
    assert answer["merges"] == merges
    assert answer["ids"] == answer["words"] == reference.encode(text).ids


@browser
def test_a_step_leaves_the_state_before_it_alone(arithmetic):
    assert arithmetic(
        """() => {
            const { start, step } = BookWidgets.merges;
            const first = start("abab ab", "characters"), before = JSON.stringify(first);
            const next = step(first);
            return [JSON.stringify(first) === before, next.tokens, next.words.map(({ ids }) => ids)];
        }"""
    ) == [True, [" ", "a", "b", "ab"], [[3, 3], [0, 3]]]


def numbers(page) -> dict[str, float]:
    labels = page.locator(".merges-numbers dt").all_inner_texts()
    return dict(zip(labels, map(float, page.locator(".merges-numbers dd").all_inner_texts()), strict=True))


def tokens_of(page) -> list[str]:
    return page.locator(".merges-text").first.locator(".merges-token").all_inner_texts()


@browser
def test_merges_step_back_and_reset(show):
    page = show("merges").page
    text = data_of("merges")["texts"][0]["text"]
    tokenizer = BPETokenizer.train(text, 258)
    start = tokens_of(page)
    assert start == list(text.replace("\n", "↵"))

    pairs = page.locator(".merges-pairs tbody tr")
    assert pairs.count() == 8
    left, right, joined = pairs.first.locator(".merges-token").all_inner_texts()
    assert (left, right) == tuple(part.decode() for part in tokenizer.merges[0])
    count = text.count(left + right)
    assert pairs.first.locator("td").last.inner_text() == str(count)
    assert page.locator(".merges-text").first.locator(".merges-next").count() == 2 * count

    step, back = page.get_by_role("button", name="Step"), page.get_by_role("button", name="Back")
    expect(back).to_be_disabled()
    step.click()
    expect(page.locator(".merges-status")).to_have_text(f"Merge 1: {left} + {right}, seen {count} times. ")
    assert tokens_of(page).count(joined) == count
    step.click()
    ids = tokenizer.encode(text)
    assert tokens_of(page) == [tokenizer.decode([i]).replace("\n", "↵") for i in ids]
    assert numbers(page) == {
        "merges": 2,
        "vocabulary size": 258,
        "tokens in the text": len(ids),
        "characters per token": pytest.approx(len(text) / len(ids), abs=0.005),
    }
    assert page.locator(".merges-learned li").count() == 2
    new = [tokenizer.decode([i]) for i in tokenizer.encode("lowest")]
    assert page.locator(".merges-new .merges-token").all_inner_texts() == new

    back.click()
    assert numbers(page)["merges"] == 1
    page.get_by_role("button", name="Reset").click()
    assert tokens_of(page) == start


@browser
def test_merges_replay_what_the_chapter_prints(show):
    chapter = json.loads((ROOT / "chapters" / "03_tokens.ipynb").read_text(encoding="utf-8"))
    [cell] = [cell for cell in chapter["cells"] if cell["metadata"].get("name") == "first-merges"]
    printed = "".join(cell["outputs"][0]["text"]).splitlines()
    pairs = [re.match(r"(\w+) \+ (\w+) +(\d+) ", line).groups() for line in printed]
    page = show("merges", reduced_motion="reduce").page
    status = page.locator(".merges-status")
    for i, (left, right, times) in enumerate(pairs, start=1):
        page.get_by_role("button", name="Step").click()
        expect(status).to_contain_text(f"Merge {i}: {left} + {right}, seen {times} times.")
    words = [word.replace("-", "") for word in printed[-1].split()[-4:]]
    assert words == [line.partition("|")[0] for line in data_of("merges")["texts"][0]["text"].splitlines()]
    cut = re.split(r"\||↵", "-".join(tokens_of(page)).replace("-|-", "|").replace("-↵-", "↵"))
    assert list(dict.fromkeys(cut)) == printed[-1].split()[-4:]


@browser
def test_merges_play_ten_in_time_and_can_be_stopped(show, tmp_path, chromium):
    page = chromium.new_page()
    page.clock.install()
    page.goto(write_page(tmp_path, {"merges": data_of("merges")}))
    page.get_by_role("combobox").select_option("Hamlet, act 3")  # which has merges enough
    page.clock.pause_at(page.evaluate("Date.now()") + 1_000)
    play = page.locator(".widget-button", has_text=re.compile("Play|Stop"))
    play.click()
    assert numbers(page)["merges"] == 1 and play.inner_text() == "Stop"
    page.clock.run_for(800)
    assert numbers(page)["merges"] == 3
    play.click()
    page.clock.run_for(5_000)
    assert numbers(page)["merges"] == 3 and play.inner_text() == "Play ×10"
    play.click()
    page.clock.run_for(5_000)
    assert numbers(page)["merges"] == 13
    page.close()


@browser
def test_merges_play_at_once_where_motion_is_unwanted_and_end(show):
    page = show("merges", reduced_motion="reduce").page
    play = page.get_by_role("button", name="Play ×10")
    play.click()
    assert numbers(page)["merges"] == 10
    while play.is_enabled():
        play.click()
    expect(page.locator(".merges-status")).to_contain_text("No pair is left")
    expect(page.get_by_role("button", name="Step")).to_be_disabled()


@browser
def test_merges_show_bytes_that_are_no_character(show):
    page = show("merges").page
    page.get_by_role("combobox").select_option("Chinese and emoji")
    assert tokens_of(page)[:3] == [f"‹{byte:02x}›" for byte in "我".encode()]
    page.get_by_text("characters", exact=True).click()
    assert tokens_of(page)[0] == "我"
    page.locator("textarea").last.fill("我們")
    expect(page.locator(".merges-new .merges-unknown")).to_have_count(1)


# --- sampling --------------------------------------------------------------------------------------------------------


def rows_with_ties(generator: np.random.Generator, count: int) -> list[tuple[list[float], dict]]:
    rows = []
    for _ in range(count):
        size = int(generator.integers(1, 40))
        logits = generator.normal(0, 3, size)
        if generator.random() < 0.5:
            logits = np.round(logits)  # ties everywhere
        knobs = {
            "temperature": float(generator.choice([0, 0.3, 0.7, 1, 1.6])),
            "k": [None, int(generator.integers(1, 45))][generator.integers(2)],
            "p": [None, float(generator.uniform(0.01, 1))][generator.integers(2)],
            "least": [None, float(generator.uniform(0, 1))][generator.integers(2)],
        }
        rows.append((logits.tolist(), knobs))
    return rows


@browser
def test_filters_equal_the_library(arithmetic):
    rows = [
        *rows_with_ties(np.random.default_rng(5), 500),
        ([0.0] * 4, {"p": 0.5}),  # the mass is reached exactly: the two later ids stay
        ([0.0] * 4, {"p": 0.500001}),
        ([0.0] * 8, {"k": 3}),  # all are tied with the third
        ([0.0] * 8, {"least": 1.0}),
        ([1.0, 3.0, 3.0], {"temperature": 0}),
    ]
    distributions = arithmetic(
        "(rows) => rows.map(([logits, knobs]) => BookWidgets.sampling.distribution(logits, knobs))", rows
    )
    for (logits, knobs), probabilities in zip(rows, distributions, strict=True):
        expected = next_token_probabilities(
            torch.tensor(logits, dtype=torch.float64),
            temperature=knobs.get("temperature", 1.0),
            top_k=knobs.get("k"),
            top_p=knobs.get("p"),
            min_p=knobs.get("least"),
        )
        np.testing.assert_allclose(probabilities, expected.numpy(), rtol=1e-9, err_msg=f"{logits} {knobs}")


@browser
def test_entropy_in_bits(arithmetic):
    entropy = "(p) => BookWidgets.sampling.entropy(p)"
    assert arithmetic(entropy, [0.5, 0.25, 0.25, 0]) == 1.5
    assert arithmetic(entropy, [1, 0]) == 0


@browser
def test_sampling_shows_what_each_knob_deletes(show):
    page = show("sampling").page
    context = data_of("sampling")["contexts"][0]
    logits = torch.tensor(context["logits"], dtype=torch.float64)
    before = logits.softmax(0)
    for name, value, knobs in [
        ("top-k", "5", {"top_k": 5}),
        ("top-p", "0.8", {"top_p": 0.8}),
        ("min-p", "0.3", {"min_p": 0.3}),
        ("temperature", "0.5", {"temperature": 0.5}),
        ("temperature", "0", {"temperature": 0}),
    ]:
        page.get_by_role("slider", name=name).fill(value)
        now = next_token_probabilities(logits, **knobs)
        kept = int((now > 0).sum())
        lost = float(before[now == 0].sum())
        bits = [float(torch.special.entr(p).sum()) / math.log(2) for p in (before, now)]
        expect(page.locator(".sampling-summary")).to_have_text(
            f"{kept} of {len(logits)} tokens kept; the deleted had {100 * lost:.1f}% of the probability. "
            f"Entropy {bits[0]:.2f} → {bits[1]:.2f} bits."
        )
        struck = page.locator(".sampling-table del").count()
        assert struck == (max(0, 14 - kept) + 1 if kept < len(logits) else 0)
        page.get_by_role("button", name="Reset the sliders").click()
    expect(page.locator(".sampling-table del")).to_have_count(0)


@browser
def test_sampling_draws_are_tallied_and_repeatable(show):
    page = show("sampling").page
    draw = page.get_by_role("button", name="Draw 20")
    drawn = ".sampling-table tbody td:nth-child(5)"
    page.get_by_role("slider", name="top-k").fill("3")
    draw.click()
    draw.click()
    tally, last = page.locator(drawn).all_inner_texts(), page.locator(".sampling-token").all_inner_texts()
    assert sum(map(int, tally)) == 40 and set(tally[3:]) == {"0"}
    assert len(last) == 20
    expected = page.locator(".sampling-table tbody td:nth-child(6)").all_inner_texts()
    assert sum(map(float, expected)) == pytest.approx(40, abs=0.2)

    page.get_by_role("button", name="Clear the draws").click()
    assert set(page.locator(drawn).all_inner_texts()) == {""}
    draw.click()
    draw.click()
    assert page.locator(".sampling-token").all_inner_texts() == last
    page.get_by_label("seed").fill("2")
    page.get_by_label("seed").blur()
    expect(page.locator(".sampling-strip")).to_have_text("Nothing drawn yet.")
    draw.click()
    draw.click()
    assert page.locator(".sampling-token").all_inner_texts() != last


@browser
def test_sampling_changes_context(show):
    page = show("sampling").page
    contexts = data_of("sampling")["contexts"]
    for index, context in enumerate(contexts):
        page.get_by_role("combobox").select_option(index=index)
        best = context["tokens"][int(np.argmax(context["logits"]))]
        assert page.locator(".sampling-table tbody th").first.inner_text() == best
