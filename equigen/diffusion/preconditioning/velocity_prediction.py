"""The network predicts the velocity of the interpolation between data and noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.preconditioning.preconditioning import Coefficients, Preconditioning, noise_coordinate
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["VelocityPrediction"]


@dataclass(frozen=True)
class VelocityPrediction(Preconditioning):
    """F = E[alpha' x_0 + sigma' z | x_t], so D = (sigma' x - sigma F) / (alpha sigma' - sigma alpha').

    For the rectified flow F = E[z - x_0 | x_t] and D = x - t F; nothing is divided by alpha. F is the field of the
    probability flow. The input is scaled by 1 / sqrt(alpha^2 + sigma^2).

    Source: T. Salimans, J. Ho, Progressive distillation, ICLR 2022, appendix D; Y. Lipman et al., ICLR 2023.

    Example:
        >>> from equigen.diffusion import RectifiedFlow
        >>> [round(c.item(), 3) for c in VelocityPrediction()(RectifiedFlow(), torch.tensor(0.25))][:2]
        [1.0, -0.25]
    """

    def __call__(self, schedule: Schedule, t: Tensor) -> Coefficients:
        """The coefficients at times t."""
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        alpha_rate, sigma_rate = schedule.alpha_rate(t), schedule.sigma_rate(t)
        turn = alpha * sigma_rate - sigma * alpha_rate
        inward = torch.rsqrt(alpha**2 + sigma**2)
        return Coefficients(sigma_rate / turn, -sigma / turn, inward, noise_coordinate(schedule, t))
