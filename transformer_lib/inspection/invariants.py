"""Invariants of a model: what must hold whatever its weights, and a likely cause where it does not."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transformer_lib.architectures import LanguageModel
from transformer_lib.inspection.matching import Tolerance
from transformer_lib.inspection.probing import Forward, draw_tokens, in_evaluation, seeded


def dependency_mask(forward: Forward, inputs: Tensor, *, seed: int = 0) -> Bool[Tensor, "T T"]:
    """Which inputs each output depends on, found by changing one input at a time.

    Args:
        forward: From inputs (1, T, …) to outputs (1, T, …), without randomness.
        inputs: One sequence, int64 tokens (T,) or vectors (T, D).
        seed: Of the changes to vectors.

    Returns:
        True at [i, j] where output i changes with input j: a mask as it works, rather than as it was meant.

    Example:

        >>> dependency_mask(lambda x: x.cumsum(dim=1), torch.eye(3)).int()  # a sum of what came before
        tensor([[1, 0, 0],
                [1, 1, 0],
                [1, 1, 1]], dtype=torch.int32)
    """
    T = len(inputs)
    changed = inputs.repeat(T, *[1] * inputs.ndim)  # copy j has input j changed
    own = torch.arange(T, device=inputs.device)
    if inputs.is_floating_point():
        changed[own, own] += torch.randn(inputs.shape, generator=seeded(seed), device="cpu").to(inputs)
    else:
        other = inputs.roll(1)  # ids known to be in the vocabulary
        changed[own, own] = torch.where(other != inputs, other, (inputs == 0).long())
    with torch.no_grad():
        plain = forward(inputs[None])[0]
        effects = [(forward(copy[None])[0] - plain).flatten(start_dim=1).abs().amax(dim=1) for copy in changed]
    effect = torch.stack(effects, dim=1)  # (T outputs, T inputs)
    noise = 100 * torch.finfo(plain.dtype).eps * plain.abs().max()
    return (effect > noise) | effect.isnan()


def assert_causal(model: Forward, inputs: Tensor | None = None, *, seed: int = 0) -> None:
    """Check that no output depends on an input after it.

    Args:
        model: A LanguageModel, or any function from inputs (1, T, …) to outputs (1, T, …).
        inputs: One sequence, tokens (T,) or vectors (T, D); None draws tokens for a LanguageModel.
        seed: Of what is drawn.

    Raises:
        AssertionError: If the future leaks, with the positions and the likely cause.
    """
    if inputs is None:
        longer_than_layers = 8 + (len(model.blocks) if isinstance(model, LanguageModel) else 0)
        inputs = draw_tokens(model, longer_than_layers, seed)[0]
    with in_evaluation(model):
        seen = dependency_mask(model, inputs, seed=seed)
    future = torch.ones_like(seen).triu(1)
    leaks = (seen & future).nonzero().tolist()
    if leaks:
        query, key = leaks[0]
        raise AssertionError(
            f"output {query} changes with input {key}, which comes after it ({len(leaks)} such pairs of "
            f"{int(future.sum())}). Likely cause: {_cause_of_leak(seen, future)}"
        )


def _cause_of_leak(seen: Tensor, future: Tensor) -> str:
    leaks = seen & future
    if torch.equal(leaks, future):
        if len(seen) > 2 and not (seen & future.mT).any():
            return "positions see what follows and nothing before: the mask is inverted or transposed"
        return "every position sees all of the future: no mask reached the attention, or something mixes positions"
    reach = int(leaks[0].sum())
    if torch.equal(leaks, future.tril(reach)):
        return (
            f"each position sees {reach} too far: the mask is shifted by one (tril(1) for tril(0)) in {reach} layers, "
            f"or by {reach} in one"
        )
    return "some of the future is seen: look at how the mask is built for these positions"


def assert_cache_exact(
    model: LanguageModel,
    tokens: Int[Tensor, "B T"] | None = None,
    *,
    chunks: Sequence[int] = (3, 1, 2, 1, 1),
    seed: int = 0,
) -> None:
    """Check that reading a text in chunks with a cache gives the logits of reading it whole.

    Args:
        model: In any dtype; the tolerance follows it.
        tokens: The text; None draws one.
        chunks: Lengths of the chunks, which sum to T.
        seed: Of what is drawn.

    Raises:
        AssertionError: At the first position that differs, with the likely cause.
        ValueError: If the chunks do not sum to T, or the text is longer than the context.
    """
    tokens = draw_tokens(model, sum(chunks), seed) if tokens is None else tokens
    if sum(chunks) != tokens.shape[1] or min(chunks) < 1:
        raise ValueError(
            f"chunks={tuple(chunks)} must be positive and sum to T={tokens.shape[1]}: cut the text up whole"
        )
    with in_evaluation(model), torch.no_grad():
        whole = model(tokens)
        tolerance = Tolerance.of(whole)
        parts = _read_in_chunks(model, tokens, chunks)
        differs = ~tolerance.close(parts, whole).all(dim=-1).all(dim=0)  # (T,)
        if differs.any():
            first, gap = int(differs.nonzero()[0]), (parts - whole).abs().max()
            raise AssertionError(
                f"with a cache the logits differ from position {first} on, by up to {gap:.3g}. "
                f"Likely cause: {_cause_of_cache(model, tokens, chunks, lambda x: tolerance.same(x, whole))}"
            )


def _read_in_chunks(
    model: LanguageModel, tokens: Tensor, chunks: Sequence[int], *, positions: Tensor | None = None
) -> Tensor:
    cache = model.new_cache(tokens.shape[1])
    parts, start = [], 0
    for part in tokens.split(list(chunks), dim=1):
        end = start + part.shape[1]
        try:
            parts.append(model(part, cache=cache, positions=None if positions is None else positions[start:end]))
        except RuntimeError:  # a cache that returns more or fewer keys than it holds does not fit the mask
            parts.append(torch.full((*part.shape, model.vocab_size), torch.nan, device=part.device))
        start = end
    return torch.cat(parts, dim=1)


def _cause_of_cache(
    model: LanguageModel, tokens: Tensor, chunks: Sequence[int], right: Callable[[Tensor], bool]
) -> str:
    """Found by experiment: which way of reading is still right?"""
    T = tokens.shape[1]
    if right(_read_in_chunks(model, tokens, chunks, positions=torch.arange(T, device=tokens.device))):
        return "with the positions given all is right: those counted on from the cache are wrong (do they start again?)"
    if not right(_read_in_chunks(model, tokens, [T])):
        return "even one chunk differs, where the cache is empty before: appending changes what attention sees"
    if right(_read_in_chunks(model, tokens, [1] * T)):
        return "token by token all is right: with more, the mask must take the queries as the last T of the S positions"
    return "keys or values of the past are wrong: kept in another order, overwritten, or turned by other positions"


def assert_permutation_equivariant(module: Forward, x: Float[Tensor, "B T D"], *, seed: int = 0) -> None:
    """Check that permuted inputs give the same outputs, permuted: that nothing tells one position from another.

    Self-attention without a mask and without positions is so. Adding either must make this fail.

    Args:
        module: From (B, T, D) to (B, T, D).
        x: The inputs, at least two positions.
        seed: Of the permutation.

    Raises:
        AssertionError: With the position that changes most, and the likely cause.
        ValueError: If there is one position, and so one order.
    """
    T = x.shape[1]
    if T < 2:
        raise ValueError(f"x of shape {tuple(x.shape)} must have two positions at least: one comes in one order")
    identity, generator = torch.arange(T, device="cpu"), seeded(seed)
    order = identity
    while torch.equal(order, identity):
        order = torch.randperm(T, generator=generator, device="cpu")
    with in_evaluation(module), torch.no_grad():
        before, after = module(x)[:, order], module(x[:, order])
    if Tolerance.of(before).same(after, before):
        return
    gap = (after - before).abs().flatten(start_dim=2).amax(dim=(0, 2))
    where = int(gap.argmax())
    raise AssertionError(
        f"with the inputs in the order {order.tolist()} the output of position {order[where]} changes by "
        f"{gap[where]:.3g}. Likely cause: something knows where a position stands: added positions, a rotary, a mask, "
        "or a norm over the positions"
    )
