"""The bank's command counts what `diagnose` says, and takes no hint for right that nobody has judged."""

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BANK = '''
[[answer]]
exercise = "06.output_numbers"
right = true
value = "2 * 12"

[[answer]]
exercise = "06.output_numbers"
right = false
thought = "Counts the keys instead of the queries."
value = "40"

[[answer]]
exercise = "06.output_numbers"
right = false
thought = "Takes the sign for something else."
value = "24"

[[answer]]
exercise = "06.soft_lookup"
right = false
thought = "Forgets softmax."
code = """
def soft_lookup(query, keys, values, sharpness):
    return (sharpness * (keys @ query)) @ values
"""

[[answer]]
exercise = "06.soft_lookup"
right = false
thought = "Never comes back."
code = """
import os
def soft_lookup(query, keys, values, sharpness):
    os._exit(1)
"""
'''


@pytest.fixture(scope="module")
def command():
    spec = importlib.util.spec_from_file_location("bank", ROOT / "tools" / "bank.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["bank"] = module  # where a worker looks for what it is sent
    sys.path.insert(0, str(ROOT / "tools"))
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "tools"))
    del sys.modules["bank"]


@pytest.fixture(scope="module")
def found(command, tmp_path_factory):
    bank = tmp_path_factory.mktemp("bank")
    (bank / "tuning").mkdir()
    (bank / "tuning" / "06_attention.toml").write_text(BANK)
    return command.outcomes(command.answers("tuning", ["06"], bank))


def test_each_answer_is_diagnosed_and_one_that_ends_its_process_does_no_harm(found):
    assert [one.status for one in found] == ["correct", "mistake", "correct", "mistake", "died"]


def test_nothing_is_named_that_nobody_has_judged(command, found):
    assert [one.column({}) for one in found[1:]] == [
        "not judged",
        "accepted",
        "not judged",
        "only a counter-example",
    ]
    assert command.table(found, {}).splitlines()[-1].split() == (
        "all 1 of 1 4 0 (0%) 1 (25%) 0 (0%) 1 (25%) 2 (50%)".split()
    )


def test_judgements_are_recorded_and_hold_while_the_hint_says_the_same(command, found):
    listed = command.unjudged(found, {})
    assert [entry["thought"] for entry in tomllib.loads(listed).values()] == [
        "Counts the keys instead of the queries.",
        "Forgets softmax.",
    ]
    filled = listed.replace('judgement = ""', 'judgement = "named"', 1).replace('judgement = ""', 'judgement = "vague"')
    judged = command.judge(filled, {})
    assert [one.column(judged) for one in found[1:4]] == ["named", "accepted", "only a counter-example"]
    assert command.unjudged(found, judged) == ""
    judged[found[1].answer.digest]["hint"] = "It said something else."
    assert found[1].column(judged) == "not judged"
    assert len(command.judge("", judged)) == 2


def test_numbers_do_not_matter_to_a_judgement(command, found):
    one = command.Outcome(found[1].answer, "mistake", "Your 6.93 is 1e-3 times −5, or 1,204.")
    assert one.blanked == "Your # is # times #, or #."


def test_a_judgement_is_one_of_three_words(command, found):
    filled = command.unjudged(found, {}).replace('judgement = ""', 'judgement = "good"', 1)
    with pytest.raises(ValueError, match=r"judgement='good' of \w+ must be one of named, misleading, vague, or empty"):
        command.judge(filled, {})


@pytest.mark.parametrize("text", ["a\nb", "one line", "it's '''\n'''", 'a "quoted"\\n', "\x7f\x1b\n", "−√ é\n\tx"])
def test_any_text_survives(command, text):
    assert tomllib.loads(f"x = {command.quoted(text)}")["x"] == text


@pytest.mark.parametrize("half", ["tuning", "held_out"])
def test_the_shares_that_the_book_promises(command, half):
    """What promised.toml says of a half: the least share named, and of the rest the most."""
    path = command.BANK / "promised.toml"
    promised = tomllib.loads(path.read_text()).get(half) if path.exists() else None
    if not promised:
        pytest.skip(f"nothing is promised of {half}")
    judged = command.load_judged()
    found = command.outcomes(command.answers(half))
    columns = [one.column(judged) for one in found if not one.answer.right]
    assert columns.count("named") >= promised["named"] * len(columns), command.table(found, judged)
    for column in ("misleading", "accepted"):
        assert columns.count(column) <= promised[column], command.table(found, judged)
    assert sum(one.answer.right and one.status != "correct" for one in found) <= promised["refused"]
