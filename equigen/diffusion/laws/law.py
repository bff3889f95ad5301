"""A law of the data that is known exactly: what every solver, loss and likelihood is tested against."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["Law", "kernel_at", "numbers_of", "require_items"]


class Law(ABC):
    """A probability law of x_0 with its exact denoiser.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> law = Gaussian(torch.zeros(2), Isotropic(3.0))
        >>> law.diffused(EDM(), t=1.0).covariance.variance
        4.0
    """

    @abstractmethod
    def sample(self, n: int, *, seed: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw items first .. first + n - 1 of the seed, (n, *shape); item i does not depend on n."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Log density in nats of items (B, *shape), as (B,)."""

    @abstractmethod
    def score(self, x: Tensor) -> Tensor:
        """The gradient of the log density at items (B, *shape), (B, *shape)."""

    @abstractmethod
    def denoiser(self, schedule: Schedule) -> Denoiser:
        """E[x_0 | x_t] under the schedule, exactly."""

    @abstractmethod
    def diffused(self, schedule: Schedule, t: float) -> Law:
        """The law of x_t."""


def require_items(x: Tensor, shape: torch.Size) -> None:
    """Refuse what are no items of a law.

    Raises:
        TypeError: numbers that are not floating.
        ValueError: another shape than (B, *shape).

    Example:
        >>> require_items(torch.zeros(2, dtype=torch.int64), torch.Size([2]))
        Traceback (most recent call last):
        TypeError: x is torch.int64, but a law takes floating items: x.float().
    """
    if not x.is_floating_point():
        raise TypeError(f"x is {x.dtype}, but a law takes floating items: x.float().")
    if x.shape[1:] != shape or x.ndim == 0:
        needed = ", ".join(["B", *map(str, shape)])
        raise ValueError(f"x has shape {tuple(x.shape)}, but the law needs ({needed}): give one item as x[None].")


def numbers_of(n: int, first: int) -> Tensor:
    """The numbers first .. first + n - 1 of items to be drawn, int64.

    Raises:
        ValueError: one of them is negative.

    Example:
        >>> numbers_of(2, first=3).tolist()
        [3, 4]
    """
    if n < 0 or first < 0:
        raise ValueError(f"n is {n} and first is {first}, but items are counted from 0 on: n=100, first=0.")
    return torch.arange(first, first + n)


def kernel_at(schedule: Schedule, t: float | Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma at one time, float64 ().

    Raises:
        ValueError: a time that is negative or not finite, or several.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [value.item() for value in kernel_at(EDM(), 2.0)]
        [1.0, 2.0]
    """
    time = torch.as_tensor(t, dtype=torch.float64)
    if time.ndim or not 0.0 <= float(time) < math.inf:
        raise ValueError(f"t is {t}, but the law at one time, 0 or later, is asked for: t={schedule.t_max:g}.")
    return schedule.alpha(time), schedule.sigma(time)
