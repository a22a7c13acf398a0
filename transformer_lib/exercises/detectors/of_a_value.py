"""What a wrong number is in terms of the right one. What is said must not lead back to it."""

import math
from collections.abc import Callable
from typing import Any

VALUES: list[tuple[str, str, Callable[[float], float]]] = [
    ("a percentage", "It looks like a percentage. A share of everything is 1, not 100.", lambda e: 100 * e),
    (
        "a fraction",
        "It looks like a share of 1. Is a share asked for, a percentage, or a number of things?",
        lambda e: e / 100,
    ),
    ("the other sign", "Its size is right. Which sign should it have?", lambda e: -e),
    (
        "nats",
        "It looks as if the logarithm were the natural one. Which base gives the unit that is asked for?",
        lambda e: e * math.log(2),
    ),
    (
        "bits",
        "It looks as if the logarithm were one to base 2. Which base gives the unit that is asked for?",
        lambda e: e / math.log(2),
    ),
    ("base 10", "It looks as if the logarithm were one to base 10.", lambda e: e / math.log(10)),
    (
        "the complement",
        "It looks as if it were the share of the opposite. What is the question asking for?",
        lambda e: 1 - e,
    ),
    ("the inverse", "It looks as if a fraction were upside down. What is to be divided by what?", lambda e: 1 / e),
    (
        "a factor of 2",
        "It looks as if something were counted twice. Is there a factor of 2 that does not belong?",
        lambda e: 2 * e,
    ),
    ("half", "It looks as if a factor of 2 were missing. What comes in pairs here?", lambda e: e / 2),
    (
        "a thousand",
        "It looks as if a unit were a thousand times too small. Which unit is asked for?",
        lambda e: 1000 * e,
    ),
    (
        "a thousandth",
        "It looks as if a unit were a thousand times too large. Which unit is asked for?",
        lambda e: e / 1000,
    ),
    ("1,024", "It looks as if a unit were 1,024 times too small. Which unit is asked for?", lambda e: 1024 * e),
    ("1/1,024", "It looks as if a unit were 1,024 times too large. Which unit is asked for?", lambda e: e / 1024),
    ("squared", "It looks as if a square root were missing.", lambda e: e * e),
    ("a root too many", "It looks as if a square root were one too many.", math.sqrt),
    ("one too many", "It is very near. Is an end counted that should not be?", lambda e: e + 1),
    ("one too few", "It is very near. Is an end left out that should be counted?", lambda e: e - 1),
]


def guesses(answer: Any) -> list[tuple[str, str, int | float]]:
    """List what a wrong number could be in terms of the right one: its name, what to say, and the number.

    A small whole number has too many neighbors for that: twice 2 may be anything.

    Args:
        answer: the right value.
    """
    if isinstance(answer, bool) or not isinstance(answer, int | float) or answer == 0:
        return []
    whole = isinstance(answer, int)
    found = []
    for name, hint, change in VALUES:
        try:
            foreseen = change(answer)
        except (ValueError, ArithmeticError):
            continue
        small = whole and abs(answer) < 10
        share = name == "the complement" and not 0 < answer < 1
        by_one = name.startswith("one too") and not whole
        near = abs(foreseen - answer) <= 0.02 * abs(answer) and not name.startswith("one too")
        twice = name in ("a factor of 2", "half") and whole and abs(answer) < 1000  # which may be by chance
        if not (small or share or by_one or near or twice):
            found.append((name, hint, round(foreseen) if float(foreseen).is_integer() else foreseen))
    return found
