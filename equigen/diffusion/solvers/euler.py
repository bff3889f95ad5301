"""Euler's method on the probability flow, in time."""

from __future__ import annotations

from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import Noise, Solver, State

__all__ = ["Euler"]


class Euler(Solver):
    """x_s = x_t + (s - t) v(x_t, t).

    Error: order 1 in the step.

    Source: L. Euler 1768; on this flow, Y. Song et al., ICLR 2021, equation 13.

    Example:
        >>> Euler().order
        1
    """

    order = 1

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """One step along the field at t."""
        return State(state.x + (s - t) * denoiser.velocity(state.x, t))
