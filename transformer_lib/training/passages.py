"""Passages of a text, and pairs of them that belong together or not: what BERT reads.

Next-sentence prediction (Devlin et al. 2019, section 3.1) gives the model [CLS] A [SEP] B [SEP], where B follows A in
half of the pairs and comes from anywhere in the other half.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.training.batches import Batches
from transformer_lib.training.files import checksum


class PassageSampler:
    """Draws passages of a text that begin where one of its lines begins, and pairs of them.

    Nothing is drawn before it is asked for, so the generator's state is the place in the data.

    Args:
        lines: Token ids of each line, in order.

    Raises:
        ValueError: If there is no line, or an empty one.
    """

    def __init__(self, lines: Sequence[Sequence[int]]) -> None:
        if not lines or not all(map(len, lines)):
            raise ValueError("lines must be some, and none of them empty: leave empty lines out")
        lengths = torch.tensor([len(line) for line in lines])
        self.tokens = torch.tensor([token for line in lines for token in line])
        self.starts = lengths.cumsum(0) - lengths

    def _starts(self, length: int, batch_size: int, generator: torch.Generator) -> Iterator[Int[Tensor, "B 1"]]:
        """Draw for ever where passages of `length` tokens begin."""
        for name, size in (("length", length), ("batch_size", batch_size)):
            if size < 1:
                raise ValueError(f"{name}={size} must be at least 1")
        if length > len(self.tokens):
            raise ValueError(f"length={length} must be at most the {len(self.tokens)} tokens of the text: shorten it")
        usable = int(torch.searchsorted(self.starts, len(self.tokens) - length, right=True))

        def draw() -> Iterator[Tensor]:
            while True:
                yield self.starts[_integers(usable, (batch_size, 1), generator)]

        return draw()

    def passages(self, length: int, batch_size: int, generator: torch.Generator) -> Batches[Int[Tensor, "B T"]]:
        """Draw passages for ever, every line as likely to begin one.

        Args:
            length: Tokens in a passage; it ends wherever they do.
            batch_size: Passages in a batch.
            generator: The source of the starts.

        Raises:
            ValueError: If the sizes do not fit the text.
        """
        offsets = torch.arange(length)
        draws = (self.tokens[start + offsets] for start in self._starts(length, batch_size, generator))
        return Batches(draws, lambda: self._settings("passages", length, batch_size))

    def pairs(
        self, length: int, batch_size: int, generator: torch.Generator, *, cls: int, sep: int
    ) -> Batches[tuple[Int[Tensor, "B T"], Int[Tensor, "B T"], Int[Tensor, " B"]]]:
        """Draw pairs for ever: [CLS] A [SEP] B [SEP], B the lines after A or, half of the time, lines from anywhere.

        A and B begin where a line begins, and A ends where one ends, unless its first line is longer than it may be.

        Args:
            length: T, tokens in a row, the three special ones included.
            batch_size: Pairs in a batch.
            generator: The source of all draws.
            cls: The id of [CLS].
            sep: The id of [SEP].

        Returns:
            An endless iterator of (tokens, segments, random_next): segments are 0 up to the first [SEP] and 1 after
            it; random_next is 1 where B was drawn at random, 0 where it follows A, as BERT's classes are numbered.

        Raises:
            ValueError: If the sizes do not fit the text.
        """
        room = length - 3
        if room < 2:
            raise ValueError(f"length={length} must be at least 5: [CLS], [SEP], [SEP] and a token for each passage")
        column = torch.arange(length)
        starts = self._starts(room, batch_size, generator)

        def draw() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
            while True:
                start = next(starts)
                goal = start + 1 + _integers(room - 1, start.shape, generator)
                line = torch.searchsorted(self.starts, goal, right=True)  # the first line after the goal, and before it
                after, before = self.starts[line.clamp(max=len(self.starts) - 1)], self.starts[line - 1]
                cut = torch.where(before > start, before, goal)
                cut = torch.where((after > goal) & (after < start + room), after, cut)
                random_next = _integers(2, start.shape, generator)
                follows = torch.where(random_next == 1, next(starts), cut)
                middle = cut - start + 1  # the column of the first [SEP]
                source = torch.where(column < middle, start + column - 1, follows + column - middle - 1)
                rows = self.tokens[source.clamp(0, len(self.tokens) - 1)]
                rows = rows.masked_fill((column == middle) | (column == length - 1), sep).masked_fill(column == 0, cls)
                yield rows, (column > middle).long(), random_next.squeeze(1)

        return Batches(draw(), lambda: self._settings("pairs", length, batch_size))

    def _settings(self, kind: str, length: int, batch_size: int) -> dict[str, int | str]:
        text = checksum(torch.cat((self.tokens, self.starts)))
        return {"kind": kind, "length": length, "batch_size": batch_size, "text": text}


def _integers(below: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Whole numbers from 0 on, drawn where the generator is and kept on the CPU, as the text is."""
    return torch.randint(below, tuple(shape), generator=generator, device=generator.device).cpu()
