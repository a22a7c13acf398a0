"""Batches: windows of one long text, or pairs of sequences of about the same length.

Pairs are padded to the longest of their batch. A batch of random lengths is mostly padding, so the pairs are sorted by
length and cut into batches, and the batches are shuffled (Vaswani et al. 2017, section 5.1: "batched together by
approximate sequence length").
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.training.files import checksum

Pair = tuple[Sequence[int], Sequence[int]]
Batch = TypeVar("Batch")


class Batches(Iterator[Batch], Generic[Batch]):
    """Batches that know what shapes them: `train` writes it into its checkpoints, and resumes with the same alone.

    Args:
        draws: The batches.
        settings: Describes them by name, of what JSON can hold; asked for only where a checkpoint is kept.
    """

    def __init__(self, draws: Iterator[Batch], settings: Callable[[], dict[str, Any]]) -> None:
        self._draws, self.settings = draws, settings

    def __next__(self) -> Batch:
        return next(self._draws)


def random_windows(
    tokens: Int[Tensor, " N"], length: int, batch_size: int, generator: torch.Generator
) -> Batches[tuple[Tensor, Tensor]]:
    """Draw windows of a text for ever, every start equally likely.

    Nothing is drawn before it is asked for, so the generator's state is the place in the data: restore it, and the
    same windows follow.

    Args:
        tokens: The text.
        length: Tokens in a window.
        batch_size: Windows in a batch.
        generator: The source of the random starts.

    Returns:
        An endless iterator of (inputs, targets), each (batch_size, length); the targets are one token ahead.

    Raises:
        ValueError: If a size is less than 1, or the text has no window and a token to follow it.

    Example:

        >>> inputs, targets = next(random_windows(torch.arange(10), 3, 2, torch.Generator().manual_seed(0)))
        >>> inputs.tolist(), targets.tolist()
        ([[4, 5, 6], [3, 4, 5]], [[5, 6, 7], [4, 5, 6]])
    """
    for name, size in (("length", length), ("batch_size", batch_size)):
        if size < 1:
            raise ValueError(f"{name}={size} must be at least 1")
    if length >= len(tokens):
        raise ValueError(
            f"length={length} must be less than the {len(tokens)} tokens of the text, for one to follow: shorten it"
        )
    offsets = torch.arange(length + 1, device=tokens.device)

    def draw() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            starts = torch.randint(len(tokens) - length, (batch_size, 1), generator=generator, device=generator.device)
            windows = tokens[starts.to(tokens.device) + offsets]
            yield windows[:, :-1], windows[:, 1:]

    return Batches(draw(), lambda: {"length": length, "batch_size": batch_size, "text": checksum(tokens)})


def pad_to_longest(sequences: Sequence[Sequence[int]], pad: int) -> Int[Tensor, "B T"]:
    """Stack sequences as rows, each filled up at its end with `pad` to the length of the longest; int64.

    Args:
        sequences: Token ids, at least one sequence.
        pad: The id that fills up.
    """
    longest = max(map(len, sequences))
    return torch.tensor([[*sequence, *[pad] * (longest - len(sequence))] for sequence in sequences])


class BucketedPairs:
    """Batches of pairs of like lengths for ever: each epoch holds every pair once, in an order of its own.

    Where the batches are cut depends on the lengths alone, so that every epoch has as many batches of the same shapes.
    Which pairs of equal lengths meet in a batch, and the order of the batches, follow from a seed and the number of the
    epoch. The place in the data is therefore two numbers, the seed and the count of the batches drawn, and the object
    offers them as a generator offers its state: `train` saves them with its checkpoints, and puts them back.

    Args:
        pairs: (source, target) token ids, without padding; a target has its begin and end.
        generator: The seed is drawn from it, once and at once.
        pad: The id that fills up; no pair may contain it.
        max_tokens: The most ids in a batch, padding included, sources and targets together.
        batch_size: The most pairs in a batch. This or `max_tokens`, or both, must be given.

    Raises:
        ValueError: If there is nothing to draw, a sequence is empty or contains `pad`, or the limits admit no batch.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        generator: torch.Generator,
        *,
        pad: int,
        max_tokens: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        _check(pairs, pad, max_tokens, batch_size)
        self._pairs, self._pad = pairs, pad
        longest = max(len(target) for _, target in pairs)
        self._keys = torch.tensor([len(source) * (longest + 1) + len(target) for source, target in pairs])
        by_length = [pairs[index] for index in self._keys.argsort().tolist()]
        self._sizes = _sizes(by_length, max_tokens or math.inf, batch_size or math.inf)
        self._seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        self._drawn, self._epoch, self._batches = 0, -1, list[Tensor]()

    def settings(self) -> dict[str, Any]:
        """What shapes the batches, for a checkpoint: where they are cut, and the pairs that they are cut from."""
        content = torch.tensor([token for pair in self._pairs for side in pair for token in (*side, self._pad)])
        return {"sizes": checksum(torch.tensor(self._sizes)), "pairs": checksum(content)}

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self._sizes)

    def __iter__(self) -> "BucketedPairs":
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        epoch, place = divmod(self._drawn, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._shuffled(epoch)
        self._drawn += 1
        sources, targets = zip(*(self._pairs[index] for index in self._batches[place].tolist()), strict=True)
        return pad_to_longest(sources, self._pad), pad_to_longest(targets, self._pad)

    def _shuffled(self, epoch: int) -> list[Tensor]:
        """Shuffle the pairs, sort them by length again, cut, and shuffle the batches."""
        generator = torch.Generator().manual_seed(self._seed + epoch)
        order = torch.randperm(len(self._pairs), generator=generator)
        order = order[self._keys[order].argsort(stable=True)]
        batches = order.split(self._sizes)
        return [batches[index] for index in torch.randperm(len(batches), generator=generator)]

    def get_state(self) -> Int[Tensor, "2"]:
        """Return the place in the data: the seed, and how many batches have been drawn."""
        return torch.tensor([self._seed, self._drawn])

    def set_state(self, state: Int[Tensor, "2"]) -> None:
        """Go to a place in the data of the same pairs and limits."""
        self._seed, self._drawn = state.tolist()
        self._epoch = -1


def _width(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1])


def _sizes(pairs: Sequence[Pair], max_tokens: float, batch_size: float) -> list[int]:
    """Cut pairs in the order given: each batch takes as many as the limits admit."""
    sizes, source, target = [0], 0, 0
    for pair in pairs:
        source, target = max(source, len(pair[0])), max(target, len(pair[1]))
        if sizes[-1] == batch_size or (sizes[-1] + 1) * (source + target) > max_tokens:
            sizes.append(0)
            source, target = map(len, pair)
        sizes[-1] += 1
    return sizes


def _check(pairs: Sequence[Pair], pad: int, max_tokens: int | None, batch_size: int | None) -> None:
    if not pairs:
        raise ValueError("pairs are empty: there must be at least one to draw")
    if max_tokens is None and batch_size is None:
        raise ValueError("max_tokens and batch_size are both None: one of them must say how large a batch may be")
    for name, size in (("max_tokens", max_tokens), ("batch_size", batch_size)):
        if size is not None and size < 1:
            raise ValueError(f"{name}={size} must be at least 1")
    for index, pair in enumerate(pairs):
        for name, sequence in zip(("source", "target"), pair, strict=True):
            if not len(sequence):
                raise ValueError(f"pairs[{index}] has an empty {name}: leave the pair out")
            if pad in sequence:
                raise ValueError(f"pad={pad} must not be in the {name} of pairs[{index}]: it could not be told apart")
        if max_tokens is not None and _width(pair) > max_tokens:
            raise ValueError(
                f"max_tokens={max_tokens} must be at least the {_width(pair)} of pairs[{index}]: raise it, "
                "or leave the pair out"
            )
