"""The law that a solver makes on the line, by quadrature: no samples, so no sampling noise.

A solver without noise is a map: points of the start are carried along and keep their levels. A solver with one draw a
step is a Markov chain whose step is normal,

    x_s = m(x_t) + w z,        p_s(y) = integral of p_t(x) N(y; m(x), w^2) dx,

with m and w read off the solver's own step at z = 0 and z = 1. The sum over even points of a smooth function that
decays converges to its integral faster than any power of their distance.

The exactly reversed process is such a chain too, in one step from T to t, by Bayes' rule:

    p(x_t | x_T) = p_t(x_t) N(x_T; a x_t, v) / p_T(x_T),     a = alpha_T / alpha_t,   v = sigma_T^2 - a^2 sigma_t^2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver, State, integrate
from equigen.labs.on_the_line import line_law
from equigen.metrics.line import LineLaw

__all__ = ["law_by_exact_reversal", "law_by_solver"]

_SPACING = 0.7  # of the points, in widths of the narrowest normal in the integrand
_REACH = 8.0  # standard deviations of a step's noise
_FAINT = 1e-14  # of the largest density, below which points are left out
_MOST = 20_000  # points of a density
_LAST = 8193  # points of a table
_CARRIED = 16385  # points of a table that a map carries along
_NODES = 513  # of the integral over the start


def law_by_solver(
    solver: Solver | AdaptiveSolver, denoiser: Denoiser, start: GaussianMixture, times: Tensor
) -> LineLaw:
    """The law at times[-1] of a solver that starts in a given law at times[0].

    Args:
        solver: with no draw or one draw a step, its noise entering linearly and alike at all x.
        denoiser: of items (B, 1).
        start: law on the line at times[0].
        times: (n + 1,), descending, float64.

    Raises:
        ValueError: a solver with several draws a step.
        ArithmeticError: a density so narrow that its points would be too many.

    Error: about 1e-6 in the distribution function.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM, Euler
        >>> from equigen.labs.on_the_line import mixture
        >>> law, schedule = mixture([1.0], [0.0], [1.0]), EDM()                   # x' = x / sqrt(2) in the limit
        >>> times = torch.linspace(1.0, 0.002, 500, dtype=torch.float64)
        >>> end = law_by_solver(Euler(), law.denoiser(schedule), law.diffused(schedule, 1.0), times)
        >>> round(float(end.at(torch.tensor(1.0))), 3)
        0.841
    """
    with torch.no_grad():
        if isinstance(solver, AdaptiveSolver) or solver.draws == 0:
            return _carried(solver, denoiser, start, times)
        if solver.draws > 1:
            raise ValueError(
                f"{type(solver).__name__} draws {solver.draws} normals a step, but its law is computed for one: "
                "EulerMaruyama(), say."
            )
        return _chained(solver, denoiser, start, times)


def law_by_exact_reversal(data: GaussianMixture, schedule: Schedule, start: GaussianMixture, t: float) -> LineLaw:
    """The law at t of the exactly reversed stochastic process that starts in a given law at t_max.

    Args:
        data: the law of x_0, on the line.
        schedule: the kernel.
        start: the law at t_max, where that of x_t would be right.
        t: time of the end.

    Error: about 1e-6 in the distribution function.
    """
    times = torch.tensor([t, schedule.t_max], dtype=torch.float64)
    (alpha, alpha_end), (sigma, sigma_end) = schedule.alpha(times).tolist(), schedule.sigma(times).tolist()
    a = alpha_end / alpha
    std = math.sqrt(sigma_end**2 - (a * sigma) ** 2)
    here, there = data.diffused(schedule, t), data.diffused(schedule, schedule.t_max)
    y, x = line_law(here).points, line_law(start).points
    x = torch.linspace(float(x[0]), float(x[-1]), _NODES, dtype=torch.float64)
    weight = (start.log_prob(x[:, None]) - there.log_prob(x[:, None])).exp() * (x[1] - x[0])
    kernel = torch.exp(-0.5 * ((x - a * y[:, None]) / std) ** 2) / (std * math.sqrt(2.0 * math.pi))
    density = here.log_prob(y[:, None]).exp() * (kernel @ weight)
    cdf = torch.cat((torch.zeros(1), torch.cumulative_trapezoid(density, y)))
    return LineLaw(y, cdf / cdf[-1])


def _carried(solver: Solver | AdaptiveSolver, denoiser: Denoiser, start: GaussianMixture, times: Tensor) -> LineLaw:
    table = line_law(start, _CARRIED)
    end = integrate(solver, denoiser, table.points[:, None], times)[:, 0]
    if bool((end.diff() > 0).all()):
        return LineLaw(end, table.cdf)
    # Steps so long that the map folds the line: what lies between two points is counted at the first of them.
    order = end.argsort()
    levels = torch.cat((table.cdf.diff(), torch.zeros(1)))[order].cumsum(0)
    end, first = end[order], torch.cat((torch.tensor([True]), end[order].diff() > 0))
    return LineLaw(end[first], levels[first])


def _chained(solver: Solver, denoiser: Denoiser, start: GaussianMixture, times: Tensor) -> LineLaw:
    state = solver.init(torch.zeros(1, 1, dtype=torch.float64), len(times) - 1)

    def kernel(x: Tensor, k: int) -> tuple[Tensor, float]:
        t, s = times[k], times[k + 1]
        at_rest = solver.step(denoiser, State(x[:, None], state.memory), t, s, lambda _: torch.zeros_like(x)[:, None])
        moved = solver.step(denoiser, State(x[:1, None], state.memory), t, s, lambda _: torch.ones(1, 1).to(x))
        return at_rest.x[:, 0], float(moved.x[0, 0] - at_rest.x[0, 0])

    def points(low: float, high: float, k: int, narrow: float) -> Tensor:
        """Even points that resolve a density with features of some width, and step k from it."""
        few = torch.linspace(low, high, 1025, dtype=torch.float64)
        middle, width = kernel(few, k)
        steepest = float((middle.diff() / few.diff()).abs().max())
        spacing = _SPACING * min(narrow, width / max(steepest, 1e-9))
        count = math.ceil((high - low) / spacing) + 1
        if count > _MOST:
            raise ArithmeticError(
                f"step {k} of {len(times) - 1} needs {count} points, but {_MOST} is the most: take fewer steps."
            )
        return torch.linspace(low, high, count, dtype=torch.float64)

    ends = line_law(start).points
    x = points(float(ends[0]), float(ends[-1]), 0, float(start.components.values.min().sqrt()))
    density = start.log_prob(x[:, None]).exp()
    for k in range(len(times) - 1):
        middle, width = kernel(x, k)
        mass, held = density * (x[1] - x[0]), density > _FAINT * density.max()
        low, high = float(middle[held].min()) - _REACH * width, float(middle[held].max()) + _REACH * width
        if k == len(times) - 2:
            y = torch.linspace(low, high, _LAST, dtype=torch.float64)
            return LineLaw(y, torch.special.ndtr((y[:, None] - middle) / width) @ mass)
        y = points(low, high, k + 1, width)
        density = torch.exp(-0.5 * ((y[:, None] - middle) / width) ** 2) @ mass / (width * math.sqrt(2.0 * math.pi))
        x = y
    return line_law(start)
