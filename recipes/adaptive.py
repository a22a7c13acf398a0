"""Kneser–Ney that goes on counting while it reads, its order chosen on the validation plays: under a minute."""

import math
import time

from _cards import write_card

from transformer_lib.adaptive import AdaptiveKneserNey
from transformer_lib.counts import count_ngrams, lay_end_to_end
from transformer_lib.data import shakespeare
from transformer_lib.tokenizers.characters import CharacterTokenizer

ORDERS = (7, 8, 9)


def main() -> None:
    started = time.process_time()
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    counted = lay_end_to_end(tokenizer.encode_array(text.train), tokenizer.vocab_size)
    tables = count_ngrams(*counted, ORDERS[-1], tokenizer.vocab_size)

    def read(order: int, plays: str) -> tuple[AdaptiveKneserNey, float]:
        """A model that has read the training plays and then these, and what it paid for these."""
        model = AdaptiveKneserNey(tables[:order])
        return model, float(model.token_nll(tokenizer.encode_array(plays)).mean()) / math.log(2)

    by_order = {order: read(order, text.validation)[1] for order in ORDERS}
    order = min(by_order, key=by_order.__getitem__)
    model, bits = read(order, text.test)
    write_card(
        "adaptive",
        rung=f"{order}-gram, Kneser–Ney, counting on",
        chapter="18",
        command="python recipes/adaptive.py",
        learns_while_reading=True,
        seconds=round(time.process_time() - started, 1),
        parameters=model.n_ngrams,
        bits_per_character={"validation": by_order[order], "test": bits},
        order=order,
        validation_by_order=by_order,
    )


if __name__ == "__main__":
    main()
