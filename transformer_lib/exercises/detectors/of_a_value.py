"""What a wrong number is in terms of the right one. What is said must not lead back to it."""

import math
from collections.abc import Callable
from typing import Any

VALUES: list[tuple[str, str, Callable[[float], float]]] = [
    ("a percentage", "It looks like a percentage. A share of everything is 1, not 100.", lambda e: 100 * e),
    ("a fraction", "It looks like a fraction where a percentage is asked for.", lambda e: e / 100),
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


def detect_in_value(answer: Any, value: Any) -> tuple[str, str] | None:
    """Name what a wrong number is in terms of the right one, and what to say of it; None where it could be chance.

    Args:
        answer: the right value.
        value: the reader's.
    """
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (answer, value)) or answer == 0:
        return None
    whole = isinstance(answer, int)
    for name, hint, change in VALUES:
        try:
            foreseen = change(answer)
        except (ValueError, ArithmeticError):
            continue
        by_one = name.startswith("one too")
        if by_one and not (whole and abs(answer) >= 10):
            continue
        small = (whole and abs(answer) < 10) or (name == "the complement" and not 0 < answer < 1)
        if not small and value and math.isclose(value, foreseen, rel_tol=1e-9 if whole else 2e-3):
            return name, hint
    return None
