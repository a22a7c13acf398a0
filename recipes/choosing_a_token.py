"""What each sampling knob trades: diversity against known words, over many settings and seeds. Minutes on one core.

Writes trained/choosing_a_token/trade.json: for each knob and setting, (seeds, 2) measurements.
"""

import json
import re
import time

import numpy as np
import torch
from _cards import TRAINED, write_card

from transformer_lib.data import shakespeare
from transformer_lib.ngram import KneserNey, NGramModel
from transformer_lib.sampling import sample_next
from transformer_lib.tokenizers.characters import CharacterTokenizer

SETTINGS: dict[str, list[float]] = {
    "temperature": [0.3, 0.5, 0.7, 0.85, 1.0, 1.2],
    "top_k": [2, 3, 5, 8, 15, 72],
    "top_p": [0.3, 0.5, 0.7, 0.8, 0.9, 1.0],
    "min_p": [0.7, 0.4, 0.2, 0.1, 0.05, 0.0],
}
SEEDS, LENGTH = 20, 1_000
WORD = re.compile(r"[a-z']+")


def measure(text: str, known: set[str], n: int = 5) -> list[float]:
    """The share of different n-character sequences, and of words that stand in the training plays."""
    pieces = [text[i : i + n] for i in range(len(text) - n + 1)]
    words = WORD.findall(text.lower())
    return [len(set(pieces)) / len(pieces), sum(word in known for word in words) / len(words)]


def main() -> None:
    started = time.perf_counter()
    torch.set_num_threads(1)
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    model = NGramModel(6, tokenizer.vocab_size, KneserNey()).fit(tokenizer.encode_array(text.train))
    known = set(WORD.findall(text.train.lower()))

    def write(seed: int, **knob: float) -> str:
        generator = torch.Generator().manual_seed(seed)
        tokens = tokenizer.encode("MACBETH:\n")
        prompt = len(tokens)
        for _ in range(LENGTH):
            logits = torch.from_numpy(np.log(model.probabilities(tokens[-5:])))
            tokens.append(int(sample_next(logits, generator=generator, **knob)))
        return tokenizer.decode(tokens[prompt:])

    trade: dict[str, list] = {}
    for knob, values in SETTINGS.items():
        runs = [[measure(write(seed, **{knob: value}), known) for seed in range(SEEDS)] for value in values]
        trade[knob] = [{"value": value, "runs": run} for value, run in zip(values, runs, strict=True)]
        print(knob, [np.mean(run, axis=0).round(3).tolist() for run in runs], flush=True)
    pieces = [text.test[i : i + LENGTH] for i in range(0, len(text.test) - LENGTH, LENGTH)]
    trade["Shakespeare"] = [{"value": None, "runs": [measure(piece, known) for piece in pieces]}]

    write_card(
        "choosing_a_token",
        chapter="05",
        command="python recipes/choosing_a_token.py",
        seconds=round(time.perf_counter() - started),
        seed=f"0 to {SEEDS - 1}",
    )
    (TRAINED / "choosing_a_token" / "trade.json").write_text(json.dumps(trade) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
