"""Everything that the lab `denoising` measures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.oracle.estimate import Estimate
from equigen.diffusion.oracle.floor import loss_above_floor, loss_floor, noised_pairs
from equigen.labs.lab import Tell
from equigen.labs.plane.direction import box
from equigen.labs.plane.network import Ensemble
from equigen.labs.plane.objectives import OBJECTIVES, noised
from equigen.labs.plane.smoothing import smoothed
from equigen.labs.plane.targets import Targets, binned
from equigen.labs.plane.training import Curve, Task, train
from equigen.metrics.floor import mean_interval

__all__ = ["BANDS", "LearningMeasured", "first_member", "learning_measured", "mean_and_error"]

BANDS = (1.0, 0.5, 0.1, 0.01, 0.001, 0.0)
"""Borders of bands of density: the share of the law's points that lie where the density is lower."""

_HELD_OUT = 2000  # points of each member on which the training curves are measured
_LEVEL = 4096  # points at each noise level


@dataclass(frozen=True)
class LearningMeasured:
    """What networks learned of the score of a mixture.

    Args:
        task: what was learned.
        curves: by objective; their values are the loss above the floor of each member, (members,), in units of the
            noise and averaged over the training times.
        loss: the denoising loss itself at the same steps for the networks trained on it, mean over members.
        floor: the least that loss can be, averaged over the training times.
        excess: the loss of the networks trained on it less that of the exact denoiser on the same points, at the end,
            (members,).
        noise: levels, ascending, (L,).
        floors: the floor at each level.
        above: by objective, the loss above the floor at each level, (L, members).
        paired: the same of the first denoising network, from the losses themselves on the same pairs.
        bands: squared error of the learned noise by band of density, (bands, members), at the level `band_noise`.
        band_noise: that level.
        targets: what denoising regresses on.
    """

    task: Task
    curves: Mapping[str, Curve]
    loss: tuple[float, ...]
    floor: Estimate
    excess: Tensor
    noise: tuple[float, ...]
    floors: tuple[Estimate, ...]
    above: Mapping[str, Tensor]
    paired: tuple[Estimate, ...]
    bands: Tensor
    band_noise: float
    targets: Targets

    def at_end(self, name: str) -> Tensor:
        """The loss above the floor after all steps, (members,)."""
        return self.curves[name].values[-1]

    def cost(self, name: str) -> float:
        """Seconds of one step of all members: the median."""
        return statistics.median(self.curves[name].seconds)

    @property
    def budget(self) -> float:
        """Seconds in which the cheapest objective makes all steps."""
        return self.task.steps * min(self.cost(name) for name in self.curves)

    def at_equal_time(self, name: str) -> Tensor:
        """The loss above the floor after the seconds of the budget, (members,), between checkpoints in logarithms."""
        curve = self.curves[name]
        step = min(self.budget / self.cost(name), float(curve.steps[-1]))
        k = max(1, next(k for k, at in enumerate(curve.steps) if at >= step - 1e-9)) if len(curve.steps) > 1 else 0
        if k == 0:
            return curve.values[0]
        low, high = curve.steps[k - 1], curve.steps[k]
        part = math.log(max(step, low) / low) / math.log(high / low)
        return torch.exp((1 - part) * curve.values[k - 1].log() + part * curve.values[k].log())

    def numbers(self) -> Mapping[str, Any]:
        """All of it as JSON has it."""
        return {
            "training": {
                name: {
                    "steps": curve.steps,
                    "above_floor": [value.tolist() for value in curve.values],
                    "seconds_per_step": self.cost(name),
                    "above_floor_at_equal_time": self.at_equal_time(name).tolist(),
                }
                for name, curve in self.curves.items()
            },
            "seconds_of_equal_time": self.budget,
            "denoising_loss": self.loss,
            "floor": self.floor,
            "above_floor_paired": self.excess.tolist(),
            "by_noise": {
                "noise": self.noise,
                "floor": self.floors,
                "above_floor": {name: value.tolist() for name, value in self.above.items()},
                "above_floor_paired_first_member": self.paired,
            },
            "by_density": {"noise": self.band_noise, "borders": BANDS, "squared_noise_error": self.bands.tolist()},
            "targets": {
                "noise": self.targets.noise,
                "bins": len(self.targets.centre),
                "fits": {name: vars(fit) for name, fit in self.targets.fits.items()},
                "explained": self.targets.explained,
            },
        }


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """The mean over members, and its error: half of what the 95 % Student interval reaches to either side.

    Two of these errors hold the mean with 95 % however few the members are; NaN for one member.

    Example:
        >>> mean_and_error(torch.tensor([1.0, 3.0]))                          # 12.706 standard errors over two
        (2.0, 6.353)
    """
    mean = float(values.double().mean())
    if len(values) < 2 or not math.isfinite(mean):
        return mean, math.nan
    _, (low, high) = mean_interval(values.tolist())
    return mean, (high - low) / 4


def learning_measured(
    task: Task, *, levels: int, target_noise: float, target_points: int, tell: Tell
) -> LearningMeasured:
    """Train networks by every objective and measure what they learned.

    Args:
        task: what is learned.
        levels: of noise at which it is judged.
        target_noise: the level at which targets are gathered and errors are split by density.
        target_points: noisy points whose targets are gathered.
        tell: called before each stage.
    """
    tell("targets")
    spread = float(smoothed(task.law, target_noise).components.values.min().sqrt())
    targets = binned(task.law, target_noise, n=target_points, side=0.4 * spread, seed=task.seed)
    held = task.examples(0, _HELD_OUT, random.Stream.VALIDATION)
    ratio = task.schedule.relative_noise(held.t) ** -2
    x = noised(task.schedule, *held[:3])
    lost = ratio * (held.exact - held.x_0).square().sum(1)

    losses: list[Tensor] = []

    def of_each(values: Tensor) -> Tensor:
        return values.reshape(task.members, -1).mean(1)

    @torch.no_grad()
    def measure(name: str, denoiser: Denoiser) -> Tensor:
        found = denoiser(x, held.t)
        if name == "denoising":
            losses.append(of_each(ratio * (found - held.x_0).square().sum(1)))
        return of_each(ratio * (found - held.exact).square().sum(1))

    curves = train(task, tuple(OBJECTIVES), measure, tell)
    tell("noise levels")
    low, high = task.schedule.t_min, task.schedule.t_max
    noise = (low * (high / low) ** torch.linspace(0, 1, levels, dtype=torch.float64)).tolist()
    seed = task.seed
    first = first_member(curves["denoising"].network)
    return LearningMeasured(
        task,
        curves,
        tuple(float(one.mean()) for one in losses),
        Estimate(float(lost.mean()), float(lost.std()) / math.sqrt(len(lost))),
        losses[-1] - of_each(lost),
        tuple(noise),
        tuple(loss_floor(task.law, task.schedule, t, n=4 * _LEVEL, seed=seed) for t in noise),
        {name: torch.stack([_above_at(task, curve.network, t) for t in noise]) for name, curve in curves.items()},
        tuple(loss_above_floor(first, task.law, task.schedule, t, n=_LEVEL, seed=seed) for t in noise),
        _by_density(task, curves["denoising"].network, target_noise),
        target_noise,
        targets,
    )


def first_member(denoiser: Denoiser) -> Denoiser:
    """The first member of an ensemble as a denoiser of its own; a copy."""
    assert isinstance(denoiser, NetworkDenoiser)
    assert isinstance(denoiser.network, Ensemble)
    return NetworkDenoiser(denoiser.network.member(0), denoiser.schedule, denoiser.preconditioning)


@torch.no_grad()
def _above_at(task: Task, denoiser: Denoiser, t: float) -> Tensor:
    """(alpha / sigma)^2 E ||D - D*||^2 of each member at one time, on the same points for all."""
    _, x = noised_pairs(task.law, task.schedule, t, n=_LEVEL, seed=task.seed)
    return _squared_noise_error(task, denoiser, x, t).mean(1)


def _squared_noise_error(task: Task, denoiser: Denoiser, x: Tensor, t: float) -> Tensor:
    """sigma^2 ||score error||^2 of each member at each point, (members, n)."""
    exact = task.law.denoiser(task.schedule)(x, torch.tensor(t))
    learned = denoiser(x.float().repeat(task.members, 1), torch.tensor(t)).reshape(task.members, -1, 2)
    return float(task.schedule.relative_noise(torch.tensor(t))) ** -2 * (learned - exact).square().sum(2)


@torch.no_grad()
def _by_density(task: Task, denoiser: Denoiser, t: float) -> Tensor:
    """The squared noise error at points spread evenly, averaged in each band of density, (bands, members)."""
    noisy = smoothed(task.law, t)
    height = noisy.log_prob(noisy.sample(20_000, seed=task.seed, dtype=torch.float64)).sort().values
    low, high = box(noisy, 5.0)
    u = random.uniform((2,), seed=task.seed, stream=random.Stream.METRIC, item=torch.arange(20_000), draw=2)
    x = low + u.double() * (high - low)
    lower = torch.searchsorted(height, noisy.log_prob(x).contiguous()) / len(height)
    error = _squared_noise_error(task, denoiser, x, t)
    bands = [error[:, (lower <= top) & (lower >= bottom)].mean(1) for top, bottom in pairwise(BANDS)]
    return torch.stack(bands)
