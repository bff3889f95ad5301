"""Solvers: the declared order on laws that are known exactly, and what every solver must keep to.

What is claimed depends on the kind of solver:

- without noise: its error against the quantile map, and in space against a reference, falls with the declared order;
- with noise: so does its weak error, of a density that quadrature carries and of the moments of normal data;
- without an order: nothing is claimed of its errors, which are told; the corrector's bias has a closed form;
- adaptive: its error is proportional to its tolerance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import torch

from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver, State
from equigen.diffusion.time_grid import KarrasGrid, LogSNRGrid, TimeGrid, UniformGrid
from equigen.verify.check import Check, Trend, Verification
from equigen.verify.conduct import conduct
from equigen.verify.flows import line_error, normal_error, space_error
from equigen.verify.grounds import moderate_schedules
from equigen.verify.weak import distribution_error, moment_error

__all__ = ["verify_solver"]

_WITHIN = 0.2  # of the declared order
_TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
_FEW, _COUNTS, _MANY = (32, 64, 128), (64, 128, 256), (128, 256, 512)  # steps
_GRID = KarrasGrid(3.0)
_SPACES, _DENSITIES = 2, 4  # schedules, the first so many, of what takes longer
_QUANTILES = "the quantile map of a mixture on the line"
_DENSITY = "the density of a mixture on the line, carried by quadrature"
_MOMENTS = "mean and covariance on normal data in three dimensions"
_REFERENCE = "RK45 at tolerance 1e-12 on a mixture in three dimensions"
_CLOSED = "the closed form on normal data in three dimensions"
_PLACES = {_QUANTILES: "line", _DENSITY: "density", _MOMENTS: "moments", _REFERENCE: "space", _CLOSED: "normal"}
_UNITS = "root mean square error, units of the data"
_QUANTITIES = {
    _QUANTILES: _UNITS,
    _REFERENCE: _UNITS,
    _CLOSED: _UNITS,
    _DENSITY: "root mean square error of probabilities",
    _MOMENTS: "error, relative to the covariance",
}

_Tell = Callable[[str], None]

_Schedules = Mapping[str, Schedule]

_Error = Callable[[Solver, int], float]

_Found = tuple[Trend | None, Check | None]


def verify_solver(
    solver: Solver | AdaptiveSolver,
    name: str = "",
    tell: _Tell = lambda stage: None,
    schedules: Mapping[str, Schedule] | None = None,
) -> Verification:
    """Check a solver, one of the library or your own, against closed forms.

    Args:
        solver: a `Solver`, or an `AdaptiveSolver` that is a dataclass with a field `tolerance`.
        name: to call it by; its class unless given.
        tell: called with a few words before each stage.
        schedules: that errors are measured on, by name, with times at which their power has settled; None: those of
            `moderate_schedules`.

    Raises:
        TypeError: what is no solver.
        ValueError: a stochastic solver with an order whose step remembers where it was, or an adaptive one without a
            tolerance.

    Example:
        >>> from equigen.diffusion import EDM, Euler
        >>> found = verify_solver(Euler(), schedules={"edm": EDM(t_min=0.05, t_max=3.0)})
        >>> found.passed, round(found.trends[0].slope, 1)
        (True, -1.0)
    """
    if not isinstance(solver, Solver | AdaptiveSolver):
        raise TypeError(f"solver is a {type(solver).__name__}, but a Solver or an AdaptiveSolver is needed: Heun().")
    tell("conduct")
    checks, trends = list(conduct(solver)), []
    for trend, check in _truth(solver, schedules or moderate_schedules(), tell):
        trends += [] if trend is None else [trend]
        checks += [] if check is None else [check]
    return Verification(f"solver {name or type(solver).__name__}", checks, trends)


def _truth(solver: Solver | AdaptiveSolver, schedules: _Schedules, tell: _Tell) -> Iterator[_Found]:
    """What is measured against closed forms."""
    if isinstance(solver, AdaptiveSolver):
        yield from _by_tolerance(solver, schedules, tell)
    elif solver.order is None:
        yield from _without_order(solver, schedules, tell)
    elif solver.draws:
        yield from _weak_orders(solver, schedules, tell)
    else:
        yield from _orders(solver, schedules, tell)


def _orders(solver: Solver, schedules: _Schedules, tell: _Tell) -> Iterator[_Found]:
    """Of a method without noise."""
    where: list[tuple[str, TimeGrid]] = [(name, _GRID) for name in schedules]
    where += zip(schedules, (UniformGrid(), LogSNRGrid()), strict=False)
    for name, grid in where:
        tell(f"order on {name}")
        yield _order(solver, line_error(schedules[name], grid), _where(name, grid), _QUANTILES, _counts(solver))
    for name in list(schedules)[:_SPACES]:
        tell(f"order in space on {name}")
        yield _order(solver, space_error(schedules[name], _GRID), name, _REFERENCE, _counts(solver))


def _weak_orders(solver: Solver, schedules: _Schedules, tell: _Tell) -> Iterator[_Found]:
    """Of a method with noise."""
    for name in list(schedules)[:_DENSITIES]:
        tell(f"weak order on {name}")
        yield _order(solver, distribution_error(schedules[name], _GRID), name, _DENSITY, _COUNTS)
    for name in schedules:
        tell(f"moments on {name}")
        yield _order(solver, moment_error(schedules[name], _GRID), name, _MOMENTS, _MANY)


def _without_order(solver: Solver, schedules: _Schedules, tell: _Tell) -> Iterator[_Found]:
    """Of a method whose error does not vanish with its steps."""
    (name, schedule), weak = next(iter(schedules.items())), bool(solver.draws)
    tell("errors by steps")
    error = distribution_error(schedule, _GRID) if weak else line_error(schedule, _GRID)
    trend = _trend(solver, error, name, _DENSITY if weak else _QUANTILES, _FEW, None)
    yield trend, Check(f"error at {_FEW[-1]} steps, {name}", trend.error[-1], 0.0, None, trend.group)
    if isinstance(solver, PredictorCorrector) and solver.norm == "expected":
        tell("bias of the corrector")
        yield None, _bias(solver, schedule)


def _bias(solver: PredictorCorrector, schedule: Schedule) -> Check:
    """The variance at which the corrector settles, relative to the true one: 1 / (1 - epsilon / (2 V)) - 1."""
    c, one = 0.5, torch.ones((), dtype=torch.float64)
    t = schedule.time_at_noise(one)
    true = float(schedule.alpha(t) ** 2 * c + schedule.sigma(t) ** 2)
    size = 2.0 * (solver.snr * float(schedule.sigma(t))) ** 2
    expected = 1.0 / (1.0 - size / (2.0 * true)) - 1.0
    found = _settled_variance(solver, schedule, UniformGrid(float(t)), c) / true - 1.0
    return Check("bias of the variance at relative noise 1", found, expected, 0.05 * expected + 1e-3, "its fixed point")


def _settled_variance(solver: Solver, schedule: Schedule, grid: TimeGrid, c: float, steps: int = 2000) -> float:
    """The variance on N(0, c) after so many steps that only its fixed point is left, by what a step makes of units."""
    denoiser, units = Gaussian(torch.zeros(1), Isotropic(c)).denoiser(schedule), torch.eye(1 + solver.draws).double()
    times = grid(schedule, steps)
    variance, x = float(schedule.alpha(times[0]) ** 2 * c + schedule.sigma(times[0]) ** 2), units[:, :1]
    state = solver.init(x, steps)
    with torch.no_grad():
        for t, s in pairwise(times):
            state = solver.step(denoiser, State(x, state.memory), t, s, lambda k: units[:, 1 + k : 2 + k])
            variance = float(state.x[0]) ** 2 * variance + float(state.x[1:].square().sum())
    return variance


def _by_tolerance(solver: AdaptiveSolver, schedules: _Schedules, tell: _Tell) -> Iterator[_Found]:
    """Of a method that chooses its own steps."""
    if not (dataclasses.is_dataclass(solver) and hasattr(solver, "tolerance")):
        raise ValueError(
            f"{type(solver).__name__} has no tolerance, but an adaptive solver is measured at several: make it a "
            "dataclass with a field tolerance."
        )
    measures = [(name, line_error, _QUANTILES) for name in schedules]
    measures += [(name, normal_error, _CLOSED) for name in list(schedules)[:_SPACES]]
    for name, measure, source in measures:
        tell(f"tolerance on {name}")
        error = measure(schedules[name], _GRID)
        errors = [error(dataclasses.replace(solver, tolerance=value), 1) for value in _TOLERANCES]
        trend = Trend(name, f"error against {source}", _QUANTITIES[source], "tolerance", _TOLERANCES, errors, 1.0)
        yield trend, Check(f"power of the tolerance, {_PLACES[source]}, {name}", trend.slope, 1.0, _WITHIN, source)


def _order(solver: Solver, error: _Error, name: str, source: str, counts: tuple[int, ...]) -> _Found:
    """The measured order beside the declared one."""
    assert solver.order is not None
    trend = _trend(solver, error, name, source, counts, -float(solver.order))
    kind = "weak order" if solver.draws else "order"
    return trend, Check(f"{kind}, {_PLACES[source]}, {name}", -trend.slope, solver.order, _WITHIN, source)


def _trend(
    solver: Solver, error: _Error, name: str, source: str, counts: tuple[int, ...], power: float | None
) -> Trend:
    errors = [error(solver, n) for n in counts]
    return Trend(name, f"error against {source}", _QUANTITIES[source], "steps", counts, errors, power)


def _counts(solver: Solver) -> tuple[int, ...]:
    """Steps at which the power has settled and rounding is far away."""
    return _MANY if (solver.order or 1) <= 3 else _FEW


def _where(name: str, grid: TimeGrid) -> str:
    return name if grid is _GRID else f"{name}, {type(grid).__name__}"
