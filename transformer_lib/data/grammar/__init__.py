"""A synchronous grammar of Chinese and English: each rule writes a sentence and its translation in one step.

A synchronous grammar rewrites pairs (Lewis and Stearns 1968, as syntax-directed transduction): a rule has a Chinese and
an English side with the same slots, so whatever fills them, the two sides say the same. Here a rule is a function, and
its two sides are two f-strings side by side (`being`, `doing`):

    f"{s.chinese}每天{v.chinese}{thing.chinese}"        f"{s.english} {v.present(s)} {thing.english} every day"

The sides differ where the languages do. English agrees, counts, takes an article and a tense, and inverts its
questions; Chinese has measure words, says when at the start, and asks with 吗 at the end.

A Chinese sentence comes out of one rule only, in one way, and so has one translation. Several may have the same one:
你是老师吗 and 你们是老师吗 differ in English, but 他们很高兴 and 她们很高兴 do not.
"""

from collections.abc import Iterator

from transformer_lib.data.grammar import being, doing
from transformer_lib.data.grammar.clauses import NEGATION, QUESTION, STATEMENT, Pair, joined

__all__ = ["FRAMES", "NEGATION", "QUESTION", "STATEMENT", "Pair", "joined", "sentences"]

# The frames by name, in order: actions_now writes the sentences of the frame "actions now".
FRAMES = {rule.__name__.replace("_", " "): rule for rule in (*being.RULES, *doing.RULES)}


def sentences() -> Iterator[Pair]:
    """Yield every sentence that the grammar makes, frame by frame."""
    for frame, rule in FRAMES.items():
        yield from rule(frame)
