"""Networks that learn the same law: plain, augmented, equivariant; measured against the exact denoiser.

All have one perceptron of one size. The equivariant one is its average over the group, g^-1 F(g x), trained as such; it
evaluates the perceptron |G| times a step, so that the augmented one is also given |G| times the steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.data.order import batch_indices
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.loss import KarrasWeight, LogNormalNoise, stratified
from equigen.diffusion.model import DiffusionModel
from equigen.labs.extremes import largest
from equigen.labs.lab import Tell
from equigen.labs.symmetry.setting import SCHEDULE, Setting, perceptron
from equigen.symmetry.action import Action
from equigen.symmetry.symmetrised import Symmetrised

__all__ = ["KINDS", "Learned", "Plan", "Probes", "above", "asymmetry", "learned", "probes", "trained"]

KINDS = ("plain", "augmented", "augmented, equal work", "equivariant")
"""The networks that are compared."""


@dataclass(frozen=True)
class Plan:
    """How networks are trained.

    Args:
        width: of the hidden layers.
        batch: items of a step.
        steps: of Adam; of the network that is given equal work, as often as the group has elements.
        gain: of the first weights, over those that torch draws.
        rate: the largest learning rate.
    """

    width: int
    batch: int
    steps: int
    gain: float = 1.0
    rate: float = 2e-3


@dataclass(frozen=True)
class Probes:
    """Noisy items that no network has seen, and what the exact denoiser makes of them.

    Args:
        x_t: noisy items.
        t: their times.
        exact: E[x_0 | x_t].
        floor: the least possible loss on them, in the units of the training loss.
    """

    x_t: Tensor
    t: Tensor
    exact: Tensor
    floor: float


@dataclass(frozen=True)
class Learned:
    """A kind of network after training on so many items.

    Args:
        kind: of the network.
        items: it was trained on.
        work: evaluations of the perceptron in training, in items.
        above: for each training, its loss above the least possible, relative to that.
        asymmetry: for each training, the largest over the group of ||D(g x) - g D(x)|| / ||D(x)||.
    """

    kind: str
    items: int
    work: int
    above: Sequence[float]
    asymmetry: Sequence[float]

    @property
    def mean(self) -> tuple[float, float]:
        """The loss above the least, the mean over the trainings and its standard error; unknown from one training."""
        told = torch.tensor(self.above, dtype=torch.float64)
        error = float(told.std()) / math.sqrt(len(told)) if len(told) > 1 else math.nan
        return float(told.mean()), error


def trained(setting: Setting, x: Tensor, kind: str, plan: Plan, seed: int) -> Denoiser:
    """A network of a kind, trained on items.

    Args:
        setting: of the data.
        x: items (N, *shape), float32.
        kind: one of `KINDS`.
        plan: of the training.
        seed: of weights, order, noise and poses.
    """
    group, start = setting.action.group, perceptron(setting, plan.width, seed, plan.gain)
    denoiser = Symmetrised(start, setting.action) if kind == "equivariant" else start
    std = setting.data_std
    model = DiffusionModel(setting.space, denoiser, weight=KarrasWeight(std), times=LogNormalNoise(std), data_std=std)
    steps = plan.steps * len(group.elements()) if kind == "augmented, equal work" else plan.steps
    optimiser = torch.optim.Adam(model.parameters(), lr=plan.rate)
    for step in range(steps):
        for part in optimiser.param_groups:
            part["lr"] = plan.rate * 0.5 * (1.0 + math.cos(math.pi * step / steps))
        index, _ = batch_indices(len(x), plan.batch, seed=seed, step=step)
        batch = x[index]
        if kind.startswith("augmented"):
            batch = setting.action(_elements(setting.action, plan.batch, seed, step), batch)
        optimiser.zero_grad(set_to_none=True)
        model.loss(batch, seed=seed, step=step).backward()
        optimiser.step()
    return denoiser.eval().requires_grad_(False)


@torch.no_grad()
def probes(setting: Setting, n: int, seed: int) -> Probes:
    """Fresh items of the law, noised at the times of training.

    Args:
        setting: of the data.
        n: items.
        seed: of items and noise.
    """
    item = torch.arange(n)
    x_0 = setting.law.sample(n, seed=seed, first=1 << 24, dtype=torch.float64)
    where = {"seed": seed, "stream": random.Stream.VALIDATION, "item": item, "dtype": torch.float64}
    t = LogNormalNoise(setting.data_std)(SCHEDULE, stratified(item, n, random.uniform((), draw=1, **where)))
    alpha, sigma = per_item(SCHEDULE.alpha(t), x_0), per_item(SCHEDULE.sigma(t), x_0)
    x_t = alpha * x_0 + sigma * random.normal(x_0.shape[1:], **where)
    exact = setting.exact()(x_t, t)
    return Probes(x_t, t, exact, _weighted(exact - x_0, t, setting))


@torch.no_grad()
def above(denoiser: Denoiser, at: Probes, setting: Setting) -> float:
    """E w |D - D*|^2 over the least possible loss: what a network's loss has too much.

    Args:
        denoiser: float32 or float64.
        at: the probes.
        setting: of the data.
    """
    found = deepcopy(denoiser).double()(at.x_t, at.t)
    return _weighted(found - at.exact, at.t, setting) / at.floor


@torch.no_grad()
def asymmetry(denoiser: Denoiser, at: Probes, action: Action) -> float:
    """The largest over the group of ||D(g x) - g D(x)|| / ||D(x)||, in float64."""
    double, few = deepcopy(denoiser).double(), slice(0, 256)
    x, t = at.x_t[few], at.t[few]
    start = double(x, t)
    return largest(
        float((double(action(g, x), t) - action(g, start)).norm() / start.norm()) for g in action.group.elements()[1:]
    )


def learned(
    setting: Setting,
    counts: Sequence[int],
    plan: Plan,
    trainings: int,
    seed: int,
    tell: Tell = lambda stage: None,
    kinds: Sequence[str] = KINDS,
) -> tuple[list[Learned], Mapping[str, Denoiser], Probes]:
    """Train all kinds on all numbers of items.

    Args:
        setting: of the data.
        counts: numbers of items.
        plan: of each training.
        trainings: of each, with other items and other weights.
        seed: of the first.
        tell: called before each.
        kinds: of networks.

    Returns:
        What they learned; the networks of the last number of items, first training, by kind; the probes.
    """
    at, order = probes(setting, 2000, seed), len(setting.action.group.elements())
    found, kept = [], {}
    for count in counts:
        rows: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in kinds}
        for k in range(trainings):
            tell(f"{count} items, training {k + 1} of {trainings}")
            x = setting.law.sample(count, seed=seed, first=k * (1 << 16))
            for kind in kinds:
                network = trained(setting, x, kind, plan, seed + k)
                rows[kind][0].append(above(network, at, setting))
                rows[kind][1].append(asymmetry(network, at, setting.action))
                if k == 0:
                    kept[kind] = network
        for kind, (over, off) in rows.items():
            work = plan.steps * plan.batch * (order if kind in KINDS[2:] else 1)
            found.append(Learned(kind, count, work, over, off))
    return found, kept, at


def _elements(action: Action, n: int, seed: int, step: int) -> Tensor:
    """An element for each item of a batch."""
    every = action.group.elements()
    where = {"seed": seed, "stream": random.Stream.AUGMENTATION, "item": torch.arange(n)}
    return every[random.integers(len(every), (), step=step, **where)]


def _weighted(error: Tensor, t: Tensor, setting: Setting) -> float:
    weight = KarrasWeight(setting.data_std)(SCHEDULE, t)
    return float((weight * error.flatten(1).square().mean(1)).mean())
