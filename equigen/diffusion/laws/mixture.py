"""Mixtures of normal laws: density, score, samples, the law they diffuse to, and their exact denoiser.

    p_t = sum_k w_k N(alpha m_k, V_k),    V_k = alpha^2 C_k + sigma^2,
    s   = sum_k r_k V_k^-1 (alpha m_k - x),

with r_k the posterior probability of component k given x (not w_k): every component pulls, in proportion to r_k.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.laws.components import Components
from equigen.diffusion.laws.law import Law, kernel_at, numbers_of, require_items
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["GaussianMixture", "MixtureDenoiser"]

_ONE, _ZERO = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)


class GaussianMixture(Law):
    """x_0 ~ sum_k w_k N(m_k, C_k).

    Args:
        weights: (K,), positive; their sum may differ from 1 by 1e-6 and is then made 1.
        means: (K, *shape).
        covariances: (K,) isotropic variances, (K, *shape) variances of independent coordinates, or (K, d, d) full
            matrices over the d flattened coordinates; positive definite.

    Raises:
        ValueError: shapes that do not fit, weights that are not positive or do not sum to 1, or a covariance that is
            singular, has a negative variance or is not symmetric.

    Error: computed in float64 and rounded to the dtype of the items.

    Example:
        >>> law = GaussianMixture(torch.tensor([0.5, 0.5]), torch.tensor([[-2.0], [2.0]]), torch.tensor([1.0, 1.0]))
        >>> law.score(torch.zeros(1, 1)).abs().item()                       # a saddle: both pull alike
        0.0
        >>> round(law.responsibilities(torch.ones(1, 1))[0, 1].item(), 4)   # 1 / (1 + exp(-4))
        0.982
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        weights, means, covariances = (torch.as_tensor(given).double() for given in (weights, means, covariances))
        if means.ndim < 2 or weights.shape != means.shape[:1]:
            raise ValueError(
                f"weights have shape {tuple(weights.shape)} and means {tuple(means.shape)}, but K components need (K,) "
                "and (K, *shape): for points on the line, means[:, None]."
            )
        _require_weights(weights)
        if not bool(means.isfinite().all()):
            raise ValueError("a mean is NaN or infinite, but means of components are finite: look at the means.")
        values, vectors = _spectrum(covariances, means)
        self.shape = means.shape[1:]
        self.components = Components((weights / weights.sum()).log(), means.flatten(1), values, vectors)

    @classmethod
    def of(cls, components: Components, shape: torch.Size) -> GaussianMixture:
        """The mixture of components that are known to be sound, over items of a shape.

        Args:
            components: with positive variances.
            shape: of an item.
        """
        law = cls.__new__(cls)
        law.components, law.shape = components, shape
        return law

    @property
    def weights(self) -> Tensor:
        """The weights, float64 (K,)."""
        return self.components.log_weights.exp()

    @property
    def means(self) -> Tensor:
        """The means, float64 (K, *shape)."""
        return self.components.means.reshape(-1, *self.shape)

    def sample(self, n: int, *, seed: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """A component by an addressed uniform, then its mean + sqrt(C) z with addressed z."""
        item = numbers_of(n, first)
        where = {"seed": seed, "stream": random.Stream.LAW, "item": item, "dtype": torch.float64}
        below = random.uniform((), draw=1, **where).contiguous()
        component = torch.searchsorted(self.weights.cumsum(0), below.contiguous()).clamp(max=len(self.weights) - 1)
        z = random.normal((math.prod(self.shape),), **where)
        return self.components.drawn(component, z).to(dtype).reshape(n, *self.shape)

    def log_prob(self, x: Tensor) -> Tensor:
        """ln sum_k w_k N(x; m_k, C_k), in log space."""
        return self.components.log_density(self._points(x), _ONE, _ZERO).to(x.dtype)

    def score(self, x: Tensor) -> Tensor:
        """The sum of r_k C_k^-1 (m_k - x)."""
        return self.components.score(self._points(x), _ONE, _ZERO).to(x.dtype).reshape(x.shape)

    def responsibilities(self, x: Tensor) -> Tensor:
        """r_k(x), the posterior probabilities of the components given items (B, *shape), as (B, K)."""
        return self.components.responsibilities(self._points(x), _ONE, _ZERO).to(x.dtype)

    def component_scores(self, x: Tensor) -> Tensor:
        """s_k(x) = C_k^-1 (m_k - x) of each component at items (B, *shape), as (B, K, *shape); s = sum_k r_k s_k."""
        return self.components.scores(self._points(x), _ONE, _ZERO).to(x.dtype).reshape(len(x), -1, *self.shape)

    def _points(self, x: Tensor) -> Tensor:
        """Items as rows."""
        require_items(x, self.shape)
        return x.flatten(1)

    def denoiser(self, schedule: Schedule) -> MixtureDenoiser:
        """The posterior mean under the schedule."""
        return MixtureDenoiser(self.components, schedule)

    def diffused(self, schedule: Schedule, t: float) -> GaussianMixture:
        """The mixture of N(alpha m_k, alpha^2 C_k + sigma^2) with the same weights."""
        return GaussianMixture.of(self.components.diffused(*kernel_at(schedule, t)), self.shape)


class MixtureDenoiser(Denoiser):
    """D = sum_k r_k (m_k + alpha C_k V_k^-1 (x - alpha m_k)), exactly.

    Args:
        components: of the law of x_0; covariances may be zero.
        schedule: the kernel.

    Error: computed in float64 and rounded to the dtype of x.

    Source: S. Kay, Fundamentals of statistical signal processing: estimation theory, 1993, theorem 10.2, for each
    component; for points (C = 0) T. Karras et al. 2022, equation 57.

    Example:
        >>> from equigen.diffusion import EDM
        >>> law = GaussianMixture(torch.tensor([0.5, 0.5]), torch.tensor([[-2.0], [2.0]]), torch.tensor([1.0, 1.0]))
        >>> D, t = law.denoiser(EDM()), torch.tensor(1.0)
        >>> D(torch.zeros(1, 1), t).abs().item(), round(D.posterior_covariance(torch.zeros(1, 1), t).item(), 6)
        (0.0, 1.5)
    """

    def __init__(self, components: Components, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        # its own module, of the same tensors: a change of type or device here leaves the law as it is
        self.components = Components(components.log_weights, components.means, components.values, components.vectors)

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """E[x_0 | x_t]."""
        return self.components.denoised(*self._given(x_t, t)).to(x_t.dtype).reshape(x_t.shape)

    def responsibilities(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The posterior probability of each component given x_t, (B, K)."""
        return self.components.responsibilities(*self._given(x_t, t)).to(x_t.dtype)

    def component_scores(self, x_t: Tensor, t: Tensor) -> Tensor:
        """V_k^-1 (alpha m_k - x_t) of each component, (B, K, *shape); with r_k they sum to the score."""
        return self.components.scores(*self._given(x_t, t)).to(x_t.dtype).reshape(len(x_t), -1, *x_t.shape[1:])

    def posterior_covariance(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Cov[x_0 | x_t] over the flattened coordinates, (B, d, d)."""
        return self.components.posterior_covariance(*self._given(x_t, t)).to(x_t.dtype)

    def _given(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The points as rows, and alpha and sigma of their times in float64."""
        require_items(x_t, x_t.shape[1:])
        per_item(t, x_t)
        return x_t.flatten(1), self.schedule.alpha(t.double()), self.schedule.sigma(t.double())


def _require_weights(weights: Tensor) -> None:
    total = float(weights.sum())
    if not bool((weights > 0).all()):
        raise ValueError(
            f"a weight is {float(weights.min()):g}, but weights of components are positive: leave that component out."
        )
    if not abs(total - 1.0) <= 1e-6:
        raise ValueError(f"the weights sum to {total:g}, but they are to sum to 1: pass weights / weights.sum().")


def _spectrum(covariances: Tensor, means: Tensor) -> tuple[Tensor, Tensor | None]:
    """Eigenvalues (K, 1) or (K, d), and eigenvectors (K, d, d) of full matrices; refuse what is not definite."""
    count, d = len(means), means[0].numel()
    vectors = None
    if covariances.shape == (count,):
        values = covariances[:, None]
    elif covariances.shape == means.shape:
        values = covariances.flatten(1)
    elif covariances.shape == (count, d, d):
        size = covariances.abs().amax((1, 2), keepdim=True)
        if not bool(((covariances - covariances.mT).abs() <= 1e-10 * size).all()):
            raise ValueError("a covariance is not symmetric (or NaN), but it has to be: pass (C + C.mT) / 2.")
        values, vectors = torch.linalg.eigh(covariances)
        values = torch.where(values <= 1e-13 * d * size[:, 0], values.clamp(max=0.0), values)
    else:
        raise ValueError(
            f"covariances have shape {tuple(covariances.shape)}, but means of shape {tuple(means.shape)} need "
            f"({count},) isotropic, {tuple(means.shape)} diagonal or ({count}, {d}, {d}) full: torch.ones({count})."
        )
    if not bool((values > 0).all()) or not bool(values.isfinite().all()):
        raise ValueError(
            f"a covariance has the eigenvalue {float(values.min()):g}, but a component needs a positive definite one: "
            "add a small variance, or use Empirical(points) for a law of points."
        )
    return values, vectors
