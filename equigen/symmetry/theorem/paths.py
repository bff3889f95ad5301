"""The sampler pathwise: from a moved prior and moved noise every solver must arrive at moved samples.

With Phi the whole sampler, z its prior and e the noise of its steps, and g an element of the group,

    error at a time = ||Phi_t(g z, g e) - g Phi_t(z, e)|| / ||Phi_t(z, e)||,        norms over the batch, float64.

On elements that move data without interpolation it may be 1e-9 on a fixed grid of times, and ten tolerances for a
solver that chooses its steps. Elements that interpolate are told beside their floor, on noise of a band that rotations
keep: the largest of what rotating it there and back costs of the noise, of the samples, and of what the sampler makes
of the noise that came back.

A solver is also tested alone, with a denoiser that commutes with every isometry, D(x) = c(|x|) x: so that its own fault
is not laid to the network, nor the network's to it.

Source: the pathwise statement is that of any flow of an equivariant field: J. Koehler, L. Klein, F. Noe, Equivariant
flows, 2020, theorem 1, here with the noise of the steps moved as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.solvers.solver import AdaptiveSolver
from equigen.symmetry.action import Action
from equigen.symmetry.certificate import Claim
from equigen.symmetry.elements import written
from equigen.symmetry.theorem.certificate import CertifiedPath, Premise
from equigen.symmetry.theorem.moving import Trajectory, Trial, settled
from equigen.symmetry.theorem.solvers import AnySolver, Radial, require_solvers

__all__ = ["PATH_BOUND", "certified_paths", "chosen_elements"]

PATH_BOUND = 1e-9
"""Largest relative error of a trajectory in float64 that counts as rounding, on a fixed grid of times."""

_ITEMS, _STEPS, _TOLERANCES = 2, 20, 10.0
_TELLING = 0.2  # a larger bound between the grid tells nothing
_ORDER = ("exact", "at the floor", "told", "not measured", "not told apart", "broken")


def chosen_elements(action: Action, elements: Tensor) -> tuple[Tensor, Tensor]:
    """At which elements whole trajectories are compared: three that do not interpolate, and one that does.

    The first two and the last, so that a list of a group's rotations and then its reflections gives generators.

    Args:
        action: of the group.
        elements: (n, ...); the identity among them is left out.

    Returns:
        (at most 3, ...) and (at most 1, ...).

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> from equigen.symmetry.image_action import ImageAction
        >>> grid, between = chosen_elements(ImageAction(Dihedral(4)), Dihedral(4).elements())
        >>> [written(g) for g in grid], len(between)
        (['90 degrees', '180 degrees', '270 degrees, flipped'], 0)
    """
    elements = elements[~action.group.same(elements, action.group.identity().to(elements))]
    exact = action.exact_at(elements)
    grid, between = elements[exact], elements[~exact]
    return (grid if len(grid) <= 3 else grid[[0, 1, -1]]), between[:1]


def certified_paths(
    model: DiffusionModel,
    action: Action,
    elements: Tensor,
    *,
    seed: int,
    solvers: Sequence[AnySolver] | None = None,
    condition: Mapping[str, Tensor] | None = None,
    guidance: float = 1.0,
) -> tuple[tuple[CertifiedPath, ...], Premise]:
    """Compare the trajectories of moved noise with moved trajectories, for every solver.

    Args:
        model: in any precision; a copy in float64 is measured.
        action: on its items.
        elements: of the group; of many, four are taken (`chosen_elements`).
        seed: of prior and noise.
        solvers: None: all.
        condition: named tensors of two items or more, of which two are kept; None: drawn from the model's givens.
        guidance: kept as well.

    Returns:
        One path for each solver and element, and the premise "solver" with the claims that rest on them. Elements
        that interpolate are not promised, since between the grid the iterates leave the band and errors of the
        denoiser add up: what is beyond its floor there has the verdict "told".

    Raises:
        ValueError: no solver.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM, Euler, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.image_action import ImageAction
        >>> model = DiffusionModel(Euclidean(1, 4, 4), Gaussian(torch.zeros(1, 4, 4), Isotropic(1.0)).denoiser(EDM()))
        >>> action = ImageAction(Cyclic(4))
        >>> paths, premise = certified_paths(model, action, Cyclic(4).elements(), seed=0, solvers=[Euler()])
        >>> len(paths), premise.verdict
        (3, 'exact')
    """
    solvers = require_solvers(solvers)
    grid, between = chosen_elements(action, elements)
    paths, claims = [], []
    with settled(model) as copied:
        condition = None if condition is None else {name: value[:_ITEMS] for name, value in condition.items()}
        trial = Trial(copied, action, seed, _ITEMS, _STEPS, condition, guidance)
        alone = Radial(copied.denoiser.schedule)
        steps = {id(solver): _alone(trial, solver, grid, between, alone) for solver in solvers}
        for solver in solvers:
            found = _paths(trial, solver, grid, banded=False)
            inside = [path for path, _ in found]
            if inside:
                own = steps[id(solver)].verdict == "broken"
                claims.append(_path_claim(inside, [scaled for _, scaled in found], own))
            paths += [*inside, *(_told(path) for path, _ in _paths(trial, solver, between, banded=True))]
    claims = [_steps_claim(list(steps.values())), *claims]
    if len(between):
        claims.append(_between_claim([path for path in paths if path.element == written(between[0])], action))
    statement = "every solver commutes with the group, pathwise: from moved prior and noise it gives moved samples"
    return tuple(paths), Premise("solver", statement, tuple(claims))


@dataclass(frozen=True)
class _ThereAndBack(Action):
    """Data moved by g and moved back, by other arithmetic."""

    inner: Action

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        return self.inner.back(g, self.inner(g, x))

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        return self(g, x)

    def exact_at(self, g: Tensor) -> Tensor:
        return self.inner.exact_at(g)

    def window(self, x: Tensor) -> Tensor:
        return self.inner.window(x)


def _told(path: CertifiedPath) -> CertifiedPath:
    """A path that is not promised: where it goes beyond what interpolation costs, this is told and judges nothing."""
    return replace(path, verdict="told") if path.verdict == "broken" else path


def _steps_claim(found: Sequence[CertifiedPath]) -> Claim:
    """The solvers alone."""
    statement = "the steps of every solver commute with the group, with a denoiser that does"
    wrong = [path.solver for path in found if path.verdict == "broken"]
    worst = max(found, key=_beyond)
    verdict = max((path.verdict for path in found), key=_ORDER.index)
    return Claim(statement, verdict != "not measured", _error(worst), worst.bound, verdict, ", ".join(wrong))


def _path_claim(found: Sequence[CertifiedPath], scaled: Sequence[bool], own: bool) -> Claim:
    """One solver with the model's denoiser, where nothing is interpolated."""
    worst = max(found, key=_beyond)
    verdict = max((path.verdict for path in found), key=_ORDER.index)
    wrong = [only for path, only in zip(found, scaled, strict=True) if path.verdict == "broken"]
    cause = f"the steps of {worst.solver}" if own else "the scale" if all(wrong) else "the denoiser"
    statement = f"{worst.solver} takes moved prior and noise to moved samples"
    return Claim(statement, True, _error(worst), worst.bound, verdict, cause if wrong else "")


def _between_claim(found: Sequence[CertifiedPath], action: Action) -> Claim:
    """All solvers at elements that interpolate, which are not promised."""
    worst = max(found, key=_beyond)
    verdict = max((path.verdict for path in found), key=_ORDER.index)
    statement = f"every solver at an element of {action.group.name} that interpolates ({worst.element})"
    where = ", ".join(path.solver for path in found if path.verdict == "told")
    return Claim(statement, False, _error(worst), worst.bound, verdict, where)


def _error(path: CertifiedPath) -> float:
    """The largest error of a path; infinity where one is no number."""
    return max(_nan_up(error) for error in (*path.errors, path.final))


def _beyond(path: CertifiedPath) -> float:
    """The largest error of a path in units of what is allowed."""
    return _error(path) / path.bound


def _alone(trial: Trial, solver: AnySolver, grid: Tensor, between: Tensor, alone: Denoiser) -> CertifiedPath:
    """The solver alone, where it is worst: at the elements that do not interpolate if there are any."""
    elements = grid if len(grid) else between
    found = _paths(trial, solver, elements, banded=not len(grid), denoiser=alone)
    if not found:
        return CertifiedPath(type(solver).__name__, "", (), (), 0.0, PATH_BOUND, "not measured")
    return max((path for path, _ in found), key=lambda path: (_ORDER.index(path.verdict), _beyond(path)))


def _paths(
    trial: Trial, solver: AnySolver, elements: Tensor, *, banded: bool, denoiser: Denoiser | None = None
) -> list[tuple[CertifiedPath, bool]]:
    """The paths of one solver at elements of one kind, and whether what is broken is so in data units alone."""
    if not len(elements):
        return []
    try:
        start = trial.run(solver, banded=banded, denoiser=denoiser)
        moved = trial.run(solver, elements, banded=banded, denoiser=denoiser)
        if denoiser is not None:  # what is tested alone has no scale
            start, moved = (replace(one, data=one.sample, size=float(one.sample.norm())) for one in (start, moved))
        floors = [_floor(trial, solver, g, start, denoiser) if banded else 0.0 for g in elements]
        rows = [slice(k * trial.items, (k + 1) * trial.items) for k in range(len(elements))]
        parts = [(g, start, _only(moved, row), floor) for g, row, floor in zip(elements, rows, floors, strict=True)]
        return [_compared(trial.action, solver, *part, banded=banded) for part in parts]
    except ArithmeticError:  # the steps of an adaptive solver collapse
        name, lost = type(solver).__name__, (math.nan, _bound(solver), "not measured")
        return [(CertifiedPath(name, written(g), (), (), *lost), False) for g in elements]


def _compared(
    action: Action, solver: AnySolver, g: Tensor, start: Trajectory, moved: Trajectory, floor: float, *, banded: bool
) -> tuple[CertifiedPath, bool]:
    """The path of moved noise beside the moved path."""
    pairs = [*zip(start.iterates, moved.iterates, strict=True), (start.sample, moved.sample)]
    *errors, sample = [_apart(action, g, x, y, banded) for x, y in pairs]
    final = _apart(action, g, start.data, moved.data, banded, start.size)
    bound = max(_bound(solver), 2.0 * floor)
    inside = max(_nan_up(error) for error in (*errors, sample))
    verdict = _verdict(max(inside, _nan_up(final)), bound, banded)
    times = tuple(start.times.tolist())
    path = CertifiedPath(type(solver).__name__, written(g), times, tuple(errors), final, bound, verdict)
    return path, verdict == "broken" and inside <= bound


def _only(moved: Trajectory, row: slice) -> Trajectory:
    """The trajectories of the items moved by one of the elements."""
    return replace(moved, iterates=moved.iterates[:, row], sample=moved.sample[row], data=moved.data[row])


def _apart(action: Action, g: Tensor, x: Tensor, y: Tensor, banded: bool, size: float | None = None) -> float:
    """||y - g x|| relative to the size, that of x unless given; in the disk where g interpolates."""
    x, y = (action.window(x), action.window(y)) if banded else (x, y)
    apart, whole = (action.window(one) if banded else one for one in (y - action(g, x), x))
    apart, size = float(apart.norm()), float(whole.norm()) if size is None else size
    return apart / size if size > 0.0 else (0.0 if apart == 0.0 else math.inf)


def _floor(trial: Trial, solver: AnySolver, g: Tensor, start: Trajectory, denoiser: Denoiser | None) -> float:
    """What interpolation alone costs: of the iterates, and of what the sampler makes of noise that went and came."""
    action = trial.action
    there = _ThereAndBack(action.group, action)
    again = replace(trial, action=there).run(solver, g[None], banded=True, denoiser=denoiser)
    rows = [*zip(start.iterates, again.iterates, strict=True), (start.sample, again.sample)]
    twice = [(action.window(action.window(x)), action.window(action.window(y))) for x, y in rows]
    ends = [action.window(x) for x, _ in rows]
    lost = [(action.window(x), action.window(there(g, x))) for x in ends]
    cut = [(action.window(action(g, x)), action(g, action.window(x))) for x in ends]
    cut = [(x, x + action.window(after - before)) for x, (after, before) in zip(ends, cut, strict=True)]
    return max(_relative(y - x, x) for x, y in (*twice, *lost, *cut))


def _relative(apart: Tensor, size: Tensor) -> float:
    """Relative norm; nothing is lost of what is zero."""
    lost, whole = float(apart.norm()), float(size.norm())
    return lost / whole if whole > 0.0 else (0.0 if lost == 0.0 else math.inf)


def _bound(solver: AnySolver) -> float:
    """The largest error of a path on the grid that counts as exact."""
    tolerance = getattr(solver, "tolerance", None) if isinstance(solver, AdaptiveSolver) else None
    return PATH_BOUND if tolerance is None else max(PATH_BOUND, _TOLERANCES * float(tolerance))


def _nan_up(error: float) -> float:
    return math.inf if math.isnan(error) else error


def _verdict(error: float, bound: float, banded: bool) -> str:
    if not error <= bound:
        return "broken"
    if not banded or error <= PATH_BOUND:
        return "exact"
    return "at the floor" if bound <= _TELLING else "not told apart"
