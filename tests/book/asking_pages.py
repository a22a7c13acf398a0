"""A small book that asks its reader things: guesses, exercises, review prompts, a record, and a page full of faults."""

import functools
import shutil
from pathlib import Path

from conftest import ROOT, Build, build_book, start_book
from notebook_trials import code, figure, glued, notebook, png, printed, store

from transformer_lib.exercises import CHAPTERS, exercises_of
from transformer_lib.exercises.questions import Question

EXERCISES = [one for chapter in CHAPTERS for one in exercises_of(chapter).values()]
QUESTIONS = [one for one in EXERCISES if isinstance(one, Question)]
FUNCTION = next(one for one in EXERCISES if not isinstance(one, Question))


def first(kind: type) -> Question:
    """A question with an answer of this type, and a foreseen mistake of it."""
    return next(q for q in QUESTIONS if type(q.answer) is kind and type(next(iter(q.mistakes))) is kind)


WHOLE, REAL, TEXT = first(int), first(float), first(str)

SHARE = """\
:::{guess} The share of *bread*
:name: guess-share
:number: percent
:glue: share:.0f
:reveals: share-of-bread

What percentage does $w_3$, the weight of *bread*, come to?
:::"""
WHO = """\
## Who ate?

:::{guess} Who gets more?
:name: guess-who
:choices: mostly Bo, mostly Ada, equally
:answer: equally
:reveals: who-square

How will *ate* divide its attention?
:::

Between the guess and the figure."""
END = """\
After the figure.

:::{guess-end}
:::

After the end of the fold.

:::{guess} The word
:name: guess-word
:text:
:reveals: told

Which word is it?
:::

(told)=
Told in a paragraph.

:::{guess} How many?
:name: guess-many
:number: characters
:answer: 320

How many characters?
:::"""
REVIEW = """\
## Review

:::{review} Every score is doubled. What becomes of $w_1/w_2$?
:name: review-doubled

It is squared; see [the guess](#guess-share) and [the start](../intro.md).
:::

:::{review} Who ate *it*?
:name: review-who

Bo.
:::"""


def exercise(number: int, options: str = "") -> str:
    return f":::{{exercise}} Number *{number}*\n:label: ex-{number}\n{options}\nWork it out.\n:::"


PAGE = notebook(
    SHARE,
    code("exps = 1", number=1),
    code("print(84)", printed("bread 0.84"), number=2, name="share-of-bread"),
    "It is eighty-four percent.",
    "(inside)=\nA paragraph with a label, inside the fold.",
    code("glue('share', 84.3)", glued("share", "84.3"), number=3, tags=["remove-cell"]),
    WHO,
    figure(png(), words={"image": {"alt": "A square."}, "figure": {"name": "who-square", "caption": "All."}}, number=4),
    END,
    REVIEW,
    "## Exercises\n\n" + exercise(1, ":minutes: 5\n"),
    code(f'check("{WHOLE.id}", ...)', printed("not attempted yet."), number=5),
    exercise(2),
    code(f'check("{REAL.id}", ...)', printed("not attempted yet."), number=6),
    exercise(3, ":minutes: 40\n:class: lab\n"),
    code(f'check("{TEXT.id}", ...)', printed("not attempted yet."), number=7),
    exercise(4),
    code(f'def f():\n    ...\n\n\ncheck("{FUNCTION.id}", f)', printed("not attempted yet."), number=8),
    title="# Asking",
)
FAULTS = """\
# Faults

:::{guess} Lost
:name: guess-lost
:number: percent
:reveals: nowhere

How much?
:::

:::{guess} No kind
:name: guess-kindless

How much?
:::

:::{guess} No such choice
:name: guess-choice
:choices: one, two
:answer: three

Which?
:::

:::{guess} Not glued
:name: guess-unglued
:number: percent
:glue: absent

How much?
:::
"""


@functools.cache
def build_asking(folder: Path) -> Build:
    """Built once for all tests of a process."""
    book = folder / "asking"
    book.mkdir()
    start_book(book, "intro", "chapters/06_asking", "chapters/07_faults", "appendices/your_record")
    shutil.copytree(ROOT / "extra" / "widgets", book / "extra" / "widgets")
    (book / "intro.md").write_text("# Intro\n\nHello.\n")
    (book / "appendices").mkdir()
    shutil.copy(ROOT / "appendices" / "your_record.md", book / "appendices")
    store(book / "chapters" / "06_asking.ipynb", PAGE)
    (book / "chapters" / "07_faults.md").write_text(FAULTS)
    return build_book(book, book, GITHUB_REPOSITORY="")


WAYS = [{"width": 1280}, {"width": 390, "color_scheme": "dark"}]


def faults(seen) -> list[str]:
    """What axe, the console, the network and a narrow screen complain of, in the article."""
    seen.drop(".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, footer, .prev-next-area, div.highlight")
    return seen.complaints + seen.outside() + seen.overflow() + seen.accessibility()
