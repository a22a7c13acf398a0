"""What BERT trains on: passages with some of their tokens hidden, and pairs of passages that may not belong together.

Masked language modelling (Devlin et al. 2019, section 3.1 and appendix A.1) chooses 15% of the tokens at random. What
was there is the label; what the model sees there is

    [MASK] 80%,   a random token 10%,   the token itself 10%

of the time. Everywhere else there is no label. Next-sentence prediction gives the model [CLS] A [SEP] B [SEP], where B
follows A in half of the pairs and comes from anywhere in the other half.
"""

from collections.abc import Collection, Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

IGNORE = -100  # the label of what is not to be predicted, as in PyTorch's cross_entropy


def mask_tokens(
    tokens: Int[Tensor, "B T"],
    *,
    mask: int,
    special: Collection[int],
    vocab_size: int,
    generator: torch.Generator,
    rate: float = 0.15,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """Hide tokens at random, and say which token belongs where one was hidden.

    Args:
        tokens: Their ids; left alone.
        mask: The id of [MASK].
        special: Ids that are never chosen, and never stand in for another: [CLS], [SEP], [PAD], [MASK].
        vocab_size: V; a random token is drawn from all that are not special.
        generator: The source of all draws.
        rate: The probability that a token is chosen.
        shares: Of the chosen ones, how many become [MASK], how many a random token, and how many stay.

    Returns:
        (inputs, labels): what the model reads, and the token where one was chosen, IGNORE everywhere else.

    Raises:
        ValueError: If the rate or a share is out of range, or nothing is left to draw from.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate} must be between 0 and 1: it is the probability of being chosen")
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(
            f"shares={shares} must be at least 0 and add up to 1: [MASK], a random token, the token itself"
        )
    never = torch.tensor(sorted(special), dtype=torch.int64)
    ordinary = torch.ones(vocab_size, dtype=torch.bool).index_fill(0, never, False).nonzero().squeeze(1)
    if not len(ordinary):
        raise ValueError(f"special={sorted(special)} must leave some of the vocab_size={vocab_size} tokens to draw")
    chosen = (torch.rand(tokens.shape, generator=generator) < rate) & ~torch.isin(tokens, never)
    lot = torch.rand(tokens.shape, generator=generator)
    drawn = ordinary[torch.randint(len(ordinary), tokens.shape, generator=generator)]
    inputs = torch.where(chosen & (lot < shares[0]), mask, tokens)
    inputs = torch.where(chosen & (lot >= shares[0]) & (lot < shares[0] + shares[1]), drawn, inputs)
    return inputs, torch.where(chosen, tokens, IGNORE)


class Lines:
    """Lines of a text, one after the other, to draw passages from that begin where a line begins.

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
                yield self.starts[torch.randint(usable, (batch_size, 1), generator=generator)]

        return draw()

    def passages(self, length: int, batch_size: int, generator: torch.Generator) -> Iterator[Int[Tensor, "B T"]]:
        """Draw passages for ever, every line as likely to begin one.

        Args:
            length: Tokens in a passage; it ends wherever they do.
            batch_size: Passages in a batch.
            generator: The source of the starts.

        Raises:
            ValueError: If the sizes do not fit the text.
        """
        offsets = torch.arange(length)
        return (self.tokens[start + offsets] for start in self._starts(length, batch_size, generator))

    def pairs(
        self, length: int, batch_size: int, generator: torch.Generator, *, cls: int, sep: int
    ) -> Iterator[tuple[Int[Tensor, "B T"], Int[Tensor, "B T"], Int[Tensor, " B"]]]:
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
                goal = start + torch.randint(1, room, start.shape, generator=generator)
                line = torch.searchsorted(self.starts, goal, right=True)  # the first line after the goal, and before it
                after, before = self.starts[line.clamp(max=len(self.starts) - 1)], self.starts[line - 1]
                cut = torch.where(before > start, before, goal)
                cut = torch.where((after > goal) & (after < start + room), after, cut)
                random_next = torch.randint(2, start.shape, generator=generator)
                follows = torch.where(random_next == 1, next(starts), cut)
                middle = cut - start + 1  # the column of the first [SEP]
                source = torch.where(column < middle, start + column - 1, follows + column - middle - 1)
                rows = self.tokens[source.clamp(0, len(self.tokens) - 1)]
                rows = rows.masked_fill((column == middle) | (column == length - 1), sep).masked_fill(column == 0, cls)
                yield rows, (column > middle).long(), random_next.squeeze(1)

        return draw()
