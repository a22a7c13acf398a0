"""Exercises say how long they take: sphinx-exercise's directive with one more option.

    :::{exercise} Twice the query
    :label: ex-doubled-query
    :minutes: 5

The minutes stand beside the title; their sum by page is `app.env.exercise_minutes`.
"""

from collections.abc import Iterable
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_exercise.directive import ExerciseDirective

UNSAID = 10


def minutes(env: BuildEnvironment) -> dict[str, int]:
    if not hasattr(env, "exercise_minutes"):
        env.exercise_minutes = {}
    return env.exercise_minutes


class Exercise(ExerciseDirective):
    option_spec: ClassVar = {**ExerciseDirective.option_spec, "minutes": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        found = super().run()
        time = self.options.get("minutes", UNSAID)
        minutes(self.env)[self.env.docname] = minutes(self.env).get(self.env.docname, 0) + time
        if found and "minutes" in self.options:
            words = f"{time} minute" + "s" * (time != 1)
            found[0].insert(1, nodes.paragraph("", words, classes=["exercise-minutes"]))
        return found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    minutes(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment) -> None:
    minutes(env).update({name: time for name, time in minutes(other).items() if name in docnames})


def setup(app: Sphinx) -> dict:
    app.setup_extension("sphinx_exercise")
    app.add_directive("exercise", Exercise, override=True)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
