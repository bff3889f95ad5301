"""The preconditioning of EDM, for any schedule: input and target have unit variance at every noise level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.preconditioning.preconditioning import Coefficients, Preconditioning, noise_coordinate
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["KarrasPreconditioning"]


@dataclass(frozen=True)
class KarrasPreconditioning(Preconditioning):
    """With q = sigma^2 + alpha^2 s^2: D = alpha s^2 x / q + (sigma s / sqrt q) F(x / sqrt q, ln(sigma/alpha) / 4).

    A network that returns zero is the best linear denoiser of data with variance s^2. Nothing is divided by alpha,
    so that the coefficients stay finite where alpha vanishes.

    Args:
        data_std: standard deviation s of the data, in the units of the denoiser.

    Raises:
        ValueError: a deviation that is not positive.

    Source: T. Karras et al. 2022, table 1 and appendix B.6, there for alpha = 1.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [round(c.item(), 3) for c in KarrasPreconditioning(1.0)(EDM(), torch.tensor(1.0))]
        [0.5, 0.707, 0.707, 0.0]
    """

    data_std: float = 1.0

    def __post_init__(self) -> None:
        if not self.data_std > 0:
            raise ValueError(
                f"data_std is {self.data_std}, but must be positive: KarrasPreconditioning(data_std=float(x.std()))."
            )

    def __call__(self, schedule: Schedule, t: Tensor) -> Coefficients:
        """The coefficients at times t."""
        alpha, sigma, s = schedule.alpha(t), schedule.sigma(t), self.data_std
        q = sigma**2 + alpha**2 * s**2
        root = torch.sqrt(q)
        return Coefficients(alpha * s**2 / q, sigma * s / root, 1.0 / root, noise_coordinate(schedule, t))
