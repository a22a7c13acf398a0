"""Learning from a reward: the policy gradient, its baselines, and the clipped objective of PPO and GRPO.

For samples y of the policy itself, the gradient of the expected reward is

    grad E[r(y)] = E[(r(y) - b) grad ln pi(y)]        REINFORCE (Williams 1992); b, the baseline, must not depend on y

With K samples of each prompt, b can be the mean reward of the other K - 1: RLOO (Kool et al. 2019; Ahmadian et al.
2024, arXiv:2402.14740). GRPO (Shao et al. 2024, arXiv:2402.03300, section 4.1) takes the mean of all K,
divides by their standard deviation, and lets several steps learn from one batch of samples, in the clipped objective of
PPO (Schulman et al. 2017, arXiv:1707.06347, equation 7), with a penalty for leaving a reference policy.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def leave_one_out_advantages(rewards: Float[Tensor, "P K"]) -> Float[Tensor, "P K"]:
    """Each reward minus the mean of the K - 1 others of its prompt (RLOO).

    Args:
        rewards: Of K samples of each of P prompts.

    Raises:
        ValueError: If a prompt has a single sample, which has no others.
    """
    _check_groups(rewards)
    K = rewards.shape[1]
    return (rewards - rewards.mean(dim=1, keepdim=True)) * K / (K - 1)


def group_advantages(rewards: Float[Tensor, "P K"], *, eps: float = 1e-4) -> Float[Tensor, "P K"]:
    """Each reward minus the mean of its prompt's rewards, divided by their standard deviation (GRPO).

    Args:
        rewards: Of K samples of each of P prompts.
        eps: Added to the standard deviation, so that K equal rewards have advantages of 0.

    Raises:
        ValueError: If a prompt has a single sample, which deviates from nothing.
    """
    _check_groups(rewards)
    return (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + eps)


def reinforce_loss(log_probs: Float[Tensor, "B N"], advantages: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """The number whose gradient is minus REINFORCE's estimate; its own value says nothing.

    Args:
        log_probs: ln pi of each token of samples that this policy has just drawn, with a gradient.
        advantages: The reward of each sample, less a baseline; no gradient passes through it.
    """
    return -(advantages.detach() * log_probs.sum(dim=1)).mean()


def kl_estimates(log_probs: Float[Tensor, "B N"], reference: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Estimate KL(pi || pi_ref) at each token that pi drew: u - 1 - ln u, u = pi_ref / pi, which is never negative.

    The mean over pi's samples is the divergence (Schulman 2020, "Approximating KL divergence"; Shao et al. 2024,
    equation 4). As part of a loss its gradient is another one's: on samples of pi itself, that of KL(pi_ref || pi).

    Args:
        log_probs: ln pi of each token, in nats.
        reference: ln pi_ref of the same tokens.
    """
    log_u = reference - log_probs
    return log_u.exp() - 1 - log_u


def grpo_loss(
    log_probs: Float[Tensor, "B N"],
    sampled: Float[Tensor, "B N"],
    advantages: Float[Tensor, " B"],
    *,
    clip: float = 0.2,
    reference: Float[Tensor, "B N"] | None = None,
    beta: float = 0.0,
) -> Float[Tensor, ""]:
    """Minus GRPO's objective: the mean over tokens of min(ratio A, clipped ratio A) - beta KL.

    The ratio pi / pi_old of a token says how far the policy has come since it drew the samples. Where it has passed
    1 + clip on a token with A > 0, or 1 - clip with A < 0, the token has no gradient any more.

    Args:
        log_probs: ln pi of each token, with a gradient; all samples have N tokens.
        sampled: ln pi_old of the same tokens, as they were when they were drawn.
        advantages: One for each sample: see `group_advantages`.
        clip: How far a ratio may leave 1; `math.inf` clips nothing.
        reference: ln pi_ref of the tokens; needed if beta is not 0.
        beta: Weight of the divergence from the reference.

    Raises:
        ValueError: If clip is not positive, or beta has no reference.
    """
    if clip <= 0:
        raise ValueError(f"clip={clip} must be positive: a ratio that may not move from 1 has no gradient")
    if beta and reference is None:
        raise ValueError(f"beta={beta} needs a reference: pass its log-probabilities, or beta=0")
    ratio = (log_probs - sampled.detach()).exp()
    A = advantages.detach()[:, None]
    objective = torch.minimum(ratio * A, ratio.clamp(1 - clip, 1 + clip) * A)
    if reference is not None and beta:
        objective = objective - beta * kl_estimates(log_probs, reference.detach())
    return -objective.mean()


def pass_at_k(probabilities: Float[Tensor, " P"], k: int) -> Float[Tensor, ""]:
    """The mean probability that at least one of k independent samples is right, 1 - (1 - p)^k.

    Args:
        probabilities: That one sample is right, of each prompt.
        k: Samples, at least 1.

    Raises:
        ValueError: If k is less than 1.
    """
    if k < 1:
        raise ValueError(f"k={k} must be at least 1: without a sample nothing can be right")
    return (1 - (1 - probabilities.double()) ** k).mean()


def _check_groups(rewards: Tensor) -> None:
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise ValueError(
            f"rewards of shape {tuple(rewards.shape)} must be (prompts, samples of each), with at least two samples: "
            "they are compared with each other"
        )
