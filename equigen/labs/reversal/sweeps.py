"""How the parts of the error that no solver has a hand in depend on the end of the process, its last time, and n."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch

from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.on_the_line import line_law, standard_error
from equigen.labs.reversal.measuring import Problem, ends
from equigen.metrics.line import LineLaw, wasserstein_1

__all__ = ["NoiseAt", "PriorAt", "StoppingAt", "Sweeps", "expected_floor", "sweeps"]

_SHARES = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)  # of the end of the process
_LAST_TIMES = (1e-4, 1e-3, 1e-2, 1e-1)
_SIZES = (100, 400, 1600, 6400)
_DRAWS = 40


@dataclass(frozen=True)
class PriorAt:
    """Wasserstein-1 distance that the prior's mismatch leaves at t_min, where the process ends at t_max."""

    t_max: float
    flow: float
    process: float


@dataclass(frozen=True)
class StoppingAt:
    """Wasserstein-1 distance from the data to x at t_min, and to its denoised value."""

    t_min: float
    noisy: float
    denoised: float


@dataclass(frozen=True)
class NoiseAt:
    """Wasserstein-1 distance of n real draws: measured, with its standard error, and expected."""

    n: int
    measured: float
    error: float
    expected: float


@dataclass(frozen=True)
class Sweeps:
    """Three parts of the error, each against what it depends on."""

    prior: Sequence[PriorAt]
    stopping: Sequence[StoppingAt]
    noise: Sequence[NoiseAt]


def sweeps(problem: Problem, schedule: GeometricNoise, seed: int) -> Sweeps:
    """Measure the three parts around a problem.

    Args:
        problem: in the middle.
        schedule: its process.
        seed: of the draws.
    """
    prior = []
    for share in _SHARES:
        end = max(share * schedule.t_max, 2.0 * schedule.t_min)
        found = ends(Problem(problem.data, replace(schedule, t_max=end)))
        flow, process = (wasserstein_1(one, found.stopped) for one in (found.by_flow, found.by_process))
        prior.append(PriorAt(end, flow, process))
    data, stopping = line_law(problem.data), []
    for last in _LAST_TIMES:
        noised = line_law(problem.data.diffused(schedule, last))
        denoiser = problem.data.denoiser(schedule)
        denoised = denoiser(noised.points[:, None], torch.tensor(last, dtype=torch.float64))[:, 0]
        keep = torch.cat((torch.tensor([True]), denoised.cummax(0).values.diff() > 0))
        clean = LineLaw(denoised[keep], noised.cdf[keep])
        stopping.append(StoppingAt(last, wasserstein_1(data, noised), wasserstein_1(data, clean)))
    noise = []
    for n in _SIZES:
        draws = problem.data.sample(n * _DRAWS, seed=seed, first=1 << 24, dtype=torch.float64)[:, 0].split(n)
        values = [wasserstein_1(one, data) for one in draws]
        noise.append(NoiseAt(n, fmean(values), standard_error(values), expected_floor(data, n)))
    return Sweeps(prior, stopping, noise)


def expected_floor(data: LineLaw, n: int) -> float:
    """The expected Wasserstein-1 distance of n real draws, sqrt(2 / (pi n)) times the integral of sqrt(F (1 - F)).

    Error: of higher order in 1/n.

    Example:
        >>> from equigen.labs.on_the_line import normal_law
        >>> round(expected_floor(normal_law(0.0, 1.0), 10_000), 4)
        0.0129
    """
    spread = torch.trapezoid(torch.sqrt(data.cdf * (1.0 - data.cdf)), data.points)
    return math.sqrt(2.0 / (math.pi * n)) * float(spread)
