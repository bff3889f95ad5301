"""The likelihood: moved items must have the log density of the items, ln p(g x) = ln p(x).

It is a consequence of an invariant prior and an equivariant flow where the trace of the denoiser's Jacobian is exact,
or where the probes that estimate it are moved with the items: with e the probes,

    ln p(g x; g e) = ln p(x; e)        at every number of probes, however far each is from ln p(x).

Probes that stay where they are estimate both sides with different noise. The steps of the flow depend on norms alone,
so both sides take the same ones, and what is left is rounding.

Source: on the estimate, M. Hutchinson, 1990; on invariant densities of equivariant flows, J. Koehler, L. Klein,
F. Noe, Equivariant flows, 2020, theorem 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.likelihood import log_likelihood, log_volume, normal_log_prob, rademacher
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.sampling import prior_std
from equigen.symmetry.action import Action
from equigen.symmetry.certificate import Claim
from equigen.symmetry.theorem.certificate import Premise
from equigen.symmetry.theorem.moving import moved_structure, settled
from equigen.symmetry.theorem.paths import chosen_elements

__all__ = ["likelihood_premise"]

_ITEMS = 2
_EXACT = 16  # numbers of an item up to which the trace is exact here: cost, not principle
_BOUND = 1e-6  # nats for each degree of freedom
_TOLERANCE = 0.1  # of the density itself, which is of no concern here
_NOISE = 0.05  # of the density's items, relative to the standard deviation of the data


def likelihood_premise(
    model: DiffusionModel,
    action: Action,
    elements: Tensor,
    x: Tensor,
    seed: int,
    *,
    condition: Mapping[str, Tensor] | None = None,
    structure: Tensor | None = None,
) -> Premise:
    """Compare the log densities of items and of moved items, with probes that are moved as well.

    Args:
        model: in any precision; a copy in float64 is measured.
        action: on items in data units.
        elements: of the group; those that interpolate are left out, since between the grid volumes are not kept.
        x: items in data units, (n, *shape), of which 2 are used.
        seed: of the probes.
        condition: of the items, named tensors (n, ...), kept by every motion.
        structure: of the items, where the space has one; moved.

    Returns:
        The premise "likelihood": one claim, in nats for each degree of freedom, of items with noise of a twentieth of
        the standard deviation of the data, or the least that the schedule has; "not measured" where the steps of the
        flow collapse.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.image_action import ImageAction
        >>> law, tilted = (Gaussian(torch.eye(4)[None] * k, Isotropic(1.0)).denoiser(EDM()) for k in (0.0, 1.0))
        >>> x = torch.arange(16.0).reshape(1, 1, 4, 4).sin()
        >>> how = (ImageAction(Cyclic(4)), Cyclic(4).elements(), x, 0)
        >>> [likelihood_premise(DiffusionModel(Euclidean(1, 4, 4), D), *how).verdict for D in (law, tilted)]
        ['exact', 'broken']
    """
    grid, _ = chosen_elements(action, elements)
    trace = "an exact trace" if x[0].numel() <= _EXACT else "moved probes"
    statement = "moved items have the density of the items"
    if not len(grid):
        claim = Claim(f"{statement}, with {trace}", False, 0.0, _BOUND, "not measured")
        return Premise("likelihood", statement, (claim,))
    said = f"{statement}, with {trace}, in nats a degree of freedom"
    with settled(model) as copied:
        try:
            found, free = _densities(copied, action, grid, x[:_ITEMS].cpu().double(), seed, condition or {}, structure)
        except ArithmeticError:
            lost = Claim(said, True, math.inf, _BOUND, "not measured", "a flow that cannot be followed")
            return Premise("likelihood", statement, (lost,))
    apart = (found[1:] - found[0]).abs() / free
    worst = float(apart.max()) if bool(apart.isfinite().all()) else math.inf
    verdict = "exact" if worst <= _BOUND else "broken"
    where = "" if verdict == "exact" else "the flow of the denoiser, or the prior"
    return Premise("likelihood", statement, (Claim(said, True, worst, _BOUND, verdict, where),))


def _densities(
    model: DiffusionModel,
    action: Action,
    grid: Tensor,
    x: Tensor,
    seed: int,
    condition: Mapping[str, Tensor],
    structure: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Nats of the items as they are and moved by each element, (1 + m, B), and their degrees of freedom, () or (B,)."""
    n, times, item = len(x), 1 + len(grid), torch.arange(len(x))
    masks = None if structure is None else structure[:n]
    source = model.space.at(masks)
    probes: Tensor | int = 0
    if x[0].numel() > _EXACT:
        e = rademacher(source, 1, seed=seed, item=item, dtype=x.dtype, device=None)[0]
        probes = torch.cat([e, *(action(g, e) for g in grid)])[None]
    x = torch.cat([x, *(action(g, x) for g in grid)])
    goal = None if masks is None else torch.cat([masks, *(moved_structure(action, g, masks) for g in grid)])
    given = {name: value[:n].repeat(times, *[1] * (value.ndim - 1)) for name, value in condition.items()}
    space, denoiser = model.bind(goal, for_denoiser(model.denoiser, given, None, x))
    t, std = _ends(model)
    alpha = float(denoiser.schedule.alpha(torch.tensor(t, dtype=torch.float64)))
    x_0 = space.project(model.scale.to_model(x))
    own, prior = denoiser.at(seed, item.repeat(times)), partial(normal_log_prob, space, std=std)
    bound = BoundDenoiser(_Linked(own.denoiser), space, own.condition)
    found = log_likelihood(bound, alpha * x_0, prior=prior, t=t, probes=probes, tolerance=_TOLERANCE)
    return (found.value - log_volume(model.scale, space, x_0)).reshape(times, n), source.ndof.clamp_min(1.0)


class _Linked(Denoiser):
    """A denoiser that has a derivative by its items, which is zero where it does not look at them."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser, self.schedule = denoiser, denoiser.schedule

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        return self.denoiser(x_t, t, **condition) + 0.0 * x_t

    def at(self, seed: int, item: Tensor) -> Denoiser:
        inner = self.denoiser.at(seed, item)
        return self if inner is self.denoiser else _Linked(inner)


def _ends(model: DiffusionModel) -> tuple[float, float]:
    """The time of the density, and the standard deviation of the prior."""
    schedule = model.denoiser.schedule
    ends = torch.tensor([schedule.t_min, schedule.t_max], dtype=torch.float64)
    low, high = schedule.relative_noise(ends).tolist()
    noise = min(max(_NOISE * (model.data_std or 1.0), low), high)
    t = schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64)).clamp(*ends)
    return float(t), float(prior_std(schedule, ends[1], model.data_std))
