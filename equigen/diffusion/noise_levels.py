"""At which noise levels a loss is told, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["NoiseLevelLoss", "noise_levels"]


@dataclass(frozen=True)
class NoiseLevelLoss:
    """The denoising loss at several noise levels.

    Args:
        noise: relative noise sigma / alpha, in standard deviations of the data, (L,).
        loss: mean over the items, relative to the best linear denoiser of data with that variance, (L,).
        standard_error: of that mean, over the items, (L,).
    """

    noise: Tensor
    loss: Tensor
    standard_error: Tensor


def noise_levels(schedule: Schedule, levels: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Noise levels spread evenly in their logarithm, within what a schedule reaches.

    Args:
        schedule: the kernel.
        levels: their number L.
        low: smallest relative noise sigma / alpha, raised to what the schedule reaches.
        high: largest relative noise, lowered to what the schedule reaches.

    Returns:
        Relative noise, and the times at which it is reached, both float64 (L,), ascending.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [round(level, 6) for level in noise_levels(EDM(), 3, 0.1, 10.0)[0].tolist()]
        [0.1, 1.0, 10.0]
    """
    reach = schedule.relative_noise(torch.tensor([schedule.t_min, schedule.t_max], dtype=torch.float64))
    low, high = max(low, float(reach[0])), min(high, float(reach[1]))
    noise = low * (high / low) ** torch.linspace(0.0, 1.0, levels, dtype=torch.float64)
    return noise, schedule.time_at_noise(noise)
