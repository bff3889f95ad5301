"""The premise that is learned: the denoiser commutes with the group, by noise level, element and layer.

At eight noise levels x_t = alpha x_0 + sigma z of the items is moved by each element; errors are relative to what the
denoiser gives. Motions of the grid may change nothing but rounding: with f32 and f64 the model in both precisions,

    r = ||f32(x_t) - f64(x_t)|| / ||f64(x_t)||,    bound64 = max(1e-12, 4 r 2^-29),    bound32 = max(1e-6, 4 r),

but at most 1e-9 and 1e-3.

Other elements are tested on x_0 and z in a low band on the disk (`equigen.symmetry.theorem.probes`), beside what
interpolation costs there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.noise_levels import noise_levels
from equigen.random import Stream
from equigen.symmetry.certificate import CertifiedLayer, Claim
from equigen.symmetry.certified_layers import certified_layers
from equigen.symmetry.channel_energy import energy_layers
from equigen.symmetry.elements import written
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.certificate import CertifiedLevel, Premise
from equigen.symmetry.theorem.probes import ProbedElements, between_error, in_band

__all__ = ["CertifiedDenoiser", "certified_denoiser", "level_times"]

_NAMED = 4  # layers that a claim names
_MIDDLE, _LEVELS = 4, 8
_SLACK = 4.0  # rounding of moved data may be so much larger than that of the data themselves
_MOST, _MOST_SINGLE, _LEAST_SINGLE = 1e-9, 1e-3, 1e-6
_DOUBLE = torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class CertifiedDenoiser:
    """What was found of a denoiser.

    Args:
        premise: with its claims.
        levels: by noise level and element.
        layers: of its network; empty where it has none with fields.
    """

    premise: Premise
    levels: tuple[CertifiedLevel, ...]
    layers: tuple[CertifiedLayer, ...]


def certified_denoiser(
    exact: DiffusionModel,
    single: DiffusionModel,
    elements: ProbedElements,
    x: Tensor,
    *,
    seed: int,
    condition: Mapping[str, Tensor],
    layers: bool = True,
) -> CertifiedDenoiser:
    """Test whether a denoiser commutes with an action.

    Args:
        exact: the model in float64, in evaluation mode.
        single: the same in float32.
        elements: to test at.
        x: items in data units (B, *shape), float64.
        seed: of the noise.
        condition: of the items.
        layers: whether the layers of a network are measured too.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.spaces import Centred
        >>> from equigen.symmetry.action import PointsAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> model = DiffusionModel(Centred(3, 2), Gaussian(torch.zeros(3, 2), Isotropic(1.0)).denoiser(EDM()))
        >>> x = torch.arange(12.0, dtype=torch.float64).reshape(2, 3, 2)
        >>> found = certified_denoiser(model, model, probed_elements(PointsAction(SO2())), x, seed=0, condition={})
        >>> found.premise.verdict, len(found.levels)
        ('exact', 64)
    """
    probes = _Probes(exact, single, elements, x, seed, condition)
    rows = [row for level in range(_LEVELS) for row in probes.level(level)]
    found = probes.layers() if layers else ()
    suspects = probes.suspects(rows) if layers else []
    claims = _claims(rows, elements, found, probes.unsettled(), suspects)
    premise = Premise("denoiser", "the denoiser commutes with the group at every noise level", tuple(claims))
    return CertifiedDenoiser(premise, tuple(rows), found)


def level_times(model: DiffusionModel) -> Tensor:
    """The times of eight noise levels, spread evenly in their logarithm over all that the model's schedule has.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> level_times(DiffusionModel(Euclidean(2), Gaussian(torch.zeros(2), Isotropic(1.0)).denoiser(EDM())))[:2]
        tensor([0.0020, 0.0091], dtype=torch.float64)
    """
    return noise_levels(model.denoiser.schedule, _LEVELS, 0.0, torch.inf)[1]


class _Probes:
    """The model in both precisions, bound to its conditions, and noisy items at each level."""

    def __init__(
        self,
        exact: DiffusionModel,
        single: DiffusionModel,
        elements: ProbedElements,
        x: Tensor,
        seed: int,
        condition: Mapping[str, Tensor],
    ) -> None:
        self.elements, self.schedule = elements, exact.denoiser.schedule
        self.times = level_times(exact)
        self.noise = self.schedule.relative_noise(self.times)
        item, both = torch.arange(len(x)), ((exact, torch.float64), (single, torch.float32))
        self.bound = [_bound(model, condition, x.to(dtype), seed) for model, dtype in both]
        self.space, self.plain = exact.bind(None, {})[0], exact.denoiser
        self.x_0 = self.space.project(exact.scale.to_model(x))
        self.z = [
            self.space.noise(seed=seed, stream=Stream.VALIDATION, item=item, step=level, dtype=torch.float64)
            for level in range(_LEVELS)
        ]
        self.given = for_denoiser(exact.denoiser, condition, None, x)

    def noisy(self, level: int, low: bool = False) -> Tensor:
        """x_t at a level, of a low band or as it is."""
        x_0, z, t = self.x_0, self.z[level], self.times[level]
        if low:
            x_0, z = in_band(x_0), in_band(z)
        return per_item(self.schedule.alpha(t), x_0) * x_0 + per_item(self.schedule.sigma(t), z) * z

    def function(self, level: int, precision: int = 0) -> Callable[[Tensor], Tensor]:
        """D(., t) at a level; precision 0 is float64, 1 is float32."""
        t = self.times[level].to(torch.float32 if precision else torch.float64)
        return lambda x: self.bound[precision](x, t)

    def level(self, level: int) -> list[CertifiedLevel]:
        """The rows of one noise level."""
        noise, rows = float(self.noise[level]), []
        if len(self.elements.grid):
            rows += self._grid(level, noise)
        if len(self.elements.between):
            found = between_error(self.function(level), self.noisy(level, low=True), self.elements)
            for g, error, floor, verdict in _listed(found):
                rows.append(CertifiedLevel(written(g), False, noise, error, floor, verdict, None, None))
        return rows

    def _grid(self, level: int, noise: float) -> list[CertifiedLevel]:
        x, action, g = self.noisy(level), self.elements.exactly, self.elements.grid
        exact, single = self.function(level), self.function(level, 1)
        said = exact(x)
        r = float((single(x.float()).double() - said).norm() / said.norm())
        found = equivariance_error(exact, x, action, action, g)
        rough = equivariance_error(single, x.float(), action, action, g)
        bound, own = _bounds(r)
        rows = []
        for k, error in enumerate(found.error.tolist()):
            verdict = "exact" if error <= bound else "not told apart" if error <= own else "broken"
            rows.append(CertifiedLevel(written(g[k]), True, noise, error, 0.0, verdict, float(rough.error[k]), r))
        return rows

    def unsettled(self) -> float:
        """How far the denoiser is from giving the same a second time, relative to what it gives."""
        x, function = self.noisy(_MIDDLE), self.function(_MIDDLE)
        first = function(x)
        return float((function(x) - first).norm() / first.norm())

    def layers(self) -> tuple[CertifiedLayer, ...]:
        """The layers of the network inside, each on what it is given at a middle level."""
        action, denoiser = self.elements.action, self.plain
        if not isinstance(denoiser, NetworkDenoiser) or not isinstance(action, ImageAction) or self.given:
            return ()
        network = getattr(denoiser.network, "_orig_mod", denoiser.network)
        x, c = self.noisy(_MIDDLE), denoiser.preconditioning(self.schedule, self.times[_MIDDLE])
        try:
            noise = c.noise.expand(len(x)).clone()
            return tuple(certified_layers(network, action.group, per_item(c.inward, x) * x, (noise,)))
        except ValueError:  # a network that cannot be run without numbers has no plan
            return ()

    def suspects(self, rows: list[CertifiedLevel]) -> list[str]:
        """The layers that lose the energy of their channels, where D errs most on the grid."""
        wrong = [row for row in rows if row.on_grid and row.verdict == "broken"]
        if not wrong or not isinstance(self.elements.exactly, ImageAction):
            return []
        level = self.noise.tolist().index(max(wrong, key=lambda row: row.error).noise)
        network, x = getattr(self.plain, "network", self.plain), self.noisy(level)
        try:
            found = energy_layers(network, self.function(level), self.elements.exactly.group, x, x)
        except ValueError:  # its layers run in another order on moved data
            return []
        names = [layer.name for layer in found if layer.verdict == "broken"]
        alone = self.elements.exactly.channels is None  # energies of channels that are mixed acquit nobody
        return names or ["what lies outside its layers"] * (alone and bool(found))


def _bound(model: DiffusionModel, condition: Mapping[str, Tensor], x: Tensor, seed: int) -> Denoiser:
    given = for_denoiser(model.denoiser, condition, None, x)
    return model.bind(None, given)[1].at(seed, torch.arange(len(x)))


def _bounds(r: float) -> tuple[float, float]:
    """The largest error in float64 that counts as exact, and the largest that rounding may have made."""
    own = max(rounding(torch.float64), _SLACK * r * _DOUBLE)
    return min(own, _MOST), own


def _listed(found: EquivarianceError) -> list[tuple[Tensor, float, float, str]]:
    return list(zip(found.elements, found.error.tolist(), found.floor.tolist(), found.verdicts, strict=True))


def _claims(
    rows: list[CertifiedLevel],
    elements: ProbedElements,
    layers: tuple[CertifiedLayer, ...],
    unsettled: float,
    suspects: list[str],
) -> list[Claim]:
    group, inside = elements.action.group.name, elements.exactly.group.name
    wrong = _listed_names([layer.name for layer in layers if layer.verdict == "broken"])
    same = "exact" if unsettled <= rounding(torch.float64) else "broken"
    claims = [Claim("it gives the same a second time", True, unsettled, rounding(torch.float64), same)]
    grid, between = ([row for row in rows if row.on_grid is kind] for kind in (True, False))
    if grid:
        where = group if group == inside else f"the motions of the grid in {group} ({inside})"
        claims += [_double(grid, where, wrong or _listed_names(suspects) or _suspected(layers)), _single(grid, where)]
    if measured := [layer for layer in layers if layer.error is not None]:
        statement, bound = "every layer commutes with the motions of the grid in its group", rounding(torch.float64)
        worst = max(layer.error for layer in measured if layer.error is not None)
        claims.append(Claim(statement, True, worst, bound, "broken" if wrong else "exact", wrong))
    if between:
        row = max(between, key=lambda row: _beyond(row.error, 2.0 * row.floor))
        verdict = max((row.verdict for row in between), key=_ORDER.index)
        statement = f"D commutes with the other elements of {group}, float64"
        claims.append(
            Claim(statement, True, row.error, 2.0 * row.floor, verdict, _place(row) if verdict == "broken" else "")
        )
    return claims


_ORDER = ("exact", "at the floor", "not told apart", "broken")


def _double(rows: list[CertifiedLevel], where: str, by: str) -> Claim:
    row = max(rows, key=lambda row: _beyond(row.error, _bounds(row.rounding or 0.0)[0]))
    verdict = max((row.verdict for row in rows), key=_ORDER.index)
    bound = _bounds(row.rounding or 0.0)[0]
    names = (by or _place(row)) if verdict == "broken" else ""
    return Claim(f"D commutes with {where}, float64", True, row.error, bound, verdict, names)


def _single(rows: list[CertifiedLevel], where: str) -> Claim:
    """The claim in float32, of which nothing can be told where rounding is larger than the cap."""

    def bound(row: CertifiedLevel) -> float:
        return max(_LEAST_SINGLE, _SLACK * (row.rounding or 0.0))

    row = max(rows, key=lambda row: _beyond(row.single or 0.0, bound(row)))
    error, own = row.single if row.single is not None else 0.0, bound(row)
    mute = any(bound(row) > _MOST_SINGLE for row in rows)
    verdict = "broken" if not error <= own else "not told apart" if mute else "exact"
    return Claim(f"D commutes with {where}, float32", True, error, min(own, _MOST_SINGLE), verdict, "")


def _beyond(error: float, bound: float) -> float:
    """How far an error goes beyond its bound; what is no number goes furthest."""
    return float("inf") if error != error else error / bound if bound else float(error > 0.0) * float("inf")


def _place(row: CertifiedLevel) -> str:
    return f"{row.element} at a relative noise of {row.noise:.2g}"


def _suspected(layers: tuple[CertifiedLayer, ...]) -> str:
    """Who may have broken what no measured layer breaks: what is planned to, else what is not known."""
    planned = [layer.name for layer in layers if layer.planned is False]
    doubtful = [layer.name for layer in layers if layer.reason]
    return _listed_names(planned or doubtful)


def _listed_names(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
