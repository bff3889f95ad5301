"""Certifying a model: every premise of the theorem tested alone, and what follows from them beside it.

The theorem, with Phi a whole sampler: if the prior, the noise of the steps and the scale commute with isometries g, and
the denoiser and the solver do, then Phi(g z, g e) = g Phi(z, e), and the law of every iterate is invariant. What is
learned is the denoiser alone, so a wrong but equivariant one has an invariant law at any step size.

Source: J. Koehler, L. Klein, F. Noe, Equivariant flows, 2020, theorem 1, for deterministic paths.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.guidance import require_guidable
from equigen.diffusion.measuring import evaluating
from equigen.diffusion.model import DiffusionModel
from equigen.random import Stream, normal
from equigen.symmetry.action import Action
from equigen.symmetry.risk import recoverable_loss
from equigen.symmetry.theorem.batches import batch_premise
from equigen.symmetry.theorem.certificate import ModelCertificate, RecoverableLevel
from equigen.symmetry.theorem.denoiser import certified_denoiser, level_times
from equigen.symmetry.theorem.denoiser_claims import softened
from equigen.symmetry.theorem.given import conditions_claim
from equigen.symmetry.theorem.law import law_premise
from equigen.symmetry.theorem.likelihood import likelihood_premise
from equigen.symmetry.theorem.moving import Trial, require_whole
from equigen.symmetry.theorem.paths import certified_paths
from equigen.symmetry.theorem.premises import action_premise, noise_premise, prior_premise, scale_premise
from equigen.symmetry.theorem.probes import ProbedElements, probed_elements
from equigen.symmetry.theorem.solvers import AnySolver, require_solvers

__all__ = ["certify_model"]

_LEAST, _ITEMS, _MOST = 4, 8, 16
_TOLD = 5  # the noise level at which every class is tested
_AVERAGED = 24  # larger groups are not averaged over


@dataclass(frozen=True)
class _Asked:
    """What is to be certified besides the premises: seed, solvers, layers, and what samples are drawn for."""

    seed: int
    solvers: tuple[AnySolver, ...]
    layers: bool
    condition: Mapping[str, Tensor] | None
    guidance: float


def certify_model(
    model: DiffusionModel,
    action: Action,
    x: Tensor | None = None,
    *,
    seed: int = 0,
    solvers: Sequence[AnySolver] | None = None,
    layers: bool = True,
    condition: Mapping[str, Tensor] | None = None,
    guidance: float = 1.0,
) -> ModelCertificate:
    """Test the premises of the theorem for a model and a group, each alone.

    Args:
        model: any; copies in float64 and float32 on the processor are measured, in evaluation mode.
        action: of the group on items.
        x: items in data units, (n, *shape), of which 16 are used; None: the model draws them, 8, or one for each row
            of the condition.
        seed: of all that is drawn.
        solvers: whose trajectories are compared; None: all.
        layers: whether the layers of the network are measured each by itself.
        condition: of the items, (n, ...); no element of the group changes it. Samples are drawn for it as well. None:
            as the model has them drawn.
        guidance: of the samples, of their trajectories and of their batches; the denoiser and the likelihood are those
            of the plain model.

    Returns:
        Claims premise by premise; the verdict is the worst of what is promised. Items are whole: a space with masks is
        certified as the model samples it without any.

    Raises:
        ValueError: fewer than four items, items or conditions that do not fit the model or the action, structures of
            their own (masks), no solver, or guidance without conditions.
        TypeError: no action, but a group, say.

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
    if not isinstance(action, Action):
        raise TypeError(f"action is {action!r}, but what a group does to items is needed: ImageAction(Cyclic(4)).")
    require_whole(model, condition)
    asked = _Asked(seed, require_solvers(solvers), layers, condition or None, guidance)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.inference_mode(False):
        exact, single = (_copied(model, dtype) for dtype in (torch.float64, torch.float32))
        asked = _checked(exact, x, asked)
        x = _items(single, x, asked)
        with evaluating(exact), evaluating(single):
            elements = probed_elements(action)
            _require_fitting(elements, exact, x)
            return _certified(exact, single, elements, x, asked)


def _certified(
    exact: DiffusionModel, single: DiffusionModel, elements: ProbedElements, x: Tensor, asked: _Asked
) -> ModelCertificate:
    action, schedule, space, seed = elements.action, exact.denoiser.schedule, exact.bind(None, {})[0], asked.seed
    given = asked.condition or Trial(exact, action, seed, len(x)).given()[1]
    require_guidable(exact.denoiser, asked.guidance, given, exact.condition_dropout)
    probe = space.project(x - x.mean(0) + _noise(x, seed))
    learned = certified_denoiser(exact, single, elements, x, seed=seed, condition=given, layers=asked.layers)
    told = conditions_claim(exact, elements, x, level_times(exact)[_TOLD], seed=seed, given=given)
    denoising = learned.premise if told is None else replace(learned.premise, claims=(*learned.premise.claims, told))
    both = torch.cat((elements.grid, elements.between.to(elements.grid)))
    how = {"seed": seed, "solvers": asked.solvers, "condition": asked.condition, "guidance": asked.guidance}
    paths, solving = certified_paths(exact, action, both, **how)
    premises = (
        action_premise(elements, space, probe),
        prior_premise(elements, space, schedule, exact.data_std, probe, seed),
        noise_premise(elements, space, schedule, probe, seed),
        scale_premise(elements, exact.scale, x + probe),
        denoising,
        *(
            softened(one, learned.rough)
            for one in (
                solving,
                law_premise(single, action, seed=seed, condition=asked.condition, guidance=asked.guidance),
                likelihood_premise(exact, action, elements.grid, x, seed, condition=given),
                batch_premise(exact, x, seed, solvers=asked.solvers, condition=given, guidance=asked.guidance),
            )
        ),
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


def _copied(model: DiffusionModel, dtype: torch.dtype) -> DiffusionModel:
    """A copy in a precision; the scale stays in float64, as it always is."""
    copied = copy.deepcopy(model).cpu().to(dtype)
    copied.scale.double()
    return copied


def _checked(model: DiffusionModel, x: Tensor | None, asked: _Asked) -> _Asked:
    """What is asked for, with the conditions of the items that are used: looked through, and of their number."""
    if asked.condition is None:
        return asked
    first = next(iter(asked.condition.values())) if x is None else x
    like = model.scale.factor.new_empty(()).expand(len(first) if first.ndim else 1)
    given = for_denoiser(model.denoiser, asked.condition, None, like)
    return replace(asked, condition={name: value[:_MOST].cpu() for name, value in given.items()})


def _items(model: DiffusionModel, x: Tensor | None, asked: _Asked) -> Tensor:
    """Items in data units, float64."""
    x = _drawn(model, asked) if x is None else x[:_MOST]
    model.space.check(x)
    if len(x) < _LEAST or not bool(x.isfinite().all()):
        raise ValueError(
            f"x has {len(x)} items{'' if bool(x.isfinite().all()) else ', some not finite'}, but a certificate of a "
            f"model needs {_LEAST} finite ones: give others, or leave x out."
        )
    return x.detach().cpu().double()


def _drawn(model: DiffusionModel, asked: _Asked) -> Tensor:
    """Items of the model, one for each row of the conditions if there are any."""
    rows = _ITEMS if asked.condition is None else len(next(iter(asked.condition.values())))
    if rows < _LEAST:
        raise ValueError(
            f"condition has {rows} rows, but a certificate of a model needs {_LEAST} items or more, which are drawn "
            "for one row each: give more rows."
        )
    x = model.sample(rows, seed=asked.seed, condition=asked.condition)
    if not bool(x.isfinite().all()):
        raise ValueError("x is not given, and the model draws items that are not finite: give x, or train it again.")
    return x


def _require_fitting(elements: ProbedElements, model: DiffusionModel, x: Tensor) -> None:
    """Refuse an action that cannot move the items, or that turns their frame."""
    for action, rows in ((elements.exactly, elements.grid), (elements.action, elements.between)):
        for g in rows:
            if _moved(action, g, x[:1]).shape != x[:1].shape:
                raise ValueError(
                    f"items are {tuple(model.space.shape)}, but {elements.action.group.name} turns this frame into "
                    "another one: take a square frame, or a group without quarter turns, --group C2 or D2 "
                    "(Cyclic(2) or Dihedral(2) in Python)."
                )


def _moved(action: Action, g: Tensor, x: Tensor) -> Tensor:
    """An item moved, or why this action does not act on it."""
    try:
        return action(g, x)
    except ValueError as error:
        raise ValueError(
            f"items are {tuple(x.shape[1:])}, but {type(action).__name__} acts on others ({str(error).rstrip('.')}): "
            "give an action on these, such as ImageAction(Cyclic(4)) on images (C, H, W)."
        ) from None


def _noise(x: Tensor, seed: int) -> Tensor:
    size = float((x - x.mean(0)).std()) or 1.0
    item = torch.arange(len(x))
    return size * normal(x.shape[1:], seed=seed, stream=Stream.METRIC, item=item, dtype=torch.float64)


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
