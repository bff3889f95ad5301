"""The sampler as a function of all its normals: where it begins, and what each step is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.sampling import prior_std
from equigen.diffusion.solvers.solver import Solver
from equigen.diffusion.time_grid import KarrasGrid
from equigen.labs.symmetry.setting import SCHEDULE, Setting
from equigen.symmetry.action import Action

__all__ = ["Normals", "moved", "normals", "turning_errors", "walk"]


@dataclass(frozen=True)
class Normals:
    """What a sampler takes.

    Args:
        start: standard normals (n, *shape) that the prior scales.
        steps: those of the steps, (steps, draws, n, *shape).
    """

    start: Tensor
    steps: Tensor


def normals(setting: Setting, n: int, steps: int, seed: int, draws: int = 2) -> Normals:
    """The normals of n items, float64: independent, and a pure function of the seed.

    Args:
        setting: whose space they are of.
        n: items.
        steps: of the sampler.
        seed: of all.
        draws: normals of a step, at most.
    """
    shape, item = setting.space.shape, torch.arange(n)
    where = {"seed": seed, "item": item, "dtype": torch.float64}
    each = [
        random.normal(shape, stream=random.Stream.SOLVER, step=torch.arange(steps), draw=k, **where)
        for k in range(draws)
    ]
    return Normals(random.normal(shape, stream=random.Stream.PRIOR, **where), torch.stack(each, 1))


def moved(given: Normals, action: Action, g: Tensor, *, noise: bool = True) -> Normals:
    """The normals moved by g: all of them, or those of the start only.

    Args:
        given: to be moved.
        action: on items.
        g: one element, or one for each item.
        noise: whether the normals of the steps are moved, too.
    """
    steps, draws = given.steps.shape[:2] if noise else (0, 0)
    each = [torch.stack([action(g, given.steps[k, draw]) for draw in range(draws)]) for k in range(steps)]
    turned = torch.stack(each) if each else given.steps
    return Normals(action(g, given.start), turned)


def walk(
    denoiser: Denoiser,
    solver: Solver,
    given: Normals,
    data_std: float,
    shape_prior: Callable[[Tensor], Tensor] = lambda z: z,
    shape_noise: Callable[[Tensor], Tensor] = lambda z: z,
) -> Tensor:
    """All iterates of the sampler, before each step and after the last, (steps + 1, n, *shape).

    Args:
        denoiser: bound to nothing.
        solver: one with fixed steps.
        given: the normals.
        data_std: root mean square of a coordinate of the data.
        shape_prior: what is done to the normals of the start.
        shape_noise: what is done to those of the steps.
    """
    times = KarrasGrid()(SCHEDULE, len(given.steps))
    state = solver.init(prior_std(SCHEDULE, times[0], data_std) * shape_prior(given.start), len(times) - 1)
    found = [state.x]
    for k, (t, s) in enumerate(pairwise(times)):
        state = solver.step(denoiser, state, t, s, lambda draw, k=k: shape_noise(given.steps[k, draw]))
        found.append(state.x)
    return torch.stack(found)


def turning_errors(along: Callable[[Normals], Tensor], given: Normals, action: Action, *, noise: bool = True) -> Tensor:
    """How far paths are from turning with their normals, for all elements but the identity in one batch.

    Args:
        along: the path of some normals, as `walk` gives it.
        given: the normals of n items.
        action: of a finite group.
        noise: whether the normals of the steps are moved, too.

    Returns:
        The distance from the path turned, relative to its size, (elements, steps + 1).
    """
    elements, n = action.group.elements()[1:], len(given.start)
    each, path = elements.repeat_interleave(n, 0), along(given)
    goal = torch.stack([action(each, torch.cat([x] * len(elements))) for x in path])
    copies = Normals(torch.cat([given.start] * len(elements)), torch.cat([given.steps] * len(elements), 2))
    found = along(moved(copies, action, each, noise=noise))
    shape = (len(path), len(elements), -1)
    return ((found - goal).reshape(shape).norm(dim=2) / goal.reshape(shape).norm(dim=2)).T
