"""What is measured of the reversed diffusion: samples against the data law, and each part of the error by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.sampling import overstep, prior_std
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.ancestral import Ancestral
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.rk45 import RK45
from equigen.diffusion.solvers.solver import AdaptiveSolver, AddressedNoise, Solver, integrate
from equigen.diffusion.time_grid import KarrasGrid, UniformGrid
from equigen.labs.on_the_line import line_law, mean_square, mixture
from equigen.labs.reversal.propagation import law_by_exact_reversal, law_by_solver
from equigen.metrics.floor import Measured
from equigen.metrics.line import LineLaw, kolmogorov_smirnov, line_beside_floor, wasserstein_1
from equigen.spaces.euclidean import Euclidean

__all__ = [
    "SOLVERS",
    "Ends",
    "Overshoot",
    "Parts",
    "Problem",
    "Sampled",
    "draws_of_data",
    "ends",
    "overshoot",
    "parts",
    "recursion",
    "sampled",
]

SOLVERS: dict[str, Solver] = {
    "Euler-Maruyama": EulerMaruyama(),
    "ancestral": Ancestral(),
    "predictor-corrector": PredictorCorrector(),
    "Euler": Euler(),
    "Heun": Heun(),
    "DPM-Solver++ (2M)": DPMSolver2M(),
}
"""The methods that are compared: those of the reversed stochastic process first, then those of the flow."""

_EXACT = RK45(1e-9)  # stands for the flow itself: its error is a thousandth of the smallest that is told
_FLOORS = 4  # draws of the data for each set of samples


@dataclass(frozen=True)
class Problem:
    """A data law, the process that turns it into noise, and the prior that stands for the noise.

    Args:
        data: the law of x_0, on the line.
        schedule: the process.
    """

    data: GaussianMixture
    schedule: Schedule

    @property
    def prior(self) -> GaussianMixture:
        """N(0, sigma_T^2 + alpha_T^2 E x_0^2)."""
        return mixture([1.0], [0.0], [self.prior_std])

    @property
    def prior_std(self) -> float:
        """Its standard deviation."""
        last = torch.tensor(self.schedule.t_max, dtype=torch.float64)
        return float(prior_std(self.schedule, last, math.sqrt(mean_square(self.data))))

    def times(self, steps: int) -> Tensor:
        """The grid of every solver here."""
        return KarrasGrid()(self.schedule, steps)


@dataclass(frozen=True)
class Ends:
    """The laws between the data and what a solver makes, each one approximation further away.

    Args:
        data: of x_0.
        stopped: of x at t_min.
        by_flow: of x at t_min where the exact flow starts in the prior.
        by_process: likewise for the exactly reversed stochastic process.
    """

    data: LineLaw
    stopped: LineLaw
    by_flow: LineLaw
    by_process: LineLaw


@dataclass(frozen=True)
class Parts:
    """Wasserstein-1 and Kolmogorov-Smirnov distances between neighbours in the chain of approximations.

    Args:
        stopping: from the data to x at t_min.
        prior: from there to the exact reversal of the prior.
        discretisation: from there to the solver's law.
        total: from the data to the solver's law.
    """

    stopping: tuple[float, float]
    prior: tuple[float, float]
    discretisation: tuple[float, float]
    total: tuple[float, float]


@dataclass(frozen=True)
class Sampled:
    """Samples of one solver against the data law.

    Args:
        evaluations: of the denoiser, a sample; a mean where samples differ.
        transport: Wasserstein-1 distance beside its floor.
        gap: Kolmogorov-Smirnov distance beside its floor.
        first: one set of samples (n,), for a histogram.
    """

    evaluations: float
    transport: Measured
    gap: Measured
    first: Tensor


@dataclass(frozen=True)
class Overshoot:
    """Variances of samples of N(0, c) data, for one number N of grid points.

    Args:
        points: N.
        overshot: measured after the tutorial's N-th step, which ends before time 0.
        predicted: the same by the recursion of variances.
        noisy: measured at t_min.
        denoised: measured of the denoised x at t_min.
        right: of x at t_min, c + sigma^2.
        error: relative standard error of each.
    """

    points: int
    overshot: float
    predicted: float
    noisy: float
    denoised: float
    right: float
    error: float


def ends(problem: Problem) -> Ends:
    """The laws that no solver has a part in."""
    data, schedule = problem.data, problem.schedule
    denoiser = data.denoiser(schedule)
    return Ends(
        line_law(data),
        line_law(data.diffused(schedule, schedule.t_min)),
        law_by_solver(_EXACT, denoiser, problem.prior, problem.times(1)),
        law_by_exact_reversal(data, schedule, problem.prior, schedule.t_min),
    )


def parts(problem: Problem, laws: Ends, solver: Solver, steps: int) -> Parts:
    """The error of a solver in its parts, by quadrature.

    Raises:
        ValueError: a solver with several draws a step.
    """
    exact = laws.by_process if solver.draws else laws.by_flow
    found = law_by_solver(solver, problem.data.denoiser(problem.schedule), problem.prior, problem.times(steps))
    return Parts(
        _apart(laws.data, laws.stopped),
        _apart(laws.stopped, exact),
        _apart(exact, found),
        _apart(laws.data, found),
    )


def draws_of_data(problem: Problem, n: int, sets: int, seed: int) -> list[Tensor]:
    """Sets of n real items, four for each set of samples."""
    x = problem.data.sample(n * sets * _FLOORS, seed=seed, dtype=torch.float64)
    return list(x[:, 0].split(n))


def sampled(
    problem: Problem, laws: Ends, solver: Solver | AdaptiveSolver, steps: int, real: Sequence[Tensor], seed: int
) -> Sampled:
    """Draw from the prior, run the solver, and compare with the data law.

    Args:
        problem: what is sampled.
        laws: its ends.
        solver: the method.
        steps: of the solver.
        real: sets of real items; there are as many samples in a set, and a quarter as many sets.
        seed: of the prior and of the solver's noise.
    """
    n, sets = len(real[0]), len(real) // _FLOORS
    item, space = torch.arange(n * sets), Euclidean(1).at()
    z = space.noise(seed=seed, stream=random.Stream.PRIOR, item=item, dtype=torch.float64)
    denoiser, times, x = problem.data.denoiser(problem.schedule), problem.times(steps), problem.prior_std * z
    with torch.no_grad():
        if isinstance(solver, RK45):
            found = solver.solve(denoiser, x, times)
            x, evaluations = found.state[0], float(found.evaluations.double().mean())
        else:
            assert isinstance(solver, Solver)
            x = integrate(solver, denoiser, x, times, AddressedNoise(space, seed, item, steps, z))
            evaluations = float(steps * solver.evaluations)
    made = list(x[:, 0].split(n))
    transport, gap = line_beside_floor(made, real, laws.data)
    return Sampled(evaluations, transport, gap, made[0])


def overshoot(points: int, n: int, seed: int, variance: float = 0.01, base: float = 25.0) -> Overshoot:
    """Run the classic tutorial's Euler-Maruyama sampler on normal data, with three ways to end it.

    Args:
        points: N, of the even grid from 1 to t_min = 0.001.
        n: samples.
        seed: of the prior and of the solver's noise.
        variance: c, of the data.
        base: of the process.
    """
    schedule, solver, space = GeometricNoise(base, t_min=1e-3), EulerMaruyama(), Euclidean(1).at()
    denoiser = Gaussian(torch.zeros(1), Isotropic(variance)).denoiser(schedule)
    times, item = UniformGrid()(schedule, points - 1), torch.arange(n)
    z = space.noise(seed=seed, stream=random.Stream.PRIOR, item=item, dtype=torch.float64)
    noise = AddressedNoise(space, seed, item, points - 1, z)
    with torch.no_grad():
        x = integrate(solver, denoiser, schedule.sigma(times[0]) * z, times, noise)
        over = overstep(solver, denoiser, x, times[-1], times[-2] - times[-1], noise.at(points - 1))
        denoised = denoiser(x, times[-1])
    right = variance + float(schedule.sigma(times[-1])) ** 2
    overshot, noisy, clean = (float(one.square().mean()) for one in (over, x, denoised))
    return Overshoot(points, overshot, recursion(points, variance, base), noisy, clean, right, math.sqrt(2.0 / n))


def recursion(points: int, variance: float = 0.01, base: float = 25.0) -> float:
    """The variance after the tutorial's N steps, the last of them without noise and as long as the one before.

    Args:
        points: N.
        variance: c, of the data.
        base: of the process.
    """
    schedule = GeometricNoise(base, t_min=1e-3)
    times = UniformGrid()(schedule, points - 1)
    h = -times.diff()
    added = (schedule.diffusion(times[:-1]) ** 2 * h).tolist()
    last = float(schedule.diffusion(times[-1]) ** 2 * h[-1])
    wide = (variance + schedule.sigma(times) ** 2).tolist()
    v = wide[0] - variance
    for k, more in enumerate(added):
        v = (1.0 - more / wide[k]) ** 2 * v + more
    return (1.0 - last / wide[-1]) ** 2 * v


def _apart(x: LineLaw, y: LineLaw) -> tuple[float, float]:
    return wasserstein_1(x, y), kolmogorov_smirnov(x, y)
