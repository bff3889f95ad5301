"""A preconditioning says what a network is asked for, and in which units: D = c_skip x + c_out F(c_in x, c_noise)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["Coefficients", "Preconditioning", "noise_coordinate"]


class Coefficients(NamedTuple):
    """The four numbers of D = skip x + out F(inward x, noise), each of the shape of the times.

    Example:
        >>> one = torch.ones(())
        >>> Coefficients(one, one, one, one)._fields
        ('skip', 'out', 'inward', 'noise')
    """

    skip: Tensor
    out: Tensor
    inward: Tensor
    noise: Tensor


class Preconditioning(ABC):
    """A way to make a denoiser of a network.

    Example:
        >>> from equigen.diffusion import EDM, NoisePrediction
        >>> NoisePrediction()(EDM(), torch.tensor(2.0)).skip.item()
        1.0
    """

    @abstractmethod
    def __call__(self, schedule: Schedule, t: Tensor) -> Coefficients:
        """The coefficients at times t, in their dtype and shape."""


def noise_coordinate(schedule: Schedule, t: Tensor) -> Tensor:
    """ln(sigma / alpha) / 4, held within [-10, 10] so that it is finite where alpha or sigma vanishes.

    Source: T. Karras et al. 2022, table 1, c_noise.

    Example:
        >>> from equigen.diffusion import EDM
        >>> noise_coordinate(EDM(), torch.tensor(1.0)).item()
        0.0
    """
    return (torch.log(schedule.relative_noise(t)) / 4.0).clamp(-10.0, 10.0)
