"""Characters and BPE vocabularies of several sizes, each with Kneser–Ney n-grams on top: minutes on one core."""

import json
import time
from collections.abc import Callable, Mapping

import numpy as np
from _cards import TRAINED, write_card

from transformer_lib.data import shakespeare, vocabularies
from transformer_lib.ladder import bits_per_character
from transformer_lib.ngram import KneserNey, NGramModel
from transformer_lib.tokenizers.bpe import BYTES, BPETokenizer
from transformer_lib.tokenizers.characters import CharacterTokenizer

COMMAND = "python recipes/tokens.py"
FOLDER = TRAINED / "tokens"
SIZES = (320, 512, 1024, 2048, 4096)
ORDERS = range(1, 9)
PLAY = "Hamlet"  # small enough to train on without a cut
LINES = r"[^\n]*\n|[^\n]+"  # a cut at the end of each line and nowhere else
UNSPLIT_SIZE = 1024
WORDS = ("strawberry", "Strawberry", " strawberry")


def main() -> None:
    started = time.process_time()
    text = shakespeare.load()
    texts = {split: getattr(text, split) for split in ("train", "validation", "test")}

    bpe = BPETokenizer.train(text.train, max(SIZES), progress=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    bpe.save(FOLDER / "tokenizer.json")
    unsplit = BPETokenizer.train(shakespeare.plays()[PLAY], UNSPLIT_SIZE, pattern=LINES, progress=True)

    characters = CharacterTokenizer.train(text.train)
    scores = {"characters": score(characters.encode, characters.vocab_size, texts)}
    for size in SIZES:
        smaller = BPETokenizer(bpe.merges[: size - len(BYTES)])  # the first merges do not know how many will follow
        scores[f"BPE {size}"] = score(smaller.encode, size, texts)

    others = {"GPT-2": vocabularies.gpt2(), "GPT-4": vocabularies.cl100k()}
    bert = vocabularies.bert()
    results = {
        "scores": scores,
        "others": {
            name: {
                "vocab_size": other.vocab_size,
                "characters_per_token": len(text.test) / len(other.encode(text.test)),
            }
            for name, other in others.items()
        },
        "unsplit_tokens": [(left + right).decode() for left, right in unsplit.merges],
        "bert": {word: bert.tokens(bert.encode(word)) for word in WORDS},
    }
    write_card(FOLDER.name, command=COMMAND, chapter="03", seconds=round(time.process_time() - started, 1))
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def score(encode: Callable[[str], list[int]], vocab_size: int, texts: Mapping[str, str]) -> dict[str, object]:
    """Bits per character of Kneser–Ney by order, and what the tokens cost."""
    tokens = {split: np.array(encode(text)) for split, text in texts.items()}
    plays = shakespeare.plays()
    test_plays = {title: plays[title] for title in shakespeare.SPLIT["test"]}
    counted = NGramModel(ORDERS[-1], vocab_size).fit(tokens["train"])
    models = [counted.using(KneserNey(), order=order) for order in ORDERS]
    found = {
        "vocab_size": vocab_size,
        "characters_per_token": len(texts["test"]) / len(tokens["test"]),
        "bits": {
            split: [bits(model, tokens[split], len(texts[split])) for model in models]
            for split in ("validation", "test")
        },
        "ngrams": [model.n_ngrams for model in models],
    }
    best = models[int(np.argmin(found["bits"]["validation"]))]  # chosen where choices are made
    found["by_play"] = {title: bits(best, np.array(encode(play)), len(play)) for title, play in test_plays.items()}
    print(vocab_size, *(f"{bits:.3f}" for bits in found["bits"]["test"]), flush=True)
    return found


def bits(model: NGramModel, tokens: np.ndarray, n_characters: int) -> float:
    """Bits per character of a text, given as tokens."""
    return bits_per_character(model.nats_per_token(tokens), len(tokens), n_characters)


if __name__ == "__main__":
    main()
