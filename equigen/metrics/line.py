"""Distances between laws on the line, of which each is known exactly or by a sample.

With distribution functions F and G,

    W_1 = integral of |F - G|,        KS = sup |F - G|.

W_1 has the unit of x: how far, on average, one law's mass must be carried to become the other. KS is a probability: the
largest amount by which the two disagree on any question of the form "is x at most c". A sample has a step function,
with a step of 1/n at each of its items.

A sample of n items of the law itself is not at distance 0: that is the floor, about

    W_1: sqrt(2 / (pi n)) integral of sqrt(F (1 - F)),        KS: 0.87 / sqrt(n).

Source: L. Kantorovich 1942, and S. Vallender, Calculation of the Wasserstein distance between probability distributions
on the line, 1973; A. Kolmogorov 1933, N. Smirnov 1948; the floor of W_1: E. del Barrio, E. Gine, C. Matran, 1999.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.metrics.floor import Measured, mean_interval

__all__ = ["LineLaw", "kolmogorov_smirnov", "line_beside_floor", "wasserstein_1"]

_LOST = 1e-6  # mass that a table may leave out


@dataclass(frozen=True)
class LineLaw:
    """A law on the line by a table of its distribution function, linear between the points.

    Args:
        points: (m,), ascending.
        cdf: the distribution function there, (m,), never falling, from 0 to 1 within 1e-6.

    Raises:
        ValueError: points out of order, or numbers that are no distribution function over the whole law.

    Error: of the distances, second order in the distance of the points.

    Example:
        >>> half = LineLaw(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]))       # uniform on [0, 2]
        >>> wasserstein_1(half, LineLaw(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])))
        1.0
    """

    points: Tensor
    cdf: Tensor

    def __post_init__(self) -> None:
        points, cdf = self.points.double(), self.cdf.double()
        if points.ndim != 1 or points.shape != cdf.shape or len(points) < 2 or not bool((points.diff() > 0).all()):
            raise ValueError(
                f"points have shape {tuple(points.shape)} and cdf {tuple(cdf.shape)}, but a table needs two or more "
                "ascending points and as many numbers: sort the points and leave out repeated ones."
            )
        low, high = float(cdf[0]), float(cdf[-1])
        if not (abs(low) <= _LOST and abs(high - 1.0) <= _LOST and bool((cdf.diff() >= -_LOST).all())):
            raise ValueError(
                f"cdf runs from {low:.6g} to {high:.6g}, but must rise from 0 to 1: let the points span the whole law."
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "cdf", cdf.clamp(0.0, 1.0).cummax(0).values)

    @classmethod
    def tabulated(cls, cdf: Callable[[Tensor], Tensor], low: float, high: float, panels: int = 16384) -> LineLaw:
        """The table of a function on even panels.

        Args:
            cdf: distribution function of points (m,) in float64.
            low: where it still is 0.
            high: where it is 1.
            panels: their number.

        Example:
            >>> normal = LineLaw.tabulated(torch.special.ndtr, -9.0, 9.0)
            >>> round(wasserstein_1(torch.zeros(1), normal), 5)              # E|z| = sqrt(2 / pi)
            0.79788
        """
        points = torch.linspace(low, high, panels + 1, dtype=torch.float64)
        return cls(points, cdf(points))

    def at(self, x: Tensor) -> Tensor:
        """The distribution function at x, by linear interpolation, 0 before the points and 1 after them.

        Example:
            >>> LineLaw(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0])).at(torch.tensor([-1.0, 0.5, 3.0])).tolist()
            [0.0, 0.25, 1.0]
        """
        x = x.to(self.points)
        right = torch.searchsorted(self.points, x).clamp(1, len(self.points) - 1)
        share = (x - self.points[right - 1]) / (self.points[right] - self.points[right - 1])
        return torch.lerp(self.cdf[right - 1], self.cdf[right], share.clamp(0.0, 1.0))


def wasserstein_1(x: Tensor | LineLaw, y: Tensor | LineLaw) -> float:
    """The Wasserstein-1 distance of two laws on the line, in the unit of x.

    Args:
        x: a sample, (n,) or (n, 1), or a law.
        y: likewise; sizes may differ.

    Returns:
        The integral of |F - G|.

    Raises:
        ValueError: a sample that is empty, not finite, or not on the line.

    Error: rounding between samples; with a law, second order in the distance of its points.

    Example:
        >>> wasserstein_1(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 2.0, 5.0, 5.0]))
        3.0
    """
    at, left, right = _differences(x, y)
    a, b = left.abs(), right.abs()
    crosses = left * right < 0
    together = torch.where(crosses, 0.5 * (a**2 + b**2) / (a + b).clamp_min(1e-300), 0.5 * (a + b))
    return float((at.diff() * together).sum())


def kolmogorov_smirnov(x: Tensor | LineLaw, y: Tensor | LineLaw) -> float:
    """The Kolmogorov-Smirnov distance of two laws on the line, a probability.

    Args:
        x: a sample, (n,) or (n, 1), or a law.
        y: likewise; sizes may differ.

    Returns:
        The supremum of |F - G|.

    Raises:
        ValueError: a sample that is empty, not finite, or not on the line.

    Example:
        >>> kolmogorov_smirnov(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 9.0]))
        0.5
    """
    _, left, right = _differences(x, y)
    return float(torch.maximum(left.abs(), right.abs()).max())


def line_beside_floor(generated: Sequence[Tensor], draws: Sequence[Tensor], law: LineLaw) -> tuple[Measured, Measured]:
    """Both distances of generated samples to a law, beside those of its own draws of the same size.

    Args:
        generated: samples of n items each, independent of one another.
        draws: of the law, n items each.
        law: the reference.

    Returns:
        Wasserstein-1 and Kolmogorov-Smirnov.

    Raises:
        ValueError: samples of different sizes: the floor depends on the size.

    Example:
        >>> normal = LineLaw.tabulated(torch.special.ndtr, -9.0, 9.0)
        >>> z = [torch.randn(400, generator=torch.Generator().manual_seed(k)) for k in range(12)]
        >>> distance, _ = line_beside_floor([one + 0.5 for one in z[:6]], z[6:], normal)
        >>> 0.45 < distance.value < 0.55, distance.floor < 0.1
        (True, True)
    """
    n, *others = sorted({len(one) for one in (*generated, *draws)})
    if others:
        raise ValueError(
            f"samples have {n} to {others[-1]} items, but a floor holds for one size: take as many of each."
        )
    found = []
    for name, unit, most, distance in (
        ("Wasserstein-1 distance", "units of x", float("inf"), wasserstein_1),
        ("Kolmogorov-Smirnov distance", "", 1.0, kolmogorov_smirnov),
    ):
        values = tuple(distance(one, law) for one in generated)
        floors = tuple(distance(one, law) for one in draws)
        (value, interval), (floor, floor_interval) = mean_interval(values), mean_interval(floors)
        ends = [(max(low, 0.0), min(high, most)) for low, high in (interval, floor_interval)]
        ratio = value / floor if floor > 0 else None
        found.append(
            Measured(name, value, ends[0], floor, ends[1], ratio, n, "lower", "x", unit, values, floors),
        )
    return found[0], found[1]


def _differences(x: Tensor | LineLaw, y: Tensor | LineLaw) -> tuple[Tensor, Tensor, Tensor]:
    """Points (m,) between which F - G is linear, and its limits (m - 1,) at the left and the right of each interval."""
    sides = [side if isinstance(side, LineLaw) else _sample(side) for side in (x, y)]
    at = torch.cat([side.points if isinstance(side, LineLaw) else side for side in sides]).unique()
    if len(at) == 1:  # both are one and the same point
        at = torch.cat((at, at + 1.0))
    limits = []
    for side in sides:
        if isinstance(side, LineLaw):
            value = side.at(at)
            limits.append((value[:-1], value[1:]))
        else:
            value = torch.searchsorted(side, at[:-1], right=True).double() / len(side)
            limits.append((value, value))
    return at, limits[0][0] - limits[1][0], limits[0][1] - limits[1][1]


def _sample(x: Tensor) -> Tensor:
    if not x.numel() or x.numel() != len(x) or not bool(x.isfinite().all()):
        raise ValueError(
            f"a sample has shape {tuple(x.shape)}, but a distance on the line takes (n,) or (n, 1) finite numbers, "
            "n >= 1: choose one coordinate, and look for NaN."
        )
    return x.detach().double().flatten().sort().values
