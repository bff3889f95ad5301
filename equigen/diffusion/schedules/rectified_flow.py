"""Rectified flow: the straight line from data to noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times

__all__ = ["RectifiedFlow"]


@dataclass(frozen=True)
class RectifiedFlow(Schedule):
    """alpha = 1 - t, sigma = t; the probability-flow field is E[z - x_0 | x_t].

    At t = 1 the forward drift and diffusion of the equivalent stochastic process are infinite, though its flow is
    not; the default t_max stops at relative noise 999.

    Args:
        t_min: smallest time.
        t_max: largest time, below 1.

    Raises:
        ValueError: times out of order, or t_max >= 1.

    Source: X. Liu, C. Gong, Q. Liu, Flow straight and fast, ICLR 2023, equation 1; Y. Lipman et al., ICLR 2023.

    Example:
        >>> a, b = RectifiedFlow().flow(torch.tensor(0.5))     # v = (x - D) / t
        >>> a.item(), b.item()
        (2.0, -2.0)
    """

    t_min: float = 1e-3
    t_max: float = 0.999

    def __post_init__(self) -> None:
        require_times(self)
        if self.t_max >= 1.0:
            raise ValueError(f"t_max is {self.t_max}, but alpha vanishes at 1: RectifiedFlow(t_max=0.999).")

    def alpha(self, t: Tensor) -> Tensor:
        """1 - t."""
        return 1.0 - t

    def sigma(self, t: Tensor) -> Tensor:
        """t."""
        return t

    def alpha_rate(self, t: Tensor) -> Tensor:
        """-1."""
        return -torch.ones_like(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """noise / (1 + noise)."""
        return noise / (1.0 + noise)
