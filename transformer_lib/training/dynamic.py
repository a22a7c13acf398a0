"""Dynamic evaluation: a model that goes on learning from the text while it is scored on it.

The text is read in the windows of evaluation.py. A stretch s_i of it is scored, and only then does a copy of the model
take a step of gradient descent on it, so that no token is scored by a model that has learned from it:

    score s_i with theta_{i-1},    theta_i = theta_{i-1} - eta g_i / (RMS(g) + eps),    g_i = grad L(s_i; theta_{i-1})

RMS(g) is the root mean square of each weight's gradient on the training text, so that a weight which is seldom moved is
moved as far as others when its turn comes; without it, the step is g_i itself.

Krause, Kahembwe, Murray & Renals 2018, "Dynamic evaluation of neural sequence models" (arXiv:1709.07432), section 5,
where the weights are also pulled back to where they began. Here they are not.
"""

import copy
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.training.evaluation import score_in_order
from transformer_lib.training.losses import cross_entropy
from transformer_lib.training.placement import device_of

EPSILON = 1e-5  # well below most gradients of a mean loss, above those of weights that the training text hardly moves


def dynamic_token_nll(
    model: nn.Module,
    tokens: Int[Tensor, " N"],
    *,
    rate: float,
    length: int,
    overlap: int = 0,
    batch_size: int = 1,
    rms: Sequence[Tensor] | None = None,
) -> Float[Tensor, " N"]:
    """Return -ln p of each token given the ones before it, by a model that has also learned from those.

    Args:
        model: As in token_nll. A copy of it learns, without dropout; the model stays as it is.
        tokens: As in token_nll. The model learns from them in their order.
        rate: eta, the size of a step; with 0 the scores are those of token_nll. Of the order of 0.1 without an RMS, and
            of 0.0003 with one.
        length: As in token_nll. A step is taken on the last `length` tokens that were scored.
        overlap: As in token_nll.
        batch_size: Windows scored between two steps. A step comes every batch_size * (length - overlap) tokens; where
            that is more than `length`, the model does not learn from all of them.
        rms: What gradient_rms returns for this model; None divides no gradient.

    Returns:
        float64 on the CPU, in nats.

    Raises:
        ValueError: If the rate is negative, or so large that the loss is no longer finite; if no parameter is trained,
            or the RMS is not of those that are; and as in token_nll.
    """
    if rate < 0:
        raise ValueError(f"rate={rate} must not be negative: with 0 the model stays as it is")
    learner = copy.deepcopy(model).eval()
    weights = _trained(learner)
    if rms is not None and [x.shape for x in rms] != [weight.shape for weight in weights]:
        raise ValueError("rms must be that of the parameters of model that are trained: call gradient_rms(model, …)")
    tokens = tokens.to(device_of(model))
    scores: list[Tensor] = []
    n_scored = 0
    for nats in score_in_order(learner, tokens, length=length, overlap=overlap, batch_size=batch_size):
        scores.append(nats)
        n_scored += len(nats)
        read = tokens[max(0, n_scored - length - 1) : n_scored]
        if rate == 0 or len(read) < 2:
            continue
        loss = cross_entropy(learner(read[None, :-1])[0], read[1:])
        if not loss.isfinite():
            raise ValueError(f"rate={rate} is too large: the loss was {loss:.3g} after {n_scored} tokens")
        steps: Iterable[Tensor] = torch.autograd.grad(loss, weights, materialize_grads=True)
        if rms is not None:
            steps = (gradient / (x + EPSILON) for gradient, x in zip(steps, rms, strict=True))
        with torch.no_grad():
            for weight, step in zip(weights, steps, strict=True):
                weight.sub_(step, alpha=rate)
    return torch.cat(scores)


def dynamic_evaluate(
    model: nn.Module,
    tokens: Int[Tensor, " N"],
    *,
    rate: float,
    length: int,
    overlap: int = 0,
    batch_size: int = 1,
    rms: Sequence[Tensor] | None = None,
) -> float:
    """Mean of -ln p over a text, in nats per token: see dynamic_token_nll, which takes the same arguments."""
    nats = dynamic_token_nll(model, tokens, rate=rate, length=length, overlap=overlap, batch_size=batch_size, rms=rms)
    return float(nats.mean())


def gradient_rms(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Return sqrt(mean g^2) of each weight's gradient g, over batches of the text that the model was trained on.

    Args:
        model: A copy of it is asked, without dropout.
        batches: Inputs and targets, (B, T) each, such as the first of `random_windows`; one window a batch gives the
            gradients that dynamic_token_nll will meet.

    Returns:
        One tensor for each parameter that is trained.

    Raises:
        ValueError: If there is no batch, or no parameter is trained.
    """
    asked = copy.deepcopy(model).eval()
    weights, device = _trained(asked), device_of(model)
    squares, n = [torch.zeros_like(weight) for weight in weights], 0
    for inputs, targets in batches:
        n += 1
        loss = cross_entropy(asked(inputs.to(device)), targets.to(device))
        for square, gradient in zip(squares, torch.autograd.grad(loss, weights, materialize_grads=True), strict=True):
            square += gradient**2
    if not n:
        raise ValueError("batches are empty: draw some from the training text")
    return [(square / n).sqrt() for square in squares]


def _trained(model: nn.Module) -> list[nn.Parameter]:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError("model has no parameter that is trained: call model.requires_grad_(True)")
    return weights
