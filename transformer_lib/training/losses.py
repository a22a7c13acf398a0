"""What training lowers: the mean of -ln p over the tokens to predict, in nats.

Label smoothing (Szegedy et al. 2016, arXiv:1512.00567, section 7; Vaswani et al. 2017, section 5.4) moves a share eps
of each target's probability to the V tokens alike, so that no logit gains by growing for ever:

    q(v) = (1 - eps) [v = target] + eps / V,        loss = -sum_v q(v) ln p(v) = KL(q || p) + H(q)

The loss is then never 0: its least value is the entropy of q.
"""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.masks import padding_mask
from transformer_lib.training.masking import IGNORE


def cross_entropy(
    logits: Float[Tensor, "*B V"], targets: Int[Tensor, "*B"], *, ignore: int | None = None, smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Mean of -ln softmax(logits)[target] over the targets, which may be smoothed.

    Args:
        logits: Scores of the next token, with the vocabulary last.
        targets: int64, the tokens that did come next.
        ignore: A target that is not scored, such as padding; None scores all.
        smoothing: The share of a target's probability that is spread over the vocabulary, from 0 to 1.

    Returns:
        Nats per scored token, a scalar.

    Raises:
        ValueError: If there is nothing to score, or the smoothing is out of range.

    Example:

        >>> import torch
        >>> cross_entropy(torch.zeros(1, 2, 4), torch.tensor([[0, 3]]))  # ln 4: four tokens alike
        tensor(1.3863)
    """
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing={smoothing} must be between 0 and 1: it is a share of the target's probability")
    scored = targets.numel() if ignore is None else int((targets != ignore).sum())
    if not scored:
        raise ValueError(f"targets of shape {tuple(targets.shape)} hold nothing to score: every one equals {ignore=}")
    ignore_index = -100 if ignore is None else ignore
    return F.cross_entropy(
        logits.flatten(end_dim=-2), targets.flatten(), ignore_index=ignore_index, label_smoothing=smoothing
    )


def next_token_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Float[Tensor, ""]:
    """Cross-entropy of a language model on (inputs, targets), both (B, T), the targets one token ahead.

    Args:
        model: From tokens (B, T) to logits (B, T, V).
        batch: (inputs, targets).
    """
    inputs, targets = batch
    return cross_entropy(model(inputs), targets)


def translation_loss(
    model: nn.Module, batch: tuple[Int[Tensor, "B S"], Int[Tensor, "B T"]], *, pad: int, smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Cross-entropy of an encoder-decoder that is told the right beginning at each position (teacher forcing).

    The decoder reads the target without its last token and is scored on the target without its first: from begin it
    predicts the first word, and from the last word end. Its causal mask is all it needs, though targets are padded:
    padding stands at the end, where only positions that are not scored can see it. The encoder sees both ways, so the
    padding of the source must be masked. For `train`, fix the settings: `functools.partial(translation_loss, pad=0)`.

    Args:
        model: An EncoderDecoder.
        batch: Token ids of the sources and of the targets, each target begin … end, both padded at the end.
        pad: The id of padding.
        smoothing: See cross_entropy.

    Returns:
        Nats per target token, begin and padding not counted, a scalar.

    Raises:
        ValueError: If there is nothing to score, or the smoothing is out of range.
    """
    source, target = batch
    source_mask = padding_mask((source != pad).sum(dim=1), source.shape[1])
    logits = model(source, target[:, :-1], source_mask=source_mask)
    return cross_entropy(logits, target[:, 1:], ignore=pad, smoothing=smoothing)


def masked_token_loss(model: nn.Module, batch: tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]) -> Float[Tensor, ""]:
    """Cross-entropy of a MaskedLanguageModel where a label stands; its head, the costliest layer, runs only there.

    Args:
        model: What `bert` builds.
        batch: (inputs, labels), as `mask_tokens` returns them; one segment.

    Returns:
        Nats per chosen token, a scalar.

    Raises:
        ValueError: If no token was chosen.
    """
    inputs, labels = batch
    chosen = _chosen(labels)
    return cross_entropy(model(inputs, at=chosen), labels.flatten()[chosen])


def pre_training_loss(
    model: nn.Module,
    batch: tuple[Int[Tensor, "B T"], Int[Tensor, "B T"], Int[Tensor, "B T"], Int[Tensor, " B"]],
) -> Float[Tensor, ""]:
    """The sum of BERT's two cross-entropies: of the chosen tokens, and of whether B follows A.

    Args:
        model: What `bert_for_pre_training` builds.
        batch: (inputs, labels, segments, random_next): see `mask_tokens` and `PassageSampler.pairs`.

    Returns:
        Nats per chosen token plus nats per pair, a scalar.

    Raises:
        ValueError: If no token was chosen.
    """
    inputs, labels, segments, random_next = batch
    chosen = _chosen(labels)
    tokens, sentence = model(inputs, segments=segments, at=chosen)
    return cross_entropy(tokens, labels.flatten()[chosen]) + cross_entropy(sentence, random_next)


def _chosen(labels: Int[Tensor, "B T"]) -> Int[Tensor, " N"]:
    """Where labels stand, counted through the batch."""
    return (labels.flatten() != IGNORE).nonzero().squeeze(1)
