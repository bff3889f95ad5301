"""The premises about what is not learned: the action, the prior, the noise and the scale."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.diffusion.denoiser import per_item
from equigen.diffusion.sampling import prior_std
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.schedule import Schedule
from equigen.random import Stream
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import Action
from equigen.symmetry.certificate import Claim
from equigen.symmetry.error import EquivarianceError, rounding
from equigen.symmetry.isometry import isometry_error
from equigen.symmetry.theorem.certificate import Premise
from equigen.symmetry.theorem.moments import independent_claim, normal_claim
from equigen.symmetry.theorem.probes import ProbedElements, commuting, in_band, worst_claim

__all__ = ["action_premise", "noise_premise", "prior_premise", "scale_premise"]

_TIMES = 5  # at which the numbers of a schedule are looked at


def action_premise(elements: ProbedElements, space: BoundSpace, x: Tensor) -> Premise:
    """The group acts by linear isometries of the space: g (h x) = (g h) x, |g x - g y| = |x - y|, P g P = g P.

    Args:
        elements: to test at.
        space: bound to the batch.
        x: (B, *shape), two different items or more, float64.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.image_action import ImageAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> x = torch.arange(32.0, dtype=torch.float64).sin().reshape(2, 1, 4, 4)
        >>> premise = action_premise(probed_elements(ImageAction(Cyclic(4))), Euclidean(1, 4, 4).at(), x)
        >>> premise.verdict, [claim.statement for claim in premise.claims][:2]
        ('exact', ['C4 acts by isometries', 'C4 acts linearly'])
    """
    x = space.project(x)
    claims: list[Claim] = []
    for action, g, data, name in _parts(elements, x):
        for what, error in _actions(action, g, data, space):
            floor = torch.zeros_like(error) if bool(action.exact_at(g).all()) else _there_and_back(action, g, data)
            found = EquivarianceError(g, error, error, floor, rounding(torch.float64))
            claims.append(worst_claim(f"{name} {what}", found))
    return Premise("action", "the group acts by linear isometries of the space", tuple(claims))


def prior_premise(
    elements: ProbedElements, space: BoundSpace, schedule: Schedule, data_std: float, x: Tensor, seed: int
) -> Premise:
    """The prior is a number times the standard normal of the space, which isometries leave as it is.

    Args:
        elements: to test at.
        space: bound to the batch.
        schedule: the kernel; the prior stands at its t_max.
        data_std: of the model.
        x: (B, *shape), float64.
        seed: of the draws.

    Example:
        >>> from equigen.diffusion import EDM
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.action import PointsAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> elements = probed_elements(PointsAction(Cyclic(4)))
        >>> x = torch.arange(12.0, dtype=torch.float64).reshape(2, 3, 2)
        >>> prior_premise(elements, Euclidean(3, 2).at(), EDM(), 1.0, x, seed=0).verdict
        'exact'
    """
    t = torch.tensor(schedule.t_max, dtype=torch.float64)
    std = torch.as_tensor(prior_std(schedule, t, data_std), dtype=torch.float64)
    return Premise(
        "prior",
        "x at t_max is a number times the standard normal of the space",
        (
            normal_claim("its draws are standard normals of the space", space, stream=Stream.PRIOR, seed=seed),
            *commuting("its standard deviation commutes with", lambda x: std * x, x, elements),
        ),
    )


def noise_premise(elements: ProbedElements, space: BoundSpace, schedule: Schedule, x: Tensor, seed: int) -> Premise:
    """The noise of each step is standard normal in the space and independent of the past; alpha and sigma are numbers.

    Args:
        elements: to test at.
        space: bound to the batch.
        schedule: the kernel.
        x: (B, *shape), float64.
        seed: of the draws.

    Example:
        >>> from equigen.diffusion import EDM
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.action import PointsAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> elements = probed_elements(PointsAction(Cyclic(4)))
        >>> x = torch.arange(12.0, dtype=torch.float64).reshape(2, 3, 2)
        >>> noise_premise(elements, Euclidean(3, 2).at(), EDM(), x, seed=0).verdict
        'exact'
    """
    times = torch.linspace(schedule.t_min, schedule.t_max, _TIMES, dtype=torch.float64)

    def kernels(x: Tensor) -> Tensor:
        scaled = [per_item(part(t), x) * x for t in times for part in (schedule.alpha, schedule.sigma)]
        return torch.cat(scaled)

    return Premise(
        "noise",
        "noise is standard normal in the space, new at every step, and scaled by numbers",
        (
            normal_claim("draws of a step are standard normals of the space", space, stream=Stream.SOLVER, seed=seed),
            normal_claim("draws of the next step are too", space, stream=Stream.SOLVER, seed=seed, step=1),
            independent_claim("draws are independent of the past", space, seed=seed),
            *commuting("alpha and sigma commute with", kernels, x, elements),
        ),
    )


def scale_premise(elements: ProbedElements, scale: Scale, x: Tensor) -> Premise:
    """The map between data and the units of the denoiser commutes with the group.

    Args:
        elements: to test at.
        scale: of the model, float64.
        x: (B, *shape) in data units, float64.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.symmetry.action import PointsAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> elements = probed_elements(PointsAction(SO2()))
        >>> x = torch.arange(12.0, dtype=torch.float64).reshape(2, 3, 2)
        >>> scale_premise(elements, Scale(torch.tensor(1.0), torch.tensor(2.0)), x).verdict
        'broken'
    """
    into = commuting("the map to the units of the denoiser commutes with", scale.to_model, x, elements)
    back = commuting("the map to data units commutes with", scale.to_data, x, elements)
    return Premise("scale", "the scale commutes with the group", (*into, *back))


def _parts(elements: ProbedElements, x: Tensor) -> list[tuple[Action, Tensor, Tensor, str]]:
    """(action, elements, data, name) of the part that interpolates nothing, and of the other."""
    group, inside = elements.action.group.name, elements.exactly.group.name
    parts = []
    if len(elements.grid):
        parts.append((elements.exactly, elements.grid, x, inside))
    if len(elements.between):
        data = elements.action.window(in_band(x))
        parts.append((elements.action, elements.between, data, f"{group} between the motions of the grid"))
    return parts


def _actions(action: Action, elements: Tensor, x: Tensor, space: BoundSpace) -> list[tuple[str, Tensor]]:
    """What an action may lack, and by how much it does at each element."""
    y, product = x.flip(0), action.group.compose
    back = elements.flip(0)
    linear, whole, closed = [], [], []
    for g, h in zip(elements, back, strict=True):
        moved = action(g, x)
        linear.append(_apart(action, action(g, 0.7 * x - 1.3 * y), 0.7 * moved - 1.3 * action(g, y)))
        whole.append(_apart(action, action(g, action(h, x)), action(product(g, h), x)))
        closed.append(_apart(action, space.project(moved), moved))
    return [
        ("acts by isometries", isometry_error(action, x, elements)),
        ("acts linearly", torch.tensor(linear, dtype=torch.float64)),
        ("acts as a group, g (h x) = (g h) x", torch.tensor(whole, dtype=torch.float64)),
        ("maps the space onto itself", torch.tensor(closed, dtype=torch.float64)),
    ]


def _there_and_back(action: Action, elements: Tensor, x: Tensor) -> Tensor:
    """What interpolation costs at each element and the one it is composed with."""
    cost = [_apart(action, action.back(g, action(g, x)), x) for g in elements]
    alone = torch.tensor(cost, dtype=torch.float64)
    return torch.maximum(alone, alone.flip(0))


def _apart(action: Action, x: Tensor, y: Tensor) -> float:
    return float((action.window(x) - action.window(y)).norm() / action.window(y).norm())
