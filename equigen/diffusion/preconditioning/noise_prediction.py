"""The network predicts the noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.preconditioning.preconditioning import Coefficients, Preconditioning, noise_coordinate
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["NoisePrediction"]


@dataclass(frozen=True)
class NoisePrediction(Preconditioning):
    """F = E[z | x_t], so D = (x - sigma F) / alpha; the input is scaled by 1 / sqrt(alpha^2 + sigma^2).

    Source: J. Ho, A. Jain, P. Abbeel, Denoising diffusion probabilistic models, NeurIPS 2020, equation 12.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [round(c.item(), 3) for c in NoisePrediction()(EDM(), torch.tensor(2.0))][:3]
        [1.0, -2.0, 0.447]
    """

    def __call__(self, schedule: Schedule, t: Tensor) -> Coefficients:
        """The coefficients at times t."""
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        inward = torch.rsqrt(alpha**2 + sigma**2)
        return Coefficients(1.0 / alpha, -sigma / alpha, inward, noise_coordinate(schedule, t))
