"""The errors of methods without noise: against the quantile map on the line, and against a reference in space.

On the line the probability flow from t to s is the map F_s^-1 o F_t between the distribution functions, which no solver
has a part in. In space the reference is RK45 at a tolerance far below what is measured, and on normal data the closed
form x_s - alpha_s m = sqrt(V_s / V_t) (x_t - alpha_t m), where V = alpha^2 C + sigma^2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen.diffusion.oracle.line import quantile
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.rk45 import RK45
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver, integrate
from equigen.diffusion.time_grid import TimeGrid
from equigen.verify.grounds import line_law, normal_law, space_law

__all__ = ["line_error", "normal_error", "space_error"]

_STARTS = 16
_REFERENCE = 1e-12  # tolerance of the reference


def line_error(schedule: Schedule, grid: TimeGrid) -> Callable[[Solver | AdaptiveSolver, int], float]:
    """The root mean square error at t_min through 25 quantiles of a mixture on the line, from the exact ones at t_max.

    Returns:
        The error of (solver, number of steps).
    """
    law = line_law()
    levels = torch.linspace(0.02, 0.98, 25, dtype=torch.float64)
    last = float(grid(schedule, 1)[-1])
    start, end = (quantile(law.diffused(schedule, t), levels).reshape(-1, 1) for t in (schedule.t_max, last))
    return _against(law.denoiser(schedule), start, end, lambda n: grid(schedule, n))


def space_error(schedule: Schedule, grid: TimeGrid) -> Callable[[Solver | AdaptiveSolver, int], float]:
    """The root mean square error at t_min of samples of a mixture in three dimensions, against RK45.

    Returns:
        The error of (solver, number of steps).
    """
    law = space_law()
    start = law.diffused(schedule, schedule.t_max).sample(_STARTS, seed=0, dtype=torch.float64)
    denoiser = law.denoiser(schedule)
    end = RK45(_REFERENCE).run(denoiser, start, grid(schedule, 1))[-1]
    return _against(denoiser, start, end, lambda n: grid(schedule, n))


def normal_error(schedule: Schedule, grid: TimeGrid) -> Callable[[Solver | AdaptiveSolver, int], float]:
    """The root mean square error at t_min of samples of a normal law in three dimensions, in closed form.

    Returns:
        The error of (solver, number of steps).
    """
    law, times = normal_law(), grid(schedule, 1)
    (a, b), (s, u) = schedule.alpha(times), schedule.sigma(times)
    start = law.diffused(schedule, float(times[0])).sample(_STARTS, seed=0, dtype=torch.float64)
    ratio = law.covariance.apply(lambda c: torch.sqrt((b**2 * c + u**2) / (a**2 * c + s**2)), start - a * law.mean)
    return _against(law.denoiser(schedule), start, b * law.mean + ratio, lambda n: grid(schedule, n))


def _against(
    denoiser: torch.nn.Module, start: Tensor, end: Tensor, times: Callable[[int], Tensor]
) -> Callable[[Solver | AdaptiveSolver, int], float]:
    def error(solver: Solver | AdaptiveSolver, n: int) -> float:
        with torch.no_grad():
            found = integrate(solver, denoiser, start, times(n))  # pyright: ignore[reportArgumentType]
        return float((found - end).square().mean().sqrt())

    return error
