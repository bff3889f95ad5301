"""Time grids: where a solver stops on its way from t_max to t_min.

A grid of n intervals has n + 1 times, descending, float64; its first is exactly t_max and its last exactly t_min (or
where it is told to end), so that no last step is wasted or runs past the end. A grid of 0 intervals is t_max alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule

__all__ = ["KarrasGrid", "LogSNRGrid", "TimeGrid", "UniformGrid"]


class TimeGrid(ABC):
    """A rule that places times.

    Attributes:
        end: the last time, or None for the schedule's t_min.
    """

    end: float | None = None

    @abstractmethod
    def places(self, schedule: Schedule, u: Tensor) -> Tensor:
        """Times at the places u in (0, 1), float64, decreasing in u; 0 stands for t_max and 1 for the end."""

    def __call__(self, schedule: Schedule, intervals: int) -> Tensor:
        """The grid.

        Args:
            schedule: gives t_max and t_min.
            intervals: their number, not negative.

        Returns:
            Times (intervals + 1,), float64, descending.

        Raises:
            ValueError: a negative number, or an end outside the schedule's times.
        """
        if intervals < 0:
            raise ValueError(f"intervals is {intervals}, but a time grid needs 0 or more: give steps >= 1.")
        end = self._last(schedule)
        if not schedule.t_min <= end < schedule.t_max:
            raise ValueError(
                f"end is {end}, but the times of {schedule} run from {schedule.t_min} to {schedule.t_max}: "
                f"end={schedule.t_min}, or a schedule with another t_min."
            )
        if intervals == 0:
            return torch.tensor([schedule.t_max], dtype=torch.float64)
        u = torch.arange(1, intervals, dtype=torch.float64) / intervals
        ends = torch.tensor([schedule.t_max, end], dtype=torch.float64)
        return torch.cat((ends[:1], self.places(schedule, u), ends[1:]))

    def _last(self, schedule: Schedule) -> float:
        return schedule.t_min if self.end is None else self.end


@dataclass(frozen=True)
class UniformGrid(TimeGrid):
    """Equal steps in time.

    Args:
        end: the last time; None for the schedule's t_min.

    Example:
        >>> from equigen.diffusion import EDM
        >>> UniformGrid()(EDM(t_min=1.0, t_max=3.0), 2).tolist()
        [3.0, 2.0, 1.0]
        >>> UniformGrid(end=2.0)(EDM(t_min=1.0, t_max=3.0), 2).tolist()
        [3.0, 2.5, 2.0]
    """

    end: float | None = None

    def places(self, schedule: Schedule, u: Tensor) -> Tensor:
        """t_max + u (end - t_max)."""
        return schedule.t_max + u * (self._last(schedule) - schedule.t_max)


@dataclass(frozen=True)
class KarrasGrid(TimeGrid):
    """Equal steps in the rho-th root of the relative noise r = sigma / alpha.

    Args:
        rho: the larger, the more steps at small noise; 7 in the paper.

    Raises:
        ValueError: a rho that is not positive.

    Source: T. Karras et al. 2022, equation 5, there for alpha = 1.

    Example:
        >>> from equigen.diffusion import EDM
        >>> KarrasGrid(rho=2.0)(EDM(t_min=1.0, t_max=9.0), 2).tolist()
        [9.0, 4.0, 1.0]
    """

    rho: float = 7.0

    def __post_init__(self) -> None:
        if not self.rho > 0:
            raise ValueError(f"rho is {self.rho}, but must be positive: KarrasGrid(rho=7.0).")

    def places(self, schedule: Schedule, u: Tensor) -> Tensor:
        """(r_max^(1/rho) + u (r_min^(1/rho) - r_max^(1/rho)))^rho, as times."""
        high, low = _noise_range(schedule)
        root = high ** (1.0 / self.rho) + u * (low ** (1.0 / self.rho) - high ** (1.0 / self.rho))
        return schedule.time_at_noise(root**self.rho)


@dataclass(frozen=True)
class LogSNRGrid(TimeGrid):
    """Equal steps in the logarithm of the signal-to-noise ratio.

    Source: C. Lu et al., DPM-Solver, NeurIPS 2022, section 3.3.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [round(t, 6) for t in LogSNRGrid()(EDM(t_min=1.0, t_max=4.0), 2).tolist()]
        [4.0, 2.0, 1.0]
    """

    def places(self, schedule: Schedule, u: Tensor) -> Tensor:
        """exp(ln r_max + u (ln r_min - ln r_max)), as times."""
        high, low = _noise_range(schedule)
        return schedule.time_at_noise(high * (low / high) ** u)


def _noise_range(schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Relative noise at t_max and at t_min, float64."""
    high, low = schedule.relative_noise(torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64))
    return high, low
