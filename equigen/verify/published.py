"""The processes of the library as their papers write them, dx = f x dt + g dw, spelled out apart from their kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from equigen.diffusion.schedules.cosine import Cosine
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.diffusion.schedules.rectified_flow import RectifiedFlow
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.schedules.sub_variance_preserving import SubVariancePreserving
from equigen.diffusion.schedules.variance_exploding import VarianceExploding
from equigen.diffusion.schedules.variance_preserving import VariancePreserving

__all__ = ["Coefficient", "published"]

Coefficient = Callable[[Tensor], Tensor]
"""f or g as a function of time."""


def published(schedule: Schedule) -> tuple[Coefficient, Coefficient, str] | None:
    """Drift f, diffusion g and where they stand, from time 0 on; None where a schedule has no paper here.

    Example:
        >>> f, g, source = published(EDM())
        >>> f(torch.tensor(2.0)).item(), g(torch.tensor(2.0)).item(), source
        (0.0, 2.0, 'Karras et al. 2022, table 1')
    """
    if type(schedule) is GeometricNoise:
        base = schedule.base
        return torch.zeros_like, lambda t: base**t, "Song et al. 2021, public tutorial"
    if type(schedule) is VarianceExploding:
        low, ratio = schedule.sigma_min, schedule.sigma_max / schedule.sigma_min
        scale = low * math.sqrt(2.0 * math.log(ratio))
        return torch.zeros_like, lambda t: scale * ratio**t, "Song et al. 2021, equation 30"
    if type(schedule) is EDM:
        return torch.zeros_like, lambda t: torch.sqrt(2.0 * t), "Karras et al. 2022, table 1"
    if type(schedule) is Cosine:
        quarter = 0.5 * math.pi
        tan = lambda t: torch.tan(quarter * t)  # noqa: E731 - twice in the next line
        return lambda t: -quarter * tan(t), lambda t: torch.sqrt(math.pi * tan(t)), "Nichol, Dhariwal 2021, equation 17"
    if type(schedule) is RectifiedFlow:
        return lambda t: -1.0 / (1.0 - t), lambda t: torch.sqrt(2.0 * t / (1.0 - t)), "Liu et al. 2023, equation 1"
    if type(schedule) is VariancePreserving or type(schedule) is SubVariancePreserving:
        return _with_rate(schedule)
    return None


def _with_rate(schedule: VariancePreserving | SubVariancePreserving) -> tuple[Coefficient, Coefficient, str]:
    low, high = schedule.beta_min, schedule.beta_max

    def beta(t: Tensor) -> Tensor:
        return (1.0 - t) * low + t * high

    def shrunk(t: Tensor) -> Tensor:  # 1 - exp(-2 B)
        return -torch.expm1(-2.0 * low * t - (high - low) * t**2)

    if isinstance(schedule, VariancePreserving):
        return lambda t: -0.5 * beta(t), lambda t: torch.sqrt(beta(t)), "Song et al. 2021, equations 11 and 32"
    return lambda t: -0.5 * beta(t), lambda t: torch.sqrt(beta(t) * shrunk(t)), "Song et al. 2021, equation 12"
