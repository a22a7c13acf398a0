"""Questions answered in the page, by the same `Question` objects that diagnose answers in the notebook.

A cell that says `check("06.doubled_query", ...)` belongs to the exercise before it. If the answer is a number or a
text, the exercise gets a box for it, and the cell is folded; if it is a function, a line that leads to the notebook.

What the box needs is in the page, and cannot be read off its source at a glance. Each foreseen value is turned into a
text, a salted hash of that text is a key, and the hint is encrypted with that key: extra/widgets/questions.js tries to
open each hint with what was typed. An integer's text is its digits. A float e is matched by every x with
|x - e| <= rtol |e|. That is an interval of ln|x| with the same width w = ln((1 + rtol) / (1 - rtol)) for every e. In a
grid of step w that begins at ln(|e| (1 - rtol)) mod w, the interval is exactly one cell, whose number is the text. The
beginning is published, and tells nothing of e but its place within its cell; from it the page knows which of two that
match is nearer. (A linear grid would not do: its step would give e away.)
This keeps an answer from being read by accident, not from being searched for.

A mistake that is a function of the answer cannot be hashed, so here it earns the hint for the unforeseen.
"""

import base64
import functools
import hashlib
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import record
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import mock
from sphinx.util import logging
from sphinx_exercise.nodes import exercise_subtitle, is_exercise_node

logger = logging.getLogger(__name__)

ROUNDS = 300
MISTAKE, GUESS = 0.6, 2e-3  # as transformer_lib.exercises.questions has them
CHECK = re.compile(r"""\bcheck\(\s*["'](\d\d[a-z]?\.\w+)["']""")


class question(nodes.General, nodes.Element):
    """The box, or the line, at the end of an exercise."""


class stub(nodes.General, nodes.Element):
    """The notebook's cell for an exercise that has a box."""


@functools.cache
def catalogue() -> dict[str, tuple[Any, str]]:
    """Every exercise by its id, with the file that it comes from.

    The book is built without PyTorch, which only functions need: imports find an imitation of it here, and what was
    imported is forgotten again, so that nobody else finds the imitation.
    """
    before = set(sys.modules)
    with mock(["torch"]):
        from transformer_lib import exercises

        folder = Path(exercises.__file__).parent
        found = {
            name: (exercise, str(folder / f"{module}.py"))
            for number, module in exercises.CHAPTERS.items()
            for name, exercise in exercises.exercises_of(number).items()
        }
    for name in sorted(set(sys.modules) - before, reverse=True):
        if name.startswith("transformer_lib."):
            parent, _, own = name.rpartition(".")
            delattr(sys.modules[parent], own)
            del sys.modules[name]
    return found


def can_be_asked(exercise: Any) -> bool:
    return type(getattr(exercise, "answer", None)) in (int, float, str)


def export(question: Any, rounds: int = ROUNDS) -> dict:
    """A question as the page holds it; the first of `values` is the right one."""
    salt = hashlib.sha256(question.id.encode()).hexdigest()[:16]  # not random: a build repeats to the byte
    foreseen = [(question.answer, "", question.rtol)]
    foreseen += [(value, hint, MISTAKE * question.rtol) for value, hint in question.mistakes.items()]
    plain = [(*one, {}) for one in foreseen if type(one[0]) in (int, float, str)]
    for _, hint, value in guesses_of(question.answer):
        plain.append((value, f"{hint} {question.hint}", GUESS, {"guess": True}))
    return {
        "sort": "text" if isinstance(question.answer, str) else "number",
        "salt": salt,
        "rounds": rounds,
        "hint": squeeze(question.hint),
        "values": [{**sealed(value, squeeze(hint), rtol, salt, rounds), **more} for value, hint, rtol, more in plain],
    }


def guesses_of(answer: Any) -> list[tuple[str, str, int | float]]:
    from transformer_lib.exercises.detectors import guesses

    return guesses(answer)


def squeeze(text: str) -> str:
    return " ".join(text.split())


def step(rtol: float) -> float:
    return math.log((1 + rtol) / (1 - rtol))


def sealed(value: int | float | str, hint: str, rtol: float, salt: str, rounds: int) -> dict:
    if isinstance(value, str):
        how, text = {"is": "text"}, value.strip().casefold()
    elif isinstance(value, int) or value == 0:
        how, text = {"is": "whole"}, f"{value:.0f}"
    else:
        low = math.log(abs(value) * (1 - rtol))
        cell = math.floor(low / step(rtol))
        how = {"is": "real", "offset": low - cell * step(rtol), "rtol": rtol}
        text = f"{'-' if value < 0 else '+'}{cell}"
    return {**how, "box": base64.b64encode(seal(f"ok:{hint}".encode(), key(salt + text, rounds))).decode()}


def key(text: str, rounds: int) -> bytes:
    digest = text.encode()
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return digest


def seal(data: bytes, key: bytes) -> bytes:
    """Exclusive or with SHA-256 of the key and a counter."""
    blocks = (hashlib.sha256(key + bytes([i])).digest() for i in range(len(data) // 32 + 1))
    return bytes(a ^ b for a, b in zip(data, b"".join(blocks), strict=False))


def ask(app: Sphinx, doctree: nodes.document) -> None:
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code" or not (said := CHECK.search(source(cell))):
            continue
        before = cell.parent.children[: cell.parent.index(cell)]
        exercise = next((node for node in reversed(before) if is_exercise_node(node)), None)
        if exercise is None:  # a solution
            continue
        name = said[1]
        if name not in catalogue():
            logger.warning(f'check("{name}", …): there is no exercise of this name', location=cell)
            continue
        asked, file = catalogue()[name]
        app.env.note_dependency(file)
        node = question(name=name, number=cell.get("exec_count"), docname=app.env.docname)
        exercise += node
        if can_be_asked(asked):
            node["data"] = export(asked)
            folded = stub()
            cell.replace_self(folded)
            folded += cell
            title = next(exercise.findall(exercise_subtitle), None)
            words = title.deepcopy().children if title else [nodes.Text(name)]
            heading = nodes.paragraph("", "", *words)
            record.remember(
                app.env, app.env.docname, name, {"title": heading}, kind="answer", anchor=exercise["ids"][0]
            )


def source(cell: nodes.container) -> str:
    return "\n".join(node.astext() for node in cell.children if node.get("nb_element") == "cell_code_source")


def visit_question(self, node: question) -> None:
    name, cell = node["name"], f", cell {node['number']}" if node["number"] else ""
    link = f'<a href="{notebook(self.builder, node["docname"])}">the notebook</a>{cell}'
    if "data" not in node:
        self.body.append(f'<p class="question-elsewhere">Write your answer in {link}.</p>\n')
        return
    data = json.dumps(node["data"], ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    self.body.append(
        f'<div class="question" data-exercise="{name}"><p class="question-elsewhere">Answer in {link}.</p>'
    )
    self.body.append(f'<script type="application/json">{data}</script></div>\n')


def notebook(builder: Any, docname: str) -> str:
    """Where the notebook is: in the repository, or, where none is configured, beside the page."""
    options = builder.config.html_theme_options
    address = options.get("repository_url", "")
    if address and "/example/" not in address:
        return f"{address}/blob/{options.get('repository_branch') or 'main'}/{docname}.ipynb"
    return builder.get_relative_uri(docname, "_sources/").removesuffix(".html") + f"{docname}.ipynb"


def visit_stub(self, node: stub) -> None:
    self.body.append('<details class="question-stub"><summary>The notebook’s cell</summary>\n')


def depart_stub(self, node: stub) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict:
    app.setup_extension("record")
    app.setup_extension("exercise")
    record.add_node(app, question, visit_question, record.nothing, plain=False)
    record.add_node(app, stub, visit_stub, depart_stub)
    app.connect("doctree-read", ask, priority=850)  # before guesses fold
    app.connect("html-page-context", record.scripts_for(question, "questions"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
