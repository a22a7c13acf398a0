"""Every order from 1 to 8 under every smoothing, and the rung of the best n-gram: 5 minutes on one core, 1.2 GB."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from _cards import TRAINED, write_card

from transformer_lib.data import shakespeare
from transformer_lib.ngram import AddK, JelinekMercer, KneserNey, NGramModel, Unsmoothed
from transformer_lib.tokenizers.characters import CharacterTokenizer

COMMAND = "python recipes/longer_memory.py"
SPLITS = ("train", "validation", "test")
ORDERS = range(1, 9)
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)
GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1)
SEED = 0

Tokens = Mapping[str, np.ndarray]


def main() -> None:
    started = time.process_time()
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    vocab_size = tokenizer.vocab_size
    tokens = {split: tokenizer.encode_array(getattr(text, split)) for split in SPLITS}
    counted = NGramModel(ORDERS[-1], vocab_size).fit(tokens["train"])
    tables = sizes(counted)
    scores = score_orders(counted, tokens)

    kneser_ney = scores["Kneser–Ney"]["bits"]
    best = min(ORDERS, key=lambda order: kneser_ney["validation"][order - 1])
    write_card(
        "kneser_ney",
        rung=f"{best}-gram, Kneser–Ney",
        chapter="02",
        command=COMMAND,
        seconds=round(time.process_time() - started, 1),
        parameters=sum(tables["ngrams"][:best]),
        bits_per_character={split: kneser_ney[split][best - 1] for split in ("validation", "test")},
        order=best,
    )

    results = {
        "tables": tables,
        "scores": scores,
        "never_seen": {length: never_seen(text.train, text.test, length) for length in LENGTHS},
        "typefaces": typefaces(tokens, vocab_size),
        "other_coins": [typefaces(tokens, vocab_size, seed, orders=(5,))[0] for seed in range(SEED + 1, SEED + 5)],
        "fewer_plays": {parts: fewer_plays(tokens, vocab_size, parts) for parts in (1, 2, 4, 8, 16, 32)},
        "eighths": [fewer_plays(tokens, vocab_size, 8, part) for part in range(8)],
    }
    file = TRAINED / "ngram_orders" / "results.json"
    write_card(file.parent.name, command=COMMAND, seed=SEED, seconds=round(time.process_time() - started, 1))
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sizes(counted: NGramModel) -> dict[str, list[int]]:
    """What the table of each order holds."""
    models = [counted.using(Unsmoothed(), order=order) for order in ORDERS]
    return {
        "contexts": [model.n_contexts for model in models],
        "ngrams": [model.n_ngrams for model in models],
        "bytes": [model.memory_bytes for model in models],
    }


def score_orders(counted: NGramModel, tokens: Tokens) -> dict[str, dict]:
    """Bits per character by smoothing, split and order; what there is to choose is chosen on the validation plays."""

    def best_k(order: int) -> NGramModel:
        models = [counted.using(AddK(k), order=order) for k in GRID]
        return min(models, key=lambda model: model.nats_per_token(tokens["validation"]))

    smoothings: dict[str, Callable[[int], NGramModel]] = {
        "unsmoothed": lambda order: counted.using(Unsmoothed(), order=order),
        "add-one": lambda order: counted.using(AddK(1), order=order),
        "add-k": best_k,
        "interpolated": lambda order: counted.using(JelinekMercer(), order=order).fit_weights(tokens["validation"]),
        "Kneser–Ney": lambda order: counted.using(KneserNey(), order=order),
    }
    scores = {}
    for name, smoothed in smoothings.items():
        models = [smoothed(order) for order in ORDERS]
        scores[name] = {
            "bits": {split: [bits(model, tokens[split]) for model in models] for split in SPLITS},
            "chosen": [vars(model.smoothing) for model in models],
        }
        print(name, [value and round(value, 3) for value in scores[name]["bits"]["test"]], flush=True)
    return scores


def bits(model: NGramModel, tokens: np.ndarray) -> float | None:
    """Bits per token, and None, which JSON can write, for infinity."""
    nats = model.nats_per_token(tokens)
    return nats / math.log(2) if math.isfinite(nats) else None


def never_seen(train: str, test: str, length: int) -> float:
    """The share of the contexts of so many characters in the test plays that the training plays do not have."""
    seen = {train[i : i + length] for i in range(len(train) - length)}
    return sum(test[i : i + length] not in seen for i in range(len(test) - length)) / (len(test) - length)


def typefaces(tokens: Tokens, vocab_size: int, seed: int = SEED, orders: Sequence[int] = ORDERS) -> list[float | None]:
    """Kneser–Ney by order where a coin sets each character in one of two typefaces, less the one bit of the coin."""
    coin = np.random.default_rng(seed)
    train, test = (
        tokens[split] + vocab_size * coin.integers(2, size=len(tokens[split])) for split in ("train", "test")
    )
    counted = NGramModel(orders[-1], 2 * vocab_size).fit(train)
    return [(bits(counted.using(KneserNey(), order=order), test) or math.nan) - 1 for order in orders]


def fewer_plays(tokens: Tokens, vocab_size: int, parts: int, part: int = 0) -> float:
    """The best order of Kneser–Ney on one of so many equal parts of the training plays."""
    size = len(tokens["train"]) // parts
    counted = NGramModel(ORDERS[-1], vocab_size).fit(tokens["train"][part * size : (part + 1) * size])
    return min(bits(counted.using(KneserNey(), order=order), tokens["test"]) or math.inf for order in ORDERS)


if __name__ == "__main__":
    main()
