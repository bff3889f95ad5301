"""Simulated paths of dx = lambda^t dw, and what is measured of them.

Paths are made by the Euler-Maruyama method from the coefficient lambda^t alone, taken in the middle of each step,

    x_{k+1} = x_k + lambda^{t_k + h/2} sqrt(h) z_k,

so that no formula of the variance has a part in them: what is measured can disagree with it. All lambda see the same
noise z_k, and the two-bump law and the point likewise. The method's own variance, the sum of h lambda^{2 t_k + h},
differs from the integral by about (h ln(lambda))^2 / 6 of it. How much that is, a finer rule for the same integral
tells, which knows no formula either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.oracle.information import prior_mismatch
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.on_the_line import line_law, mean_square, mixture, normal_law
from equigen.metrics.floor import Measured
from equigen.metrics.line import kolmogorov_smirnov, line_beside_floor

__all__ = [
    "MARKS",
    "Forgetting",
    "Found",
    "Near",
    "Scale",
    "bumps",
    "forgetting",
    "near_one",
    "saturation_time",
    "simulated",
]

MARKS = 20  # times at which paths are measured
_SHOWN = 24  # paths kept whole, for a figure
_CHUNK = 2000  # paths that are made at once
_SETS = 10  # of the paths, whose spread gives the error of a distance
_SEPARATION, _WIDTH = 1.5, 0.4  # of the two bumps


@dataclass(frozen=True)
class Scale:
    """Paths of one lambda, from a point and from two bumps.

    Args:
        base: lambda.
        times: at which paths are measured, (K,), ascending, the last one the end.
        from_point: positions of the paths that start in 0, (n, K).
        start: where the paths of the two bumps start, (n,).
        paths: the first few paths from 0 at all steps, (m, steps + 1).
        method: variance that the method itself has at the times, (K,).
        finer: the same by Simpson's rule, (K,).
    """

    base: float
    times: Tensor
    from_point: Tensor
    start: Tensor
    paths: Tensor
    method: Tensor
    finer: Tensor

    @property
    def label(self) -> str:
        """Lambda with all its digits, so that no two that differ are written alike."""
        return repr(self.base).removesuffix(".0")

    @property
    def coarseness(self) -> float:
        """How far the steps put the last variance off, by the finer rule, relative to the formula."""
        return float((self.method[-1] - self.finer[-1]).abs() / self.formula[-1])

    @property
    def from_bumps(self) -> Tensor:
        """Positions (n, K) of the paths that start in the two bumps, to which the process adds the same increments."""
        return self.start[:, None] + self.from_point

    @property
    def variance(self) -> Tensor:
        """Mean square of the paths from 0, whose mean is known to be 0, (K,)."""
        return self.from_point.square().mean(0)

    @property
    def error(self) -> Tensor:
        """Its standard error, from the spread of the squares, (K,)."""
        return self.from_point.square().std(0) / math.sqrt(len(self.from_point))

    @property
    def formula(self) -> Tensor:
        """(lambda^(2t) - 1) / (2 ln lambda), and t at lambda = 1, (K,)."""
        return self.schedule.sigma(self.times) ** 2

    @property
    def schedule(self) -> GeometricNoise:
        """The process, up to its last time."""
        end = float(self.times[-1])
        return GeometricNoise(self.base, t_min=1e-6 * end, t_max=end)


@dataclass(frozen=True)
class Forgetting:
    """What is left of the two bumps at the end.

    Args:
        snr: signal-to-noise ratio, variance of the start over that of what was added.
        correlation: measured squared correlation of start and end.
        correlation_error: its standard error, as for normal laws.
        same_side: measured share of paths that end on the side where they started.
        same_side_error: its standard error.
        same_side_expected: of the exact law.
        mismatch: divergence of the end from the prior, in nats.
        gap: exact Kolmogorov-Smirnov distance of the end from the prior.
        measured: of the simulated ends, beside draws of the prior.
    """

    snr: float
    correlation: float
    correlation_error: float
    same_side: float
    same_side_error: float
    same_side_expected: float
    mismatch: float
    gap: float
    measured: Measured


@dataclass(frozen=True)
class Near:
    """The variance at t = 1 for a lambda near 1, in float32: by the formula as it stands, and by expm1."""

    base: float
    plain: float
    by_expm1: float


@dataclass(frozen=True)
class Found:
    """Everything that the lab measures.

    Args:
        scales: paths of each lambda up to time 1.
        left: of each, what is left of the start at time 1.
        long: paths of each lambda below 1 over a time that is long for it.
        long_left: of each, what is left of the start then.
        near: variances near lambda = 1 in float32.
    """

    scales: list[Scale]
    left: list[Forgetting]
    long: list[Scale]
    long_left: list[Forgetting]
    near: list[Near]


def bumps() -> GaussianMixture:
    """The two-bump law."""
    return mixture([0.5, 0.5], [-_SEPARATION, _SEPARATION], [_WIDTH, _WIDTH])


def saturation_time(base: float) -> float:
    """The time at which a lambda below 1 lacks a thousandth of its last variance.

    Example:
        >>> round(saturation_time(0.5), 2)
        4.98
    """
    return math.log(1000.0) / (-2.0 * math.log(base))


def simulated(bases: Sequence[float], end: float, *, paths: int, steps: int, seed: int, first: int = 0) -> list[Scale]:
    """Paths for each lambda, driven by the same noise.

    Args:
        bases: lambdas.
        end: time.
        paths: their number.
        steps: of the method; a multiple of 20.
        seed: of the noise and of the starts.
        first: number of the first path; other numbers are other paths.
    """
    h, every = end / steps, steps // MARKS
    t = h * torch.arange(steps, dtype=torch.float64)
    of_base = torch.tensor(list(bases), dtype=torch.float64)[:, None]
    strength, edge = of_base ** (t + 0.5 * h), of_base ** torch.cat((t, torch.tensor([end])))  # (bases, steps [+ 1])
    marked: list[list[Tensor]] = [[] for _ in bases]
    shown: list[Tensor] = []
    for begin in range(first, first + paths, _CHUNK):
        item = torch.arange(begin, min(begin + _CHUNK, first + paths))
        z = random.normal((steps,), seed=seed, stream=random.Stream.SOLVER, item=item, dtype=torch.float64)
        for k in range(len(bases)):
            x = (z * (math.sqrt(h) * strength[k])).cumsum(1)
            marked[k].append(x[:, every - 1 :: every].clone())
            if begin == first:
                shown.append(torch.cat((torch.zeros(len(x[:_SHOWN]), 1), x[:_SHOWN]), dim=1))
    start = bumps().sample(paths, seed=seed, first=first, dtype=torch.float64)[:, 0]
    times = h * every * torch.arange(1, MARKS + 1, dtype=torch.float64)
    own = (h * strength**2).cumsum(1)[:, every - 1 :: every]
    ends = (0.5 * h * (edge[:, :-1] ** 2 + edge[:, 1:] ** 2)).cumsum(1)[:, every - 1 :: every]
    finer = (2.0 * own + ends) / 3.0
    return [Scale(base, times, torch.cat(marked[k]), start, shown[k], own[k], finer[k]) for k, base in enumerate(bases)]


def forgetting(scale: Scale, seed: int) -> Forgetting:
    """What the ends of paths from the two bumps still say of where they started, and how far the prior is.

    Args:
        scale: paths of one lambda.
        seed: of the draws of the prior.
    """
    law, schedule = bumps(), scale.schedule
    start, end = scale.start, scale.from_bumps[:, -1]
    n, spread = len(start), mean_square(law)
    noise = float(scale.formula[-1])
    share = float((start * end).mean() ** 2 / (start.square().mean() * end.square().mean()))
    same = float((start.sign() == end.sign()).double().mean())
    noised, width = line_law(law.diffused(schedule, schedule.t_max)), math.sqrt(noise + spread)
    prior = mixture([1.0], [0.0], [width])
    size = n // _SETS
    draws = prior.sample(4 * _SETS * size, seed=seed, first=1 << 24, dtype=torch.float64)[:, 0]
    _, gap = line_beside_floor(end[: _SETS * size].split(size), draws.split(size), normal_law(0.0, width))
    return Forgetting(
        snr=spread / noise,
        correlation=share,
        correlation_error=2.0 * math.sqrt(share) * (1.0 - share) / math.sqrt(n),
        same_side=same,
        same_side_error=math.sqrt(max(same * (1.0 - same), 1.0 / n) / n),
        same_side_expected=_same_side(noise),
        mismatch=prior_mismatch(law, schedule, math.sqrt(spread)).value,
        gap=kolmogorov_smirnov(noised, normal_law(0.0, width)),
        measured=gap,
    )


def near_one(distances: Sequence[float] = (1e-1, 1e-3, 1e-5, 1e-6, 1e-7)) -> list[Near]:
    """The variance at t = 1 near lambda = 1, in float32."""
    found, one = [], torch.tensor(1.0)
    for distance in distances:
        base = 1.0 + distance
        rate = torch.tensor(2.0 * math.log(base))
        plain = float((torch.tensor(base) ** (2.0 * one) - 1.0) / rate)
        found.append(Near(base, plain, float(GeometricNoise(base).sigma(one) ** 2)))
    return found


def _same_side(noise: float) -> float:
    """P(x_0 x_t > 0) for the two bumps, by symmetry twice the share that stays above 0, by quadrature."""
    x = torch.linspace(0.0, _SEPARATION + 9.0 * _WIDTH, 4001, dtype=torch.float64)
    density = bumps().log_prob(x[:, None]).exp()
    return 2.0 * float(torch.trapezoid(density * torch.special.ndtr(x / math.sqrt(noise)), x))
