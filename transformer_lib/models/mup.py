"""Maximal update parametrization, muP: the learning rate that is best at one width is about the best at the others.

In a wider model each hidden feature sums more terms. A random sum of n terms grows with sqrt(n), but an update lines up
with its input, so that what it adds grows with n. Adam changes every weight by about the rate, whatever the width: at
one rate for all, a model four times as wide moves its features four times as far in a step. muP begins and steps each
weight so that features and logits move alike at every width. Beside a base of fan-in n_0, with r = n / n_0:

    weight                              standard deviation at the start    Adam's rate
    embeddings, biases, norms           as in the base                     lr
    hidden matrices                     divided by sqrt(r)                 lr / r
    the head                            divided by r                       lr / r
    w_q, besides                        divided by sqrt(r of d_head)       divided by the same

The last line makes scores q k / d_head, in place of its root. A factor c in front of a weight is nothing of its own to
Adam, whose step does not depend on the size of a gradient: it is the same as a weight that begins c times as large and
learns at c times the rate. So the factors of the logits and of the scores are put into the head and into w_q, and the
model itself stays as it is.

Source: Yang et al. 2022, arXiv:2203.03466, appendix B; its table 8 has a factor before the logits.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.attention import MultiHeadAttention


def begin_as_base(model: LanguageModel, base: LanguageModel) -> None:
    """Scale the fresh weights of a model, in place, to begin as muP has them beside a base.

    Args:
        model: As its builder made it, at any width, its head a matrix of its own; not yet trained.
        base: The same model at the width where the rate was chosen; only its shapes are read, so that it may be on
            PyTorch's meta device. Beside a base of its own width, nothing changes.

    Raises:
        ValueError: If the head is the embedding's matrix, or the two models differ in more than their widths.

    Example:

        >>> from transformer_lib.models.gpt import GPTConfig, gpt
        >>> sizes = {"vocab_size": 5, "context_length": 8, "n_layers": 1, "n_heads": 2, "tied": False}
        >>> base, wide = (gpt(GPTConfig(d_model=d, d_ff=4 * d, **sizes)) for d in (8, 128))
        >>> begin_as_base(wide, base)
        >>> [group["lr"] for group in mup_groups(wide, base, lr=0.016)]
        [0.016, 0.004, 0.001, 0.00025]
    """
    with torch.no_grad():
        for weight, begins, _ in _factors(model, base):
            weight.mul_(begins)


def mup_groups(model: LanguageModel, base: LanguageModel, lr: float) -> list[dict[str, Any]]:
    """Split a model's parameters by the rate that muP has for them, for Adam or AdamW.

    Args:
        model: As in `begin_as_base`.
        base: As in `begin_as_base`.
        lr: The rate of the base, which all of it has.

    Returns:
        Parameter groups for `torch.optim.AdamW(groups)`, the highest rate first.

    Raises:
        ValueError: As in `begin_as_base`.
    """
    by_rate: dict[float, list[Tensor]] = {}
    for weight, _, steps in _factors(model, base):
        by_rate.setdefault(lr * steps, []).append(weight)
    return [{"params": weights, "lr": rate} for rate, weights in sorted(by_rate.items(), reverse=True)]


def _factors(model: LanguageModel, base: LanguageModel) -> Iterator[tuple[Tensor, float, float]]:
    """Yield each parameter with the factors of its start and of its rate."""
    if isinstance(model.embedding.tokens, nn.Embedding) and model.head.weight is model.embedding.tokens.weight:
        raise ValueError(
            "model has a head that is the embedding's matrix: build it with tied=False, since muP steps the two at "
            "different rates"
        )
    bases = dict(base.named_modules())
    if [*bases] != [name for name, _ in model.named_modules()]:
        raise ValueError("base must be model at another width: build it with the same config but for its sizes")
    narrower = {}  # the maps that make queries, and by what factor their scores are smaller than the root makes them
    for name, module in model.named_modules():
        if isinstance(module, MultiHeadAttention):
            narrower[module.w_q] = math.sqrt(bases[name].d_head / module.d_head)
    for name, module in model.named_modules():
        for kind, weight in module.named_parameters(recurse=False):
            begins = steps = narrower.get(module, 1.0)
            if isinstance(module, nn.Linear) and kind == "weight":
                ratio = module.in_features / bases[name].in_features
                begins /= ratio if module is model.head else math.sqrt(ratio)
                steps /= ratio
            yield weight, begins, steps
