"""Weak errors: what a method with noise makes of a law, without drawing from it.

On the line the density is carried through the kernel of each step by quadrature. It stands on Chebyshev's points x_i of
an interval that holds it, as masses m_i; with the nodes z_j and weights w_j of Gauss and Hermite for the noise, a step
x' = F(x, z) makes of it

    m'_k = sum_ij m_i w_j l_k(F(x_i, z_j)),

where l_k are Lagrange's polynomials of the next interval's points: the adjoint of u(x) = E u'(F(x, z)), which holds for
smooth u' however the noise enters F, before or after what is not linear. The step itself is evaluated, not a formula
of it. What comes out is compared with the law at t_min by its smoothed distribution function.

On normal data a step is x' = A x + b + sum B_k z_k, whose parts are read off the solver at unit vectors, and mean and
covariance follow exactly in any dimension.

Error: of the quadrature, below 1e-7 in the distribution function; halving its points changes no measured order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.solver import Solver, State
from equigen.diffusion.time_grid import TimeGrid
from equigen.verify.grounds import line_law, normal_law

__all__ = ["Masses", "distribution_error", "moment_error", "propagated"]

_POINTS = 192
_NODES = {1: 10, 2: 7}  # of the noise, by the number of draws
_REACH = 7.5  # standard deviations of the widest component that the interval holds beyond the means
_WIDTH = 0.3  # of the smoothing, in units of the data


class Masses(NamedTuple):
    """A density on the line at points, each with the mass it stands for.

    Args:
        points: (n,), float64.
        mass: (n,), adding up to 1; single ones may be negative.

    Example:
        >>> masses = Masses(torch.tensor([-1.0, 1.0]), torch.tensor([0.5, 0.5]))
        >>> round(masses.smoothed_cdf(torch.zeros(1), 0.3).item(), 6)
        0.5
    """

    points: Tensor
    mass: Tensor

    def smoothed_cdf(self, levels: Tensor, width: float) -> Tensor:
        """P(x + width z <= level), z standard normal, at levels (m,)."""
        return torch.special.ndtr((levels[:, None] - self.points) / width) @ self.mass


def propagated(solver: Solver, law: GaussianMixture, schedule: Schedule, times: Tensor) -> Masses:
    """The law of the iterate at times[-1] of a solver that starts from the exact law at times[0].

    Args:
        solver: what it remembers between steps must not depend on where it stands.
        law: of x_0, on the line.
        schedule: the kernel.
        times: (n + 1,), descending.

    Raises:
        ValueError: a solver that remembers where it was.
    """
    denoiser, (unit, weights, share) = law.denoiser(schedule), _chebyshev(_POINTS)
    z, chance = _noise_nodes(solver.draws)
    half = _reach(law, schedule, times[0])
    points = half * unit
    mass = half * share * law.diffused(schedule, float(times[0])).log_prob(points[:, None]).exp()
    state = solver.init(points.repeat_interleave(len(chance))[:, None], len(times) - 1)
    draws = [z[:, k].repeat(_POINTS)[:, None] for k in range(solver.draws)]
    for t, s in pairwise(times):
        _require_no_past(solver, state)
        x = points.repeat_interleave(len(chance))[:, None]
        state = solver.step(denoiser, State(x, state.memory), t, s, draws.__getitem__)
        half = _reach(law, schedule, s)
        there = (state.x[:, 0] / half).clamp(-1.0, 1.0)
        mass = _carried(torch.outer(mass, chance).flatten(), there, unit, weights)
        points = half * unit
    return Masses(points, mass)


def distribution_error(schedule: Schedule, grid: TimeGrid) -> Callable[[Solver, int], float]:
    """The root mean square error of the smoothed distribution function at t_min, at 25 levels of a mixture's line.

    Returns:
        The error of (solver, number of steps).
    """
    law, levels = line_law(), torch.linspace(-3.0, 3.0, 25, dtype=torch.float64)

    def error(solver: Solver, n: int) -> float:
        times = grid(schedule, n)
        alpha, sigma = schedule.alpha(times[-1]), schedule.sigma(times[-1])
        spread = torch.sqrt(alpha**2 * _variances(law) + sigma**2 + _WIDTH**2)
        exact = torch.special.ndtr((levels[:, None] - alpha * law.means.flatten()) / spread) @ law.weights
        with torch.no_grad():
            found = propagated(solver, law, schedule, times).smoothed_cdf(levels, _WIDTH)
        return float((found - exact).square().mean().sqrt())

    return error


def moment_error(schedule: Schedule, grid: TimeGrid) -> Callable[[Solver, int], float]:
    """The error of mean and covariance at t_min on normal data in three dimensions, relative to those of the law.

    Returns:
        The error of (solver, number of steps).
    """
    law = normal_law()
    denoiser, eye = law.denoiser(schedule), torch.eye(3, dtype=torch.float64)

    def moments(t: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return alpha * law.mean, law.covariance.apply(lambda c: alpha**2 * c + sigma**2, eye)

    def error(solver: Solver, n: int) -> float:
        times = grid(schedule, n)
        mean, covariance = moments(times[0])
        memory = solver.init(torch.zeros(1 + 3 * (1 + solver.draws), 3, dtype=torch.float64), n).memory
        with torch.no_grad():
            for t, s in pairwise(times):
                linear, shift, noise, memory = _affine(solver, denoiser, memory, t, s)
                mean, covariance = linear @ mean + shift, linear @ covariance @ linear.T + noise
        true_mean, true_covariance = moments(times[-1])
        return float((mean - true_mean).norm() + (covariance - true_covariance).norm()) / float(true_covariance.norm())

    return error


def _affine(
    solver: Solver, denoiser: Denoiser, memory: tuple[Tensor, ...], t: Tensor, s: Tensor
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
    """A, b, sum B_k B_k^T and the memory of a step in three dimensions that is affine in x and in its noise."""
    eye, zero = torch.eye(3, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)
    blocks = 1 + solver.draws

    def only(k: int) -> Tensor:  # unit vectors in block k, after a first row of zeros
        return torch.cat([zero, *(eye if j == k else torch.zeros_like(eye) for j in range(blocks))])

    state = solver.step(denoiser, State(only(0), memory), t, s, lambda k: only(1 + k))
    shift = state.x[0]
    found = (state.x[1:] - shift).reshape(blocks, 3, 3).mT
    return found[0], shift, (found[1:] @ found[1:].mT).sum(0), state.memory


def _require_no_past(solver: Solver, state: State) -> None:
    if any(part.ndim for part in state.memory):
        shape = tuple(max(state.memory, key=Tensor.dim).shape)
        raise ValueError(
            f"{type(solver).__name__} remembers a tensor of shape {shape}, but a density is carried through steps that "
            "remember numbers () alone: keep what depends on x inside the step."
        )


def _variances(law: GaussianMixture) -> Tensor:
    """Variances (K,) of the components of a law on the line."""
    return law.components.values.flatten()


def _reach(law: GaussianMixture, schedule: Schedule, t: Tensor) -> float:
    """Half the length of the interval that holds the law of x_t."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    spread = torch.sqrt(alpha**2 * _variances(law).max() + sigma**2)
    return float(alpha * law.means.abs().max() + _REACH * spread)


def _chebyshev(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Chebyshev's points of the first kind on [-1, 1], their barycentric weights, and Fejer's quadrature weights."""
    k = torch.arange(n, dtype=torch.float64)
    angle = math.pi * (k + 0.5) / n
    j = torch.arange(1, n // 2 + 1, dtype=torch.float64)
    share = 2.0 / n * (1.0 - 2.0 * (torch.cos(2.0 * j * angle[:, None]) / (4.0 * j**2 - 1.0)).sum(1))
    return torch.cos(angle), (-1.0) ** k * torch.sin(angle), share


def _carried(mass: Tensor, x: Tensor, points: Tensor, weights: Tensor) -> Tensor:
    """Masses at x as masses at the points: the sum of mass times Lagrange's polynomials at x, in barycentric form."""
    part = weights / (x[:, None] - points + 1e-300)  # at a point itself it outweighs the others
    return (mass / part.sum(1)) @ part


def _noise_nodes(draws: int) -> tuple[Tensor, Tensor]:
    """Points (m, draws) and chances (m,) of a product rule of Gauss and Hermite for independent standard normals."""
    z, chance = np.polynomial.hermite_e.hermegauss(_NODES.get(draws, 5))
    nodes, one = torch.from_numpy(z), torch.from_numpy(chance / chance.sum())
    grids = torch.meshgrid([nodes] * draws, indexing="ij")
    chances = torch.meshgrid([one] * draws, indexing="ij")
    return torch.stack([g.flatten() for g in grids], 1), torch.stack([c.flatten() for c in chances]).prod(0)
