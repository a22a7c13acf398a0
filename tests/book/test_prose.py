"""`make prose`: sentences are told apart, counted and searched; a page that sounds wrong fails `make lint`."""

import subprocess
import sys

import prose
import pytest
from notebook_trials import code, notebook, store
from reading import read_page

NEEDS = ":::{needs}\nYou need patience, a pencil, and a quiet hour before you begin this page.\n:::\n"
PLAIN = "The model reads every word of the sentence before it chooses the next one. "  # 14 words


@pytest.mark.parametrize("path", prose.find([]), ids=lambda path: path.stem)
def test_a_page_of_the_second_edition_keeps_its_limits(path):
    assert prose.check([path]) == []


def report(folder, *cells):
    path = store(folder / "chapters" / "01_trial.ipynb", notebook(*cells))
    return prose.Report(path.stem, read_page(path))


def sentences(folder, text):
    return [str(sentence).partition(": ")[2] for sentence in report(folder, text).sentences]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two? Three! Four", ["One.", "Two?", "Three!", "Four"]),
        ("It is e.g. Adam, i.e. an optimizer, vs. SGD.", ["It is e.g. Adam, i.e. an optimizer, vs. SGD."]),
        ("See Fig. 3 and Eq. 4. Then p. 12.", ["See Fig. 3 and Eq. 4.", "Then p. 12."]),
        (
            "Vaswani et al. Showed it. Then C. E. Shannon came.",
            ["Vaswani et al. Showed it.", "Then C. E. Shannon came."],
        ),
        ("The answer is no. The reason is 3.5 bits.", ["The answer is no.", "The reason is 3.5 bits."]),
        ("Take $x = 1. Y$ and `a. B`. $x$ is one. `f` too.", ["Take $…$ and `…`.", "$…$ is one.", "`…` too."]),
        ('He asked "Why? How?" and left. "So?" He came.', ['He asked "Why?', 'How?" and left.', '"So?"', "He came."]),
        ("A claim {cite}`shannon1948`. Another.{cite}`a` Third.", ["A claim […].", "Another.[…]", "Third."]),
        (
            "**Bold** text. *Then* [a link. It](x.md) ends (here.) So.",
            ["Bold text.", "Then a link.", "It ends (here.)", "So."],
        ),
        ("*On paper.* Do it.", ["Do it."]),
        ("**3. Every tensor has a shape.** Then so.", ["Then so."]),
        ("1\\. First of all. $x = 1$. (3, 2). Done.", ["1. First of all.", "Done."]),
        ("Broken\nover lines. Next.", ["Broken over lines.", "Next."]),
        ("- a name\n- another\n- A whole item.\n", ["A whole item."]),
        ("1. First do it.\n\n   Then wait.\n2. Again.", ["First do it.", "Then wait.", "Again."]),
        ("They add:\n\n$$ a + b. C $$\n\nwhere $a$ is one. So.", ["They add: $…$ where $…$ is one.", "So."]),
        ("They add:\n\n$$ a + b $$\n\nHere it ends.", ["They add:", "Here it ends."]),
        ("Words.\n\n```python\nNo. Words.\n```\n\n> Quoted. Twice.\n\n## A heading. Or two\n", ["Words."]),
        ("| a | b |\n|---|---|\n| No. Words. | None. |\n", []),
        (":::{guess} The share. Of it\n:name: g\n:number: percent\n\nHow much? Guess.\n:::", ["How much?", "Guess."]),
        ("::::{dropdown} In depth: a. B\n:::{note}\n:class: x\nDeep. Down.\n:::\n::::", ["Deep.", "Down."]),
        ("{glue:text}`a.ipynb::x:.2f` bits. {term}`Tokens <token>` too.", ["00 bits.", "Tokens too."]),
        (":::{review} Why is that?\n:name: r\n\nNo.\n:::", ["Why is that?"]),
        ("% A comment. Unseen.\n\n(target)=\n\nSeen.", ["Seen."]),
        ("It costs 3 bits vs. 4. 我们 agree. Ω holds.", ["It costs 3 bits vs. 4.", "我们 agree.", "Ω holds."]),
    ],
)
def test_sentences_are_told_apart(tmp_path, text, expected):
    assert sentences(tmp_path, text) == expected


@pytest.mark.parametrize(
    "text", ["It is.", "This gives two.", "That is why.", "One of them.", "This, however.", "That."]
)
def test_an_opening_without_its_noun_is_bare(text):
    assert prose.Sentence(text, 0).bare


@pytest.mark.parametrize(
    "text",
    ["This loss is low.", "That series ends.", "One key wins.", "This basis holds.", "Its key.", "Item.", "Is it?"],
)
def test_an_opening_with_its_noun_is_not(text):
    assert not prose.Sentence(text, 0).bare


def test_words_are_counted_with_formulas_and_code_as_one_each(tmp_path):
    [sentence] = report(tmp_path, "Let $a + b$ be — `f(x, y)`, {cite}`shannon1948` or 3.5.").sentences
    assert sentence.words == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Somebody came.", "Somebody"),
        ("Without a bend it is one matrix.", "a bend"),
        ("Two rates come of it.", "come of"),
        ("Differentiate by the logit.", "Differentiate by"),
        ("We take a hundred steps a minute.", "steps a minute"),
        ("The colour is normalised.", "colour"),
        ("A text. New is one wire.", "New is one"),
        ("## The grey model", "grey"),
        (":::{dropdown} In depth: the centre\nText.\n:::", "centre"),
        (":::{review} Why?\n:name: r\n\nNobody looks.\n:::", "Nobody"),
        ("| a |\n|---|\n| towards |\n", "towards"),
    ],
)
def test_a_banned_word_is_found_with_its_sentence(tmp_path, text, said):
    first, *_ = report(tmp_path, text).banned
    assert first[0] == said and first[2].cell == 1


@pytest.mark.parametrize(
    "text",
    [
        "> Somebody came.",
        'She wrote "nobody" there.',
        "Call `normalise`.",
        "```python\ncolour\n```",
        "```{widget} grey\n:data: colour\n\nNobody.\n```",
        "The curve bends, and bodies come. What is new is one wire.",
        "Four, precise, promise, otherwise, exercise, size, flour, hour, analysis, compromises.",
    ],
)
def test_quotations_code_and_likenesses_are_not(tmp_path, text):
    assert report(tmp_path, text).banned == []


def test_a_caption_is_searched(tmp_path):
    drawn = code("draw()", mystnb={"figure": {"name": "a", "caption": "The colours."}})
    assert [said for said, *_ in report(tmp_path, drawn).banned] == ["colours"]


def test_each_limit_is_said_with_its_number(tmp_path):
    assert report(tmp_path, 7 * PLAIN + "Short and good.").excesses() == []
    assert report(tmp_path, 6 * PLAIN + "Short and good.").excesses() == [
        "01_trial: 14.3% of the sentences have fewer than 8 words; at most 12.5%"
    ]
    assert report(tmp_path, (PLAIN.replace(". ", " and ") * 2 + ". ") * 9).excesses() == [
        "01_trial: a sentence has 30.0 words on average; 12 to 24 are readable"
    ]
    assert report(tmp_path, 24 * PLAIN + "It" + PLAIN[9:]).excesses() == []
    assert report(tmp_path, 22 * PLAIN + "It" + PLAIN[9:]).excesses() == [
        "01_trial: 4.3% of the sentences open with a bare It, That, This or One; at most 4%"
    ]


@pytest.mark.parametrize(("needs", "status"), [("", 0), (NEEDS, 1)])
def test_only_a_page_of_the_second_edition_fails(tmp_path, needs, status):
    report(tmp_path, needs, PLAIN * 9 + "The behaviour of this model is plain to every reader of the page.")
    command = [sys.executable, prose.__file__, "--root", str(tmp_path)]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True)
    assert (checked.returncode, "“behaviour”, write: -or" in checked.stderr) == (status, bool(status))
    shown = subprocess.run([*command, "01"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "cell 2: The behaviour of this model" in shown.stdout


def test_lint_runs_the_check():
    lint = subprocess.run(["make", "-n", "lint"], cwd=prose.ROOT, capture_output=True, text=True, check=True)
    assert "tools/prose.py --check" in lint.stdout
