"""The law of the samples: the consequence that the theorem is about, bounded by a coupling and tested on samples.

With Phi the sampler and xi its prior and noise, whose law the group leaves as it is, g Phi(xi) has the law of moved
samples and Phi(g xi) that of samples. So for the distance of the two laws,

    W_2(g law, law)^2 <= E |Phi(g xi) - g Phi(xi)|^2,

and where the trajectories agree to rounding, so do the laws, whatever the denoiser has learned. This says nothing
where the prior or the noise themselves are not invariant, or where paths differ and laws do not (a random element of
the group at each step); there the samples are asked (`equigen.symmetry.invariance`). Its level is one in a
thousand: so often a sound model is called broken.

Samples that are drawn for conditions must keep the law for each of them, which is more than to keep that of all samples
together: digits upright in one class and on their heads in the other are, taken together, invariant under half turns.
So conditions stand beside the items, where no element moves them, and the law of both is tested.

Source: C. Villani, Optimal transport, 2009, definition 6.1, for the coupling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.groups.plane_groups import Dihedral
from equigen.symmetry.action import Action
from equigen.symmetry.certificate import Claim
from equigen.symmetry.disk_coefficients import DiskAction, disk_coefficients
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.invariance import InvarianceTest, invariance_test
from equigen.symmetry.theorem.certificate import Premise
from equigen.symmetry.theorem.moving import Trial, require_whole, settled
from equigen.symmetry.theorem.paths import PATH_BOUND, chosen_elements

__all__ = ["law_premise"]

_LEVEL, _DRAWS = 0.001, 999
_TOLD_LEVEL, _TOLD_DRAWS = 0.005, 199  # for what is not promised
_SAMPLES, _STEPS, _COUPLED = 128, 20, 2
_CLASSES = 8  # of which items are coupled, at most
_NAMED = 10  # classes that a claim names
_BESIDE = 2.0  # distance of items of two classes, in mean distances of items
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
        condition: named tensors of one item or more, which the samples repeat; None: drawn from the model's givens.
        guidance: kept as well.

    Returns:
        The premise "law", which names what was drawn. Promised is the part of the group that does not interpolate:
        "exact" where the coupling is within rounding and the samples are not told from moved ones; "not told apart"
        where only the samples say so; "broken" where they are told apart. The whole group is told where it is larger.

    Raises:
        ValueError: items with structures of their own, or guidance without conditions.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> law, tilted = (Gaussian(torch.eye(4)[None] * k, Isotropic(1.0)).denoiser(EDM()) for k in (0.0, 3.0))
        >>> action, space = ImageAction(Cyclic(4)), Euclidean(1, 4, 4)
        >>> [law_premise(DiffusionModel(space, D), action, seed=1, samples=64).verdict for D in (law, tilted)]
        ['exact', 'broken']
    """
    require_whole(model, condition)
    group, inside = action.group, action
    if isinstance(action, ImageAction):
        inside = replace(action, group=action.group.on_grid())
    given = _given(model, action, samples, seed, condition)
    x = model.sample(samples, seed=seed, steps=_STEPS, condition=given, guidance=guidance)
    drawn, claims, grid = _drawn(given, guidance), [], _elements(inside)
    if len(grid):
        apart = _coupled(model, inside, grid, seed, given, guidance)
        found = invariance_test(*_beside(x, inside, given), draws=_DRAWS, seed=seed, level=_LEVEL)
        claims.append(_claim(found, apart, drawn))
    if inside.group.order != group.order:
        found = invariance_test(*_beside(x, action, given), seed=seed, draws=_TOLD_DRAWS, level=_TOLD_LEVEL)
        claims.append(_told(found, drawn))
    return Premise("law", f"the law of the samples{drawn} is invariant under {group.name}", tuple(claims))


def _given(
    model: DiffusionModel, action: Action, samples: int, seed: int, condition: Mapping[str, Tensor] | None
) -> dict[str, Tensor]:
    """What each sample is drawn for: what is given, again and again, or what the model has drawn for it."""
    if condition:
        return {name: value[torch.arange(samples) % len(value)] for name, value in condition.items()}
    return Trial(model, action, seed, samples).given()[1]


def _drawn(given: Mapping[str, Tensor], guidance: float) -> str:
    """What the samples were drawn for, in words."""
    told = [name for name in given if name != "label"]
    if "label" in given:
        classes = given["label"].unique().tolist()
        names = ", ".join("none" if one < 0 else str(one) for one in classes)
        told.insert(0, f"class {names}" if len(classes) <= _NAMED else f"{len(classes)} classes")
    what = " and ".join(told)
    return (f" for {what}" if what else "") + (f" with guidance {guidance:g}" if guidance != 1.0 else "")


def _elements(action: Action) -> Tensor:
    """The elements of the coupling, none of which interpolates."""
    listed = action.group.order is None or action.group.order <= _LISTED
    return chosen_elements(action, elements_of(action.group) if listed else action.group.generators())[0]


@dataclass(frozen=True)
class _Beside(Action):
    """Items (B, n + k), flat, of which the first n numbers move and the conditions behind them stay."""

    inner: Action
    shape: tuple[int, ...]

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        n = math.prod(self.shape)
        moved = self.inner(g, x[:, :n].reshape(-1, *self.shape))
        return torch.cat((moved.flatten(1), x[:, n:]), 1)

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        return self(self.group.inverse(g), x)

    def exact_at(self, g: Tensor) -> Tensor:
        return self.inner.exact_at(g)

    def window(self, x: Tensor) -> Tensor:
        return x


def _beside(x: Tensor, action: Action, given: Mapping[str, Tensor]) -> tuple[Tensor, Action]:
    """Items with their conditions beside them, and the action on both; as they are where nothing is given."""
    if not given:
        return x, action
    x = x.detach().cpu().double()
    if isinstance(action, ImageAction) and not Dihedral(4).has_subgroup(action.group):
        x, action = disk_coefficients(x), DiskAction(action.group, action.channels)
    numbers = torch.cat([_numbers(value) for value in given.values()], 1)
    far = _BESIDE * float(torch.pdist(x.flatten(1)).mean())
    return torch.cat((x.flatten(1), far * numbers), 1), _Beside(action.group, action, tuple(x.shape[1:]))


def _numbers(value: Tensor) -> Tensor:
    """Numbers (B, k) that differ by about one where a condition does: one for each class, or values and their gaps."""
    if not value.is_floating_point():
        return torch.nn.functional.one_hot(value.unique(return_inverse=True)[1]).flatten(1).double() / math.sqrt(2.0)
    value = value.double().flatten(1)
    missing = value.isnan()
    known = torch.where(missing, 0.0, value)
    return torch.cat(((known - known.mean(0)) / known.std(0).clamp_min(1e-12), missing.double()), 1)


def _coupled(
    model: DiffusionModel, action: Action, grid: Tensor, seed: int, given: Mapping[str, Tensor], guidance: float
) -> float:
    """The largest root mean square distance of coupled samples, relative to their size."""
    rows = torch.arange(_COUPLED)
    if "label" in given:  # the first two items, and the first of each class
        known, classes = given["label"].unique(return_inverse=True)
        first = [int((classes == k).nonzero()[0]) for k in range(len(known))]
        rows = torch.tensor(sorted({0, min(1, len(classes) - 1), *first[:_CLASSES]}))
    condition = {name: value[rows] for name, value in given.items()} or None
    with settled(model) as copied:
        trial = Trial(copied, action, seed, len(rows), _STEPS, condition, guidance)
        start = trial.run(DPMSolver2M())
        found = [(trial.run(DPMSolver2M(), g[None]).data - action(g, start.data)).norm() for g in grid]
    return float(torch.stack(found).max()) / (start.size or 1.0)


def _claim(found: InvarianceTest, apart: float, drawn: str) -> Claim:
    """What coupling and samples come to together."""
    told = found.p_value <= _LEVEL
    verdict = "broken" if told else "exact" if apart <= PATH_BOUND else "not told apart"
    statement = f"moved samples{drawn} have the law of the samples: distance at most, by coupling ({_tested(found)})"
    return Claim(statement, True, apart, PATH_BOUND, verdict, "the samples are told from moved ones" if told else "")


def _told(found: InvarianceTest, drawn: str) -> Claim:
    """What the samples say about the whole group, by their coefficients on the disk."""
    verdict = "broken" if found.p_value <= found.level else "not told apart"
    statement = f"samples{drawn} under {found.group}, on the disk: statistic beside its spread ({_tested(found)})"
    return Claim(statement, False, found.statistic, 3.0 * found.chance, verdict)


def _tested(found: InvarianceTest) -> str:
    least = found.smallest_detectable
    power = f"{least:.0%} in one pose would be found" if least <= 1.0 else "too few to find anything"
    return f"{found.items} samples, p = {found.p_value:.2g}, {power}"
