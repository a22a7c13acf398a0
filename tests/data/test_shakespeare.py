"""The real plays, out of the cache. Where they are not in it, these tests fail with the command that fetches them."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from transformer_lib.data import shakespeare
from transformer_lib.data.shakespeare import SPLIT

# Plays in the First Folio by kind, those whose people appear in another play in brackets.
FOLIO = {
    "comedy": """The Tempest; Two Gentlemen of Verona; [The Merry Wives of Windsor]; Measure for Measure; The Comedy of
        Errors; Much Ado About Nothing; Love's Labours Lost; A Midsummer Night's Dream; The Merchant of Venice; As You
        Like It; The Taming of the Shrew; All's Well That Ends Well; Twelfth Night; A Winter's Tale""",
    "history": """King John; [Richard II]; [Henry IV, Part 1]; [Henry IV, Part 2]; [Henry V]; [Henry VI, Part 1];
        [Henry VI, Part 2]; [Henry VI, Part 3]; [Richard III]; Henry VIII""",
    "tragedy": """Troilus and Cressida; Coriolanus; Titus Andronicus; Romeo and Juliet; Timon of Athens; [Julius
        Caesar]; Macbeth; Hamlet; King Lear; Othello; [Antony and Cleopatra]; Cymbeline""",
}


@pytest.fixture(scope="module")
def plays():
    return shakespeare.plays()


@pytest.fixture(scope="module")
def splits():
    return shakespeare.load()


def blocks(text):
    return text.removesuffix("\n").split("\n\n")


def kind(block):
    if re.fullmatch(r"ACT [IV]+|(SCENE|PROLOGUE|EPILOGUE)\b.*", block):
        return "heading"
    if re.fullmatch(r"\[[^][\n]+\]", block):
        return "direction"
    if re.fullmatch(r"[A-Z][A-Za-z' ,.&-]*:(\n.+)+", block):
        return "speech"
    return "more lines"


# --- the split


def test_the_table_holds_every_play_once_and_its_size(plays):
    listed = [title for titles in SPLIT.values() for title in titles]
    assert len(listed) == len(set(listed)) == 38
    assert list(plays) == sorted(listed)
    assert {name: {title: len(plays[title]) for title in titles} for name, titles in SPLIT.items()} == SPLIT


def test_the_sets_are_whole_plays_of_the_size_the_docstring_says(plays, splits):
    said = [int(number.replace(",", "")) for number in re.findall(r"\d,\d+,?\d*|\d+,\d+", shakespeare.__doc__)]
    assert said == [len(splits.train), len(splits.validation), len(splits.test)]
    for name, titles in SPLIT.items():
        assert getattr(splits, name) == "\n".join(plays[title] for title in titles)
        assert len(re.findall(r"^ACT I$", getattr(splits, name), re.MULTILINE)) == len(titles)


def test_the_held_out_plays_follow_the_rule(plays):
    chosen = {"test": set(), "validation": set()}
    for names in FOLIO.values():
        names = [" ".join(name.split()) for name in names.split(";")]
        assert {name.strip("[]") for name in names} <= set(plays)
        alone = sorted((name for name in names if not name.startswith("[")), key=lambda name: len(plays[name]))
        chosen["test"].add(alone[0])
        chosen["validation"].add(alone[1])
    assert chosen == {name: set(SPLIT[name]) for name in chosen}
    assert sum(len(names.split(";")) for names in FOLIO.values()) == 36


def test_training_shows_every_symbol(splits):
    symbols = set(splits.train)
    assert set(splits.validation) <= symbols
    assert set(splits.test) <= symbols
    assert f"written with {len(symbols)} symbols" in shakespeare.__doc__
    assert "".join(sorted(symbols)).isascii()


# --- the form


def test_every_block_is_in_the_form(plays):
    for title, text in plays.items():
        kinds = [kind(block) for block in blocks(text)]
        assert kinds[0] == "heading", title
        for (before, after), block in zip(pairwise(kinds), blocks(text)[1:], strict=True):
            assert after != "more lines" or before == "direction", (title, block)
        assert Counter(kinds)["speech"] > 400


def test_nothing_of_the_markdown_is_left(plays):
    for title, text in plays.items():
        assert re.findall(r"""[_*#\\<>`|~{}"$]|&(?!c\.| [A-Z])|http|(?i:copyright|gutenberg)""", text) == [], title
        assert re.findall(r"\n\n\n|  | \n|\n |\A\s|\n\n\Z|[^\n]\Z|[^\S\n ]", text) == [], title
        for line in text.split("\n"):
            assert ("[" in line or "]" in line) is bool(re.fullmatch(r"\[[^][]+\]", line)), (title, line)


def test_every_play_has_five_acts_and_its_scenes(plays):
    for title, text in plays.items():
        headings = [block for block in blocks(text) if kind(block) == "heading"]
        acts = [heading for heading in headings if heading.startswith("ACT")]
        assert acts == ["ACT I", "ACT II", "ACT III", "ACT IV", "ACT V"], title
        assert sum(heading.startswith("SCENE I") for heading in headings) >= 5, title


def test_no_word_is_lost_or_added(plays):
    """Compare with the words of the markdown itself: only the title goes, and what is listed here changes."""
    files = {member.rpartition("/")[2]: member for member in shakespeare.ARCHIVE.members()}
    changed = {
        "A Midsummer Night's Dream": "-HERNIA +HERMIA",
        "All's Well That Ends Well": "-amp",
        "Coriolanus": "-C -C +c +c",
        "Cymbeline": "-CYMBELINE -Scene +SCENE",
        "Edward III": "-INTERMISSION",
        "Henry IV, Part 1": "-I -Scene +SCENE",  # the title of the source has Part I
        "Henry V": "-Prologue +PROLOGUE",
        "Henry VI, Part 1": "-SU -FFOLK +SUFFOLK",
        "Henry VI, Part 3": "-sha -l +shall",
        "Henry VIII": "+PROLOGUE",
        "Love's Labours Lost": " ".join(["-LOVE -S -LABOURS -LOST"] * 7),
        "Measure for Measure": "+Measure +for +Measure",  # the source has no title here
        "The Comedy of Errors": "-OF -EPHESUS",
        "The Merry Wives of Windsor": "-C +c",
        "The Tempest": "-SPOKEN -BY +Spoken +by",
    }
    for title, text in plays.items():
        file = files[re.sub(r"[^a-z0-9]+", "-", title.lower()) + ".md"]
        words = Counter(re.findall(r"[A-Za-z]+", shakespeare.ARCHIVE.read(file).decode("utf-8")))
        words.subtract(re.findall(r"[A-Za-z]+", title))
        for change in changed.get(title, "").split():
            words[change[1:]] += 1 if change[0] == "+" else -1
        assert {word: n for word, n in words.items() if n} == Counter(re.findall(r"[A-Za-z]+", text)), title


@pytest.mark.parametrize(
    ("title", "excerpt"),
    [
        ("Hamlet", "ACT I\n\nSCENE I. Elsinore. A platform before the castle.\n\n[FRANCISCO at his post. Enter to him"),
        (
            "Hamlet",
            " BERNARDO]\n\nBERNARDO:\nWho's there?\n\nFRANCISCO:\nNay, answer me: stand, and unfold yourself.\n",
        ),
        ("Hamlet", "\n\nROSENCRANTZ & GUILDENSTERN:\nWe'll wait upon you.\n\n"),
        ("Hamlet", "And either ... the devil, or throw him out\n"),
        ("Macbeth", "\nAs thou didst leave it.\n\nSergeant:\nDoubtful it stood;\n"),
        ("Coriolanus", "\nAnd Censorinus, nobly named so,\nTwice being by the people chosen censor,\n"),
        ("Coriolanus", "\n\nSenators, &c.:\nWe'll surety him.\n\n"),
        ("Edward III", "\n\n[Sound a horn.]\n\nA messenger?--Lord Audley, know from whence.\n"),
        ("Edward III", "\nWhen 'Ave, Caesar!' they pronounce aloud.\n"),
        ("Henry IV, Part 2", "\n\nLord Chief-Justice:\nWhat's he that goes there?\n\n"),
        ("Henry VI, Part 1", "\n\nRICHARD PLANTAGENET:\n"),
        ("Henry VIII", "\n\nPROLOGUE\n\nPrologue:\nI come no more to make you laugh: things now,\n"),
        (
            "Henry VIII",
            "\n\n[A lively flourish of Trumpets. Then, two Judges. Lord Chancellor, with the purse and mace ",
        ),
        ("Julius Caesar", "\nGo you down that way towards the Capitol;\nThis way will I disrobe the images,\n"),
        ("Richard III", "\n\nGhost of Prince Edward:\n[To KING RICHARD III]\nLet me sit heavy"),
        ("Timon of Athens", "\n\nIsidore's Servant:\nIt is so.\n\n"),
        ("Timon of Athens", "\n\nBoth Varro's Servants:\nAnd ours, my lord.\n\n"),
        ("As You Like It", "\n[To SILVIUS]\nI will help you, if I can:\n[To PHEBE]\nI would love you, if I could."),
        (
            "A Midsummer Night's Dream",
            "\n\nSCENE I. The same. LYSANDER, DEMETRIUS, HELENA, and HERMIA lying asleep.\n\n",
        ),
        ("A Midsummer Night's Dream", "\n\n[Re-enter PUCK, and BOTTOM with an ass's head]\n\n"),
    ],
)
def test_what_the_source_writes_in_odd_ways_comes_out_in_the_form(plays, title, excerpt):
    assert plays[title].count(excerpt) >= 1


def test_the_text_is_the_one_the_numbers_of_the_book_were_measured_on(splits):
    """When the text is changed on purpose: make the ladder and what is trained again, then write these down anew."""
    assert {name: hashlib.sha256(getattr(splits, name).encode()).hexdigest()[:16] for name in SPLIT} == {
        "train": "b65e96c7706034f8",
        "validation": "3121fbadb55ded74",
        "test": "97a0a209657a0231",
    }


# --- the module


def test_the_texts_cannot_be_changed_by_a_reader(plays, splits):
    with pytest.raises(TypeError):
        plays["Hamlet"] = "To be"
    with pytest.raises(AttributeError):
        splits.train = ""


def test_the_plays_load_without_torch():
    code = "import sys; from transformer_lib.data.shakespeare import load; load(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
