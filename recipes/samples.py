"""The same prompt continued by models of the ladder, from uniform to GPT, with the same draws: half a minute.

The draws are uniform numbers, one a character: each model writes the character in whose share of its distribution the
number falls. Two models that agree write the same.
"""

import json
import time
from collections.abc import Callable

import numpy as np
import torch
from _cards import TRAINED, write_card
from torch import nn

from transformer_lib.data import shakespeare
from transformer_lib.ladder import rungs
from transformer_lib.ngram import AddK, KneserNey, NGramModel
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import load

PROMPT = (  # from The Comedy of Errors, a test play
    "AEGEON:\nProceed, Solinus, to procure my fall\nAnd by the doom of death end woes and all.\n\nDUKE SOLINUS:\n"
)
LENGTH, SEED = 400, 0

Model = Callable[[list[int]], np.ndarray]
"""From all tokens so far to the probabilities of the next, (V,)."""


def counted(train: np.ndarray, vocab_size: int) -> dict[str, Model]:
    """The rungs that are tables."""
    best = json.loads((TRAINED / "kneser_ney" / "card.json").read_text(encoding="utf-8"))
    k = json.loads((TRAINED / "bigram" / "card.json").read_text(encoding="utf-8"))["k"]
    table = NGramModel(best["order"], vocab_size).fit(train)
    unigram, bigram = (table.using(AddK(k), order=order) for order in (1, 2))
    kneser_ney = table.using(KneserNey())
    return {
        "uniform": lambda tokens: np.full(vocab_size, 1 / vocab_size),
        "unigram": unigram.probabilities,
        "bigram": bigram.probabilities,
        best["rung"]: kneser_ney.probabilities,
    }


def network(model: nn.Module, context_length: int) -> Model:
    """A rung that is a network."""

    @torch.inference_mode()
    def probabilities(tokens: list[int]) -> np.ndarray:
        logits = model(torch.tensor([tokens[-context_length:]]))[0, -1]
        return logits.double().softmax(dim=-1).numpy()

    return probabilities


def write(model: Model, prompt: list[int], draws: np.ndarray) -> list[int]:
    """Continue a prompt by a token for each number drawn from [0, 1)."""
    tokens = list(prompt)
    for draw in draws:
        shares = np.cumsum(model(tokens))
        tokens.append(int(np.searchsorted(shares / shares[-1], draw, side="right")))
    return tokens[len(prompt) :]


def main() -> None:
    started = time.process_time()
    torch.set_num_threads(1)
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    models = counted(tokenizer.encode_array(text.train), tokenizer.vocab_size)
    for name in ("mlp", "first_transformer", "gpt"):
        card = json.loads((TRAINED / name / "card.json").read_text(encoding="utf-8"))
        model = load(TRAINED / name)
        models[card["rung"]] = network(model, model.config.context_length)

    draws = np.random.default_rng(SEED).random(LENGTH)
    prompt = tokenizer.encode(PROMPT)
    samples = {
        rung.name: tokenizer.decode(write(models[rung.name], prompt, draws))
        for rung in rungs(TRAINED, up_to="14")
        if rung.name in models
    }
    write_card(
        "samples",
        chapter="14",
        command="python recipes/samples.py",
        seed=SEED,
        seconds=round(time.process_time() - started, 1),
    )
    stored = json.dumps({"prompt": PROMPT, "samples": samples}, indent=1, ensure_ascii=False)
    (TRAINED / "samples" / "samples.json").write_text(stored + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
