"""How Whisper writes down what it hears.

The decoder begins with two special tokens, "<|startoftranscript|>" and "<|notimestamps|>", and writes the likeliest
token until "<|endoftext|>". Some tokens it never writes: marks of music or of applause, brackets, and at the start
nothing and the end (Radford et al. 2022, and the lists in the model's configuration).
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from transformer_lib.architectures import EncoderDecoder
from transformer_lib.cache import KVCache
from transformer_lib.generation import generate_tokens
from transformer_lib.spectrograms import log_mel
from transformer_lib.tokenizers.bpe import BPETokenizer, Merge
from transformer_lib.tokenizers.tokenizer_json import read_bpe

START, NO_TIMES, END = "<|startoftranscript|>", "<|notimestamps|>", "<|endoftext|>"


class SpeechTokenizer(BPETokenizer):
    """A byte-level BPE that also knows how a transcript begins and ends, and what is never in it.

    Attributes:
        prompt: the tokens that a transcript begins with.
        eos: the token that ends it.
        never: tokens that are not written.
        never_first: tokens that are not written first.
    """

    def __init__(
        self, merges: Iterable[Merge], *, never: Sequence[int] = (), never_first: Sequence[int] = (), **options: Any
    ) -> None:
        """Make the tokenizer as BPETokenizer is made, with Whisper's marks among its special tokens."""
        super().__init__(merges, **options)
        for mark in (START, NO_TIMES, END):
            if mark not in self.special_tokens:
                raise ValueError(f"special_tokens={self.special_tokens!r} must have {mark!r}: a transcript needs it")
        self.prompt = [self.special_tokens[START], self.special_tokens[NO_TIMES]]
        self.eos = self.special_tokens[END]
        self.never, self.never_first = list(never), list(never_first)

    @classmethod
    def from_files(cls, words: Path, rules: Path) -> "SpeechTokenizer":
        """Read a tokenizer's files.

        Args:
            words: `tokenizer.json`.
            rules: The `config.json` of CTranslate2, with what is never written.

        Raises:
            ValueError: a file is another one, or damaged.
        """
        try:
            lists = json.loads(rules.read_bytes())
            never, never_first = ([int(i) for i in lists[key]] for key in ("suppress_ids", "suppress_ids_begin"))
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"rules={str(rules)!r} must have suppress_ids and suppress_ids_begin: {error!r}"
            ) from error
        return cls(**read_bpe(words), never=never, never_first=never_first)


class _Scribe:
    """The decoder with a sound in view, as `generate_tokens` takes a model; what is never written has no chance."""

    context_length: int | None = None

    def __init__(self, model: EncoderDecoder, memory: Tensor, tokenizer: SpeechTokenizer) -> None:
        self.model, self.memory, self.training = model, memory, model.training
        times = range(tokenizer.vocab_size, model.vocab_size)  # which the prompt forbids
        self.never = [*tokenizer.never, *times]
        self.never_first = [*self.never, *tokenizer.never_first]

    def new_cache(self, capacity: int) -> list[tuple[KVCache, KVCache]]:
        return self.model.new_cache(capacity, self.memory.shape[1])

    def __call__(self, tokens: Tensor, *, cache: Any = None) -> Tensor:
        never = self.never if cache[0][0].length else self.never_first
        logits = self.model.decode(tokens, self.memory, cache=cache)
        logits[..., never] = -math.inf
        return logits


def transcribe(
    model: EncoderDecoder, tokenizer: SpeechTokenizer, sound: Float[Tensor, " N"], *, max_tokens: int = 224
) -> list[int]:
    """Write down what is said, the likeliest token at each step.

    Args:
        model: In evaluation mode.
        tokenizer: Its own.
        sound: Up to 30 seconds, N samples in [-1, 1], 16,000 a second.
        max_tokens: The most that is written.

    Returns:
        Token ids, without the prompt and the end: `tokenizer.decode` makes them text.

    Raises:
        ValueError: If there is no sound or too much, nothing is to be written, or the model is in training mode.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens={max_tokens} must be at least 1: nothing would be written")
    device = next(model.parameters()).device
    with torch.no_grad():
        scribe = _Scribe(model, model.encode(log_mel(sound.to(device))[None]), tokenizer)
    prompt = torch.tensor([tokenizer.prompt], device=device)
    columns = generate_tokens(scribe, prompt, max_tokens, temperature=0, stop=tokenizer.eos)
    return [int(token) for token in columns if int(token) != tokenizer.eos]
