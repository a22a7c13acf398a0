"""The inputs of each exercise tell apart what differs: its mistakes, and its reference from its mutants.

What they do not tell apart is listed, with a reason, in same_on_all_inputs.toml. Mutants are many: one exercise in
eight has its own run each time, and all have theirs with EVERY_MUTANT=1 in the environment.
"""

import os
import tomllib
from pathlib import Path

import pytest

from transformer_lib.exercises import CHAPTERS, exercises_of
from transformer_lib.exercises.attempts import attempt
from transformer_lib.exercises.engine import Exercise
from transformer_lib.exercises.guard import run_guarded
from transformer_lib.exercises.mutants import mutants

KNOWN = tomllib.loads((Path(__file__).parent / "same_on_all_inputs.toml").read_text(encoding="utf-8"))
FUNCTIONS = [one for chapter in CHAPTERS for one in exercises_of(chapter).values() if isinstance(one, Exercise)]
MUTATED = [one for one in FUNCTIONS if one.id < "16"]
SECONDS = 10.0  # for all mutants of an exercise, of which some loop forever; what is not run by then is left out


@pytest.mark.parametrize("one", FUNCTIONS, ids=lambda one: one.id)
def test_no_two_mistakes_look_alike(one):
    """Two mistakes that agree on all inputs would share a hint; each pair of them is told apart by some input."""
    results = {mistake.name: one._results(mistake.wrong) for mistake in one.mistakes}
    names = list(results)
    alike = [
        f"{name} = {other}"
        for k, name in enumerate(names)
        for other in names[k + 1 :]
        if all(map(one._agree, results[name], results[other]))
    ]
    assert alike == KNOWN.get(one.id, {}).get("mistakes", [])


def survivors(one):
    """What was changed in the mutants that agree with the reference on every input."""
    alive = []

    def look():
        for said, mutant in mutants(one.reference):
            if all(one._agree(one.expected[i], attempt(mutant, case).result) for i, case in enumerate(one.cases)):
                alive.append(said)

    run_guarded([look], seconds=SECONDS)
    return alive


@pytest.mark.parametrize("one", MUTATED[:: 1 if os.environ.get("EVERY_MUTANT") else 8], ids=lambda one: one.id)
def test_no_mutant_survives_unexplained(one):
    """A token of the reference that could be another without any input's noticing is tested by none, or is listed."""
    explained = KNOWN.get(one.id, {}).get("mutants", []) + KNOWN["everywhere"]["mutants"]
    assert [said for said in survivors(one) if said not in explained] == []
