"""A law of the data that is known exactly: what every solver, loss and likelihood is tested against."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["Law"]


class Law(ABC):
    """A probability law of x_0 with its exact denoiser.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> law = Gaussian(torch.zeros(2), Isotropic(3.0))
        >>> law.diffused(EDM(), t=1.0).covariance.variance
        4.0
    """

    @abstractmethod
    def sample(self, n: int, *, seed: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw items first .. first + n - 1 of the seed, (n, *shape); item i does not depend on n."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log density in nats of items (B, *shape), as (B,)."""

    @abstractmethod
    def score(self, x: Tensor) -> Tensor:
        """The gradient of the log density at items (B, *shape), (B, *shape)."""

    @abstractmethod
    def denoiser(self, schedule: Schedule) -> Denoiser:
        """E[x_0 | x_t] under the schedule, exactly."""

    @abstractmethod
    def diffused(self, schedule: Schedule, t: float) -> Law:
        """The law of x_t."""
