"""Optimizers: what of a model decays, Muon for its matrices, and two optimizers as one.

AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) scales each number's step by itself. Muon (Jordan 2024,
https://kellerjordan.github.io/posts/muon/) steps a matrix as a whole, along its momentum M with all singular values
brought near 1, so that directions in which the gradient is small are learned as well:

    M <- mu M + G
    W <- (1 - lr decay) W - lr sqrt(max(1, rows / columns)) NS(G + mu M)

NS, the Newton-Schulz iteration, is an odd polynomial applied again and again. On X = U S V^T it acts on the singular
values alone, and drives them towards those of the polar factor U V^T, without computing any of the three:

    X <- a X + b (X X^T) X + c (X X^T)^2 X          s <- a s + b s^3 + c s^5

Muon is for the matrices between hidden states, and a module states which of its own these are:

    class FeedForward(nn.Module):
        hidden_maps = "up", "down"

Everything else is AdamW's: embeddings, output layers, biases, norms, and whatever nobody has named, such as a router
or a stack of experts.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Jordan's a, b and c: they lift small singular values fast, and in return end not at 1 but around it."""


def linear_weights(model: nn.Module) -> list[Tensor]:
    """Return the weights of a model's linear layers that are trained, without those that an embedding shares."""
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    unique = {id(weight): weight for weight in weights if id(weight) not in embeddings and weight.requires_grad}
    return list(unique.values())


def hidden_matrices(model: nn.Module) -> list[Tensor]:
    """Return the trained weights of the linear layers that the model's modules name in `hidden_maps`."""
    maps = [getattr(module, name) for module in model.modules() for name in getattr(module, "hidden_maps", ())]
    named = {id(linear.weight) for linear in maps}
    return [weight for weight in linear_weights(model) if id(weight) in named]


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split a model's parameters for AdamW: matrices decay; biases, norms and embeddings do not.

    A matrix's decay bounds what it can do to its input. A gain decays towards 0 where it should stay near 1, and the
    embedding of a rare token would fade between its appearances.

    Args:
        model: Its linear layers hold its matrices; an output layer that shares its weight with an embedding is one.
        weight_decay: Of the matrices.

    Returns:
        Two parameter groups, for `torch.optim.AdamW(groups, lr)`.
    """
    matrices = linear_weights(model)
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": _without(model.parameters(), matrices), "weight_decay": 0.0},
    ]


def newton_schulz(matrix: Float[Tensor, "*K M N"], steps: int = 5) -> Float[Tensor, "*K M N"]:
    """Bring all singular values near 1, and leave the singular vectors as they are.

    Args:
        matrix: Divided by its Frobenius norm first, so that no singular value is above 1; 0 stays 0. Or several.
        steps: How often the polynomial is applied. Five bring every value above 0.002 to between 0.68 and 1.21.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix  # the product below is then the smaller one
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    add_product = torch.addmm if matrix.ndim == 2 else torch.baddbmm
    for _ in range(steps):
        square = x @ x.mT
        x = add_product(x, add_product(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """MomentUm, Orthogonalized by Newton-Schulz, with Nesterov's look ahead and decay apart from the gradient.

    Args:
        params: Matrices, or groups of them.
        lr: The size of a step, as the singular values of a square matrix's change.
        momentum: mu, the share of the old momentum that is kept.
        weight_decay: The share of a weight, times the learning rate, that a step takes away.
        dtype: What Newton-Schulz computes in, bfloat16 say: it only has to come near 1; None for the weights' own.

    Raises:
        ValueError: If a parameter is not a matrix, or a setting is out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not lr >= 0:
            raise ValueError(f"lr={lr} must be at least 0")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum={momentum} must be at least 0 and less than 1: it would grow for ever")
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay={weight_decay} must be at least 0: below it the weights would grow")
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype = dtype
        for parameter in (parameter for group in self.param_groups for parameter in group["params"]):
            if parameter.ndim != 2:
                shape = tuple(parameter.shape)
                raise ValueError(
                    f"params hold one of shape {shape}: Muon is for matrices, give it to AdamW, a stack of matrices too"
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take a step along the gradients; what has none is left alone."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for (rows, columns), parameters in by_shape.items():
                size = -group["lr"] * max(1, rows / columns) ** 0.5
                ahead = [self._look_ahead(parameter, group["momentum"]) for parameter in parameters]
                for parameter, direction in zip(parameters, self._orthogonalized(ahead), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(direction, alpha=size)
        return loss

    def _look_ahead(self, parameter: Tensor, share: float) -> Tensor:
        """Bring the momentum up to date, and return G + mu M."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        return gradient.add(state["momentum"].mul_(share).add_(gradient), alpha=share)

    def _orthogonalized(self, matrices: list[Tensor]) -> Iterable[Tensor]:
        """NS of matrices of one shape: all at once in another dtype, where starting a product costs the most."""
        if hasattr(matrices[0], "device_mesh"):
            return _in_shares(matrices, self._orthogonalized)
        if self.dtype is None:
            return map(newton_schulz, matrices)
        return newton_schulz(torch.stack(matrices).to(self.dtype)).to(matrices[0].dtype)


def _in_shares(matrices: list[Tensor], function: Callable[[list[Tensor]], Iterable[Tensor]]) -> Iterable[Tensor]:
    """Apply a function to whole matrices whose rows are shared out among n ranks: each rank takes every n-th of them.

    NS needs a matrix whole. If each rank gathered all of them, it would send (n-1)/n of their bytes and do all the work
    that one rank does alone. Here the rows of a matrix go to one rank, and those of the result come back: 2 (n-1)/n^2
    of the bytes, which is as much for two ranks and less for more, and 1/n of the work.

    Args:
        matrices: K DTensors of one shape, cut into rows over a mesh of one dimension.
        function: From matrices to as many of the same shape.
    """
    import torch.distributed as dist
    from torch.distributed.tensor import DTensor

    first: Any = matrices[0]
    mesh, placements, (rows, columns) = first.device_mesh, first.placements, first.shape
    n, rank = mesh.size(), mesh.get_local_rank()
    cut = [len(part) for part in torch.arange(rows).chunk(n)]
    heights = cut + [0] * (n - len(cut))  # rows of a matrix that each rank holds
    counts = [len(range(owner, len(matrices), n)) for owner in range(n)]  # matrices that each works on
    shares = torch.stack([matrix.to_local() for matrix in matrices])  # type: ignore[attr-defined]

    def exchanged(parts: list[Tensor], sizes: list[int]) -> tuple[Tensor, ...]:
        received = shares.new_empty(sum(sizes))
        sent = torch.cat([part.flatten() for part in parts])
        dist.all_to_all_single(received, sent, sizes, [part.numel() for part in parts], group=mesh.get_group())
        return received.split(sizes)

    own = counts[rank]
    parts = exchanged([shares[owner::n] for owner in range(n)], [own * height * columns for height in heights])
    whole = torch.cat([part.view(own, -1, columns) for part in parts if own and len(part)] or [shares[:0]], dim=1)
    done = torch.stack(list(function(list(whole)))) if own else whole
    parts = exchanged(
        list(done.split(heights, dim=1)) if own else [done] * n, [k * heights[rank] * columns for k in counts]
    )
    results = torch.empty_like(shares)
    for owner, part in enumerate(parts):
        results[owner::n] = part.view(counts[owner], heights[rank], columns)
    return [
        DTensor.from_local(result, mesh, placements, run_check=False, shape=first.shape, stride=first.stride())
        for result in results
    ]


class ChainedOptimizer(torch.optim.Optimizer):
    """Several optimizers that step as one: their groups and states are its own, so it is scheduled and saved as one.

    Args:
        optimizers: No parameter may be in two of them.
    """

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        for optimizer in optimizers:
            self.state.update(optimizer.state)
            optimizer.state = self.state

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Let each take its step."""
        loss = _evaluate(closure)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Share what `load_state_dict` has put in place of the groups and states."""
        super().__setstate__(state)
        groups = iter(self.param_groups)
        for optimizer in self.optimizers:
            own = list(islice(groups, len(optimizer.param_groups)))
            optimizer.__setstate__({"state": self.state, "param_groups": own})


def muon_and_adamw(
    model: nn.Module,
    *,
    muon_lr: float = 0.02,
    adamw_lr: float = 1e-3,
    momentum: float = 0.95,
    betas: tuple[float, float] = (0.9, 0.95),
    weight_decay: float = 0.0,
    hidden: Iterable[nn.Linear] | None = None,
    dtype: torch.dtype | None = None,
) -> ChainedOptimizer:
    """Train the hidden matrices of a model with Muon, and all the rest with AdamW.

    Args:
        model: Its modules name their hidden matrices: see `hidden_matrices`.
        muon_lr: Muon's learning rate.
        adamw_lr: AdamW's. A schedule multiplies both.
        momentum: Muon's.
        betas: AdamW's.
        weight_decay: Of all matrices; biases, norms and embeddings do not decay.
        hidden: The linear layers that Muon trains; None for those that the model's modules name.
        dtype: What Muon's Newton-Schulz computes in; None for the weights' own.

    Returns:
        One optimizer, with Muon's group first; then AdamW's matrices, and what does not decay.

    Raises:
        ValueError: If there is no hidden matrix: no module names one, and none is given.
    """
    matrices = hidden_matrices(model) if hidden is None else [linear.weight for linear in hidden]
    if not matrices:
        raise ValueError(
            f"model={type(model).__name__} names no hidden matrix: give its linear layers as hidden=[…], or the names "
            "of each module's own as its attribute hidden_maps"
        )
    outputs = _without(linear_weights(model), matrices)
    rest = _without(model.parameters(), matrices + outputs)
    return ChainedOptimizer(
        Muon(matrices, muon_lr, momentum, weight_decay, dtype),
        torch.optim.AdamW(
            [{"params": outputs, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}], adamw_lr, betas
        ),
    )


def _without(parameters: Iterable[Tensor], others: Iterable[Tensor]) -> list[Tensor]:
    left_out = {id(parameter) for parameter in others}
    return [parameter for parameter in parameters if id(parameter) not in left_out and parameter.requires_grad]


def _evaluate(closure: Callable[[], float] | None) -> float | None:
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
