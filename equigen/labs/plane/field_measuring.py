"""Everything that the lab `mixture-score` measures, and what it decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.lab import Tell
from equigen.labs.plane.critical_points import CriticalPoints, critical_points
from equigen.labs.plane.direction import Directions, Identity, directions, identity, one_round, share, uniform
from equigen.labs.plane.magnitude import Far, Path, at_level, far, path, rank_correlation
from equigen.labs.plane.smoothing import Smoothing, smoothing

__all__ = ["MOST", "FieldMeasured", "field_measured"]

MOST = 0.95
"""What "at almost all points" means."""


@dataclass(frozen=True)
class FieldMeasured:
    """The score of a mixture, measured.

    Args:
        law: the mixture.
        found: its critical points.
        limit: degrees within which the score counts as pointing at something.
        x: points spread evenly, (N, 2).
        even: directions there.
        drawn: directions at N points drawn from the law.
        plain: directions at points drawn from the mixture with one isotropic covariance for all.
        sums: sums of the components' own scores, at the points drawn.
        level: the longest score at a critical point.
        typical: root mean square of the score over the law.
        along: a path over two modes.
        rays: the score far away.
        rank: rank correlation of density and length of the score at the points drawn, and its standard error.
        noisy: the number of modes against the noise.
    """

    law: GaussianMixture
    found: CriticalPoints
    limit: float
    x: Tensor
    even: Directions
    drawn: Directions
    plain: Directions
    sums: Identity
    level: float
    typical: float
    along: Path
    rays: Far
    rank: tuple[float, float]
    noisy: Smoothing

    def toward(self, where: Directions) -> tuple[float, float]:
        """The share of points at which the score points to the nearest mode within the limit, and its error."""
        return share(where.to_mode <= self.limit)

    def bent(self, where: Directions) -> tuple[float, float]:
        """The share of points at which the score is off the weighted mean by more than the limit, and its error."""
        return share(where.to_mean > self.limit)

    def numbers(self) -> Mapping[str, Any]:
        """All of it as JSON has it."""
        return {
            "critical_points": [
                {"point": point, "kind": ("mode", "saddle", "minimum")[rising], "log_density": height}
                for point, rising, height in zip(
                    self.found.points.tolist(), self.found.rising.tolist(), self.found.log_density.tolist(), strict=True
                )
            ],
            "directions": {
                name: {
                    "toward_nearest_mode": self.toward(where),
                    "against_nearest_mode": share(where.to_mode > 90.0),
                    "off_weighted_mean": self.bent(where),
                    "led_to_another_mode": share(where.led_astray),
                    "angle_to_mode_quantiles": _quantiles(where.to_mode),
                    "angle_to_mean_quantiles": _quantiles(where.to_mean),
                }
                for name, where in (("drawn", self.drawn), ("even", self.even), ("one_isotropic_drawn", self.plain))
            },
            "sums": {
                "posterior_worst": float(self.sums.posterior.max()),
                "prior_quantiles": _quantiles(self.sums.prior),
                "strongest_alone_quantiles": _quantiles(self.sums.strongest),
                "led_by_one": share(self.sums.leading > MOST),
            },
            "magnitude": {
                "at_critical_points": self.level,
                "root_mean_square": self.typical,
                "rank_correlation_with_density": self.rank,
                "bearing": self.rays.bearing.tolist(),
                "slope": self.rays.slope.tolist(),
                "slope_expected": self.rays.expected.tolist(),
            },
            "smoothing": {
                "noise": self.noisy.noise,
                "modes": self.noisy.modes,
                "index": self.noisy.index,
                "changes": [vars(one) for one in self.noisy.changes],
            },
        }


def field_measured(
    law: GaussianMixture, *, points: int, limit: float, noise: tuple[float, float, int], seed: int, tell: Tell
) -> FieldMeasured:
    """Measure the score of a mixture.

    Args:
        law: over (2,).
        points: drawn from the law, and as many spread evenly.
        limit: degrees.
        noise: the smallest and the largest level of noise, and how many.
        seed: key of the points.
        tell: called before each stage.
    """
    tell("modes, saddles and minima")
    found = critical_points(law, seed=seed)
    tell("directions")
    drawn, even, plain = law.sample(points, seed=seed, dtype=torch.float64), uniform(law, points, seed), one_round(law)
    rounded = plain.sample(points, seed=seed, dtype=torch.float64)
    toward = [
        directions(law, found.modes, drawn),
        directions(law, found.modes, even),
        directions(plain, critical_points(plain, seed=seed).modes, rounded),
    ]
    tell("lengths")
    level, typical, _ = at_level(law, found, points, seed)
    rank = rank_correlation(law.log_prob(drawn), law.score(drawn).norm(dim=1))
    tell("modes by noise")
    return FieldMeasured(
        law,
        found,
        limit,
        even,
        drawn=toward[0],
        even=toward[1],
        plain=toward[2],
        sums=identity(law, drawn),
        level=level,
        typical=typical,
        along=path(law, found),
        rays=far(law),
        rank=rank,
        noisy=smoothing(law, *noise),
    )


def _quantiles(values: Tensor) -> dict[str, float]:
    points = (0.05, 0.25, 0.5, 0.75, 0.95)
    found = torch.quantile(values.double(), torch.tensor(points, dtype=torch.float64))
    return {f"{point:g}": value for point, value in zip(points, found.tolist(), strict=True) if math.isfinite(value)}
