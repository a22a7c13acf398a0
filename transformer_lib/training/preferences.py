"""Learning from comparisons: Direct Preference Optimization (Rafailov et al. 2023, arXiv:2305.18290).

A judge saw two continuations y of a prompt x and preferred y_w to y_l. The policy pi that maximizes a reward r while it
stays near a reference, E[r] - beta KL(pi || pi_ref), is pi_ref exp(r / beta) / Z(x) (their equation 4). Solved for r
and put into Bradley and Terry's probability of a preference, sigma(r_w - r_l), the normalizer Z cancels (equation 7):

    loss = -ln sigma(beta ln(pi(y_w | x) / pi_ref(y_w | x)) - beta ln(pi(y_l | x) / pi_ref(y_l | x)))
"""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


def continuation_log_probs(model: nn.Module, tokens: Int[Tensor, "B T"], start: int) -> Float[Tensor, "B N"]:
    """Return ln p of each token from `start` on, given all tokens before it.

    Args:
        model: Causal, from tokens (B, T) to logits (B, T, V).
        tokens: Prompts of `start` tokens, and their continuations.
        start: Where the continuations begin, from 1 to T - 1: the first token has nothing before it to predict it from.

    Returns:
        (B, T - start), in nats; a row's sum is the log-probability of the continuation.

    Raises:
        ValueError: If there is no prompt or no continuation.
    """
    if not 1 <= start < tokens.shape[1]:
        raise ValueError(
            f"start={start} must be in 1..{tokens.shape[1] - 1} for tokens of shape {tuple(tokens.shape)}: "
            "a prompt of at least one token, and at least one token after it"
        )
    logits = model(tokens[:, :-1])[:, start - 1 :]
    return -F.cross_entropy(logits.mT, tokens[:, start:], reduction="none")


def dpo_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    reference_chosen: Float[Tensor, " B"],
    reference_rejected: Float[Tensor, " B"],
    *,
    beta: float,
) -> Float[Tensor, ""]:
    """Mean of -ln sigma(beta times the margin): how much more than the reference the policy prefers the chosen texts.

    Args:
        chosen: The policy's log-probability of each preferred continuation, summed over its tokens, in nats.
        rejected: The same for the continuations that lost.
        reference_chosen: The frozen reference's log-probabilities of the preferred ones.
        reference_rejected: And of those that lost.
        beta: Price of a nat of distance from the reference, in units of the reward; larger stays nearer.

    Returns:
        Nats per pair, a scalar; ln 2 where the policy is the reference.

    Raises:
        ValueError: If beta is not positive.

    Example:

        >>> import torch
        >>> same = torch.tensor([-40.0, -50.0])
        >>> dpo_loss(same, same, same, same, beta=0.1)
        tensor(0.6931)
    """
    if beta <= 0:
        raise ValueError(f"beta={beta} must be positive: it divides the reward that the policy stands for")
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -F.logsigmoid(beta * margin).mean()
