"""The cosine schedule: data and noise trade places along a quarter circle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times

__all__ = ["Cosine"]


@dataclass(frozen=True)
class Cosine(Schedule):
    """alpha = cos(pi t / 2), sigma = sin(pi t / 2).

    The paper's offset against too little noise in its first discrete step is not needed in continuous time. At
    t = 1 the data are gone and the forward drift is infinite; the default t_max stops at relative noise 637.

    Args:
        t_min: smallest time.
        t_max: largest time, below 1.

    Raises:
        ValueError: times out of order, or t_max >= 1.

    Source: A. Nichol, P. Dhariwal, Improved denoising diffusion probabilistic models, ICML 2021, equation 17.

    Example:
        >>> round(Cosine().log_snr(torch.tensor(0.5)).item(), 6)
        0.0
    """

    t_min: float = 1e-3
    t_max: float = 0.999

    def __post_init__(self) -> None:
        require_times(self)
        if self.t_max >= 1.0:
            raise ValueError(f"t_max is {self.t_max}, but alpha vanishes at 1: Cosine(t_max=0.999).")

    def alpha(self, t: Tensor) -> Tensor:
        """cos(pi t / 2), as the sine of the complement, which keeps its relative precision where it vanishes."""
        return torch.sin(0.5 * math.pi * (1.0 - t))

    def sigma(self, t: Tensor) -> Tensor:
        """sin(pi t / 2)."""
        return torch.sin(0.5 * math.pi * t)

    def alpha_rate(self, t: Tensor) -> Tensor:
        """-(pi / 2) sigma."""
        return -0.5 * math.pi * self.sigma(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """(pi / 2) alpha."""
        return 0.5 * math.pi * self.alpha(t)

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """(2 / pi) atan(noise)."""
        return torch.atan(noise) * (2.0 / math.pi)
