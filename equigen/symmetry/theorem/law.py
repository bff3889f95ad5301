"""The law of the samples: the consequence that the theorem is about, bounded by a coupling and tested on samples.

With Phi the sampler and xi its prior and noise, whose law the group leaves as it is, g Phi(xi) has the law of moved
samples and Phi(g xi) that of samples. So for the distance of the two laws,

    W_2(g law, law)^2 <= E |Phi(g xi) - g Phi(xi)|^2,

and where the trajectories agree to rounding, so do the laws, whatever the denoiser has learned. This says nothing
where the prior or the noise themselves are not invariant, or where paths differ and laws do not (a random element of
the group at each step); there the samples are asked (`equigen.symmetry.invariance`). Its level is one in a
thousand: so often a sound model is called broken.

Source: C. Villani, Optimal transport, 2009, definition 6.1, for the coupling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.symmetry.action import Action
from equigen.symmetry.certificate import Claim
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.invariance import InvarianceTest, invariance_test
from equigen.symmetry.theorem.certificate import Premise
from equigen.symmetry.theorem.moving import Trial, settled
from equigen.symmetry.theorem.paths import PATH_BOUND, chosen_elements

__all__ = ["law_premise"]

_LEVEL, _DRAWS = 0.001, 999
_TOLD_LEVEL, _TOLD_DRAWS = 0.005, 199  # for what is not promised
_SAMPLES, _STEPS, _COUPLED = 128, 20, 2
_LISTED = 1000


def law_premise(
    model: DiffusionModel,
    action: Action,
    *,
    seed: int,
    samples: int = _SAMPLES,
    condition: Mapping[str, Tensor] | None = None,
    guidance: float = 1.0,
) -> Premise:
    """Bound how far the law of samples is from invariant by a coupling, and test samples of the model.

    Args:
        model: as it samples.
        action: on its items.
        seed: of the samples and of the test; not that of other premises, so that the items are new.
        samples: their number, from `DPMSolver2M` with 20 steps.
        condition: named tensors of two items or more, which the samples repeat; None: drawn from the model's givens.
        guidance: kept as well.

    Returns:
        The premise "law". Promised is the part of the group that does not interpolate: "exact" where the coupling is
        within rounding and the samples are not told from moved ones; "not told apart" where only the samples say so;
        "broken" where they are told apart. The whole group is told where it is larger.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> law, tilted = (Gaussian(torch.eye(4)[None] * k, Isotropic(1.0)).denoiser(EDM()) for k in (0.0, 3.0))
        >>> action, space = ImageAction(Cyclic(4)), Euclidean(1, 4, 4)
        >>> [law_premise(DiffusionModel(space, D), action, seed=1, samples=64).verdict for D in (law, tilted)]
        ['exact', 'broken']
    """
    group = action.group
    inside = replace(action, group=action.group.on_grid()) if isinstance(action, ImageAction) else action
    listed = inside.group.order is None or inside.group.order <= _LISTED
    elements = elements_of(inside.group) if listed else inside.group.generators()
    grid, _ = chosen_elements(inside, elements)
    given = None if condition is None else {name: v[torch.arange(samples) % len(v)] for name, v in condition.items()}
    x = model.sample(samples, seed=seed, steps=_STEPS, condition=given, guidance=guidance)
    claims = []
    if len(grid):
        with settled(model) as copied:
            some = None if condition is None else {name: value[:_COUPLED] for name, value in condition.items()}
            trial = Trial(copied, inside, seed, _COUPLED, _STEPS, some, guidance)
            apart = _coupled(trial, grid)
        claims.append(_claim(invariance_test(x, inside, draws=_DRAWS, seed=seed, level=_LEVEL), apart))
    if inside.group.order != group.order:
        claims.append(_told(invariance_test(x, action, seed=seed, draws=_TOLD_DRAWS, level=_TOLD_LEVEL)))
    statement = f"the law of the samples is invariant under {group.name}"
    return Premise("law", statement, tuple(claims))


def _coupled(trial: Trial, grid: Tensor) -> float:
    """The largest root mean square distance of coupled samples, relative to their size."""
    start = trial.run(DPMSolver2M())
    found = [(trial.run(DPMSolver2M(), g[None]).data - trial.action(g, start.data)).norm() for g in grid]
    return float(torch.stack(found).max()) / (start.size or 1.0)


def _claim(found: InvarianceTest, apart: float) -> Claim:
    """What coupling and samples come to together."""
    told = found.p_value <= _LEVEL
    verdict = "broken" if told else "exact" if apart <= PATH_BOUND else "not told apart"
    statement = f"moved samples have the law of the samples: distance at most, by coupling ({_tested(found)})"
    return Claim(statement, True, apart, PATH_BOUND, verdict, "the samples are told from moved ones" if told else "")


def _told(found: InvarianceTest) -> Claim:
    """What the samples say about the whole group, by their coefficients on the disk."""
    verdict = "broken" if found.p_value <= found.level else "not told apart"
    statement = f"samples under {found.group}, on the disk: statistic beside its spread ({_tested(found)})"
    return Claim(statement, False, found.statistic, 3.0 * found.chance, verdict)


def _tested(found: InvarianceTest) -> str:
    least = found.smallest_detectable
    power = f"{least:.0%} in one pose would be found" if least <= 1.0 else "too few to find anything"
    return f"{found.items} samples, p = {found.p_value:.2g}, {power}"
