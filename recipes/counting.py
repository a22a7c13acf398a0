"""The first rungs of the ladder: the uniform guess, the unigram and the bigram model. Seconds on one core."""

import math
import time

from _cards import write_card

from transformer_lib.data import shakespeare
from transformer_lib.ladder import bits_per_character
from transformer_lib.ngram import AddK, NGramModel
from transformer_lib.tokenizers.characters import CharacterTokenizer

GRID = (0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1000)


def main() -> None:
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    vocab_size = tokenizer.vocab_size
    train = tokenizer.encode_array(text.train)
    held_out = {"validation": tokenizer.encode_array(text.validation), "test": tokenizer.encode_array(text.test)}

    def card(rung: str, nats: dict[str, float], parameters: int, started: float, **choices: float) -> None:
        bits = {split: bits_per_character(n, len(held_out[split]), len(held_out[split])) for split, n in nats.items()}
        print(f"{rung}: {bits['test']:.4f} bits per character on the test plays")
        write_card(
            rung,
            rung=rung,
            chapter="01",
            command="python recipes/counting.py",
            seconds=round(time.perf_counter() - started, 1),
            parameters=parameters,
            bits_per_character=bits,
            **choices,
        )

    card("uniform", dict.fromkeys(held_out, math.log(vocab_size)), 0, time.perf_counter())

    started = time.perf_counter()
    counted = NGramModel(2, vocab_size).fit(train)
    k = min(GRID, key=lambda k: counted.using(AddK(k)).nats_per_token(held_out["validation"]))
    for rung, order in (("unigram", 1), ("bigram", 2)):
        model = counted.using(AddK(k), order=order)
        nats = {split: model.nats_per_token(tokens) for split, tokens in held_out.items()}
        card(rung, nats, vocab_size**order, started, k=k)


if __name__ == "__main__":
    main()
