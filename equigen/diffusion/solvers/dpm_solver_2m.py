"""DPM-Solver++ (2M): the linear part of the flow exactly, the denoiser extrapolated from two steps."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import Noise, Solver, State

__all__ = ["DPMSolver2M"]


class DPMSolver2M(Solver):
    """With l = ln(alpha / sigma), h = l_s - l_t and r = h_previous / h:

        x_s = (sigma_s / sigma_t) x_t - alpha_s expm1(-h) D',   D' = D_t + (D_t - D_previous) / (2 r).

    The first step, without a previous one, takes D' = D_t. It remembers D_previous and l_previous.

    Error: order 2 in the step, for one evaluation.

    Source: C. Lu et al., DPM-Solver++, 2022, algorithm 2.

    Example:
        >>> DPMSolver2M().order, DPMSolver2M().evaluations
        (2, 1)
    """

    order = 2

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """One step; the denoised point of this one is remembered for the next."""
        schedule = denoiser.schedule
        half_t, half_s = 0.5 * schedule.log_snr(t), 0.5 * schedule.log_snr(s)
        h = half_s - half_t
        current = denoiser(state.x, t)
        blend = current
        if state.memory:
            previous, half_previous = state.memory
            blend = torch.lerp(previous, current, 1.0 + 0.5 * h / (half_t - half_previous))
        scale, pull = schedule.sigma(s) / schedule.sigma(t), -schedule.alpha(s) * torch.expm1(-h)
        return State(scale * state.x + pull * blend, (current, half_t))
