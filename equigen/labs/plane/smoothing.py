"""What noise does to the landscape of a density: how many modes are left, and at which noise they go."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.edm import EDM
from equigen.labs.plane.critical_points import CriticalPoints, critical_points

__all__ = ["Change", "Smoothing", "smoothed", "smoothing"]

_HALVINGS = 14


@dataclass(frozen=True)
class Change:
    """A noise level at which the number of modes changes.

    Args:
        noise: standard deviation of the noise.
        before: modes just below it.
        after: modes just above it.
    """

    noise: float
    before: int
    after: int


@dataclass(frozen=True)
class Smoothing:
    """The number of modes against the noise level.

    Args:
        noise: levels, ascending.
        modes: their number at each level.
        index: modes less saddles plus minima at each level: 1 where none was missed.
        changes: where the number changes between two levels.
    """

    noise: tuple[float, ...]
    modes: tuple[int, ...]
    index: tuple[int, ...]
    changes: tuple[Change, ...]


def smoothed(law: GaussianMixture, noise: float) -> GaussianMixture:
    """The law of x + noise z: every covariance gains noise^2.

    Example:
        >>> smoothed(GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.ones(1)), 2.0).components.values.item()
        5.0
    """
    return law.diffused(EDM(min(1e-6, noise / 2), 2 * noise), noise)


def smoothing(law: GaussianMixture, low: float, high: float, levels: int) -> Smoothing:
    """Count the modes of the law of x + noise z at levels of noise, and bisect where their number changes.

    Args:
        law: over (2,).
        low: the smallest noise, positive.
        high: the largest noise.
        levels: their number, evenly spread in the logarithm.

    Error: a change is placed to 2^-14 of the distance of two levels; levels that lie so near a change that two
    critical points almost touch may miss a pair of them, which leaves `index` as it is.

    Example:
        >>> law = GaussianMixture(torch.tensor([0.5, 0.5]), torch.tensor([[-2.0, 0], [2.0, 0]]), torch.ones(2))
        >>> found = smoothing(law, 0.5, 4.0, 3)
        >>> found.modes, round(found.changes[0].noise, 2)           # sqrt(2^2 - 1)
        ((2, 2, 1), 1.73)
    """
    noise = (low * (high / low) ** torch.linspace(0.0, 1.0, levels, dtype=torch.float64)).tolist()
    found = [critical_points(smoothed(law, level)) for level in noise]
    count = [len(one.modes) for one in found]
    changes = []
    for k in range(levels - 1):
        changes += _changes(law, (noise[k], count[k]), (noise[k + 1], count[k + 1]), _HALVINGS)
    return Smoothing(tuple(noise), tuple(count), tuple(one.index for one in found), tuple(changes))


def _changes(law: GaussianMixture, low: tuple[float, int], high: tuple[float, int], halvings: int) -> list[Change]:
    """All changes between two levels whose numbers of modes differ."""
    if low[1] == high[1]:
        return []
    middle = (low[0] * high[0]) ** 0.5
    if halvings == 0:
        return [Change(middle, low[1], high[1])]
    here: CriticalPoints = critical_points(smoothed(law, middle), starts=100)
    between = (middle, len(here.modes))
    return _changes(law, low, between, halvings - 1) + _changes(law, between, high, halvings - 1)
