"""Where the score of a mixture points: angles to the nearest mode, to the mean of the pulls, and where it leads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.plane.critical_points import ascended, covariances, curvature, nearest

__all__ = [
    "Directions",
    "Identity",
    "angle",
    "box",
    "contested",
    "directions",
    "identity",
    "one_round",
    "share",
    "uniform",
]


@dataclass(frozen=True)
class Directions:
    """Where the score points at each of N points.

    Args:
        to_mode: angle between the score and the way to the nearest mode, degrees (N,).
        to_mean: angle between the score and the way to the responsibility-weighted mean of the components, (N,).
        led_astray: whether following the score ends in another mode than the nearest, (N,).
    """

    to_mode: Tensor
    to_mean: Tensor
    led_astray: Tensor


@dataclass(frozen=True)
class Identity:
    """How far sums of the components' own scores are from the gradient of ln p, relative to it, at N points each.

    Args:
        posterior: weighted with the responsibilities at the point.
        prior: weighted with the weights of the mixture.
        strongest: the score of the component with the largest responsibility alone.
        leading: that largest responsibility.
    """

    posterior: Tensor
    prior: Tensor
    strongest: Tensor
    leading: Tensor


def angle(a: Tensor, b: Tensor) -> Tensor:
    """The angle between vectors (N, 2), in degrees (N,); accurate near 0 and 180.

    Example:
        >>> angle(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])).item()
        90.0
    """
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return torch.rad2deg(torch.atan2(cross.abs(), (a * b).sum(1)))


def box(law: GaussianMixture, deviations: float = 2.5) -> tuple[Tensor, Tensor]:
    """The corners of the smallest upright box that holds so many deviations around each component, (2,) each."""
    reach = deviations * covariances(law).diagonal(dim1=1, dim2=2).sqrt()
    return (law.means - reach).amin(0), (law.means + reach).amax(0)


def uniform(law: GaussianMixture, n: int, seed: int) -> Tensor:
    """Points spread evenly over the box of the law, float64 (n, 2)."""
    low, high = box(law)
    u = random.uniform((2,), seed=seed, stream=random.Stream.METRIC, item=torch.arange(n), draw=1, dtype=torch.float64)
    return low + u * (high - low)


def contested(law: GaussianMixture, x: Tensor, count: int) -> Tensor:
    """Some of the points (N, 2) at which two components pull alike, far from one another, (count, 2).

    Points are taken in turn, each as far as can be from those taken before, out of the tenth of the points at which the
    second largest responsibility is largest; (N, 2) itself where the law has one component.
    """
    if len(law.weights) == 1:
        return x[:count]
    second = law.responsibilities(x).topk(2, dim=1).values[:, 1]
    candidates = x[second.argsort(descending=True)[: max(count, len(x) // 10)]]
    chosen = candidates[:1]
    while len(chosen) < count:
        chosen = torch.cat([chosen, candidates[torch.cdist(candidates, chosen).amin(1).argmax()][None]])
    return chosen


def one_round(law: GaussianMixture) -> GaussianMixture:
    """The same weights and means with one isotropic covariance for all: the mean of all variances."""
    variance = torch.einsum("k,kii->", law.weights, covariances(law)) / 2.0
    return GaussianMixture(law.weights, law.means, variance.expand(len(law.weights)))


def directions(law: GaussianMixture, modes: Tensor, x: Tensor) -> Directions:
    """Where the score points at x.

    Args:
        law: over (2,).
        modes: of the law, (M, 2).
        x: float64 (N, 2).

    Example:
        >>> law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1))
        >>> round(directions(law, torch.zeros(1, 2).double(), uniform(law, 5, 0)).to_mode.max().item(), 6)
        0.0
    """
    score = law.score(x)
    near = nearest(x, modes)
    mean = law.responsibilities(x) @ law.means
    return Directions(angle(score, modes[near] - x), angle(score, mean - x), nearest(ascended(law, x), modes) != near)


def identity(law: GaussianMixture, x: Tensor) -> Identity:
    """Sums of the components' own scores beside the gradient of ln p, which is had from the density alone.

    Example:
        >>> law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1))
        >>> bool(identity(law, uniform(law, 5, 0)).posterior.max() < 1e-12)
        True
    """
    whole = curvature(law, x)[1]
    own, share_of = law.component_scores(x), law.responsibilities(x)
    leading, first = share_of.max(1)

    def off(score: Tensor) -> Tensor:
        return (score - whole).norm(dim=1) / whole.norm(dim=1)

    return Identity(
        posterior=off(torch.einsum("nk,nki->ni", share_of, own)),
        prior=off(torch.einsum("k,nki->ni", law.weights, own)),
        strongest=off(own[torch.arange(len(x)), first]),
        leading=leading,
    )


def share(found: Tensor) -> tuple[float, float]:
    """The share of points that are true, and its standard error, which is not zero where all or none are.

    Source: A. Agresti, B. Coull, Approximate is better than "exact" for interval estimation of binomial proportions,
    1998: two are added to both counts for the error.

    Example:
        >>> value, error = share(torch.ones(4, dtype=torch.bool))
        >>> value, round(error, 2)
        (1.0, 0.15)
    """
    n, hits = len(found), int(found.sum())
    middle = (hits + 2) / (n + 4)
    return hits / n, math.sqrt(middle * (1 - middle) / (n + 4))
