"""Batch independence: an item comes out of a batch of one as it does out of a batch of many.

No test of equivariance can see a step or a norm that is shared by a batch: a norm over all items is invariant under
every isometry. What it breaks is that item i is a function of its own address, and it is looked for as such:

    ||Phi(x_i alone) - Phi(x)_i|| / ||Phi(x)_i||,       the largest over items, float64,

for the denoiser at three noise levels, for the steps of every solver with a denoiser that keeps items apart, and for
the whole sampler. What is no number counts as infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.model import DiffusionModel
from equigen.groups.plane_groups import Cyclic
from equigen.random import Stream
from equigen.symmetry.action import TrivialAction
from equigen.symmetry.certificate import Claim
from equigen.symmetry.theorem.certificate import Premise
from equigen.symmetry.theorem.moving import Trial, settled
from equigen.symmetry.theorem.paths import PATH_BOUND
from equigen.symmetry.theorem.solvers import AnySolver, Radial, require_solvers

__all__ = ["batch_premise"]

_ITEMS, _STEPS = 4, 20
_NOISE = (0.1, 1.0, 10.0)  # relative to the standard deviation of the data


def batch_premise(
    model: DiffusionModel,
    x: Tensor,
    seed: int,
    *,
    solvers: Sequence[AnySolver] | None = None,
    condition: Mapping[str, Tensor] | None = None,
    structure: Tensor | None = None,
    guidance: float = 1.0,
) -> Premise:
    """Compare batches of one with a batch of many, for the denoiser, for every solver and for the sampler.

    Args:
        model: in any precision; a copy in float64 is measured.
        x: items in data units, (n, *shape), of which 16 are used.
        seed: of the noise.
        solvers: None: all.
        condition: of the items, named tensors (n, ...).
        structure: of the items, where the space has one.
        guidance: of the sampler.

    Returns:
        The premise "batch".

    Raises:
        ValueError: no solver.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic, PredictorCorrector
        >>> from equigen.spaces import Euclidean
        >>> model = DiffusionModel(Euclidean(2), Gaussian(torch.zeros(2), Isotropic(1.0)).denoiser(EDM()))
        >>> x = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
        >>> shared = PredictorCorrector(norm="batch-mean")
        >>> [batch_premise(model, x, 0, solvers=[one]).verdict for one in (PredictorCorrector(), shared)]
        ['exact', 'broken']
    """
    solvers = require_solvers(solvers)
    with settled(model) as copied:
        denoiser = _denoiser_error(copied, x[:16], seed, condition or {}, structure)
        trial = Trial(copied, TrivialAction(Cyclic(1)), seed, _ITEMS, _STEPS, _four(condition), guidance)
        radial = Radial(copied.denoiser.schedule)
        steps = [(type(solver).__name__, _steps_error(trial, solver, radial)) for solver in solvers]
        whole = _steps_error(trial, solvers[0], None)
    wrong = ", ".join(name for name, error in steps if not error <= PATH_BOUND)
    apart = max(error for _, error in steps)
    claims = [
        _claim("the denoiser makes of an item alone what it makes of it in a batch", denoiser, "the denoiser"),
        _claim("the steps of every solver take an item alone where they take it in a batch", apart, wrong),
        _claim("an item is sampled alone as in a batch", whole, wrong or "the denoiser"),
    ]
    return Premise("batch", "an item does not depend on the batch in which it is made", tuple(claims))


def _four(condition: Mapping[str, Tensor] | None) -> dict[str, Tensor] | None:
    """Conditions of the items that are sampled; of fewer items, those again."""
    if condition is None:
        return None
    return {name: value[torch.arange(_ITEMS, device=value.device) % len(value)] for name, value in condition.items()}


def _claim(statement: str, error: float, where: str) -> Claim:
    holds = error <= PATH_BOUND
    return Claim(statement, True, error, PATH_BOUND, "exact" if holds else "broken", "" if holds else where)


def _denoiser_error(
    model: DiffusionModel, x: Tensor, seed: int, condition: Mapping[str, Tensor], structure: Tensor | None
) -> float:
    """The largest difference at three noise levels, relative to the item's own norm."""
    x = x.cpu().double()
    item = torch.arange(len(x))
    given = for_denoiser(model.denoiser, {name: value[: len(x)] for name, value in condition.items()}, None, x)
    masks = None if structure is None else structure[: len(x)]
    schedule, worst = model.denoiser.schedule, 0.0
    low, high = schedule.relative_noise(torch.tensor([schedule.t_min, schedule.t_max], dtype=torch.float64)).tolist()
    for level, relative in enumerate(_NOISE):
        noise = min(max(relative * (model.data_std or 1.0), low), high)
        t = schedule.time_at_noise(torch.tensor(noise, dtype=torch.float64)).clamp(schedule.t_min, schedule.t_max)
        space, denoiser = model.bind(masks, given)
        x_0 = space.project(model.scale.to_model(x))
        z = space.noise(seed=seed, stream=Stream.VALIDATION, item=item, step=level, dtype=x.dtype)
        x_t = schedule.alpha(t) * x_0 + schedule.sigma(t) * z
        together = denoiser.at(seed, item)(x_t, t)
        for k in range(len(x)):
            one = slice(k, k + 1)
            own = model.bind(None if masks is None else masks[one], {name: v[one] for name, v in given.items()})[1]
            worst = max(worst, _relative(own.at(seed, item[one])(x_t[one], t), together[one]))
    return worst


def _steps_error(trial: Trial, solver: AnySolver, denoiser: Radial | None) -> float:
    """The largest difference of the samples of batches of one from those of a batch of all."""
    try:
        together = trial.run(solver, denoiser=denoiser).sample
        alone = [trial.alone(k).run(solver, denoiser=denoiser).sample for k in range(trial.items)]
    except ArithmeticError:  # the steps of an adaptive solver collapse
        return math.inf
    return max(_relative(one, together[k : k + 1]) for k, one in enumerate(alone))


def _relative(one: Tensor, other: Tensor) -> float:
    """Relative to the size of the other; infinite where it is no number, which Python's max would drop."""
    apart, size = float((one - other).norm()), float(other.norm())
    error = apart / size if size > 0.0 else (0.0 if apart == 0.0 else math.inf)
    return math.inf if math.isnan(error) else error
