"""Exercises that diagnose: `check("01.bigram_counts", bigram_counts)` says what was thought, not just "wrong".

One file per chapter, or page between two ("12a"), named for its concept, found by the ids in it and imported when it is
first asked for. An exercise is any module-level name in it that holds an `Exercise` or a `Question`.
"""

import difflib
import importlib
import re
import sys
from pathlib import Path
from typing import Any

from transformer_lib.exercises.engine import Exercise
from transformer_lib.exercises.questions import Question
from transformer_lib.exercises.verdicts import Verdict, verdict

__all__ = ["CHAPTERS", "Verdict", "check", "diagnose", "exercises_of"]

_MAKES = re.compile(r"^from transformer_lib\.exercises\.\w+ import .*\b(exercise|Question)\b", re.MULTILINE)
_ID = re.compile(r'^(?:@exercise\(|\w+ = Question\()\s*"(\d\d[a-z]?)\.', re.MULTILINE)


def _chapters() -> dict[str, str]:
    """Each chapter's number and its file, which says the number in the ids of its exercises."""
    found = {}
    for path in Path(__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        if _MAKES.search(source) and (first := _ID.search(source)):
            found[first[1]] = path.stem
    return dict(sorted(found.items()))


CHAPTERS = _chapters()


def check(exercise_id: object, answer: Any = ...) -> None:
    """Print one verdict on an answer, whatever the answer does; an exercise not attempted yet gets one quiet line.

    Args:
        exercise_id: the exercise as the chapter names it, "01.bigram_counts".
        answer: the function, or the value, that answers it; `...` where there is none yet.
    """
    try:
        found = diagnose(exercise_id, answer)
    except KeyboardInterrupt:
        found = verdict(str(exercise_id), "interrupted", "stopped.")
    except Exception as error:
        fault = (
            f"cannot be checked, which is a fault of the book and not of the answer: {type(error).__name__}: {error}"
        )
        found = verdict(str(exercise_id), "unknown", fault)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(found.message.encode(encoding, "backslashreplace").decode(encoding))


def diagnose(exercise_id: object, answer: Any = ...) -> Verdict:
    """Return the verdict that `check` prints.

    Args:
        exercise_id: the exercise as the chapter names it, "01.bigram_counts".
        answer: the function, or the value, that answers it; `...` where there is none yet.
    """
    if not isinstance(exercise_id, str):
        return verdict("check", "unknown", 'the exercise comes first, as a text, and then the answer: check("01.…", …)')
    chapter = exercise_id.partition(".")[0]
    if chapter not in CHAPTERS:
        return verdict(
            exercise_id, "unknown", f"no chapter of that number has exercises; there are {', '.join(CHAPTERS)}."
        )
    try:
        exercises = exercises_of(chapter)
    except ImportError as error:
        return verdict(exercise_id, "unknown", f"the exercises of chapter {chapter} cannot be loaded: {error}.")
    if exercise_id in exercises:
        return exercises[exercise_id].diagnose(answer)
    near = difflib.get_close_matches(exercise_id, exercises, n=3) or list(exercises)
    return verdict(exercise_id, "unknown", f"no exercise has this name. There is {', '.join(near)}.")


def exercises_of(chapter: str) -> dict[str, Exercise | Question]:
    """Return the exercises of a chapter by id, in the order in which its file defines them.

    Args:
        chapter: the chapter's number, "01", or "12a" of a page after chapter 12.
    """
    module = importlib.import_module(f"{__name__}.{CHAPTERS[chapter]}")
    found = [value for value in vars(module).values() if isinstance(value, Exercise | Question)]
    return {one.id: one for one in found if one.id.startswith(f"{chapter}.")}
