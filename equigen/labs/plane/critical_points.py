"""Where the density of a mixture is level: its modes, saddles and minima, found by Newton's method on ln p.

Every critical point of a mixture of K normal laws lies on its ridgeline surface

    x*(a) = (sum a_k C_k^-1)^-1 sum a_k C_k^-1 m_k,     a in the simplex,

so the search starts from points spread over that surface. In the plane a search that missed none satisfies
modes - saddles + minima = 1 (Poincare and Hopf; the density falls to zero on all sides).

Source: S. Ray, B. Lindsay, The topography of multivariate normal mixtures, Annals of Statistics 33, 2005, theorem 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.laws.mixture import GaussianMixture

__all__ = ["CriticalPoints", "ascended", "covariances", "critical_points", "curvature", "nearest"]

_NEWTON = 60  # steps at most
_SAME = 1e-4  # two points this near, in deviations of the narrowest component, are one


@dataclass(frozen=True)
class CriticalPoints:
    """Points at which the gradient of the density vanishes, the highest first.

    Args:
        points: float64 (P, 2).
        log_density: there, (P,).
        hessian: of the log density there, (P, 2, 2).
    """

    points: Tensor
    log_density: Tensor
    hessian: Tensor

    @property
    def rising(self) -> Tensor:
        """Number of directions in which the density rises, (P,): 0 at a mode, 1 at a saddle, 2 at a minimum."""
        return (torch.linalg.eigvalsh(self.hessian) > 0).sum(1)

    @property
    def modes(self) -> Tensor:
        """The modes (M, 2)."""
        return self.points[self.rising == 0]

    @property
    def saddles(self) -> Tensor:
        """The saddles (S, 2)."""
        return self.points[self.rising == 1]

    @property
    def minima(self) -> Tensor:
        """The minima."""
        return self.points[self.rising == 2]

    @property
    def index(self) -> int:
        """Modes less saddles plus minima: 1 if none was missed."""
        return len(self.modes) - len(self.saddles) + len(self.minima)


def covariances(law: GaussianMixture) -> Tensor:
    """The covariance matrices of a mixture's components over flat coordinates, float64 (K, d, d).

    Example:
        >>> law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([3.0]))
        >>> covariances(law)[0].tolist()
        [[3.0, 0.0], [0.0, 3.0]]
    """
    parts = law.components
    values = parts.values.expand(parts.means.shape)
    if parts.vectors is None:
        return torch.diag_embed(values)
    return parts.vectors * values[:, None] @ parts.vectors.mT


def curvature(law: GaussianMixture, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The log density, its gradient and its Hessian, each by differentiating the density and nothing else.

    Args:
        law: over (2,).
        x: float64 (B, 2).

    Returns:
        (B,), (B, 2) and (B, 2, 2).

    Example:
        >>> law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([2.0]))
        >>> curvature(law, torch.ones(1, 2, dtype=torch.float64))[1].tolist()
        [[-0.5, -0.5]]
    """
    x = x.detach().requires_grad_(True)
    value = law.log_prob(x)
    (gradient,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    rows = [torch.autograd.grad(gradient[:, i].sum(), x, retain_graph=True)[0] for i in range(x.shape[1])]
    return value.detach(), gradient.detach(), torch.stack(rows, dim=1)


def critical_points(law: GaussianMixture, *, seed: int = 0, starts: int = 1000) -> CriticalPoints:
    """All critical points that Newton's method reaches from the ridgeline surface.

    Args:
        law: over (2,).
        seed: key of the starts.
        starts: points inside the ridgeline surface; its corners and edges are always searched.

    Error: a point to 1e-10 deviations, unless two are about to merge: there the Hessian is singular.

    Example:
        >>> law = GaussianMixture(torch.tensor([0.5, 0.5]), torch.tensor([[-2.0, 0], [2.0, 0]]), torch.ones(2))
        >>> found = critical_points(law)
        >>> len(found.modes), len(found.saddles), found.index
        (2, 1, 1)
    """
    width = float(law.components.values.min().sqrt())
    x, arrived = _ridgeline(law, seed, starts), []
    for _ in range(_NEWTON):
        _, gradient, hessian = curvature(law, x)
        values, vectors = torch.linalg.eigh(hessian)
        size = values.abs().clamp(min=1e-12)
        along = (vectors.mT @ gradient[..., None])[..., 0] / torch.where(values < 0, -size, size)
        step = -(vectors @ along[..., None])[..., 0]
        length = step.norm(dim=1, keepdim=True)
        x = x + step * (width / length.clamp(min=width))
        there = length[:, 0] < 1e-10 * width
        arrived.append(x[there])
        x = x[~there]
        if not len(x):
            break
    x = torch.cat(arrived)
    value, gradient, hessian = curvature(law, x)
    level = gradient.norm(dim=1) * width < 1e-9
    order = value[level].argsort(descending=True)
    x, value, hessian = (part[level][order] for part in (x, value, hessian))
    same = torch.cdist(x, x) < _SAME * width
    first = same.float().argmax(1) == torch.arange(len(x))
    return CriticalPoints(x[first], value[first], hessian[first])


def _ridgeline(law: GaussianMixture, seed: int, starts: int) -> Tensor:
    """Corners, edges and the inside of the ridgeline surface."""
    count = len(law.weights)
    corners = torch.eye(count, dtype=torch.float64)
    part = torch.linspace(0.0, 1.0, 33, dtype=torch.float64)[1:-1, None]
    edges = [part * corners[i] + (1 - part) * corners[j] for i, j in combinations(range(count), 2)]
    inside = -random.uniform(
        (count,), seed=seed, stream=random.Stream.METRIC, item=torch.arange(starts), dtype=torch.float64
    ).log()
    share = torch.cat([corners, *edges, inside / inside.sum(1, keepdim=True)])
    precision = torch.linalg.inv(covariances(law))
    matrix = torch.einsum("sk,kij->sij", share, precision)
    pull = torch.einsum("sk,kij,kj->si", share, precision, law.means)
    return torch.linalg.solve(matrix, pull)


def ascended(law: GaussianMixture, x: Tensor, steps: int = 400) -> Tensor:
    """Where one comes to by following the score from points (B, 2): uphill on the density, (B, 2).

    Error: Euler's method in steps of a tenth of the narrowest component's deviation at most; points whose path runs
    along the border of two basins may end in the other one.
    """
    width = float(law.components.values.min().sqrt())
    for _ in range(steps):
        score = law.score(x)
        x = x + 0.1 * width * score / (score.norm(dim=1, keepdim=True) + 0.3 / width)
    return x


def nearest(x: Tensor, points: Tensor) -> Tensor:
    """The number of the point (P, 2) that is nearest to each of x (B, 2), as (B,)."""
    return torch.cdist(x, points).argmin(1)
