"""Variance preserving: data shrink as noise grows, so that unit variance stays unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times

__all__ = ["VariancePreserving", "integrated_rate", "rate", "time_at_integrated_rate"]


@dataclass(frozen=True)
class VariancePreserving(Schedule):
    """dx = -beta x / 2 dt + sqrt(beta) dw, beta linear in t: alpha = exp(-B/2), sigma^2 = 1 - exp(-B).

    B(t) = beta_min t + (beta_max - beta_min) t^2 / 2.

    Args:
        beta_min: rate at time 0, not negative.
        beta_max: rate at time 1.
        t_min: smallest time.
        t_max: largest time.

    Raises:
        ValueError: rates or times out of order.

    Source: Y. Song et al., ICLR 2021, equations 11 and 33; J. Ho et al., NeurIPS 2020.

    Example:
        >>> schedule, t = VariancePreserving(), torch.tensor(0.5)
        >>> round((schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2).item(), 6)
        1.0
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-4
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
        """sqrt(1 - exp(-B))."""
        return torch.sqrt(-torch.expm1(-integrated_rate(self.beta_min, self.beta_max, t)))

    def alpha_rate(self, t: Tensor) -> Tensor:
        """-beta alpha / 2."""
        return -0.5 * rate(self.beta_min, self.beta_max, t) * self.alpha(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """beta alpha^2 / (2 sigma)."""
        return 0.5 * rate(self.beta_min, self.beta_max, t) * self.alpha(t) ** 2 / self.sigma(t)

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """B = log1p(noise^2), then the positive root of B(t) = B."""
        return time_at_integrated_rate(self.beta_min, self.beta_max, torch.log1p(noise**2))


def rate(beta_min: float, beta_max: float, t: Tensor) -> Tensor:
    """beta(t) = beta_min + (beta_max - beta_min) t."""
    return beta_min + (beta_max - beta_min) * t


def integrated_rate(beta_min: float, beta_max: float, t: Tensor) -> Tensor:
    """B(t), the integral of beta from 0."""
    return t * (beta_min + 0.5 * (beta_max - beta_min) * t)


def time_at_integrated_rate(beta_min: float, beta_max: float, integral: Tensor) -> Tensor:
    """The positive root of B(t) = integral, without cancellation."""
    slope = beta_max - beta_min
    return 2.0 * integral / (beta_min + torch.sqrt(beta_min**2 + 2.0 * slope * integral))
