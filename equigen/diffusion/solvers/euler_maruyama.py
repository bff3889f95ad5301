"""The Euler-Maruyama method on the reversed stochastic process."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import Noise, Solver, State

__all__ = ["EulerMaruyama"]


class EulerMaruyama(Solver):
    """x_s = x_t + (s - t) (f x_t - g^2 score(x_t, t)) + g sqrt(t - s) z.

    On N(0, c) data, with h = t - s, the variance follows v <- (1 - f h - g^2 h / (alpha^2 c + sigma^2))^2 v + g^2 h.

    Error: weak order 1 in the step.

    Source: B. Anderson 1982 for the reversed process; Y. Song et al., ICLR 2021, equation 6.

    Example:
        >>> EulerMaruyama().order, EulerMaruyama().draws
        (1, 1)
    """

    order = 1
    draws = 1

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """One step of the reversed process with one draw."""
        schedule, h = denoiser.schedule, s - t
        g = schedule.diffusion(t)
        field = schedule.drift(t) * state.x - g**2 * denoiser.score(state.x, t)
        return State(state.x + h * field + g * torch.sqrt(-h) * noise(0))
