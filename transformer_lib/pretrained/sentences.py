"""Sentences as vectors: MiniLM, a BERT of six layers, distilled from a larger one and trained on a billion pairs.

It is read from files of the transformers library, and `embed` puts it to use.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from transformer_lib.models.bert import BertConfig
from transformer_lib.models.builders import build_with
from transformer_lib.models.sentence_encoder import SentenceEncoder, sentence_encoder
from transformer_lib.pretrained.hugging_face import BERT
from transformer_lib.pretrained.key_tables import BERT_ENCODER_KEYS
from transformer_lib.pretrained.renaming import expand, from_theirs, prefixed, validate_layers
from transformer_lib.tokenizers.wordpiece import WordPieceTokenizer

# A constant, and a layer over the first token that these sentence vectors leave out.
_UNUSED = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
LONGEST = 256  # tokens it was trained on


def sentence_encoder_from_files(config: Path, weights: Path) -> SentenceEncoder:
    """Make a sentence encoder of a BERT's files, in evaluation mode.

    Args:
        config: As transformers writes it, in JSON.
        weights: Its tensors, in safetensors.

    Raises:
        ValueError: If a file is damaged, asks for what is not built here, or has other tensors.
    """
    try:
        options: dict[str, Any] = json.loads(config.read_bytes())
        sizes = BertConfig(**{ours: options[theirs] for ours, theirs in BERT.sizes.items()})
        tensors = load_file(weights)
        validate_layers(sizes.n_layers, tensors)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise ValueError(f"config={str(config)!r} and weights={str(weights)!r} must be whole: {error!r}") from error
    for name, built in {**BERT.built, "position_embedding_type": ("absolute",)}.items():
        if options.get(name, built[0]) not in built:
            raise ValueError(f"config={str(config)!r} has {name}={options[name]!r}, which must be {built[0]!r}")
    rows = expand(prefixed(BERT_ENCODER_KEYS, ours="encoder."), sizes.n_layers)
    used = {name: tensor for name, tensor in tensors.items() if name not in _UNUSED}
    return build_with(sentence_encoder, sizes, from_theirs(rows, used)).eval()


@torch.no_grad()
def embed(model: SentenceEncoder, tokenizer: WordPieceTokenizer, sentences: Sequence[str]) -> Float[Tensor, "B D"]:
    """Return a vector of length 1 for each sentence; what is longer than 256 tokens is cut off.

    Args:
        model: In evaluation mode.
        tokenizer: Its own.
        sentences: At least one. What looks like a special token is text.

    Raises:
        ValueError: If there is no sentence.
    """
    if isinstance(sentences, str) or not sentences:
        raise ValueError(f"sentences={sentences!r} must be a list of at least one text")
    start, end = tokenizer.special_tokens["[CLS]"], tokenizer.special_tokens["[SEP]"]
    words = [tokenizer.encode(sentence, parse_special=False)[: LONGEST - 2] for sentence in sentences]
    device = next(model.parameters()).device
    rows = [torch.tensor([start, *ids, end], device=device) for ids in words]
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return model(nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths)  # [PAD] is 0, and masked
