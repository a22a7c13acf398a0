"""Comparing with a reference: equal, or a message that says where it differs and what usually makes it so."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Same = Callable[[Tensor, Tensor], bool]


class Tolerance(NamedTuple):
    """How far apart two numbers may be: rtol of the reference, and atol."""

    rtol: float
    atol: float

    @classmethod
    def of(cls, reference: Tensor) -> "Tolerance":
        """What another order of summation may cost: 1e-9 of the largest number in float64, 3e-5 in float32."""
        if not reference.is_floating_point() or not reference.numel():
            return cls(0.0, 0.0)
        rtol = {torch.float64: 1e-9, torch.float32: 3e-5}.get(reference.dtype, 2e-2)
        return cls(rtol, rtol * float(reference.abs().nan_to_num(posinf=0.0).max()))

    def close(self, a: Tensor, b: Tensor) -> Tensor:
        """Number by number, of equal shapes."""
        return torch.isclose(a, b, rtol=self.rtol, atol=self.atol)

    def same(self, a: Tensor, b: Tensor) -> bool:
        """Whether the shapes are equal and all numbers close."""
        return a.shape == b.shape and bool(self.close(a, b).all())


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
        rtol, atol: Tolerances, relative to each number and absolute. With neither, 1e-9 (float64), 3e-5 (float32) or
            2e-2 (shorter) of each number and of the reference's largest; integers must be equal.

    Raises:
        AssertionError: With the tensor, the first place that differs, both numbers, and the likely cause.
    """
    ours = {"the tensor": actual} if isinstance(actual, Tensor) else dict(actual)
    theirs = {"the tensor": expected} if isinstance(expected, Tensor) else dict(expected)
    if ours.keys() != theirs.keys():
        missing, extra = sorted(theirs.keys() - ours.keys()), sorted(ours.keys() - theirs.keys())
        raise AssertionError(f"the names differ: {missing} are missing and {extra} are not in the reference")
    for name, reference in theirs.items():
        if rtol is None and atol is None:
            tolerance = Tolerance.of(reference)
        else:
            tolerance = Tolerance(rtol or 0.0, atol or 0.0)
        _assert_close(name, ours[name].detach(), reference.detach(), tolerance)


def _assert_close(name: str, ours: Tensor, reference: Tensor, tolerance: Tolerance) -> None:
    if ours.shape != reference.shape:
        turned = ours.ndim >= 2 and ours.mT.shape == reference.shape
        hint = ". Likely cause: it is transposed: nn.Linear keeps (out, in)" if turned else ""
        raise AssertionError(f"{name} is {tuple(ours.shape)} and the reference {tuple(reference.shape)}{hint}")
    wrong = ~tolerance.close(ours.to(reference.dtype), reference)
    if not wrong.any():
        return
    place = tuple(wrong.nonzero()[0].tolist())
    raise AssertionError(
        f"{name} differs in {int(wrong.sum())} of {wrong.numel()} numbers, first at {place}: {ours[place]:.6g} here, "
        f"{reference[place]:.6g} in the reference. Likely cause: {_cause(ours.double(), reference.double(), tolerance)}"
    )


def _cause(ours: Tensor, reference: Tensor, tolerance: Tolerance) -> str:
    for cause in (_not_finite, _scaled, _scores_scaled, _transposed, _permuted, _shifted, _turned, _nearly):
        if found := cause(ours, reference, tolerance.same):
            return found
    return "none of the usual ones: compare the layers one after another, and look at the first that differs"


def _not_finite(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    if ours.isfinite().all() or not reference.isfinite().all():
        return None
    return "it holds NaN or infinity: a row of the mask is empty, or something overflows"


def _scaled(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    ratio = float((ours * reference).sum() / reference.square().sum())
    if not abs(ratio) > 1e-6 or not same(ours / ratio, reference):
        return None
    return f"it is the reference times {ratio:.4g}: a scale is missing or applied twice"


def _scores_scaled(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    """Attention weights whose logarithms, the scores, are the reference's times a number."""
    if not ours.ndim or not all(
        (weights >= 0).all() and torch.allclose(weights.sum(dim=-1), weights.new_ones(()), atol=1e-3)
        for weights in (ours, reference)
    ):
        return None
    ours_log, reference_log = (
        (weights.log() - weights.log().mean(dim=-1, keepdim=True)).nan_to_num(0.0, 0.0, 0.0)
        for weights in (ours, reference)
    )
    ratio = float((ours_log * reference_log).sum() / reference_log.square().sum())
    rebuilt = torch.where(reference > 0, reference.clamp(min=1e-300).pow(ratio), 0.0)
    if not abs(ratio) > 1e-6 or not same(rebuilt / rebuilt.sum(dim=-1, keepdim=True), ours):
        return None
    return (
        f"the scores are the reference's times {ratio:.4g}: the 1/sqrt(Dh) is missing, applied twice or of another Dh"
    )


def _transposed(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    if ours.ndim < 2 or not same(ours.mT, reference):
        return None
    return "it is transposed: nn.Linear keeps (out, in)"


def _permuted(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    """The features of each head in the order of the other rotary layout."""
    for axis, size in enumerate(ours.shape):
        for d_head in (d for d in range(4, size + 1, 2) if size % d == 0):
            heads = ours.unflatten(axis, (size // d_head, d_head))
            for pairs in ((d_head // 2, 2), (2, d_head // 2)):
                turned = heads.unflatten(axis + 1, pairs).transpose(axis + 1, axis + 2).reshape(ours.shape)
                if same(turned, reference):
                    return (
                        f"axis {axis} is in the other rotary layout, heads of {d_head}: halves where the reference has "
                        "neighbors, or the other way round"
                    )
    return None


def _shifted(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    for axis, size in enumerate(ours.shape):
        for later, earlier, which in ((ours, reference, "later"), (reference, ours, "earlier")):
            if size > 2 and same(later.narrow(axis, 1, size - 1), earlier.narrow(axis, 0, size - 1)):
                return f"it is shifted by one along axis {axis}: everything comes one {which} than in the reference"
    return None


def _turned(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    """Vectors of the right lengths that start to point elsewhere after position 0."""
    if ours.ndim < 2 or not same(ours[..., 0, :], reference[..., 0, :]):
        return None
    if not torch.allclose(ours.norm(dim=-1), reference.norm(dim=-1), rtol=1e-4):
        return None
    return "each vector has the right length and from position 1 on another direction: the rotary's layout or base"


def _nearly(ours: Tensor, reference: Tensor, same: Same) -> str | None:
    gap = float((ours - reference).abs().max() / reference.abs().max())
    if not gap < 1e-3:
        return None
    return f"the gap is small, {gap:.2g} of the largest number: an eps, an approximate GELU, or a lower precision"
