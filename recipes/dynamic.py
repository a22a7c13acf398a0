"""A GPT that learns while it reads: dynamic evaluation of a stored model, `python recipes/dynamic.py [gpt|gpt_best]`.

The model of trained/NAME reads the test plays in order and takes one step of gradient descent after each stretch of as
many tokens as its context has, once they are scored. Each gradient is divided by its root mean square on the training
plays. The size of the steps is chosen on the beginning of the validation plays, where the fixed model is scored, too.
About five minutes on one core.
"""

import json
import sys
import time
from itertools import islice

import torch
from _cards import TRAINED, write_card

from transformer_lib.data import shakespeare
from transformer_lib.ladder import bits_per_character
from transformer_lib.tokenizers.bpe import BPETokenizer
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import dynamic_evaluate, gradient_rms, load, random_windows

TOKENIZERS = {"gpt": CharacterTokenizer, "gpt_best": BPETokenizer}
RATES = (1e-4, 3e-4, 1e-3)  # 0, the fixed model, is their control
SEED, WINDOWS = 0, 100  # of the training plays, for the root mean square of the gradients
BEGINNING = 30_000  # characters of the validation plays


def main(name: str = "gpt") -> None:
    torch.set_num_threads(1)
    started = time.process_time()
    text = shakespeare.load()
    model, tokenizer = load(TRAINED / name), TOKENIZERS[name].load(TRAINED / name / "tokenizer.json")
    rung = json.loads((TRAINED / name / "card.json").read_text(encoding="utf-8"))
    length = model.config.context_length
    train = torch.tensor(tokenizer.encode(text.train))
    windows = random_windows(train, length, 1, torch.Generator().manual_seed(SEED))
    rms = gradient_rms(model, islice(windows, WINDOWS))

    def bits(plays: str, rate: float) -> float:
        tokens = torch.tensor(tokenizer.encode(plays))
        # Windows overlap by three quarters, as where the fixed model was scored: four of them are one context of text.
        stretch = {"length": length, "overlap": length * 3 // 4, "batch_size": 4}
        nats = dynamic_evaluate(model, tokens, rate=rate, rms=rms, **stretch)
        return bits_per_character(nats, len(tokens), len(plays))

    by_rate = {rate: bits(text.validation[:BEGINNING], rate) for rate in (0.0, *RATES)}
    rate = min(RATES, key=by_rate.__getitem__)
    test = bits(text.test, rate)
    write_card(
        f"dynamic_{name}",
        rung=f"{rung['rung']}, dynamic evaluation",
        chapter="18",
        command=f"python recipes/dynamic.py {name}",
        learns_while_reading=True,
        parameters=rung["parameters"],
        bits_per_character={"test": test},
        seconds=round(time.process_time() - started, 1),
        seed=SEED,
        rate=rate,
        step=length,
        validation={"characters": BEGINNING, "by_rate": by_rate},
        fixed=rung["bits_per_character"]["test"],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
