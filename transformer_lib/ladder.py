"""The ladder: models scored in bits per character on the same held-out plays.

A model that predicts tokens spends H nats on each; the ladder counts what it spends on each *character*,

    bits per character = H / ln 2 * tokens / characters,

so that models with different tokens can stand on one ladder (Shannon 1951 estimates the same quantity for people). Each
recipe writes `trained/NAME/card.json`; a card that names a `rung` stands on the ladder. Needs no PyTorch.

A fixed model is compared with fixed models: one that learns while it reads is told more of the test plays.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Rung:
    """One model's place on the ladder, as its recipe wrote it down."""

    bits_per_character: float
    """On the test plays; lower is better."""
    name: str
    chapter: str
    parameters: int | None
    """How many numbers the model stores; None where its author did not count them in numbers, as in a compressor."""
    command: str
    """Makes `trained/NAME` again."""
    learns_while_reading: bool = False
    """Does it change with the test text that it has read? A fixed model may only look back at the text."""


def bits_per_character(nats_per_token: float, n_tokens: int, n_characters: int) -> float:
    """What a model spends on one character, in bits.

    Args:
        nats_per_token: Mean of -ln p over the tokens of a text.
        n_tokens: Tokens in that text.
        n_characters: Characters in that text; equal to `n_tokens` when the tokens are characters.

    Raises:
        ValueError: If a count is not positive.

    Example:

        >>> round(bits_per_character(1.386, n_tokens=100, n_characters=400), 3)  # a token stands for 4 characters
        0.5
    """
    for name, count in (("n_tokens", n_tokens), ("n_characters", n_characters)):
        if count < 1:
            raise ValueError(f"{name}={count} must be at least 1: score a text that is not empty")
    return nats_per_token / math.log(2) * n_tokens / n_characters


def rungs(trained: str | Path, *, up_to: str | None = None) -> tuple[Rung, ...]:
    """The ladder so far, from the worst model (at the bottom) to the best.

    Args:
        trained: The folder that the recipes write to, `../trained` from a chapter.
        up_to: The last chapter whose rungs count, "04" say; None for all there are.

    Raises:
        FileNotFoundError: If no card there names such a rung.
    """
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(trained).glob("*/card.json"))]
    ladder = [
        Rung(
            bits_per_character=card["bits_per_character"]["test"],
            name=card["rung"],
            chapter=card["chapter"],
            parameters=card["parameters"],
            command=card["command"],
            learns_while_reading=card.get("learns_while_reading", False),
        )
        for card in cards
        if "rung" in card and (up_to is None or card["chapter"] <= up_to)
    ]
    if not ladder:
        limit = "" if up_to is None else f" up to chapter {up_to}"
        raise FileNotFoundError(
            f"no rung in trained={str(trained)!r}{limit}: run `make recipes`, or name the book's trained/ folder"
        )
    return tuple(sorted(ladder, reverse=True))
