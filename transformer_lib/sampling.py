"""From logits to one token: scale the distribution, cut its tail, draw.

A language model gives logits z over V tokens, and p = softmax(z / T) is what we draw from. The temperature T sharpens
(T < 1) or flattens (T > 1) it; the filters delete its unlikely tail by setting logits to -inf, so that the softmax
shares the deleted mass among what is left:

    top-k       keep the k likeliest (Fan et al. 2018, arXiv:1805.04833)
    top-p       keep the fewest that together reach p (Holtzman et al. 2020, arXiv:1904.09751)
    min-p       keep those with p_i >= p * max(p) (Nguyen et al. 2024, arXiv:2407.01082)
    repetition  push down what was said before (Keskar et al. 2019, arXiv:1909.05858)

Every function takes logits with the vocabulary last, (V,) or (B, V), and returns new ones.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def filter_top_k(logits: Float[Tensor, "*B V"], k: int) -> Float[Tensor, "*B V"]:
    """Keep the k likeliest tokens, and every token tied with the k-th.

    Args:
        logits: scores, floating point; -inf marks a token already removed.
        k: tokens to keep, at least 1; more than V keeps them all.

    Returns:
        The logits, with -inf where a token was removed.

    Raises:
        ValueError: if k is less than 1.
    """
    if k < 1:
        raise ValueError(f"top_k={k} must be at least 1: pass None to sample_next to keep every token")
    kth_best = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < kth_best, -math.inf)


def filter_top_p(logits: Float[Tensor, "*B V"], p: float) -> Float[Tensor, "*B V"]:
    """Keep the fewest likeliest tokens whose probabilities together reach p.

    The token that crosses p is kept, so at least one always is. Where tokens tie at the edge, only as many as are
    needed stay, the later ids first.

    Args:
        logits: scores, floating point; -inf marks a token already removed.
        p: probability mass to keep, 0 < p <= 1.

    Returns:
        The logits, with -inf where a token was removed.

    Raises:
        ValueError: if p is not in (0, 1].
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p={p} must be above 0 and at most 1: it is the probability mass to keep")
    ascending, ids = logits.sort(dim=-1, stable=True)
    # Summed from the unlikely end: a token goes if it and all below it fit in the 1 - p that may be lost.
    lost = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - p
    lost[..., -1] = False
    return logits.masked_fill(lost.scatter(-1, ids, lost), -math.inf)


def filter_min_p(logits: Float[Tensor, "*B V"], p: float) -> Float[Tensor, "*B V"]:
    """Keep the tokens at least p times as probable as the likeliest one.

    Args:
        logits: scores, floating point; -inf marks a token already removed.
        p: the fraction of the largest probability, 0 <= p <= 1; 0 keeps all, 1 only the likeliest and its ties.

    Returns:
        The logits, with -inf where a token was removed.

    Raises:
        ValueError: if p is not in [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"min_p={p} must be between 0 and 1: it is a fraction of the largest probability")
    probabilities = logits.softmax(dim=-1)
    return logits.masked_fill(probabilities < p * probabilities.amax(dim=-1, keepdim=True), -math.inf)


def penalize_repetition(
    logits: Float[Tensor, "*B V"], ids: Int[Tensor, "*B T"], penalty: float
) -> Float[Tensor, "*B V"]:
    """Divide the positive logits of tokens already seen by the penalty, and multiply their negative ones.

    A token is penalized once however often it was seen. Unlike the filters this depends on where zero is: adding a
    constant to all logits leaves their softmax alone, but changes what the penalty does.

    Args:
        logits: scores, floating point.
        ids: int64, the tokens seen so far, in the same rows as the logits.
        penalty: above 0; 1 changes nothing, above 1 discourages, below 1 encourages.

    Returns:
        The penalized logits.

    Raises:
        ValueError: if the penalty is not above 0, or an id is outside the vocabulary.
    """
    if not 0 < penalty < math.inf:
        raise ValueError(f"penalty={penalty} must be above 0 and finite: 1 changes nothing, above 1 discourages")
    vocab_size = logits.shape[-1]
    if ids.numel() and not (0 <= int(ids.min()) and int(ids.max()) < vocab_size):
        raise ValueError(f"ids must be in 0..{vocab_size - 1}, the columns of the logits: got {ids.min()}..{ids.max()}")
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    penalized = torch.where(logits < 0, logits * penalty, logits / penalty)
    return torch.where(seen, penalized, logits)


def next_token_probabilities(
    logits: Float[Tensor, "*B V"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Float[Tensor, "*B V"]:
    """Return the distribution that sample_next draws from.

    The temperature comes first, then top-k, top-p and min-p, each on what the one before has left.

    Args:
        logits: scores, floating point; -inf marks a token that must not be drawn.
        temperature: 1 leaves the distribution alone; 0 gives all of it to the likeliest token, the first among ties.
        top_k: see filter_top_k; None keeps every token.
        top_p: see filter_top_p; None keeps every token.
        min_p: see filter_min_p; None keeps every token.

    Returns:
        Probabilities that sum to 1 over the vocabulary.

    Raises:
        ValueError: if a setting is out of range, or a row of logits holds NaN or +inf or nothing but -inf.
    """
    largest, likeliest = _likeliest(logits, temperature)
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, likeliest, 1.0)
    logits = (logits - largest) / temperature  # the largest becomes 0, so that no small temperature overflows
    if top_k is not None:
        logits = filter_top_k(logits, top_k)
    if top_p is not None:
        logits = filter_top_p(logits, top_p)
    if min_p is not None:
        logits = filter_min_p(logits, min_p)
    return logits.softmax(dim=-1)


def sample_next(
    logits: Float[Tensor, "*B V"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "*B"]:
    """Draw one token from each row of logits.

    Args:
        logits: scores of the next token, (V,) or (B, V).
        temperature: see next_token_probabilities, as for top_k, top_p and min_p.
        top_k: tokens to keep.
        top_p: probability mass to keep.
        min_p: fraction of the largest probability to keep.
        generator: the source of randomness; None takes PyTorch's global one. Not used at temperature 0.

    Returns:
        int64 token ids: () for (V,), (B,) for (B, V).

    Raises:
        ValueError: as next_token_probabilities.
    """
    if temperature == 0:
        return _likeliest(logits, temperature)[1].squeeze(-1)
    probabilities = next_token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    return torch.multinomial(probabilities, num_samples=1, generator=generator).squeeze(-1)


def _likeliest(logits: Float[Tensor, "*B V"], temperature: float) -> tuple[Float[Tensor, "*B 1"], Int[Tensor, "*B 1"]]:
    """The largest logit of each row and where it first stands, once logits and temperature are found to be sound."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature={temperature} must be at least 0 and finite: 0 always takes the likeliest token")
    largest, where = logits.max(dim=-1, keepdim=True)  # NaN if the row holds one, -inf if every token was removed
    if not all(map(math.isfinite, largest.flatten().tolist())):
        raise ValueError("logits hold NaN or +inf, or a row of -inf only: each row must leave at least one token")
    return largest, where
