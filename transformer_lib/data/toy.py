"""Three sentences small enough to count by hand: the corpus of the book's first table.

After "love" come oranges twice and grapes once, so P(oranges | love) = 2/3 and P(grapes | love) = 1/3; nothing ever
follows "oranges" or "grapes", so their rows of the table are dead.
"""

import numpy as np
from jaxtyping import Int

SENTENCES = ("I love oranges", "I love grapes", "you love oranges")
WORDS = ("I", "you", "love", "oranges", "grapes")


def tokens() -> list[Int[np.ndarray, " _"]]:
    """Return the sentences as token ids, the positions of their words in WORDS.

    Returns:
        One array of ids (int64) per sentence, in the order of SENTENCES. They stay apart, because no word of one
        sentence follows a word of another.
    """
    ids = {word: index for index, word in enumerate(WORDS)}
    return [np.array([ids[word] for word in sentence.split()], dtype=np.int64) for sentence in SENTENCES]
