"""Bits per character, and the cards that make the ladder."""

import json
import math

import pytest

from transformer_lib.ladder import bits_per_character, rungs


def write_card(folder, **card):
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(card))


def test_a_uniform_guess_among_eight_costs_three_bits():
    assert bits_per_character(math.log(8), 10, 10) == pytest.approx(3)


def test_longer_tokens_share_their_cost_among_their_characters():
    assert bits_per_character(math.log(16), n_tokens=50, n_characters=200) == pytest.approx(1)


@pytest.mark.parametrize(("tokens", "characters", "name"), [(0, 5, "n_tokens=0"), (5, 0, "n_characters=0")])
def test_an_empty_text_has_no_score(tokens, characters, name):
    with pytest.raises(ValueError, match=name):
        bits_per_character(1.0, tokens, characters)


def test_rungs_stand_from_worst_to_best_and_other_cards_are_left_out(tmp_path):
    common = {"chapter": "01", "parameters": 1, "command": "python recipes/x.py"}
    write_card(tmp_path / "a", rung="better", bits_per_character={"test": 2.0, "validation": 9.0}, **common)
    write_card(tmp_path / "b", rung="worse", bits_per_character={"test": 4.0, "validation": 1.0}, **common)
    write_card(tmp_path / "c", command="an experiment that is no model")
    assert [(rung.name, rung.bits_per_character) for rung in rungs(tmp_path)] == [("worse", 4.0), ("better", 2.0)]


def test_a_rung_is_fixed_unless_its_card_says_that_it_learns(tmp_path):
    common = {"chapter": "18", "parameters": 1, "command": "python recipes/x.py", "bits_per_character": {"test": 2.0}}
    write_card(tmp_path / "a", rung="fixed", **common)
    write_card(tmp_path / "b", rung="learner", learns_while_reading=True, **common)
    assert {rung.name: rung.learns_while_reading for rung in rungs(tmp_path)} == {"fixed": False, "learner": True}


def test_a_rung_may_not_be_counted_in_numbers(tmp_path):
    common = {"rung": "x", "chapter": "18", "command": "make", "parameters": None}
    for name, bits in (("a", 2.0), ("b", 3.0)):
        write_card(tmp_path / name, bits_per_character={"test": bits}, **common)
    assert [(rung.parameters, rung.bits_per_character) for rung in rungs(tmp_path)] == [(None, 3.0), (None, 2.0)]


def test_a_chapter_draws_no_rung_of_a_later_one(tmp_path):
    for chapter in ("02", "04", "11"):
        card = {"chapter": chapter, "parameters": 1, "command": "python recipes/x.py", "rung": chapter}
        write_card(tmp_path / chapter, bits_per_character={"test": 13.0 - int(chapter)}, **card)
    assert [rung.name for rung in rungs(tmp_path, up_to="04")] == ["02", "04"]
    with pytest.raises(FileNotFoundError, match="up to chapter 01"):
        rungs(tmp_path, up_to="01")


def test_a_folder_without_rungs_says_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="make recipes"):
        rungs(tmp_path)
