"""How long the score of a mixture is: along a path over two modes, far away, and against the density."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.plane.critical_points import CriticalPoints, ascended, covariances, nearest

__all__ = ["Far", "Path", "at_level", "far", "path", "rank_correlation"]

_ALIKE = 1e-6  # relative difference of pulls that makes none to the slope


@dataclass(frozen=True)
class Path:
    """The density and the length of the score along straight pieces: beyond a mode, over a saddle, beyond a mode.

    Args:
        place: length of the way from the first mode, (N,), negative before it.
        density: (N,).
        magnitude: |score|, (N,).
        marks: (name, place) of the modes and the saddle.
    """

    place: Tensor
    density: Tensor
    magnitude: Tensor
    marks: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Far:
    """The length of the score on rays away from the middle.

    Args:
        bearing: of the rays, degrees (R,).
        distance: on the rays, (N,).
        magnitude: |score|, (N, R).
        slope: d|score| / d distance at the far end of each ray, (R,).
        error: of the slope: what half the distance changes it by, (R,).
        expected: |C_k^-1 u| of the component with the largest variance along the ray, (R,).
        taken: responsibility of that component, and of others that pull alike, on the last half of each ray, (R,).
    """

    bearing: Tensor
    distance: Tensor
    magnitude: Tensor
    slope: Tensor
    error: Tensor
    expected: Tensor
    taken: Tensor


def at_level(law: GaussianMixture, found: CriticalPoints, n: int, seed: int) -> tuple[float, float, float]:
    """The longest score at a critical point, and the root mean square over the law with its standard error.

    Args:
        law: over (2,).
        found: its critical points, found from the density alone.
        n: samples for the root mean square.
        seed: of the samples.
    """
    square = law.score(law.sample(n, seed=seed, dtype=torch.float64)).square().sum(1)
    mean = float(square.mean())
    error = float(square.std()) / math.sqrt(n)
    return float(law.score(found.points).norm(dim=1).max()), math.sqrt(mean), error / (2 * math.sqrt(mean))


def path(law: GaussianMixture, found: CriticalPoints, n: int = 1201) -> Path:
    """Over the highest saddle from mode to mode and three deviations beyond either; through the mode if there is one.

    Args:
        law: over (2,).
        found: its critical points.
        n: points on the way.
    """
    spread = float(law.components.values.max().sqrt())
    if len(found.saddles):
        which = int((found.rising == 1).nonzero()[0])
        middle = found.points[which]
        uphill = torch.linalg.eigh(found.hessian[which]).eigenvectors[:, -1]
        step = 1e-2 * float(law.components.values.min().sqrt()) * uphill
        ends = found.modes[nearest(ascended(law, torch.stack([middle - step, middle + step]), 4000), found.modes)]
        stops, names = torch.stack([ends[0], middle, ends[1]]), ("mode", "saddle", "mode")
    else:
        stops, names = found.modes[:1], ("mode",)
    ahead = stops[-1] - stops[-2] if len(stops) > 1 else torch.tensor([1.0, 0.0], dtype=torch.float64)
    back = stops[0] - stops[1] if len(stops) > 1 else -ahead
    stops = torch.stack(
        [stops[0] + 3 * spread * back / back.norm(), *stops, stops[-1] + 3 * spread * ahead / ahead.norm()]
    )
    length = torch.cat([torch.zeros(1).double(), (stops[1:] - stops[:-1]).norm(dim=1).cumsum(0)])
    place = torch.linspace(0.0, float(length[-1]), n, dtype=torch.float64)
    piece = torch.searchsorted(length[1:-1].contiguous(), place)
    part = ((place - length[piece]) / (length[piece + 1] - length[piece]))[:, None]
    x = (1 - part) * stops[piece] + part * stops[piece + 1]
    marks = tuple((name, float(at - length[1])) for name, at in zip(names, length[1:-1], strict=True))
    return Path(place - length[1], law.log_prob(x).exp(), law.score(x).norm(dim=1), marks)


def far(law: GaussianMixture, rays: int = 72, reach: float = 1e5) -> Far:
    """The slope of |score| far away, on rays from the mean of the law; the first runs along the largest variance.

    Far out on a ray u the component with the largest variance along it, the least u^T C_k^-1 u, takes all of the
    responsibility, and the score tends to C_k^-1 (m_k - x).

    Args:
        law: over (2,).
        rays: their number.
        reach: length of the rays, in deviations of the widest component; or in halves of the distance from the mean to
            the farthest component, if that is longer.

    Error: relative 1 / reach, more on rays near which two components change places: there `taken` is not 1.

    Example:
        >>> law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([4.0]))
        >>> found = far(law)
        >>> round(found.slope[0].item(), 9), found.taken[0].item()
        (0.25, 1.0)
    """
    widest = covariances(law)[int(law.components.values.amax(1).argmax())]
    axis = torch.linalg.eigh(widest).eigenvectors[:, -1]
    bearing = torch.atan2(axis[1], axis[0]) + torch.arange(rays, dtype=torch.float64) * (2 * math.pi / rays)
    u = torch.stack([bearing.cos(), bearing.sin()], dim=1)
    middle = law.weights @ law.means
    spread = max(float(law.components.values.max().sqrt()), float((law.means - middle).norm(dim=1).max()) / 2)
    distance = spread * torch.cat([torch.linspace(0.0, 10.0, 201).double(), reach * torch.tensor([0.25, 0.5, 1.0])])
    x = middle + distance[:, None, None] * u
    magnitude = law.score(x.reshape(-1, 2)).norm(dim=1).reshape(len(distance), rays)
    near, slope = ((magnitude[k] - magnitude[k - 1]) / (distance[k] - distance[k - 1]) for k in (-2, -1))
    precision = torch.linalg.inv(covariances(law))
    pull = torch.einsum("kij,rj->rki", precision, u)
    weakest = torch.einsum("ri,rki->rk", u, pull).argmin(1)
    widest_pull = pull[torch.arange(rays), weakest]
    alike = (pull - widest_pull[:, None]).norm(dim=2) <= _ALIKE * widest_pull.norm(dim=1, keepdim=True)
    ends = law.responsibilities(x[-2:].reshape(-1, 2)).reshape(2, rays, -1)
    return Far(
        bearing.rad2deg() % 360,
        distance,
        magnitude,
        slope,
        (slope - near).abs(),
        widest_pull.norm(dim=1),
        (ends * alike).sum(2).amin(0),
    )


def rank_correlation(a: Tensor, b: Tensor) -> tuple[float, float]:
    """Spearman's rank correlation r of two vectors (N,), and its standard error (1 - r^2) 1.03 / sqrt(N - 3).

    Source: E. Fieller, H. Hartley, E. Pearson, Tests for rank correlation coefficients, 1957: the error of artanh r is
    sqrt(1.06 / (N - 3)).

    Example:
        >>> rank_correlation(torch.arange(10), torch.arange(10) ** 2)[0]
        1.0
    """
    ranks = [part.argsort().argsort().double() for part in (a, b)]
    correlation = torch.corrcoef(torch.stack(ranks))[0, 1]
    found = round(float(correlation), 12)
    return found, (1 - found**2) * math.sqrt(1.06 / max(len(a) - 3, 1))
