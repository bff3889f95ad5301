"""Heun's method on the probability flow, in time, with churn if wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.solver import Noise, Solver, State

__all__ = ["Heun"]


@dataclass(frozen=True)
class Heun(Solver):
    """x_s = x_t + (s - t) (v(x_t, t) + v(x', s)) / 2 with x' the Euler step.

    With churn, noise is first added to x / alpha until its relative noise r has grown to r_hat = (1 + gamma) r, and the
    step leads from there:

        x_hat = alpha_hat (x / alpha + noise_scale sqrt(r_hat^2 - r^2) z),    gamma = min(churn / steps, sqrt(2) - 1).

    Where r_hat would lie beyond t_max it stops there: no denoiser is asked for more noise than its schedule has.

    Args:
        churn: how much noise is added over all steps; 0 for none.
        churn_low: smallest relative noise at which it is added.
        churn_high: largest, or None for no bound.
        noise_scale: standard deviation of the added noise; 1 is exact, slightly more makes up for a denoiser that
            removes too much.

    Raises:
        ValueError: a negative number, or bounds out of order.

    Error: order 2 in the step, weakly with churn, where it shows only for more than churn / 0.414 steps: with fewer,
    gamma is cut off and the added noise does not shrink with the step. Two evaluations.

    Source: K. Heun 1900; on this flow, T. Karras et al. 2022, algorithms 1 and 2, there for alpha = 1 and without the
    bound at t_max.

    Example:
        >>> Heun().order, Heun().evaluations, Heun().draws, Heun(churn=40.0).draws
        (2, 2, 0, 1)
    """

    churn: float = 0.0
    churn_low: float = 0.0
    churn_high: float | None = None
    noise_scale: float = 1.0
    order = 2
    evaluations = 2

    def __post_init__(self) -> None:
        for name in ("churn", "churn_low", "noise_scale"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must not be negative: Heun(churn=40.0).")
        if self.churn_high is not None and not self.churn_high >= self.churn_low:
            raise ValueError(
                f"churn_low is {self.churn_low} and churn_high is {self.churn_high}, but needs low <= high: "
                "Heun(churn=40.0, churn_low=0.05, churn_high=50.0)."
            )
        object.__setattr__(self, "draws", int(self.churn > 0.0))

    def init(self, x: Tensor, steps: int) -> State:
        """It remembers gamma, which depends on the number of steps."""
        if not self.churn or not steps:
            return State(x)
        return State(x, (torch.tensor(min(self.churn / steps, 2.0**0.5 - 1.0), dtype=x.dtype, device=x.device),))

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """One step along the mean of the fields at both ends, from a noisier place with churn."""
        x = state.x
        if state.memory:
            x, t = self._add_noise(denoiser, x, t, state.memory[0], noise)
        h = s - t
        first = denoiser.velocity(x, t)
        second = denoiser.velocity(x + h * first, s)
        return State(x + 0.5 * h * (first + second), state.memory)

    def _add_noise(
        self, denoiser: Denoiser, x: Tensor, t: Tensor, gamma: Tensor, noise: Noise
    ) -> tuple[Tensor, Tensor]:
        schedule = denoiser.schedule
        last = torch.full_like(t, schedule.t_max)
        r, most = schedule.relative_noise(t), schedule.relative_noise(last)
        churned = (r >= self.churn_low) & (True if self.churn_high is None else r <= self.churn_high)
        r_hat = torch.minimum(torch.where(churned, (1.0 + gamma) * r, r), torch.maximum(most, r))
        t_hat = torch.where(r_hat > r, torch.where(r_hat < most, schedule.time_at_noise(r_hat), last), t)
        added = self.noise_scale * torch.sqrt((r_hat - r) * (r_hat + r))
        return schedule.alpha(t_hat) * (x / schedule.alpha(t) + added * noise(0)), t_hat
