"""Noise of geometric strength, g(t) = base^t, without drift: base below, at or above 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times

__all__ = ["GeometricNoise"]


@dataclass(frozen=True)
class GeometricNoise(Schedule):
    """dx = base^t dw: alpha = 1, sigma^2 = expm1(2 t ln base) / (2 ln base), and sigma^2 = t at base 1.

    Below 1 the variance saturates at 1 / (2 ln(1/base)); above 1 it grows without bound. Base 25 gives
    sigma(1) = 9.845. A noise that is never reached has time NaN.

    Args:
        base: lambda, positive.
        t_min: smallest time.
        t_max: largest time.

    Raises:
        ValueError: a base that is not positive and finite, or times out of order.

    Source: Y. Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021,
    equation 30, in the parametrisation of its public tutorial.

    Example:
        >>> round(GeometricNoise(25.0).sigma(torch.tensor(1.0)).item(), 3)
        9.845
    """

    base: float = 25.0
    t_min: float = 1e-3
    t_max: float = 1.0

    def __post_init__(self) -> None:
        if not (self.base > 0 and math.isfinite(self.base)):
            raise ValueError(
                f"base is {self.base}, but g(t) = base^t needs a positive base: GeometricNoise(base=25.0)."
            )
        require_times(self)

    def alpha(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        """sqrt(expm1(2 t ln base) / (2 ln base))."""
        rate = 2.0 * math.log(self.base)
        return torch.sqrt(t if rate == 0.0 else torch.expm1(rate * t) / rate)

    def alpha_rate(self, t: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """base^(2t) / (2 sigma)."""
        return 0.5 * torch.exp(2.0 * math.log(self.base) * t) / self.sigma(t)

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """log1p(2 ln(base) sigma^2) / (2 ln base)."""
        rate = 2.0 * math.log(self.base)
        return noise**2 if rate == 0.0 else torch.log1p(rate * noise**2) / rate
