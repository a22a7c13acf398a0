"""Every exercise of the book, proved: found by its file, so that none can be left out.

A chapter's author adds `alternatives/NAME.py` beside this file, for the `transformer_lib/exercises/NAME.py` of the
chapter: a dict ALTERNATIVES from exercise id to right answers written in other ways.
"""

import ast
import importlib.util
import inspect
import json
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from transformer_lib.exercises import CHAPTERS, diagnose, exercises_of
from transformer_lib.exercises.engine import Exercise, Question
from transformer_lib.exercises.values import Opaque, plain, same
from transformer_lib.exercises.verdicts import WIDTH

ROOT = Path(__file__).parents[2]
WRITTEN = [chapter for chapter, name in CHAPTERS.items() if (ROOT / f"transformer_lib/exercises/{name}.py").exists()]
ALL = [found for chapter in WRITTEN for found in exercises_of(chapter).values()]
FUNCTIONS = [found for found in ALL if isinstance(found, Exercise)]
QUESTIONS = [found for found in ALL if isinstance(found, Question)]
NOTEBOOKS = sorted(ROOT.glob("chapters/[0-9]*.ipynb"))

each = pytest.mark.parametrize("one", ALL, ids=lambda one: one.id)
each_function = pytest.mark.parametrize("one", FUNCTIONS, ids=lambda one: one.id)
each_question = pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.id)
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def alternatives(chapter):
    path = Path(__file__).parent / "alternatives" / f"{CHAPTERS[chapter]}.py"
    spec = importlib.util.spec_from_file_location(f"alternatives_{CHAPTERS[chapter]}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ALTERNATIVES


def foreseen(one):
    """Each foreseen wrong answer, as its name, something to submit, and its hint."""
    if isinstance(one, Exercise):
        return [(mistake.name, mistake.wrong, mistake.hint) for mistake in one.mistakes]
    return [
        (getattr(wrong, "__name__", repr(wrong)), wrong, hint) for wrong, hint in one.mistakes.items() if not callable(wrong)
    ]


def assert_readable(verdict):
    assert verdict.message.startswith(f"{verdict.exercise}: ")
    assert "!" not in verdict.message
    assert [line for line in verdict.message.splitlines() if len(line) > WIDTH] == []


def test_every_file_of_exercises_belongs_to_a_chapter():
    engine = {"__init__", "attempts", "engine", "guard", "questions", "showing", "values", "verdicts"}
    files = {path.stem for path in (ROOT / "transformer_lib/exercises").glob("*.py")}
    assert files - engine <= set(CHAPTERS.values())


@pytest.mark.parametrize("chapter", WRITTEN)
def test_no_exercise_of_a_file_is_lost(chapter):
    """Each `@exercise(…)` and `Question(…)` in the source is found by its id, which begins with the chapter's number."""
    source = (ROOT / f"transformer_lib/exercises/{CHAPTERS[chapter]}.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [c.args[0].value for c in calls if isinstance(c.func, ast.Name) and c.func.id in ("exercise", "Question")]
    assert made == list(exercises_of(chapter))
    assert all(re.fullmatch(rf"{chapter}\.[a-z][a-z0-9_]*", exercise_id) for exercise_id in made)


@each
def test_unattempted_is_one_quiet_line(one):
    verdicts = [diagnose(one.id), diagnose(one.id, ...), diagnose(one.id, None)]
    if isinstance(one, Exercise):
        names = ", ".join(one.parameters)
        for body in ("...", "pass", "return None", "return ...", "raise NotImplementedError", "raise NotImplementedError('!')"):
            verdicts.append(diagnose(one.id, eval_stub(f"def stub({names}):\n    {body}\n")))
    for verdict in verdicts:
        assert verdict.status == "unattempted"
        assert "\n" not in verdict.message
        assert_readable(verdict)


def eval_stub(source):
    names = {}
    exec(source, names)
    return names["stub"]


@each
def test_the_reference_is_right(one):
    verdict = diagnose(one.id, one.reference if isinstance(one, Exercise) else one.answer)
    assert verdict.message == f"{one.id}: correct."


@each
def test_at_least_three_mistakes_each_with_its_own_hint(one):
    assert len(one.mistakes) >= 3
    hints = [hint for _, _, hint in foreseen(one)]
    assert len(set(hints)) == len(hints)
    assert all(len(hint) > 40 for hint in hints)


@each
def test_every_mistake_is_rejected_with_its_own_hint(one):
    for name, wrong, hint in foreseen(one):
        verdict = diagnose(one.id, wrong)
        assert (verdict.status, verdict.mistake) == ("mistake", name)
        assert " ".join(inspect.cleandoc(hint).split()) in " ".join(verdict.message.split())
        assert_readable(verdict)


@each_function
def test_no_hint_gives_the_reference_away(one):
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(one.reference)))
    body = ast.parse(source).body[0].body
    lines = {" ".join(ast.unparse(node).split()) for statement in body for node in ast.walk(statement)
             if isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Call | ast.BinOp | ast.comprehension)}
    hints = " ".join([one.hint, *(hint for _, _, hint in foreseen(one))])
    told = [line for line in lines if len(line) > 8 and re.sub(r"\s", "", line) in re.sub(r"\s", "", hints)]
    assert told == []
