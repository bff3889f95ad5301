"""The Gaussian law, its exact denoiser, and the law it diffuses to."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.laws.covariance import Covariance
from equigen.diffusion.laws.law import Law, kernel_at, numbers_of, require_items
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["Gaussian", "GaussianDenoiser"]


class Gaussian(Law):
    """x_0 ~ N(mean, C).

    Args:
        mean: (*shape).
        covariance: an operator on that shape.

    Example:
        >>> from equigen.diffusion import Isotropic
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> round(law.log_prob(torch.zeros(1, 2)).item(), 4)      # -ln(2 pi)
        -1.8379
    """

    def __init__(self, mean: Tensor, covariance: Covariance) -> None:
        self.mean = mean.double()
        self.covariance = covariance

    def sample(self, n: int, *, seed: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """mean + sqrt(C) z with addressed z."""
        item = numbers_of(n, first)
        z = random.normal(self.mean.shape, seed=seed, stream=random.Stream.LAW, item=item, dtype=dtype)
        return self.mean.to(z) + self.covariance.apply(torch.sqrt, z)

    def log_prob(self, x: Tensor) -> Tensor:
        """-(x - mean) C^-1 (x - mean) / 2 - ln det(2 pi C) / 2; infinite where C is singular."""
        require_items(x, self.mean.shape)
        offset = x - self.mean.to(x)
        square = (offset * self.covariance.apply(torch.reciprocal, offset)).flatten(1).sum(1)
        volume = torch.log(2.0 * math.pi * self.covariance.eigenvalues(self.mean.shape)).sum()
        return -0.5 * (square + volume.to(x))

    def score(self, x: Tensor) -> Tensor:
        """-C^-1 (x - mean); not finite where C is singular."""
        require_items(x, self.mean.shape)
        return -self.covariance.apply(torch.reciprocal, x - self.mean.to(x))

    def denoiser(self, schedule: Schedule) -> GaussianDenoiser:
        """The Wiener filter of the schedule."""
        return GaussianDenoiser(self, schedule)

    def diffused(self, schedule: Schedule, t: float) -> Gaussian:
        """N(alpha mean, alpha^2 C + sigma^2)."""
        alpha, sigma = kernel_at(schedule, t)
        return Gaussian(alpha * self.mean, self.covariance.map(lambda c: alpha**2 * c + sigma**2))


class GaussianDenoiser(Denoiser):
    """D = m + alpha C (alpha^2 C + sigma^2)^-1 (x - alpha m), exactly.

    Args:
        law: the law of x_0.
        schedule: the kernel.

    Error: a few units in the last place of the dtype of x.

    Source: N. Wiener 1949; as a denoiser, T. Karras et al. 2022, appendix B.

    Example:
        >>> from equigen.diffusion import EDM, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(EDM())
        >>> D(torch.tensor([[2.0]]), torch.tensor(1.0)).item()
        1.0
    """

    mean: Tensor

    def __init__(self, law: Gaussian, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.covariance = law.covariance
        self.register_buffer("mean", law.mean)

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """E[x_0 | x_t]."""
        require_items(x_t, x_t.shape[1:])
        alpha, sigma = per_item(self.schedule.alpha(t), x_t), per_item(self.schedule.sigma(t), x_t)
        mean = self.mean.to(x_t)
        return mean + self.covariance.apply(lambda c: alpha * c / (alpha**2 * c + sigma**2), x_t - alpha * mean)
