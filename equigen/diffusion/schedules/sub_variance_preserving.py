"""Sub-variance preserving: the mean of the variance-preserving process with less noise at every time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times
from equigen.diffusion.schedules.variance_preserving import integrated_rate, rate, time_at_integrated_rate

__all__ = ["SubVariancePreserving"]


@dataclass(frozen=True)
class SubVariancePreserving(Schedule):
    """alpha = exp(-B/2), sigma = 1 - exp(-B), g^2 = beta (1 - exp(-2B)), with B as for `VariancePreserving`.

    Args:
        beta_min: rate at time 0, not negative.
        beta_max: rate at time 1.
        t_min: smallest time.
        t_max: largest time.

    Raises:
        ValueError: rates or times out of order.

    Source: Y. Song et al., ICLR 2021, equation 12.

    Example:
        >>> schedule, t = SubVariancePreserving(), torch.tensor(0.5)
        >>> round((schedule.alpha(t) ** 2 + schedule.sigma(t)).item(), 6)
        1.0
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-3
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta_min < self.beta_max:
            raise ValueError(
                f"beta_min is {self.beta_min} and beta_max is {self.beta_max}, but needs 0 <= beta_min < beta_max: "
                f"{type(self).__name__}(beta_min=0.1, beta_max=20.0)."
            )
        require_times(self)

    def alpha(self, t: Tensor) -> Tensor:
        """exp(-B/2)."""
        return torch.exp(-0.5 * integrated_rate(self.beta_min, self.beta_max, t))

    def sigma(self, t: Tensor) -> Tensor:
        """1 - exp(-B)."""
        return -torch.expm1(-integrated_rate(self.beta_min, self.beta_max, t))

    def alpha_rate(self, t: Tensor) -> Tensor:
        """-beta alpha / 2."""
        return -0.5 * rate(self.beta_min, self.beta_max, t) * self.alpha(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """beta exp(-B)."""
        return rate(self.beta_min, self.beta_max, t) * self.alpha(t) ** 2

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """noise = 2 sinh(B/2), then the positive root of B(t) = B."""
        return time_at_integrated_rate(self.beta_min, self.beta_max, 2.0 * torch.asinh(0.5 * noise))
