"""Are a model's rare characters its bad ones? Shakespeare's own rare characters are the control. A minute on one core.

A character is rare where the six-gram model gave it less than 1 in 100. For the first 20,000 characters of the test
plays, and for texts that the model draws at temperature 1 with five seeds, this counts the rare characters, and of the
words that hold one, and of those that hold none, how many stand somewhere in the training plays. With the same seeds,
the model then writes once more with its rare characters forbidden.

Writes trained/tail/results.json.
"""

import json
import re
import time
from collections.abc import Iterator

import numpy as np
from _cards import TRAINED, write_card

from transformer_lib.data import shakespeare
from transformer_lib.ngram import KneserNey, NGramModel
from transformer_lib.tokenizers.characters import CharacterTokenizer

RARE, SEEDS, READ, WRITTEN = 0.01, 5, 20_000, 8_000
CONTEXT = 5
WORD = re.compile(r"[a-z']+")


def measure(text: str, rare: list[bool], known: set[str]) -> dict[str, float]:
    """The share of rare characters; of words with one and without, how many there are and how many are known."""
    words: dict[bool, list[bool]] = {True: [], False: []}
    for word in WORD.finditer(text.lower()):
        words[any(rare[word.start() : word.end()])].append(word.group() in known)
    found = {"rare": float(np.mean(rare))}
    for name, holds in (("with", True), ("without", False)):
        found |= {f"words_{name}": len(words[holds]), f"known_{name}": sum(words[holds]) / max(1, len(words[holds]))}
    return found


def main() -> None:
    started = time.process_time()
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    train, test = (tokenizer.encode_array(part) for part in (text.train, text.test))
    model = NGramModel(CONTEXT + 1, tokenizer.vocab_size, KneserNey()).fit(train)
    known = set(WORD.findall(text.train.lower()))

    def read() -> Iterator[bool]:
        for i in range(CONTEXT, CONTEXT + READ):
            yield bool(model.probabilities(test[i - CONTEXT : i])[test[i]] < RARE)

    def written(seed: int, least: float = 0.0) -> dict[str, float]:
        generator = np.random.default_rng(seed)
        tokens = list(tokenizer.encode("MACBETH:\n"))
        prompt, rare = len(tokens), []
        for _ in range(WRITTEN):
            p = model.probabilities(tokens[-CONTEXT:])
            allowed = np.where(p < least, 0, p)
            ends = allowed.cumsum()
            tokens.append(int(np.searchsorted(ends, generator.random() * ends[-1], side="right")))
            rare.append(bool(p[tokens[-1]] < RARE))
        return measure(tokenizer.decode(tokens[prompt:]), rare, known)

    results = {
        "Shakespeare": measure(text.test[CONTEXT : CONTEXT + READ], list(read()), known),
        "model": [written(seed) for seed in range(SEEDS)],
        "rare forbidden": [written(seed, least=RARE) for seed in range(SEEDS)],
    }
    write_card(
        "tail",
        chapter="05",
        command="python recipes/tail.py",
        seeds=SEEDS,
        seconds=round(time.process_time() - started, 1),
    )
    (TRAINED / "tail" / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
