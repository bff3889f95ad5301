"""Variance exploding: noise grows geometrically from sigma_min to sigma_max, without drift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times

__all__ = ["VarianceExploding"]


@dataclass(frozen=True)
class VarianceExploding(Schedule):
    """g = sigma_min rho^t sqrt(2 ln rho), rho = sigma_max / sigma_min: sigma^2 = sigma_min^2 expm1(2 t ln rho).

    This is the exact kernel from time 0. The paper uses sigma_min^2 rho^(2t), as if the data had been smoothed by
    sigma_min beforehand; the two differ by sigma_min^2.

    Args:
        sigma_min: scale at time 0, in units of the data.
        sigma_max: scale at time 1.
        t_min: smallest time.
        t_max: largest time.

    Raises:
        ValueError: unless 0 < sigma_min < sigma_max, or times out of order.

    Source: Y. Song et al., ICLR 2021, equations 9 and 30.

    Example:
        >>> round(VarianceExploding(0.01, 50.0).sigma(torch.tensor(1.0)).item(), 4)
        50.0
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0
    t_min: float = 1e-5
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma_min < self.sigma_max:
            raise ValueError(
                f"sigma_min is {self.sigma_min} and sigma_max is {self.sigma_max}, but noise must grow from a positive "
                "scale: VarianceExploding(sigma_min=0.01, sigma_max=50.0)."
            )
        require_times(self)

    @property
    def _rate(self) -> float:
        return 2.0 * math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        """sigma_min sqrt(expm1(2 t ln rho))."""
        return self.sigma_min * torch.sqrt(torch.expm1(self._rate * t))

    def alpha_rate(self, t: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """g^2 / (2 sigma)."""
        return 0.5 * self._rate * self.sigma_min**2 * torch.exp(self._rate * t) / self.sigma(t)

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """log1p((sigma / sigma_min)^2) / (2 ln rho)."""
        return torch.log1p((noise / self.sigma_min) ** 2) / self._rate
