"""The loss that is guaranteed to be recoverable: L(D) = L(QD) + E ||D - QD||^2, with Q the mean over the group.

It holds to rounding where the pairs (x_0, z) are closed under the group: each comes in all poses, its noise moved with
it. With noise of its own for each pose it holds in expectation only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.labs.extremes import largest
from equigen.labs.symmetry.setting import SCHEDULE, Setting
from equigen.symmetry.risk import recoverable_loss
from equigen.symmetry.symmetrised import Symmetrised

__all__ = ["NOISE", "Recovered", "recovered"]

NOISE = (0.1, 0.3, 1.0, 3.0)
"""Noise levels, in units of the data."""


@dataclass(frozen=True)
class Recovered:
    """The loss of a network, split.

    Args:
        name: of the network.
        noise: levels.
        loss: mean squared error of the denoiser, over that of the best linear one.
        symmetrised: that of its mean over the group, in the same units.
        recoverable: mean squared distance of both, too.
        mismatch: largest |L(D) - L(QD) - E |D - QD|^2| / L(D) over the levels.
        fresh: the same with noise of its own for each pose.
    """

    name: str
    noise: Sequence[float]
    loss: Sequence[float]
    symmetrised: Sequence[float]
    recoverable: Sequence[float]
    mismatch: float
    fresh: float


@torch.no_grad()
def recovered(setting: Setting, networks: Mapping[str, Denoiser], n: int, seed: int) -> list[Recovered]:
    """Split the loss of every network on fresh items, float64.

    Args:
        setting: of the data.
        networks: by name.
        n: items.
        seed: of items and noise.
    """
    x_0 = setting.law.sample(n, seed=seed, first=1 << 25, dtype=torch.float64)
    times = torch.tensor(NOISE, dtype=torch.float64)
    found = []
    for name, network in networks.items():
        double = deepcopy(network).double()
        told = recoverable_loss(
            double, x_0, setting.action, space=setting.space.at(), seed=seed, times=times, data_std=setting.data_std
        )
        loss, symmetrised, rest = (
            [float(value) for value in one] for one in (told.loss, told.symmetrised, told.recoverable)
        )
        mismatch = largest(abs(a - b - c) / a for a, b, c in zip(loss, symmetrised, rest, strict=True))
        fresh = largest(_fresh(double, x_0, setting, t, seed) for t in times)
        found.append(Recovered(name, NOISE, loss, symmetrised, rest, mismatch, fresh))
    return found


def _fresh(denoiser: Denoiser, x_0: Tensor, setting: Setting, t: Tensor, seed: int) -> float:
    """|L(D) - L(QD) - E |D - QD|^2| / L(D) where each pose has noise of its own."""
    action, mean = setting.action, Symmetrised(denoiser, setting.action)
    total = torch.zeros(3, dtype=torch.float64)
    for k, g in enumerate(action.group.elements()):
        z = random.normal(
            x_0.shape[1:], seed=seed, stream=random.Stream.METRIC, item=torch.arange(len(x_0)), draw=k,
            dtype=torch.float64,
        )  # fmt: skip
        x = action(g, x_0)
        x_t = SCHEDULE.alpha(t) * x + SCHEDULE.sigma(t) * z
        one, other = denoiser(x_t, t), mean(x_t, t)
        total += torch.stack([(one - x).square().sum(), (other - x).square().sum(), (one - other).square().sum()])
    return abs(float(total[0] - total[1] - total[2])) / float(total[0])
