"""Certifying a model: every premise of the theorem tested alone, and what follows from them beside it.

The theorem, with Phi a whole sampler: if the prior, the noise of the steps and the scale commute with isometries g, and
the denoiser and the solver do, then Phi(g z, g e) = g Phi(z, e), and the law of every iterate is invariant. What is
learned is the denoiser alone, so a wrong but equivariant one has an invariant law at any step size.

Source: J. Koehler, L. Klein, F. Noe, Equivariant flows, 2020, theorem 1, for deterministic paths.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.measuring import evaluating
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver
from equigen.random import Stream, normal
from equigen.symmetry.action import Action
from equigen.symmetry.risk import recoverable_loss
from equigen.symmetry.theorem.batches import batch_premise
from equigen.symmetry.theorem.certificate import ModelCertificate, Premise, RecoverableLevel
from equigen.symmetry.theorem.denoiser import certified_denoiser, level_times
from equigen.symmetry.theorem.given import conditions_claim
from equigen.symmetry.theorem.law import law_premise
from equigen.symmetry.theorem.likelihood import likelihood_premise
from equigen.symmetry.theorem.moving import Trial
from equigen.symmetry.theorem.paths import certified_paths
from equigen.symmetry.theorem.premises import action_premise, noise_premise, prior_premise, scale_premise
from equigen.symmetry.theorem.probes import ProbedElements, probed_elements

__all__ = ["certify_model"]

_LEAST, _ITEMS, _MOST = 4, 8, 16
_TOLD = 5  # the noise level at which every class is tested
_AVERAGED = 24  # larger groups are not averaged over


def certify_model(
    model: DiffusionModel,
    action: Action,
    x: Tensor | None = None,
    *,
    seed: int = 0,
    solvers: Sequence[Solver | AdaptiveSolver] | None = None,
    layers: bool = True,
    condition: Mapping[str, Tensor] | None = None,
) -> ModelCertificate:
    """Test the premises of the theorem for a model and a group, each alone.

    Args:
        model: any; copies in float64 and float32 on the processor are measured, in evaluation mode.
        action: of the group on items.
        x: items in data units, (n, *shape), of which 16 are used; None: 8 that the model draws.
        seed: of all that is drawn.
        solvers: whose trajectories are compared; None: all.
        layers: whether the layers of the network are measured each by itself.
        condition: of the items; no element of the group changes it. None: as the model has them drawn.

    Returns:
        Claims premise by premise; the verdict is the worst of what is promised. Of structures (masks) every entry
        counts as valid, but for the trajectories.

    Raises:
        ValueError: fewer than four items, items that are no data of the model, or an action that does not fit them.

    Error: norms are taken in float64.

    Example:
        >>> from equigen.diffusion import EDM, Euler, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Centred
        >>> from equigen.symmetry.action import PointsAction
        >>> law = Gaussian(torch.zeros(3, 2), Isotropic(1.0))
        >>> model = DiffusionModel(Centred(3, 2), law.denoiser(EDM()))
        >>> found = certify_model(model, PointsAction(Cyclic(3)), solvers=[Euler()])
        >>> found.verdict, [premise.name for premise in found.premises][:3]
        ('exact', ['action', 'prior', 'noise'])
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.inference_mode(False):
        exact, single = (_copied(model, dtype) for dtype in (torch.float64, torch.float32))
        x = _items(single, x, seed)
        with evaluating(exact), evaluating(single):
            elements = probed_elements(action)
            _require_fitting(elements, exact, x)
            return _certified(exact, single, elements, x, seed, solvers, layers, condition)


def _certified(
    exact: DiffusionModel,
    single: DiffusionModel,
    elements: ProbedElements,
    x: Tensor,
    seed: int,
    solvers: Sequence[Solver | AdaptiveSolver] | None,
    layers: bool,
    condition: Mapping[str, Tensor] | None,
) -> ModelCertificate:
    action, schedule, space = elements.action, exact.denoiser.schedule, exact.bind(None, {})[0]
    given = _given(exact, action, x, seed, condition)
    probe = space.project(x - x.mean(0) + _noise(x, seed))
    learned = certified_denoiser(exact, single, elements, x, seed=seed, condition=given, layers=layers)
    told = conditions_claim(exact, elements, x, level_times(exact)[_TOLD], seed=seed, given=given)
    denoising = learned.premise if told is None else replace(learned.premise, claims=(*learned.premise.claims, told))
    both = torch.cat((elements.grid, elements.between.to(elements.grid)))
    some = None if condition is None else {name: value[:4] for name, value in given.items()}
    paths, solving = certified_paths(exact, action, both, seed=seed, solvers=solvers, condition=some)
    premises = (
        action_premise(elements, space, probe),
        prior_premise(elements, space, schedule, exact.data_std, probe, seed),
        noise_premise(elements, space, schedule, probe, seed),
        scale_premise(elements, exact.scale, x + probe),
        denoising,
        solving,
        *_consequences(exact, single, elements, x, seed, solvers, given),
    )
    return ModelCertificate(
        group=action.group.name,
        on_grid=elements.exactly.group.name,
        shape=tuple(x.shape[1:]),
        items=len(x),
        premises=premises,
        levels=learned.levels,
        layers=learned.layers,
        paths=paths,
        risk=_risk(exact, elements, x, seed, given),
    )


def _consequences(
    exact: DiffusionModel,
    single: DiffusionModel,
    elements: ProbedElements,
    x: Tensor,
    seed: int,
    solvers: Sequence[Solver | AdaptiveSolver] | None,
    condition: Mapping[str, Tensor],
) -> tuple[Premise, ...]:
    """The law of the samples, the likelihood, and whether an item depends on its batch."""
    return (
        law_premise(single, elements.action, seed=seed),
        likelihood_premise(exact, elements.action, elements.grid, x, seed, condition=condition),
        batch_premise(exact, x, seed, solvers=solvers, condition=condition),
    )


def _copied(model: DiffusionModel, dtype: torch.dtype) -> DiffusionModel:
    """A copy in a precision; the scale stays in float64, as it always is."""
    copied = copy.deepcopy(model).cpu().to(dtype)
    copied.scale.double()
    return copied


def _items(model: DiffusionModel, x: Tensor | None, seed: int) -> Tensor:
    """Items in data units, float64."""
    x = model.sample(_ITEMS, seed=seed) if x is None else x[:_MOST]
    model.space.check(x)
    if len(x) < _LEAST or not bool(x.isfinite().all()):
        raise ValueError(
            f"x has {len(x)} items{'' if bool(x.isfinite().all()) else ', some not finite'}, but a certificate of a "
            f"model needs {_LEAST} finite ones: give more, or leave x out."
        )
    return x.detach().cpu().double()


def _require_fitting(elements: ProbedElements, model: DiffusionModel, x: Tensor) -> None:
    """Refuse an action that cannot move the items, or that turns their frame."""
    for g in elements.grid:
        if elements.exactly(g, x[:1]).shape != x[:1].shape:
            raise ValueError(
                f"items are {tuple(model.space.shape)}, but {elements.action.group.name} turns this frame into another "
                "one: take a square frame, or a group without quarter turns, Cyclic(2) or Dihedral(2)."
            )


def _noise(x: Tensor, seed: int) -> Tensor:
    size = float((x - x.mean(0)).std()) or 1.0
    item = torch.arange(len(x))
    return size * normal(x.shape[1:], seed=seed, stream=Stream.METRIC, item=item, dtype=torch.float64)


def _given(
    model: DiffusionModel, action: Action, x: Tensor, seed: int, condition: Mapping[str, Tensor] | None
) -> dict[str, Tensor]:
    """The conditions of the items, or those that the model has drawn for them."""
    if condition is None:
        return Trial(model, action, seed, len(x)).given()[1]
    return for_denoiser(model.denoiser, {name: value[:_MOST] for name, value in condition.items()}, None, x)


def _risk(
    model: DiffusionModel, elements: ProbedElements, x: Tensor, seed: int, condition: Mapping[str, Tensor]
) -> tuple[RecoverableLevel, ...]:
    """The recoverable loss under the part of the group that does not interpolate, where it is finite and small."""
    action, space = elements.exactly, model.bind(None, {})[0]
    if action.group.order is None or not 1 < action.group.order <= _AVERAGED:
        return ()
    how = {"space": space, "seed": seed, "condition": condition, "data_std": model.data_std}
    x_0 = space.project(model.scale.to_model(x))
    found = recoverable_loss(model.denoiser, x_0, action, times=level_times(model), **how)
    parts = (found.noise, found.loss, found.symmetrised, found.recoverable, found.identity_error)
    return tuple(RecoverableLevel(*row) for row in zip(*(part.tolist() for part in parts), strict=True))
