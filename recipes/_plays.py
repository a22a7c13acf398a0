"""What the recipe of every neural model on the plays begins with, and what it leaves in `trained/NAME/`."""

import json

import torch
from _cards import TRAINED, write_card
from torch import Tensor, nn

from transformer_lib.data import shakespeare
from transformer_lib.ladder import bits_per_character
from transformer_lib.tokenizers.characters import CharacterTokenizer
from transformer_lib.training import History, save


def load_plays() -> tuple[CharacterTokenizer, dict[str, Tensor]]:
    """Return the tokenizer of the training plays, and the tokens of the three sets."""
    text = shakespeare.load()
    tokenizer = CharacterTokenizer.train(text.train)
    splits = ("train", "validation", "test")
    return tokenizer, {split: torch.from_numpy(tokenizer.encode_array(getattr(text, split))) for split in splits}


def write_rung(
    name: str,
    model: nn.Module,
    tokenizer: CharacterTokenizer,
    history: History,
    nats: dict[str, float],
    bits: int | None = None,
    **facts: object,
) -> None:
    """Write the model (in `bits`, as `save` does), its tokenizer, log and card; `nats` are per character, by split."""
    save(model, TRAINED / name, bits=bits)
    tokenizer.save(TRAINED / name / "tokenizer.json")
    (TRAINED / name / "log.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    write_card(
        name,
        **facts,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        bits_per_character={split: bits_per_character(value, 1, 1) for split, value in nats.items()},
    )
