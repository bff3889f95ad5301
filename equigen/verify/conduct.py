"""How a solver behaves whatever it computes: what it uses, what it asks for, and that a sample is its own."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import AdaptiveSolver, AddressedNoise, Solver, integrate
from equigen.diffusion.time_grid import KarrasGrid, LogSNRGrid, UniformGrid
from equigen.spaces.euclidean import Euclidean
from equigen.verify.check import Check
from equigen.verify.grounds import every_schedule, moderate_schedules, space_law

__all__ = ["conduct"]

_STEPS = 7
_ITEMS = 8
_SHORT = (1, 2, 3, 11)  # numbers of steps that must end in numbers
_ROUNDING = 1e-12


class _Watched(Denoiser):
    """A denoiser that notes the calls and the times outside the schedule's."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser, self.schedule = denoiser, denoiser.schedule
        self.calls = self.outside = 0

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        low, high = self.schedule.t_min, self.schedule.t_max
        slack = 10.0 * torch.finfo(t.dtype).eps
        self.calls += 1
        self.outside += int(((t < low * (1.0 - slack)) | (t > high * (1.0 + slack))).sum())
        return self.denoiser(x_t, t, **condition)


class _Counted(AddressedNoise):
    """Noise that notes which draws it gave."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.given: set[tuple[int, int]] = set()

    def _draw(self, step: int, k: int) -> Tensor:
        self.given.add((step, k))
        return super()._draw(step, k)


def conduct(solver: Solver | AdaptiveSolver) -> Iterator[Check]:
    """The checks that need no truth to compare with.

    Args:
        solver: of either kind.

    Yields:
        Evaluations and draws as declared, times within the schedule, finite results to t_min in float32, the same
        numbers again from the same noise, and samples that do not depend on their batch.
    """
    source = "what the solver declares"
    with torch.no_grad():
        if isinstance(solver, Solver):
            watched, noise = _used(solver)
            yield Check("evaluations of the denoiser a step", watched.calls / _STEPS, solver.evaluations, 0.0, source)
            yield Check("draws of noise a step", len(noise.given) / _STEPS, solver.draws, 0.0, source)
        yield Check("times asked for outside the schedule's", _outside(solver), 0, 0.0, "t_min <= t <= t_max")
        yield Check("runs to t_min that are not finite or leave float32", _broken(solver), 0, 0.0, "no NaN at any end")
        first, again = (_samples(solver, torch.arange(_ITEMS)) for _ in range(2))
        yield Check("change when run again on the same noise", _gap(first, again), 0.0, 0.0, "a step is a function")
        alone = torch.cat([_samples(solver, torch.tensor([k])) for k in range(_ITEMS)])
        yield Check("change when a sample is drawn alone", _gap(first, alone), 0.0, _ROUNDING, "no shared steps")


def _used(solver: Solver) -> tuple[_Watched, _Counted]:
    """What a run of a few steps asks for."""
    schedule = moderate_schedules()["edm"]
    watched, x = _Watched(space_law().denoiser(schedule)), _start(torch.arange(_ITEMS), torch.float64)
    noise = _Counted(Euclidean(3).at(), 0, torch.arange(_ITEMS), _STEPS, x)
    integrate(solver, watched, x, KarrasGrid()(schedule, _STEPS), noise)
    return watched, noise


def _outside(solver: Solver | AdaptiveSolver) -> int:
    """How often a denoiser is asked for a time that its schedule does not have."""
    found = 0
    for schedule in every_schedule().values():
        watched, x = _Watched(space_law().denoiser(schedule)), _start(torch.arange(2), torch.float64)
        noise = AddressedNoise(Euclidean(3).at(), 0, torch.arange(2), _STEPS, x)
        integrate(solver, watched, schedule.sigma(_last(schedule.t_max)) * x, KarrasGrid()(schedule, _STEPS), noise)
        found += watched.outside
    return found


def _broken(solver: Solver | AdaptiveSolver) -> int:
    """Runs in float32 on every schedule and grid, in few steps, that end in NaN, infinity or another type."""
    found, item = 0, torch.arange(2)
    counts = _SHORT if isinstance(solver, Solver) else _SHORT[:1]
    for schedule in every_schedule().values():
        denoiser = space_law().denoiser(schedule)
        x = schedule.sigma(_last(schedule.t_max)).float() * _start(item, torch.float32)
        for grid in (KarrasGrid(), LogSNRGrid(), UniformGrid()):
            for n in counts:
                noise = AddressedNoise(Euclidean(3).at(), 0, item, n, x)
                end = integrate(solver, denoiser, x, grid(schedule, n), noise)
                found += end.dtype != torch.float32 or not bool(end.isfinite().all())
    return found


def _samples(solver: Solver | AdaptiveSolver, item: Tensor) -> Tensor:
    """Samples of some items in float64."""
    schedule = moderate_schedules()["variance-preserving"]
    x = _start(item, torch.float64)
    noise = AddressedNoise(Euclidean(3).at(), 0, item, _STEPS, x)
    return integrate(solver, space_law().denoiser(schedule), x, KarrasGrid()(schedule, _STEPS), noise)


def _start(item: Tensor, dtype: torch.dtype) -> Tensor:
    """Standard normals of some items."""
    return random.normal((3,), seed=0, stream=random.Stream.PRIOR, item=item, dtype=dtype)


def _last(t: float) -> Tensor:
    return torch.tensor(t, dtype=torch.float64)


def _gap(x: Tensor, y: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    return float((x - y).abs().max() / x.abs().max())
