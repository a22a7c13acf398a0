import importlib
import itertools
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from transformer_lib.masks import CAUSAL
from transformer_lib.models.bert import BertConfig, bert, bert_for_pre_training
from transformer_lib.tokenizers.characters import CharacterTokenizer

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TEXT = "To be, or not to be, that is the question.\n\nWhether 'tis nobler in the mind to suffer\n" * 30


@pytest.fixture
def recipes(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    names = ("bert", "bert_scores", "bert_masking", "bert_seeds")
    yield {name: importlib.import_module(name) for name in names}
    for name in ("_cards", *names):
        sys.modules.pop(name, None)


@pytest.fixture
def tokenizer():
    return CharacterTokenizer.train(TEXT)


@pytest.fixture
def small(recipes, tokenizer):
    """A model with weights large enough for its probabilities to differ."""
    sizes = {"context_length": 96, "d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 24}
    generator = torch.Generator().manual_seed(0)
    model = bert(BertConfig(vocab_size=tokenizer.vocab_size + 4, **sizes), generator)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return model.eval()


def seeded():
    return torch.Generator().manual_seed(0)


def test_batches_are_half_pairs_and_half_passages_of_every_length(recipes, tokenizer):
    recipe, marks = recipes["bert"], recipes["bert"].marks_of(tokenizer)
    lines = recipe.lines_of(tokenizer, TEXT)
    batches = list(itertools.islice(recipe.masked_batches(lines, marks, seeded()), 200))
    assert abs(sum(len(batch) == 4 for batch in batches) - 100) < 5 * 50**0.5
    assert {batch[0].shape[1] for batch in batches} == set(recipe.LENGTHS)
    for inputs, labels, *_ in batches:
        assert inputs.shape[0] == recipe.TOKENS // inputs.shape[1]
        assert (inputs[:, 0] == marks["[CLS]"]).all() and (inputs[:, -1] == marks["[SEP]"]).all()
        assert (labels[:, [0, -1]] == -100).all()
    only = itertools.islice(recipe.masked_batches(lines, marks, seeded(), pairs=0.0, rate=1.0, shares=(1, 0, 0)), 5)
    assert all((inputs[:, 1:-1] == marks["[MASK]"]).all() for inputs, _ in only)


def test_the_twin_reads_as_many_tokens_and_is_asked_for_the_next(recipes, tokenizer):
    recipe, marks = recipes["bert"], recipes["bert"].marks_of(tokenizer)
    for inputs, targets in itertools.islice(
        recipe.causal_batches(recipe.lines_of(tokenizer, TEXT), marks, seeded()), 9
    ):
        assert inputs.shape == targets.shape == (recipe.TOKENS // inputs.shape[1], inputs.shape[1])
        assert (inputs[:, 0] == marks["[CLS]"]).all() and torch.equal(inputs[:, 1:], targets[:, :-1])
        assert (targets < tokenizer.vocab_size).all()


def test_lines_keep_every_character(recipes, tokenizer):
    assert tokenizer.decode(recipes["bert"].lines_of(tokenizer, TEXT).tokens.tolist()) == TEXT


def test_what_the_twin_weighs_is_bayes_rule_over_whole_texts(recipes, tokenizer, small):
    """p(c | left, right) from the probabilities of the whole texts, one for each c."""
    scores, marks = recipes["bert_scores"], recipes["bert"].marks_of(tokenizer)
    left, right = torch.tensor([3, 1, 4]), torch.tensor([1, 5])

    def log_p(text):
        inputs = torch.cat([torch.tensor([marks["[CLS]"]]), text])
        steps = small(inputs[None, :-1], mask=CAUSAL)[0].log_softmax(-1)
        return steps[torch.arange(len(text)), text].sum()

    with torch.no_grad():
        found = scores.weighed(small, left, right, marks)
        assert len(found) == 1 + len(right)
        for read_on, made in enumerate(found):
            whole = [log_p(torch.cat([left, torch.tensor([c]), right[:read_on]])) for c in range(small.vocab_size)]
            torch.testing.assert_close(made, torch.stack(whole).log_softmax(0), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_blanks_are_asked_for_where_they_are(recipes, tokenizer, small):
    scores, marks = recipes["bert_scores"], recipes["bert"].marks_of(tokenizer)
    left, right = torch.tensor([[3, 1, 4]]), torch.tensor([[1, 5]])
    row = torch.tensor([[marks["[CLS]"], 3, 1, 4, marks["[MASK]"], marks["[MASK]"], 1, 5, marks["[SEP]"]]])
    expected = small(row)[:, 4:6].log_softmax(-1)
    torch.testing.assert_close(scores.from_both_sides(small, left, right, marks, 2), expected)
    ahead = small(row[:, :4], mask=CAUSAL)[:, -1].log_softmax(-1)
    torch.testing.assert_close(scores.from_the_left(small, left, marks), ahead)
    first = ahead.argmax(1)
    second = scores.from_the_left(small, torch.cat([left, first[:, None]], dim=1), marks).argmax(1)
    assert scores.write_on(small, left, 2, marks).tolist() == [[int(first), int(second)]]


@torch.no_grad()
def test_one_at_a_time_takes_the_surest_first(recipes, tokenizer, small):
    scores, marks = recipes["bert_scores"], recipes["bert"].marks_of(tokenizer)
    row = torch.randint(tokenizer.vocab_size, (90,), generator=seeded())
    inputs = [marks["[CLS]"], *row.tolist(), marks["[SEP]"]]
    places = [scores.LEFT + 1, scores.LEFT + 2]
    for place in places:
        inputs[place] = marks["[MASK]"]
    p = small(torch.tensor([inputs]))[0].softmax(-1).max(-1)
    sure, other = sorted(places, key=lambda place: -float(p.values[place]))
    inputs[sure] = int(p.indices[sure])
    inputs[other] = int(small(torch.tensor([inputs]))[0, other].argmax())
    filled = scores.fill_one_at_a_time(small, row, 2, marks)
    assert filled.tolist() == [inputs[place] for place in places]


def test_drawn_blanks_are_letters_and_drawn_words_are_whole(recipes, tokenizer):
    varied = "".join("o" * (k * k % 13) + " be that is\n" for k in range(200))
    scores, lines = recipes["bert_scores"], recipes["bert"].lines_of(tokenizer, varied)
    for row in scores.draw_blanks(tokenizer, lines, 50, seeded()):
        assert tokenizer.decode([int(row[scores.LEFT])]).isalpha()
    rows = scores.draw_words(tokenizer, lines, 4, 20, seeded())
    assert len(rows)
    for row in rows:
        text = tokenizer.decode(row.tolist())
        before, word, after = text[scores.LEFT - 1], text[scores.LEFT : scores.LEFT + 4], text[scores.LEFT + 4]
        assert word.isalpha() and word.islower()
        assert not (before.isalpha() or after.isalpha() or "'" in before + after)


@torch.no_grad()
def test_what_the_rest_of_the_right_side_gains_is_measured_blank_by_blank(recipes, tokenizer, small):
    scores, marks = recipes["bert_scores"], recipes["bert"].marks_of(tokenizer)
    rows = scores.draw_blanks(tokenizer, recipes["bert"].lines_of(tokenizer, TEXT), 30, seeded())
    found = scores.score_blanks(small, small, rows, marks)
    bits = []
    for k in (2, max(scores.RIGHT)):
        right = rows[:, scores.LEFT + 1 : scores.LEFT + 1 + k]
        log_p = scores.from_both_sides(small, rows[:, : scores.LEFT], right, marks)[:, 0]
        bits.append(-log_p[range(len(rows)), rows[:, scores.LEFT]] / torch.tensor(2.0).log())
    saved = bits[0] - bits[1]
    assert found["gained by the rest"]["2"] == pytest.approx(
        {"bits": float(saved.mean()), "bits_error": float(saved.std() / len(rows) ** 0.5)}, rel=1e-3, abs=1e-6
    )


def test_small_copies_start_from_the_same_sines_and_learn(recipes, tokenizer):
    seeds, recipe = recipes["bert_seeds"], recipes["bert"]
    lines, marks = recipe.lines_of(tokenizer, TEXT), recipe.marks_of(tokenizer)
    config = BertConfig(vocab_size=tokenizer.vocab_size + 4, **seeds.SIZES | {"d_model": 16, "d_ff": 16})
    batches = recipe.causal_batches(lines, marks, seeded())
    held_out = [next(batches)]
    model = bert(config, seeded())
    before = recipe.mean_loss(model, recipe.causal_loss, held_out)
    after = recipe.mean_loss(seeds.learn(model, batches, recipe.causal_loss, steps=20), recipe.causal_loss, held_out)
    assert after < before - 0.3


def test_pairs_are_of_four_kinds(recipes, monkeypatch):
    """Each line names its play and its number, so that what follows what can be read off."""
    scores, recipe = recipes["bert_scores"], recipes["bert"]
    texts = ["".join(f"{play}{number:03}{'.' * (number % 11)}\n" for number in range(300)) for play in "AB"]
    tokenizer, seen = CharacterTokenizer.train("".join(texts)), []
    monkeypatch.setattr(scores, "judge", lambda model, pairs, marks: seen.append(pairs) or 0.5)
    found = scores.score_pairs(None, tokenizer, [recipe.lines_of(tokenizer, text) for text in texts], 60)
    names = ["follows", "swapped", "elsewhere in the play", "another play"]
    assert {where: list(kinds) for where, kinds in found.items()} == {"all pairs": names, "within speeches": names}
    follows, swapped, elsewhere, another = ([tuple(map(tokenizer.decode, p)) for p in pairs] for pairs in seen[:4])
    assert all(len(pairs) == 60 for pairs in seen)
    assert all(a + b in texts[0] + texts[1] for a, b in follows)
    assert all(b + a in texts[0] + texts[1] and a.endswith("\n") for a, b in swapped)
    assert all(a[0] == b[0] for a, b in elsewhere) and not all(a + b in texts[0] + texts[1] for a, b in elsewhere)
    assert all(a[0] != b[0] for a, b in another)


def test_a_seam_within_a_speech_is_between_two_lines_of_it(recipes):
    within = recipes["bert_scores"].within_speech
    assert within("MACBETH:\nI have done the deed.\n", "Didst thou not hear a noise?")
    for a, b in (
        ("I have done the deed.\n\n", "LADY MACBETH:\nI heard"),
        ("I have done the deed.\n", "\nLADY MACBETH:\nI heard"),
        ("MACBETH:\n", "I have done the deed.\n"),
        ("I have done the deed.\n", "LADY MACBETH:\nI heard"),
        ("I have done", " the deed.\n"),
    ):
        assert not within(a, b)


@torch.no_grad()
def test_pairs_of_several_lengths_are_judged_as_each_alone(recipes, tokenizer):
    scores, marks = recipes["bert_scores"], recipes["bert"].marks_of(tokenizer)
    config, generator = recipes["bert"].config_of(tokenizer), seeded()
    model = bert_for_pre_training(config, generator).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    pairs = [([1, 2, 3][:n], [4, 5, 6, 7][:m]) for n in (1, 2, 3) for m in (1, 2, 3, 4)]
    rows = [torch.tensor([[marks["[CLS]"], *a, marks["[SEP]"], *b, marks["[SEP]"]]]) for a, b in pairs]
    gaps = [
        model(row, segments=(torch.arange(row.shape[1]) > len(a) + 1)[None].long())[1].diff()
        for row, (a, _) in zip(rows, pairs, strict=True)
    ]
    model.next_sentence.classes.bias[0] += torch.cat(gaps).quantile(
        0.5
    )  # half of them follow; between the middle two, which no rounding crosses
    alone = [scores.judge(model, [pair], marks) for pair in pairs]
    assert scores.judge(model, pairs, marks) == sum(alone) / len(alone)
    assert 0 < sum(alone) < len(alone)


def test_measures_of_masking_find_what_is_there(recipes):
    masking = recipes["bert_masking"]
    tokens = torch.randint(8, (400,), generator=seeded())
    vectors = torch.eye(8)[tokens] @ torch.randn(8, 12, generator=seeded())
    assert masking.readable(vectors, tokens) == 1.0
    assert masking.readable(torch.randn(400, 12, generator=seeded()), tokens) < 0.3
    assert masking.ranked_above(torch.tensor([3.0, 2.0]), torch.tensor([1.0])) == 1.0
    assert masking.ranked_above(torch.tensor([1.0]), torch.tensor([1.0, 1.0])) == 0.5


def test_two_rules_read_the_same_passages(recipes, tokenizer):
    masking, recipe = recipes["bert_masking"], recipes["bert"]
    lines, marks = recipe.lines_of(tokenizer, TEXT), recipe.marks_of(tokenizer)
    one, other = (
        [next(batches)[1] for _ in range(1)]
        for batches in (masking.batches(lines, marks, rule, seeded()) for rule in masking.RULES)
    )
    assert all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
