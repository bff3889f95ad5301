"""Four ways to tell a network its error, in one unit: the squared error of its denoiser, up to a constant.

    explicit      ||D - D*||^2                                      needs the true field D*
    implicit      sigma^4 / alpha^2 (||s||^2 + 2 div s)             needs derivatives of the network
    probed        the same with v . (ds/dx) v for div s             a random sign vector v for the whole derivative
    denoising     ||D - x_0||^2                                     needs the clean item and nothing else

Their expectations differ by numbers that do not depend on the network.

Source: A. Hyvarinen, Estimation of non-normalized statistical models by score matching, 2005, theorem 1 (implicit);
Y. Song, S. Garg, J. Shi, S. Ermon, Sliced score matching, 2019, equation 8 (probed); P. Vincent 2011, equation 11
(denoising).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.loss import denoising_error
from equigen.diffusion.schedules.schedule import Schedule
from equigen.spaces.euclidean import Euclidean

__all__ = ["OBJECTIVES", "Example", "Objective", "denoising", "explicit", "implicit", "noised", "probed"]


class Example(NamedTuple):
    """What a step may look at.

    Args:
        x_0: clean points (B, 2).
        z: their noise (B, 2).
        t: their times (B,).
        probe: a random sign for each coordinate (B, 2).
        exact: the true D* at the noisy points (B, 2).
    """

    x_0: Tensor
    z: Tensor
    t: Tensor
    probe: Tensor
    exact: Tensor


Objective = Callable[[Denoiser, Example], Tensor]
"""The error of each item, (B,)."""


def noised(schedule: Schedule, x_0: Tensor, z: Tensor, t: Tensor) -> Tensor:
    """alpha x_0 + sigma z at the time of each item, (B, 2)."""
    return per_item(schedule.alpha(t), z) * x_0 + per_item(schedule.sigma(t), z) * z


def denoising(denoiser: Denoiser, example: Example) -> Tensor:
    """||D(x_t, t) - x_0||^2."""
    return denoising_error(denoiser, Euclidean(2).at(), example.x_0, example.z, example.t)


def explicit(denoiser: Denoiser, example: Example) -> Tensor:
    """||D(x_t, t) - D*(x_t, t)||^2."""
    return (denoiser(noised(denoiser.schedule, *example[:3]), example.t) - example.exact).square().sum(1)


def implicit(denoiser: Denoiser, example: Example) -> Tensor:
    """sigma^4 / alpha^2 (||s||^2 + 2 div s), the divergence from one derivative a coordinate."""
    x = noised(denoiser.schedule, *example[:3]).requires_grad_(True)
    score = denoiser.score(x, example.t)
    divergence = torch.zeros_like(score[:, 0])
    for i in range(x.shape[1]):
        (row,) = torch.autograd.grad(score[:, i].sum(), x, create_graph=True)
        divergence = divergence + row[:, i]
    return _in_units(denoiser, example, score, divergence)


def probed(denoiser: Denoiser, example: Example) -> Tensor:
    """sigma^4 / alpha^2 (||s||^2 + 2 v . (ds/dx) v), with one derivative whatever the dimension."""
    x = noised(denoiser.schedule, *example[:3]).requires_grad_(True)
    score = denoiser.score(x, example.t)
    (row,) = torch.autograd.grad((score * example.probe).sum(), x, create_graph=True)
    return _in_units(denoiser, example, score, (row * example.probe).sum(1))


def _in_units(denoiser: Denoiser, example: Example, score: Tensor, divergence: Tensor) -> Tensor:
    alpha, sigma = denoiser.schedule.alpha(example.t), denoiser.schedule.sigma(example.t)
    return sigma**4 / alpha**2 * (score.square().sum(1) + 2.0 * divergence)


OBJECTIVES: dict[str, Objective] = {
    "denoising": denoising,
    "explicit": explicit,
    "implicit": implicit,
    "probed": probed,
}
"""By name."""
