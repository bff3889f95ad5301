"""Laws on the line: distribution functions, quantiles, the map that the probability flow is, and quadrature.

In one dimension the probability flow keeps the order of points and carries p_t to p_s, so it is the quantile map
F_s^-1 o F_t: an oracle for solvers that knows nothing of scores.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from equigen.diffusion.laws.empirical import Empirical
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.law import Law
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["LineMixture", "cdf", "line_mixture", "quadrature", "quantile", "quantile_map"]

_REACH = 14.0  # standard deviations that quadrature covers: what is left out has mass 1e-44
_SPACING = 0.5  # of its pieces, in standard deviations
_NODES = 10  # Gauss-Legendre points on each piece
_BLOCK = 1 << 22  # pairs of a point and a component at once


class LineMixture(NamedTuple):
    """Weights, means and standard deviations of normals on the line, float64 (K,) each.

    Args:
        weights: positive, summing to 1.
        means: of the components.
        stds: of the components; 0 for points.

    Example:
        >>> LineMixture(torch.ones(1), torch.zeros(1), torch.ones(1)).stds.tolist()
        [1.0]
    """

    weights: Tensor
    means: Tensor
    stds: Tensor


def line_mixture(law: Law) -> LineMixture | None:
    """The components of a law on the line; None for a law of another kind or of items with more than one number.

    Args:
        law: a Gaussian, a GaussianMixture or an Empirical law.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic
        >>> line_mixture(Gaussian(torch.zeros(1), Isotropic(4.0))).stds.tolist()
        [2.0]
        >>> line_mixture(Gaussian(torch.zeros(2), Isotropic(4.0))) is None
        True
    """
    if isinstance(law, Gaussian) and law.mean.numel() == 1:
        variance = law.covariance.eigenvalues(law.mean.shape)
        return LineMixture(torch.ones(1, dtype=torch.float64), law.mean.flatten(), variance.sqrt().flatten())
    if isinstance(law, GaussianMixture | Empirical) and law.components.means.shape[1] == 1:
        parts = law.components
        return LineMixture(parts.log_weights.exp(), parts.means[:, 0].double(), parts.values[:, 0].sqrt())
    return None


def cdf(law: Law, x: Tensor) -> Tensor:
    """P(X <= x) of a law on the line.

    Args:
        law: Gaussian, GaussianMixture or Empirical, of items (B, 1).
        x: points of any shape.

    Returns:
        Probabilities in the shape of x, float64.

    Raises:
        ValueError: a law that is not on the line.

    Error: 1e-16, relatively in the lower tail.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic
        >>> cdf(Gaussian(torch.zeros(1), Isotropic(1.0)), torch.tensor([0.0, 1.96])).round(decimals=3).tolist()
        [0.5, 0.975]
    """
    return _tail(_components(law), x.double(), 1.0)


def quantile(law: Law, q: Tensor) -> Tensor:
    """The x with P(X <= x) = q, of a law on the line.

    Args:
        law: as for `cdf`.
        q: probabilities in (0, 1), of any shape.

    Returns:
        Points in the shape of q, float64.

    Raises:
        ValueError: a law that is not on the line, or a probability outside (0, 1).

    Error: to the last bit of x, by bisection between the quantiles of the components.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic
        >>> quantile(Gaussian(torch.ones(1), Isotropic(4.0)), torch.tensor([0.5])).item()
        1.0
    """
    q = q.double()
    if not bool(((q > 0) & (q < 1)).all()):
        raise ValueError(
            "q reaches 0 or 1 (or beyond, or NaN), but a quantile needs probabilities between: q.clamp(1e-9, 1 - 1e-9)."
        )
    return _inverse(_components(law), q, 1.0 - q)


def quantile_map(law: Law, schedule: Schedule, x: Tensor, t: float, s: float) -> Tensor:
    """Where the probability flow carries points from time t to time s: F_s^-1(F_t(x)).

    Args:
        law: of x_0, on the line.
        schedule: the kernel.
        x: points at time t, of any shape, (B, 1) for items.
        t: time at which they are.
        s: time to which they go, earlier or later.

    Returns:
        Points in the shape of x, float64.

    Raises:
        ValueError: a law that is not on the line.

    Error: 1e-15 / p_s(x_s), up to 37 standard deviations into both tails.

    Source: any increasing transport on the line is the quantile map (F. Santambrogio 2015, theorem 2.5).

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> law = Gaussian(torch.zeros(1), Isotropic(1.0))                  # scales by sqrt((1 + s^2) / (1 + t^2))
        >>> round(quantile_map(law, EDM(), torch.tensor([[3.0]]), 7.0 ** 0.5, 1.0).item(), 10)
        1.5
    """
    start, end = _components(law.diffused(schedule, t)), _components(law.diffused(schedule, s))
    x = x.double()
    return _inverse(end, _tail(start, x, 1.0), _tail(start, x, -1.0))


def quadrature(law: Law) -> tuple[Tensor, Tensor] | None:
    """Nodes x (n, 1) and weights (n,) with sum weights f(x) p(x) = E f; None for a law that has no density on the line.

    Gauss and Legendre's rule of 10 points on pieces of half a standard deviation around every component, 14 standard
    deviations to both sides; the weights do not hold the density.

    Args:
        law: of items (B, 1).

    Error: 1e-13 for functions that vary no faster than the density.

    Example:
        >>> from equigen.diffusion import Gaussian, Isotropic
        >>> law = Gaussian(torch.zeros(1), Isotropic(1.0))
        >>> x, weights = quadrature(law)
        >>> round((weights * law.log_prob(x).exp() * x[:, 0] ** 4).sum().item(), 12)
        3.0
    """
    parts = line_mixture(law)
    if parts is None or not bool((parts.stds > 0).all()):
        return None
    steps = torch.arange(-_REACH, _REACH + _SPACING, _SPACING, dtype=torch.float64, device=parts.means.device)
    edges = (parts.means[:, None] + parts.stds[:, None] * steps).flatten().sort().values
    cell = torch.floor((edges - edges[0]) / (0.25 * _SPACING * parts.stds.min()))  # edges that all but coincide: one
    edges = edges[torch.cat((cell.new_ones(1), cell.diff())) > 0]
    nodes, weights = (torch.as_tensor(values).to(edges) for values in np.polynomial.legendre.leggauss(_NODES))
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * edges.diff()
    return (middle[:, None] + half[:, None] * nodes).reshape(-1, 1), (half[:, None] * weights).flatten()


def _components(law: Law) -> LineMixture:
    parts = line_mixture(law)
    if parts is None:
        raise ValueError(
            f"the law is a {type(law).__name__} that is not on the line, but distribution functions and quantiles need "
            "a Gaussian, a mixture or points of items (B, 1): project it first."
        )
    return parts


def _tail(parts: LineMixture, x: Tensor, side: float) -> Tensor:
    """P(X <= x) for side 1, P(X > x) for side -1, each with its own relative accuracy."""

    def some(x: Tensor) -> Tensor:
        offset = side * (x[:, None] - parts.means)
        reached = offset >= 0 if side > 0 else offset > 0
        scaled = offset / torch.where(parts.stds > 0, parts.stds, 1.0)
        below = 0.5 * torch.special.erfc(-math.sqrt(0.5) * scaled)  # torch's ndtr is 0 from 8.3 deviations on
        return torch.where(parts.stds > 0, below, reached.double()) @ parts.weights

    rows = max(1, _BLOCK // len(parts.weights))
    return torch.cat([some(part) for part in x.flatten().split(rows)]).reshape(x.shape)


def _inverse(parts: LineMixture, below: Tensor, above: Tensor) -> Tensor:
    """The points with these masses below and above them; the smaller mass of each decides."""
    lower = below <= above
    mass = torch.where(lower, below, above)
    scaled = torch.where(lower, 1.0, -1.0) * torch.special.ndtri(mass)
    low = torch.full_like(mass, torch.inf)
    high = -low
    for mean, std in zip(parts.means.tolist(), parts.stds.tolist(), strict=True):
        own = mean + std * scaled if std > 0 else torch.full_like(mass, mean)
        low, high = torch.minimum(low, own), torch.maximum(high, own)
    for _ in range(120):
        middle = 0.5 * (low + high)
        short = torch.where(lower, _tail(parts, middle, 1.0) < mass, _tail(parts, middle, -1.0) > mass)
        if bool(((middle == low) | (middle == high)).all()):
            break
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return 0.5 * (low + high)
