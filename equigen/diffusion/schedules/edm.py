"""The schedule of EDM: time is the standard deviation of the noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule, require_times

__all__ = ["EDM"]


@dataclass(frozen=True)
class EDM(Schedule):
    """alpha = 1, sigma = t: probability-flow paths are straight where the noise dominates.

    Args:
        t_min: smallest noise, in units of the (scaled) data.
        t_max: largest noise.

    Raises:
        ValueError: times out of order.

    Source: T. Karras, M. Aittala, T. Aila, S. Laine, Elucidating the design space of diffusion-based generative
    models, NeurIPS 2022, table 1.

    Example:
        >>> EDM().diffusion(torch.tensor(2.0)).item()
        2.0
    """

    t_min: float = 0.002
    t_max: float = 80.0

    def __post_init__(self) -> None:
        require_times(self)

    def alpha(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        """t."""
        return t

    def alpha_rate(self, t: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(t)

    def sigma_rate(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)

    def time_at_noise(self, noise: Tensor) -> Tensor:
        """The noise itself."""
        return noise
