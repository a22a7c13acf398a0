import importlib
import sys
from pathlib import Path

import pytest
import torch

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    yield lambda name: importlib.import_module(name)
    for name in ("_cards", "rewards", "preferences"):
        sys.modules.pop(name, None)


def test_no_held_out_sum_is_trained_on_and_answers_are_sums(recipe):
    rewards = recipe("rewards")
    parts = [{tuple(row) for row in part.tolist()} for part in rewards.splits()]
    assert [len(part) for part in parts] == [8000, 1000, 1000]
    assert len(set.union(*parts)) == 10_000
    for row in list(parts[2])[:50]:
        text = "".join(rewards.ALPHABET[token] for token in row)
        assert int(text[:2]) + int(text[3:5]) == int(text[: rewards.PROMPT - 1 : -1])


def test_the_probability_of_an_answer_is_how_often_it_is_drawn(recipe):
    rewards = recipe("rewards")
    model, sums = rewards.new_model(0), rewards.all_sums()[:1]
    with torch.no_grad():
        model.head.weight.mul_(30)  # sharper, so that there is something to count
        drawn = rewards.draw(model, sums[:, : rewards.PROMPT], 4000, torch.Generator().manual_seed(0))
    answers, counts = drawn.unique(dim=0, return_counts=True)
    p = rewards.right_probabilities(model, answers)
    assert (p > 0.02).any()
    error = (p * (1 - p) / len(drawn)).sqrt()
    assert ((counts / len(drawn) - p).abs() < 5 * error + 1e-3).all()
    assert tuple(rewards.draw(model, sums[:, : rewards.PROMPT], 1, None)[0].tolist()) in {
        tuple(answer.tolist()) for answer in answers
    }


@pytest.mark.parametrize("method", ["REINFORCE", "RLOO", "GRPO"])
def test_a_few_steps_from_rewards_make_right_answers_likelier(recipe, monkeypatch, method):
    """On two sums that the model gets right often enough to be rewarded."""
    rewards = recipe("rewards")
    monkeypatch.setattr(rewards, "STEPS", 12)
    monkeypatch.setattr(rewards, "WATCHED_EVERY", 12)
    model, sums = rewards.new_model(0), rewards.all_sums()[:2]
    for step in rewards.label_steps(model, sums, 1e-3, 0):
        if step == 12:
            break
    curve = rewards.learn_from_rewards(model, method, 3e-4, 0, sums, sums)
    assert curve["pass_1"][-1] > curve["pass_1"][0]


def test_a_run_is_made_once_and_written_at_once(recipe, monkeypatch, tmp_path):
    rewards = recipe("rewards")
    monkeypatch.setattr(rewards, "TRAINED", tmp_path)
    made = []
    for _ in range(2):
        results = rewards.Results("sums")
        for key in ("b", "a"):
            results.get(key, lambda key=key: made.append(key) or {"of": key})
    assert made == ["b", "a"]
    assert {key: run["of"] for key, run in rewards.Results("sums").found.items()} == {"a": "a", "b": "b"}


def test_the_judges_read_what_they_should(recipe):
    preferences = recipe("preferences")
    assert preferences.metre("Shall I compare thee to a summer's day?\n") > preferences.metre("Ho! who's there?\n")
    assert preferences.metre("no line was finished") == -10
    assert preferences.metre("HAMLET:\nShall I compare thee to a summer's day?\n[Exit]\n") == preferences.metre(
        "Shall I compare thee to a summer's day?\n"
    )
    assert preferences.marks("Ah!!! xq!") == 4
    assert preferences.exclamations("Ho! my lord! lord! xqz!!") == 2
