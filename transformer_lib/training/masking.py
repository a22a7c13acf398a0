"""Masked language modelling: some of the tokens are hidden, and those are what BERT learns to guess.

Devlin et al. (2019, section 3.1 and appendix A.1) choose 15% of the tokens at random. What
was there is the label; what the model sees there is

    [MASK] 80%,   a random token 10%,   the token itself 10%

of the time. Everywhere else there is no label.
"""

from collections.abc import Collection

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

    Example:

        >>> inputs, labels = mask_tokens(
        ...     torch.arange(4, 12)[None],
        ...     mask=3,
        ...     special=[3],
        ...     vocab_size=12,
        ...     generator=torch.Generator().manual_seed(0),
        ... )
        >>> bool(((labels == IGNORE) | (labels == torch.arange(4, 12))).all())
        True
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate} must be between 0 and 1: it is the probability of being chosen")
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(
            f"shares={shares} must be at least 0 and add up to 1: [MASK], a random token, the token itself"
        )
    device = tokens.device
    never = torch.tensor(sorted(special), dtype=torch.int64, device=device)
    ordinary = torch.ones(vocab_size, dtype=torch.bool, device=device)
    ordinary = ordinary.index_fill(0, never, False).nonzero().squeeze(1)
    if not len(ordinary):
        raise ValueError(f"special={sorted(special)} must leave some of the vocab_size={vocab_size} tokens to draw")

    def uniform() -> Tensor:
        return torch.rand(tokens.shape, generator=generator, device=generator.device).to(device)

    chosen = (uniform() < rate) & ~torch.isin(tokens, never)
    lot = uniform()
    picks = torch.randint(len(ordinary), tokens.shape, generator=generator, device=generator.device)
    drawn = ordinary[picks.to(device)]
    inputs = torch.where(chosen & (lot < shares[0]), mask, tokens)
    inputs = torch.where(chosen & (lot >= shares[0]) & (lot < shares[0] + shares[1]), drawn, inputs)
    return inputs, torch.where(chosen, tokens, IGNORE)
