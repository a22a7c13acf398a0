"""Looking inside: recorded attention, and invariants that name what is wrong when they fail.

A model that breaks one of these still trains, and its loss may even look too good. Each `assert_` function raises an
AssertionError with the position, the numbers and the likely cause.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.architectures import LanguageModel
from transformer_lib.attention import MultiHeadAttention, attention_weights
from transformer_lib.masks import Causal

Forward = Callable[[Tensor], Tensor]


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[str, Float[Tensor, "B H T S"]]]:
    """Keep the attention weights of every layer while the block is open.

        with record_attention(model) as weights:
            model(tokens)
        weights["blocks.0.attention"]    # (B, H, T, S), those of the last forward pass

    The layers compute their weights the slow way meanwhile; outside the block they do nothing more than they ever did.
    Dropout is applied to the weights that are used, not to those recorded.

    Args:
        model: Anything that holds MultiHeadAttention layers.
    """
    weights: dict[str, Tensor] = {}
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, MultiHeadAttention)}
    before = {name: layer.attend for name, layer in layers.items()}

    def recorder(name: str) -> Callable[..., Tensor]:
        def attend(
            query: Tensor, key: Tensor, value: Tensor, mask: Tensor | Causal | None = None, *, dropout: float = 0.0
        ) -> Tensor:
            used = attention_weights(query, key, mask)
            weights[name] = used.detach()
            used = nn.functional.dropout(used, dropout, training=dropout > 0)
            return used @ value.repeat_interleave(query.shape[1] // value.shape[1], dim=1)

        return attend

    try:
        for name, layer in layers.items():
            layer.attend = recorder(name)
        yield weights
    finally:
        for name, layer in layers.items():
            layer.attend = before[name]


def influence(forward: Forward, inputs: Tensor, *, seed: int = 0) -> Bool[Tensor, "T T"]:
    """Which inputs each output depends on, found by changing one input at a time.

    Args:
        forward: From inputs to outputs (1, T, …), the batch first, the positions second; without randomness.
        inputs: One sequence, int64 tokens (T,) or vectors (T, D).
        seed: Of the changes to vectors.

    Returns:
        True at [i, j] where output i changes with input j: a mask as it works, rather than as it was meant.
    """
    T = len(inputs)
    changed = inputs.repeat(T, *[1] * inputs.ndim)  # copy j has input j changed
    own = torch.arange(T, device=inputs.device)
    if inputs.is_floating_point():
        generator = torch.Generator().manual_seed(seed)
        changed[own, own] += torch.randn(inputs.shape, generator=generator).to(inputs)
    else:
        other = inputs.roll(1)  # ids known to be in the vocabulary
        changed[own, own] = torch.where(other == inputs, torch.where(inputs == 0, 1, 0), other)
    with torch.no_grad():
        plain = forward(inputs[None])
        effect = torch.stack(
            [(forward(copy[None]) - plain)[0].flatten(start_dim=1).abs().amax(dim=1) for copy in changed]
        )
    scale = plain.abs().max().clamp(min=1e-30)
    return (effect.T > 1e3 * torch.finfo(plain.dtype).eps * scale) | effect.T.isnan()


def assert_causal(model: Forward, inputs: Tensor | None = None, *, seed: int = 0) -> None:
    """Check that no output depends on an input after it.

    Args:
        model: A LanguageModel, or any function from inputs (1, T, …) to outputs (1, T, …).
        inputs: One sequence, tokens (T,) or vectors (T, D); None draws tokens for a LanguageModel.
        seed: Of what is drawn.

    Raises:
        AssertionError: If the future leaks, with the positions and the likely cause.
    """
    forward, inputs = _in_evaluation(model), _tokens(model, 8, seed)[0] if inputs is None else inputs
    with forward as run:
        seen = influence(run, inputs, seed=seed)
    T = len(seen)
    future = torch.ones_like(seen).triu(1)
    leaks = (seen & future).nonzero().tolist()
    if not leaks:
        return
    past = torch.ones_like(seen).tril(-1)
    next_only = torch.ones_like(seen).triu(1) & ~torch.ones_like(seen).triu(2)
    if T > 2 and torch.equal(seen & future, next_only):
        cause = "each position sees exactly one token too far: the mask is shifted by one (tril(1) for tril(0))"
    elif torch.equal(seen & future, future) and not (seen & past).any() and T > 1:
        cause = "positions see what follows and nothing before: the mask is inverted or transposed"
    elif torch.equal(seen & future, future):
        cause = "every position sees all of the future: no mask reached the attention, or something mixes positions"
    else:
        cause = "some of the future is seen: look at how the mask is built for these positions"
    query, key = leaks[0]
    raise AssertionError(
        f"output {query} changes with input {key}, which comes after it ({len(leaks)} such pairs of {T * (T - 1) // 2}). "
        f"Likely cause: {cause}"
    )


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
        ValueError: If the chunks do not sum to T.
    """
    tokens = _tokens(model, sum(chunks), seed) if tokens is None else tokens
    if sum(chunks) != tokens.shape[1] or min(chunks) < 1:
        raise ValueError(
            f"chunks={tuple(chunks)} must be positive and sum to T={tokens.shape[1]}: cut the text up whole"
        )
    with _in_evaluation(model) as run, torch.no_grad():
        whole = run(tokens)
        cache = model.new_cache(tokens.shape[1])
        parts = torch.cat([model(part, cache=cache) for part in tokens.split(list(chunks), dim=1)], dim=1)
    differs = ~torch.isclose(parts, whole, **_tolerance(whole)).all(dim=-1).all(dim=0)  # (T,)
    if not differs.any():
        return
    first = int(differs.nonzero()[0])
    if first >= chunks[0] and first == sum(chunks[: _chunk_of(first, chunks)]):
        cause = (
            "the first position after a chunk: positions start again at 0, or keys are read before the new ones come"
        )
    elif first < chunks[0]:
        cause = "inside the first chunk, where the cache is empty: its mask differs from the one without a cache"
    else:
        cause = "inside a later chunk: its mask must be causal with the queries as the last T of the S positions"
    raise AssertionError(
        f"with a cache the logits differ from position {first} on, by up to {(parts - whole).abs().max():.3g}. "
        f"Likely cause: {cause}"
    )


def assert_permutation_equivariant(module: Forward, x: Float[Tensor, "B T D"], *, seed: int = 0) -> None:
    """Check that permuted inputs give the same outputs, permuted: that nothing tells one position from another.

    Self-attention without a mask and without positions is so. Adding either must make this fail.

    Args:
        module: From (B, T, D) to (B, T, D).
        x: The inputs.
        seed: Of the permutation.

    Raises:
        AssertionError: With the position that changes most, and the likely cause.
    """
    generator = torch.Generator().manual_seed(seed)
    T = x.shape[1]
    order = torch.randperm(T, generator=generator)
    while T > 1 and torch.equal(order, torch.arange(T)):
        order = torch.randperm(T, generator=generator)
    with _in_evaluation(module) as run, torch.no_grad():
        before, after = run(x)[:, order], run(x[:, order])
    if torch.isclose(after, before, **_tolerance(before)).all():
        return
    gap = (after - before).abs().flatten(start_dim=2).amax(dim=(0, 2))
    where = int(gap.argmax())
    raise AssertionError(
        f"with the inputs in the order {order.tolist()} the output of position {order[where]} changes by {gap[where]:.3g}. "
        "Likely cause: something knows where a position stands: positions, a rotary, a mask, or a norm over the positions"
    )


def assert_matches(
    actual: Tensor | Mapping[str, Tensor],
    expected: Tensor | Mapping[str, Tensor],
    *,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Check that tensors equal a reference, and say how they differ if they do not.

    Args:
        actual: A tensor, or tensors by name, such as a model's gradients.
        expected: The reference, of the same form.
        rtol, atol: Tolerances; None takes those of torch.testing.assert_close for the dtype.

    Raises:
        AssertionError: With the tensor, the first place that differs, both numbers, and the likely cause.
    """
    ours = {"the tensor": actual} if isinstance(actual, Tensor) else dict(actual)
    theirs = {"the tensor": expected} if isinstance(expected, Tensor) else dict(expected)
    if ours.keys() != theirs.keys():
        missing, extra = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
        raise AssertionError(f"the names differ: {missing} are missing and {extra} are not in the reference")
    for name, reference in theirs.items():
        tolerance = (
            _tolerance(reference) if rtol is None and atol is None else {"rtol": rtol or 0.0, "atol": atol or 0.0}
        )
        _assert_close(name, ours[name], reference, tolerance)


def _assert_close(name: str, ours: Tensor, reference: Tensor, tolerance: dict[str, float]) -> None:
    def close(a: Tensor, b: Tensor) -> bool:
        return a.shape == b.shape and bool(torch.isclose(a, b, **tolerance).all())

    if ours.shape != reference.shape:
        turned = ours.ndim >= 2 and ours.mT.shape == reference.shape
        hint = "; it is transposed: nn.Linear keeps (out, in)" if turned else ""
        raise AssertionError(f"{name} is {tuple(ours.shape)} and the reference {tuple(reference.shape)}{hint}")
    ours = ours.to(reference.dtype)
    if close(ours, reference):
        return
    wrong = ~torch.isclose(ours, reference, **tolerance)
    place = tuple(wrong.nonzero()[0].tolist())
    raise AssertionError(
        f"{name} differs in {int(wrong.sum())} of {wrong.numel()} numbers, first at {place}: {ours[place]:.6g} here and "
        f"{reference[place]:.6g} in the reference. Likely cause: {_cause(ours, reference, close)}"
    )


def _cause(ours: Tensor, reference: Tensor, close: Callable[[Tensor, Tensor], bool]) -> str:
    if not ours.isfinite().all():
        return "it holds NaN or infinity: a row of the mask is empty, or something overflows"
    ratio = float((ours * reference).sum() / reference.square().sum().clamp(min=1e-30))
    if abs(ratio) > 1e-6 and close(ours / ratio, reference):
        return f"it is the reference times {ratio:.4g}: a scale such as 1/sqrt(d) is missing or applied twice"
    if ours.ndim >= 2 and close(ours.mT, reference):
        return "it is transposed: nn.Linear keeps (out, in)"
    if ours.ndim >= 1 and ours.shape[-1] % 2 == 0:
        halves = ours.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(start_dim=-2)
        pairs = ours.unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(start_dim=-2)
        if close(halves, reference) or close(pairs, reference):
            return "the features are in the other rotary layout: halves for neighbours, or the other way round"
    for axis in range(ours.ndim):
        if ours.shape[axis] > 2:
            inner = range(1, ours.shape[axis])
            for shift in (1, -1):
                moved = ours.roll(shift, dims=axis)
                kept = torch.tensor([i for i in inner if 0 <= i - shift < ours.shape[axis]], device=ours.device)
                if close(moved.index_select(axis, kept), reference.index_select(axis, kept)):
                    return f"it is shifted by one along axis {axis}"
    gap = (ours - reference).abs().max() / reference.abs().max().clamp(min=1e-30)
    if gap < 1e-3:
        return f"the gap is small, {gap:.2g} of the largest number: an eps, an approximate GELU, or a lower precision"
    return "none of the usual ones: compare the layers one after another, and look at the first that differs"


@contextmanager
def _in_evaluation(model: Forward) -> Iterator[Forward]:
    """The model without dropout, and put back as it was after."""
    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    try:
        yield model
    finally:
        if isinstance(model, nn.Module):
            model.train(training)


def _tokens(model: object, length: int, seed: int) -> Int[Tensor, "1 T"]:
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model is a {type(model).__name__}: give inputs as well, only a LanguageModel's can be drawn")
    if model.context_length is not None:
        length = min(length, model.context_length)
    return torch.randint(model.vocab_size, (1, length), generator=torch.Generator().manual_seed(seed))


def _tolerance(tensor: Tensor) -> dict[str, float]:
    """torch.testing.assert_close's tolerances, a little wider: a cache sums in another order."""
    return {torch.float64: {"rtol": 1e-7, "atol": 1e-9}, torch.float32: {"rtol": 1e-4, "atol": 1e-5}}.get(
        tensor.dtype, {"rtol": 2e-2, "atol": 2e-2}
    )


def _chunk_of(position: int, chunks: Sequence[int]) -> int:
    end = 0
    for index, length in enumerate(chunks):
        end += length
        if position < end:
            return index
    return len(chunks)
