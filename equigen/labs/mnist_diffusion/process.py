"""The process itself: small steps of dx = g dw from real images, beside the closed form of the variance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.schedules.schedule import Schedule
from equigen.random import Stream, normal

__all__ = ["Process", "simulate"]


@dataclass(frozen=True)
class Process:
    """What was seen on the way from images to noise.

    Args:
        t: times that were looked at, ascending, (T,).
        diffusion: g at them, (T,).
        variance: sigma^2 at them by the closed form, (T,).
        moved: mean square of each item's displacement from its start, (T, N).
        marginal: mean square of the values themselves, about the mean of the data, (T,).
        shown: a few items at these times, (K, T, *shape), in units of the model.
    """

    t: Tensor
    diffusion: Tensor
    variance: Tensor
    moved: Tensor
    marginal: Tensor
    shown: Tensor

    @property
    def measured(self) -> Tensor:
        """The variance of the displacement, (T,)."""
        return self.moved.mean(1)

    @property
    def error(self) -> Tensor:
        """Its standard error over the items, (T,)."""
        return self.moved.std(1) / self.moved.shape[1] ** 0.5


def simulate(schedule: Schedule, x_0: Tensor, *, steps: int, looks: int, seed: int, shown: int = 6) -> Process:
    """Take small steps x + g(t + h/2) sqrt(h) z forward from time 0.

    Args:
        schedule: without drift.
        x_0: items in units of the model, (N, *shape).
        steps: a multiple of looks.
        looks: how many times are looked at.
        seed: of the noise.
        shown: items that are kept.

    Returns:
        The variances at t_max / looks, 2 t_max / looks, ... t_max.

    Raises:
        ValueError: steps that are no multiple of looks.

    Error: the midpoint rule errs in the variance by (g^2)'' h^2 / 24 of g^2, relatively.
    """
    if steps % looks:
        raise ValueError(f"steps is {steps}, but must be a multiple of {looks}: steps={looks * (steps // looks + 1)}.")
    h = schedule.t_max / steps
    item = torch.arange(len(x_0))
    x, kept, moved, marginal = x_0.clone(), [x_0[:shown]], [], []
    for k in range(steps):
        g = schedule.diffusion(torch.tensor((k + 0.5) * h, dtype=torch.float64))
        z = normal(x_0.shape[1:], seed=seed, stream=Stream.LAW, item=item, step=k, draw=1)
        x = x + float(g) * math.sqrt(h) * z
        if (k + 1) % (steps // looks) == 0:
            moved.append((x - x_0).double().square().flatten(1).mean(1))
            marginal.append(x.double().square().mean())
            kept.append(x[:shown])
    t = schedule.t_max * torch.arange(1, looks + 1, dtype=torch.float64) / looks
    looked = torch.stack(moved), torch.stack(marginal), torch.stack(kept, dim=1)
    return Process(t, schedule.diffusion(t), schedule.sigma(t) ** 2, *looked)
