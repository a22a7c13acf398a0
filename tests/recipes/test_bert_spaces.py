import importlib
import sys
from pathlib import Path

import pytest
import torch

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TEXT = "To be, or not to be: that's the question. Whether 'tis nobler in the mind to suffer " * 20


@pytest.fixture
def spaces(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module("bert_spaces")
    for name in ("_cards", "bert", "bert_spaces"):
        sys.modules.pop(name, None)


def test_passages_begin_with_words_and_their_labels_cut_them_into_words(spaces):
    texts, begins = spaces.passages(TEXT, 20, seed=0)
    known = set(TEXT.lower().replace("'", "").replace(",", "").replace(":", "").replace(".", "").split())
    assert begins.shape == (20, spaces.LENGTH) and begins[:, 0].all()
    for text, row in zip(texts, begins.tolist(), strict=True):
        starts = [at for at, first in enumerate(row) if first]
        words = [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
        assert set(words[:-1]) <= known and any(word.startswith(words[-1]) for word in known)
    assert spaces.passages(TEXT, 20, seed=0)[0] == texts != spaces.passages(TEXT, 20, seed=1)[0]


def test_f1_leaves_the_first_letter_out(spaces):
    begins = torch.tensor([[True, False, True, False, True]])
    assert spaces.f1(begins, begins) == 1
    assert spaces.f1(torch.tensor([[False, False, True, True, False]]), begins) == pytest.approx(0.5)
    assert spaces.f1(torch.tensor([[True, False, False, False, False]]), begins) == 0


def test_counts_back_off_to_what_was_seen(spaces, monkeypatch):
    monkeypatch.setattr(spaces, "LENGTH", 4)
    labelled = (["abab", "abab"], torch.tensor([[True, False, True, False]] * 2))
    new = (["xaba"], torch.tensor([[True, True, False, True]]))
    assert spaces.around("abab", 0, 2) == ("^^", "ab") and spaces.around("abab", 3, 2) == ("ba", "b$")
    assert spaces.counted(labelled, {"validation": labelled, "test": labelled}, 2)["test"] == 1
    assert 0 < spaces.counted(labelled, {"validation": new, "test": new}, 2)["test"] <= 1


def test_the_best_setting_is_chosen_by_validation(spaces):
    run = {"way": {1.0: {"validation": 0.4, "test": 0.9}, 2.0: {"validation": 0.5, "test": 0.1}}}
    assert spaces.best(run) == {"way": [2.0]}
