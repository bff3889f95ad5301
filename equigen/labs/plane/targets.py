"""What denoising regresses on: the targets -z / sigma found near a point, whose mean is the score there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.plane.critical_points import critical_points
from equigen.labs.plane.smoothing import smoothed

__all__ = ["Fit", "Targets", "binned"]

_FEWEST = 50  # points of a bin that counts


@dataclass(frozen=True)
class Fit:
    """How a field agrees with the mean targets of the bins.

    Args:
        slope: of the mean targets on the field, weighted with their precision; 1 if the field is their expectation.
        error: standard error of the slope.
        misfit: mean square of (mean target - field) / standard error; 1 if the field is their expectation.
        misfit_error: standard error of the misfit if it is.
    """

    slope: float
    error: float
    misfit: float
    misfit_error: float


@dataclass(frozen=True)
class Targets:
    """Targets of noisy points, gathered in square bins.

    Args:
        noise: standard deviation of the noise.
        centre: of each bin that holds enough points, (B, 2).
        mean: of the targets in it, (B, 2).
        score: mean of the true score over the same points, (B, 2).
        fits: by field: the posterior-weighted pull, the same with the mixture's weights, the strongest component alone.
        place: a bin of which all targets are kept: the one nearest to a saddle, (2,).
        sample: its targets, (M, 2).
        origin: the number of the component that each of them came from most likely, given the clean point, (M,).
        explained: share of the targets' variance that the score explains, over all points.
    """

    noise: float
    centre: Tensor
    mean: Tensor
    score: Tensor
    fits: Mapping[str, Fit]
    place: Tensor
    sample: Tensor
    origin: Tensor
    explained: float


def binned(law: GaussianMixture, noise: float, *, n: int, side: float, seed: int) -> Targets:
    """Gather the targets -z / sigma of noisy points x_0 + sigma z in bins, and compare their means with fields.

    Fields are averaged over the same points, so the size of the bins makes no error.

    Args:
        law: of x_0, over (2,).
        noise: sigma, positive.
        n: points.
        side: of a bin.
        seed: of points and noise.

    Example:
        >>> law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1))
        >>> fit = binned(law, 1.0, n=20_000, side=0.5, seed=0).fits["posterior"]
        >>> abs(fit.slope - 1) < 4 * fit.error
        True
    """
    x_0 = law.sample(n, seed=seed, dtype=torch.float64)
    z = random.normal((2,), seed=seed, stream=random.Stream.METRIC, item=torch.arange(n), dtype=torch.float64)
    x, target = x_0 + noise * z, -z / noise
    noisy = smoothed(law, noise)
    own, share = noisy.component_scores(x), noisy.responsibilities(x)
    fields = {
        "posterior": noisy.score(x),
        "prior": torch.einsum("k,nki->ni", law.weights, own),
        "strongest": own[torch.arange(n), share.argmax(1)],
    }
    cell = torch.floor(x / side).long()
    bins, place, count = torch.unique(cell, dim=0, return_inverse=True, return_counts=True)

    def mean(values: Tensor) -> Tensor:
        return torch.zeros(len(bins), 2, dtype=values.dtype).index_add_(0, place, values) / count[:, None]

    middle = mean(target)
    variance = mean((target - middle[place]).square()) * (count / (count - 1).clamp(min=1))[:, None]
    enough = count >= _FEWEST
    weight = (count[:, None] / variance)[enough]
    fits = {name: _fit(middle[enough], mean(field)[enough], weight) for name, field in fields.items()}
    saddles = critical_points(noisy, seed=seed).saddles
    aim = saddles[0] if len(saddles) else noisy.weights @ noisy.means
    centre = (bins.double() + 0.5) * side
    chosen = int(torch.where(enough, torch.cdist(centre, aim[None])[:, 0], math.inf).argmin())
    kept = (place == chosen).nonzero()[:400, 0]
    return Targets(
        noise,
        centre[enough],
        middle[enough],
        mean(fields["posterior"])[enough],
        fits,
        centre[chosen],
        target[kept],
        law.responsibilities(x_0[kept]).argmax(1),
        1.0 - float((target - fields["posterior"]).square().mean() / target.square().mean()),
    )


def _fit(mean: Tensor, field: Tensor, weight: Tensor) -> Fit:
    if not len(mean):
        return Fit(math.nan, math.nan, math.nan, math.nan)
    strength = float((weight * field**2).sum())
    misfit = float((weight * (mean - field) ** 2).mean())
    return Fit(float((weight * mean * field).sum()) / strength, strength**-0.5, misfit, math.sqrt(2.0 / mean.numel()))
