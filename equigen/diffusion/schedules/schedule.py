"""A schedule says how noise enters: the kernel x_t = alpha_t x_0 + sigma_t z, with z standard normal in the space.

The same two curves are the marginals of the linear stochastic differential equation dx = f x dt + g dw with

    f = alpha' / alpha,        g^2 = 2 sigma (sigma' - f sigma).

Its probability flow, the ordinary differential equation with the same marginals, has the field

    v = f x - g^2 score / 2 = a x + b D,        a = sigma' / sigma,   b = alpha' - alpha a,

which stays finite where alpha vanishes. `log_snr` is ln(alpha^2 / sigma^2).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

__all__ = ["Schedule", "require_times"]


class Schedule(ABC):
    """The kernel of a diffusion, for times in [t_min, t_max].

    Times and results are tensors of one shape; results have the dtype of the times and err by a few units in the
    last place, relatively, in float32 as in float64, over the whole of [t_min, t_max].

    Attributes:
        t_min: smallest time that is used, positive.
        t_max: largest time that is used; the prior lives there.

    Example:
        >>> from equigen.diffusion import EDM
        >>> schedule, t = EDM(), torch.tensor(2.0)
        >>> schedule.relative_noise(t).item(), schedule.time_at_log_snr(schedule.log_snr(t)).item()
        (2.0, 2.0)
    """

    t_min: float
    t_max: float

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Scale of the data at time t."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise at time t."""

    @abstractmethod
    def alpha_rate(self, t: Tensor) -> Tensor:
        """d alpha / dt."""

    @abstractmethod
    def sigma_rate(self, t: Tensor) -> Tensor:
        """d sigma / dt."""

    @abstractmethod
    def time_at_noise(self, noise: Tensor) -> Tensor:
        """The time at which the relative noise sigma / alpha has this value; NaN where no time has it."""

    def relative_noise(self, t: Tensor) -> Tensor:
        """sigma / alpha: the noise in units of the data."""
        return self.sigma(t) / self.alpha(t)

    def log_snr(self, t: Tensor) -> Tensor:
        """ln(alpha^2 / sigma^2)."""
        return 2.0 * (torch.log(self.alpha(t)) - torch.log(self.sigma(t)))

    def time_at_log_snr(self, log_snr: Tensor) -> Tensor:
        """The inverse of `log_snr`; NaN where no time has it."""
        return self.time_at_noise(torch.exp(-0.5 * log_snr))

    def drift(self, t: Tensor) -> Tensor:
        """The coefficient f of the forward drift f x."""
        return self.alpha_rate(t) / self.alpha(t)

    def diffusion(self, t: Tensor) -> Tensor:
        """The coefficient g of the forward noise."""
        sigma = self.sigma(t)
        return torch.sqrt(2.0 * sigma * (self.sigma_rate(t) - self.drift(t) * sigma))

    def flow(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """The coefficients (a, b) of the probability-flow field v = a x + b D."""
        a = self.sigma_rate(t) / self.sigma(t)
        return a, self.alpha_rate(t) - self.alpha(t) * a


def require_times(schedule: Schedule) -> None:
    """Refuse times that are not 0 < t_min < t_max.

    Raises:
        ValueError: naming the schedule and both times.
    """
    if not 0.0 < schedule.t_min < schedule.t_max:
        raise ValueError(
            f"{type(schedule).__name__} has t_min = {schedule.t_min} and t_max = {schedule.t_max}, but needs "
            "0 < t_min < t_max: give both in this order."
        )
