"""Every exercise of the book, proved: found by its file, so that none can be left out.

A chapter's author adds `alternatives/NAME.py` to the `transformer_lib/exercises/NAME.py` of the chapter. In it is
ALTERNATIVES, a dict from the id of each function to right answers written in other ways; and, where a question foresees
mistakes by tests like `is_negative`, EXAMPLES, from its id to a value for the name of each test.
"""

import ast
import copy
import importlib.util
import inspect
import json
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from transformer_lib.exercises import CHAPTERS, diagnose, exercises_of
from transformer_lib.exercises.attempts import attempt
from transformer_lib.exercises.engine import Exercise, Question
from transformer_lib.exercises.values import plain
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


def chapter_of(one):
    """What its id begins with: "07", or "12a" of a page after chapter 12."""
    return one.id.partition(".")[0]


def number_of(notebook):
    return notebook.stem.partition("_")[0]


def alternatives(chapter):
    path = Path(__file__).parent / "alternatives" / f"{CHAPTERS[chapter]}.py"
    spec = importlib.util.spec_from_file_location(f"alternatives_{CHAPTERS[chapter]}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def foreseen(one):
    """Each foreseen wrong answer, as its name, something to submit, and its hint."""
    if isinstance(one, Exercise):
        return [(mistake.name, mistake.wrong, mistake.hint) for mistake in one.mistakes]
    return [
        (getattr(wrong, "__name__", repr(wrong)), wrong, hint)
        for wrong, hint in one.mistakes.items()
        if not callable(wrong)
    ]


def assert_readable(verdict):
    assert verdict.message.startswith(f"{verdict.exercise}: ")
    assert "!" not in verdict.message
    assert [line for line in verdict.message.splitlines() if len(line) > WIDTH] == []


def test_every_file_of_exercises_belongs_to_a_chapter():
    engine = {"__init__", "attempts", "comparing", "engine", "guard", "mutants", "questions", "recognizing", "showing"}
    engine |= {"findings", "forbidden", "values", "verdicts"}
    files = {path.stem for path in (ROOT / "transformer_lib/exercises").glob("*.py")}
    assert files - engine == set(CHAPTERS.values())


def test_every_chapter_has_a_file_of_exercises_and_its_solutions():
    """A chapter is added by its files, and in no list: numbers and names agree in all three places."""
    chapters = {path.stem.partition("_")[::2] for path in NOTEBOOKS}
    assert chapters == {path.stem.partition("_")[::2] for path in ROOT.glob("chapters/solutions/[0-9]*.ipynb")}
    assert chapters == set(CHAPTERS.items())


@pytest.mark.parametrize("chapter", WRITTEN)
def test_no_exercise_of_a_file_is_lost(chapter):
    """Each `@exercise(…)` and `Question(…)` in the source is found by its id, which begins with its chapter."""
    source = (ROOT / f"transformer_lib/exercises/{CHAPTERS[chapter]}.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [c.args[0].value for c in calls if isinstance(c.func, ast.Name) and c.func.id in ("exercise", "Question")]
    assert sorted(made) == sorted(exercises_of(chapter))
    assert all(re.fullmatch(rf"{chapter}\.[a-z][a-z0-9_]*", exercise_id) for exercise_id in made)


@each
def test_unattempted_is_one_quiet_line(one):
    verdicts = [diagnose(one.id), diagnose(one.id, ...), diagnose(one.id, None)]
    if isinstance(one, Exercise):
        names = ", ".join(one.parameters)
        for body in (
            "...",
            "pass",
            "return None",
            "return ...",
            "raise NotImplementedError",
            "raise NotImplementedError('!')",
        ):
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


@each_function
def test_the_reference_returns_plain_values(one):
    """What has no plain copy cannot be told from another of its kind."""
    assert "Opaque(" not in repr([plain(attempt(one.reference, case).result) for case in one.cases])


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
    telling = ast.Assign | ast.AugAssign | ast.Return | ast.Call | ast.BinOp | ast.comprehension
    code = {without_spaces(ast.unparse(node)) for node in ast.walk(ast.parse(source)) if isinstance(node, telling)}
    hints = without_spaces(" ".join([one.hint, *(hint for _, _, hint in foreseen(one))]))
    assert [line for line in code if len(line) > 12 and line in hints] == []


@each_question
def test_no_hint_gives_the_answer_away(one):
    hints = " ".join([one.hint, *one.mistakes.values()])
    if isinstance(one.answer, str):
        assert one.answer.casefold() not in re.findall(r"\w+", hints.casefold())
    numbers = [eval(found) for found in re.findall(r"\d+(?:\.\d+)?(?:/\d+)?", hints)]
    assert [found for found in numbers if diagnose(one.id, found).status == "correct"] == []


@each_question
def test_an_unforeseen_value_earns_the_general_hint_and_learns_nothing(one):
    unforeseen = [
        verdict
        for value in (
            123456,
            -98.7654,
            "no such word",
            [1, 2, 3, 4, 5, 6, 7],
            {"a": 1},
            float("nan"),
            diagnose,
            object(),
        )
        if (verdict := diagnose(one.id, value)).status != "mistake"
    ]
    assert {verdict.status for verdict in unforeseen} <= {"different", "unusable"}
    assert any(one.hint[:40] in " ".join(verdict.message.split()) for verdict in unforeseen)
    for verdict in unforeseen:
        assert_readable(verdict)
        assert str(one.answer) not in verdict.message.replace(one.id, "")


@each_function
def test_inputs_come_fresh_for_every_call(one):
    """A reference that spoils its arguments after use still gives what is right, and the reader is told both."""

    def spoils(*arguments):
        result = copy.deepcopy(one.reference(*arguments))
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                argument[...] = 0
            elif hasattr(argument, "clear"):
                argument.clear()
        return result

    assert diagnose(one.id, spoils).status in ("correct", "edits")


@each_function
@pytest.mark.parametrize(
    "wrong",
    [lambda *arguments: "no such thing", lambda *arguments: np.full((40, 40), np.nan), lambda *arguments: 1 / 0],
    ids=["text", "table", "exception"],
)
def test_an_unforeseen_answer_is_shown_in_lines_that_fit(one, wrong):
    verdict = diagnose(one.id, wrong)
    assert verdict.status in ("different", "raised")
    assert f"    {one.name}(" in verdict.message
    assert_readable(verdict)


@each_function
def test_other_right_answers_are_right(one):
    others = alternatives(chapter_of(one)).ALTERNATIVES[one.id]
    assert len(others) >= 2
    for other in others:
        assert diagnose(one.id, other).message == f"{one.id}: correct.", other.__name__


@each_question
def test_every_predicate_is_met_by_an_example(one):
    """A mistake that is a test for values, like `is_negative`, has a value in the file of alternatives' EXAMPLES."""
    for wrong, hint in one.mistakes.items():
        if callable(wrong):
            verdict = diagnose(one.id, alternatives(chapter_of(one)).EXAMPLES[one.id][wrong.__name__])
            assert verdict.mistake == wrong.__name__
            assert " ".join(hint.split()) in " ".join(verdict.message.split())
            assert_readable(verdict)


@pytest.mark.parametrize("chapter", WRITTEN)
def test_alternatives_are_of_exercises_that_exist(chapter):
    file = alternatives(chapter)
    assert set(file.ALTERNATIVES) | set(getattr(file, "EXAMPLES", {})) <= set(exercises_of(chapter))


@each_notebook
def test_a_notebook_asks_every_exercise_of_its_chapter_and_no_other(notebook):
    chapter = number_of(notebook)
    asked = [exercise_id for cell in code_cells(notebook) for exercise_id in checks(cell)]
    assert len(asked) == len(set(asked))
    assert set(asked) == (set(exercises_of(chapter)) if chapter in WRITTEN else set())


@each_notebook
def test_a_notebook_leaves_its_exercises_unattempted(notebook):
    for cell in code_cells(notebook):
        for exercise_id in checks(cell):
            assert f"{exercise_id}: not attempted yet" in output_of(cell)


@pytest.mark.parametrize(
    "notebook", [path for path in NOTEBOOKS if number_of(path) in WRITTEN], ids=lambda path: path.stem
)
def test_the_solutions_solve_every_exercise(notebook):
    solved = [
        exercise_id
        for cell in code_cells(notebook.parent / "solutions" / notebook.name)
        for exercise_id in checks(cell)
        if f"{exercise_id}: correct.\n" in output_of(cell)
    ]
    assert set(solved) == set(exercises_of(number_of(notebook)))


def code_cells(notebook):
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def checks(cell):
    """The ids that a cell's calls of `check` name."""
    lines = "".join(cell["source"]).splitlines()
    source = "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    return [
        ast.literal_eval(call.args[0]) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "check"
    ]


def output_of(cell):
    return "".join("".join(output.get("text", "")) for output in cell["outputs"] if output["output_type"] == "stream")


def without_spaces(text):
    return re.sub(r"\s", "", text)
