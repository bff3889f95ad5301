"""Heun's method on the probability flow, in time."""

from __future__ import annotations

from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import Noise, Solver, State

__all__ = ["Heun"]


class Heun(Solver):
    """x_s = x_t + (s - t) (v(x_t, t) + v(x', s)) / 2 with x' the Euler step.

    Error: order 2 in the step, for two evaluations.

    Source: K. Heun 1900; on this flow, T. Karras et al. 2022, algorithm 1.

    Example:
        >>> Heun().order, Heun().evaluations
        (2, 2)
    """

    order = 2
    evaluations = 2

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """One step along the mean of the fields at both ends."""
        h = s - t
        first = denoiser.velocity(state.x, t)
        second = denoiser.velocity(state.x + h * first, s)
        return State(state.x + 0.5 * h * (first + second))
