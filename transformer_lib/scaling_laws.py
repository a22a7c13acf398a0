"""Scaling laws: what a model loses by being small, by having read little, and by having read the same text again.

With N parameters and D characters read (Hoffmann et al. 2022, arXiv:2203.15556, section 3.3, approach 3),

    L(N, D) = E + A / N^alpha + B / D^beta

where E is what no model of the kind can avoid. The law is of text that is read once. Where a text of U characters is
read again and again, a character read before is worth less than a new one, and a parameter too many for the text less
than one of a longer text (Muennighoff et al. 2023, arXiv:2305.16264, section 3.1):

    D' = U   + U   R_D* (1 - exp(-R_D / R_D*))      R_D = D / U - 1, the readings after the first
    N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*))      R_N = N / U_N - 1, beside U_N, the best size for U characters

take the places of D and N. The best size for a text is that of the least loss among all N and D with the same N D,
which is what training costs but for a factor.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

PUBLISHED_REPEATS = 15.39, 5.31
"""R_D* and R_N* of Muennighoff et al. (2023, appendix A), fitted on web text and models of 7M parameters and more."""

_EXPONENTS = np.linspace(0.05, 1.2, 47)


@dataclass(frozen=True, kw_only=True)
class ScalingLaw:
    """L(N, D), and what it becomes where a text is read more than once."""

    E: float
    A: float
    alpha: float
    B: float
    beta: float
    repeats: float = np.inf
    """R_D*: how many more readings are worth something; infinite where each is worth as much as the first."""
    excess: float = np.inf
    """R_N*: how many times the best size is worth something."""

    def loss(self, parameters: ArrayLike, read: ArrayLike, text: ArrayLike = np.inf) -> NDArray[np.float64]:
        """Forecast the loss of models.

        Args:
            parameters: N.
            read: D, characters, each counted as often as it was read.
            text: U, characters of the text; infinite where none is read twice.

        Returns:
            In the unit of what was fitted.
        """
        size, read, text = (np.asarray(x, dtype=float) for x in (parameters, read, text))
        text = np.asarray(np.minimum(text, read))
        best = np.asarray(np.minimum(size, self.best_size(text)))
        read, size = _discounted(read, text, self.repeats), _discounted(size, best, self.excess)
        return np.asarray(self.E + self.A * size**-self.alpha + self.B * read**-self.beta)

    def best_size(self, read: ArrayLike) -> NDArray[np.float64]:
        """Return the N that makes the most of what it costs to read D: alpha A / N^alpha = beta B / D^beta."""
        lost = self.beta * self.B * np.asarray(read, dtype=float) ** -self.beta
        return np.asarray((self.alpha * self.A / lost) ** (1 / self.alpha))


def fit_scaling_law(parameters: ArrayLike, read: ArrayLike, loss: ArrayLike) -> ScalingLaw:
    """Fit L(N, D) to runs, by least squares.

    For given exponents the law is linear in E, A and B, so all pairs of exponents of a grid are tried, and for each the
    three are solved for; none may be negative.

    Args:
        parameters: N of each run, of at least three sizes.
        read: D of each run, at least three lengths, all new text.
        loss: What each run came to.

    Raises:
        ValueError: If there are fewer than three sizes or lengths: a curve and its floor could not be told apart.
    """
    sizes, reads, losses = (np.asarray(x, dtype=float) for x in (parameters, read, loss))
    for name, values in (("parameters", sizes), ("read", reads)):
        if len(different := np.unique(values)) < 3:
            raise ValueError(f"{name}={different.tolist()} must have at least 3 different values: run more of them")
    middle_size, middle_read = (np.exp(np.log(x).mean()) for x in (sizes, reads))
    alphas, betas = (x.ravel() for x in np.meshgrid(_EXPONENTS, _EXPONENTS))
    columns = np.stack(  # (exponents, runs, 3), of about one size, for the equations to be solved well
        [
            np.ones((len(alphas), len(sizes))),
            (sizes / middle_size) ** -alphas[:, None],
            (reads / middle_read) ** -betas[:, None],
        ],
        axis=-1,
    )
    best, least = np.zeros(3), np.inf
    alpha = beta = 0.0
    for kept in ([0, 1, 2], [1, 2]):  # with a floor, and without where it would have to be negative
        chosen = columns[..., kept]
        turned = chosen.transpose(0, 2, 1)
        solved = np.linalg.solve(turned @ chosen + 1e-12 * np.eye(len(kept)), turned @ losses[:, None])
        errors = np.square((chosen @ solved)[..., 0] - losses).sum(axis=1)
        errors[(solved[..., 0] < 0).any(axis=1)] = np.inf
        if errors.min() < least:
            where, least = int(errors.argmin()), errors.min()
            best = np.zeros(3)
            best[kept] = solved[where, :, 0]
            alpha, beta = float(alphas[where]), float(betas[where])
    E, A, B = best
    return ScalingLaw(
        E=float(E), A=float(A * middle_size**alpha), alpha=alpha, B=float(B * middle_read**beta), beta=beta
    )


def fit_repeats(
    law: ScalingLaw, parameters: ArrayLike, read: ArrayLike, text: ArrayLike, loss: ArrayLike
) -> ScalingLaw:
    """Fit R_D* and R_N* to runs that read a text several times, the law of new text given.

    Args:
        law: Of new text.
        parameters: N of each run.
        read: D of each run.
        text: U of each run.
        loss: What each run came to.

    Returns:
        The law with both: the pair of a grid from 0.25 to 64 that comes nearest, by least squares.
    """
    grid = 2.0 ** np.arange(-2, 6.25, 0.25)
    candidates = [replace(law, repeats=float(r), excess=float(x)) for r in grid for x in grid]
    errors = [float(np.square(one.loss(parameters, read, text) - np.asarray(loss)).sum()) for one in candidates]
    return candidates[int(np.argmin(errors))]


def _discounted(amount: NDArray[np.float64], unique: NDArray[np.float64], lasting: float) -> NDArray[np.float64]:
    """Count what goes beyond `unique` less and less, up to `lasting` times as much."""
    if np.isinf(lasting):
        return amount
    beyond = amount / unique - 1
    return np.asarray(unique * (1 - lasting * np.expm1(-beyond / lasting)))
