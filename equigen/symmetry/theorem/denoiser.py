"""The premise that is learned: the denoiser commutes with the group, by noise level, element and layer.

At eight noise levels x_t = alpha x_0 + sigma z of the items is moved by each element; errors are relative to what the
denoiser gives. Motions of the grid may change nothing but rounding: with f32 and f64 the model in both precisions,

    r = ||f32(x_t) - f64(x_t)|| / ||f64(x_t)||,    bound64 = max(1e-12, 4 r 2^-29),    bound32 = max(1e-6, 4 r),

but at most 1e-9 and 1e-3. A denoiser that passes through float32 inside goes by steps: with changes d of 1e-7 its
second difference ||D(x + 2 d) - 2 D(x + d) + D(x)|| is as large as its rounding, and not of the order of ||d||^2. No
error below four times that tells anything: "not told apart".

Other elements are tested on x_0 and z in a low band on the disk, beside what interpolation costs there, and an error of
`SAMPLED` is allowed, since a network does more on pixels than to interpolate (`equigen.symmetry.theorem.probes`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.noise_levels import noise_levels
from equigen.random import Stream
from equigen.symmetry.certificate import CertifiedLayer
from equigen.symmetry.certified_layers import certified_layers
from equigen.symmetry.channel_energy import energy_layers
from equigen.symmetry.elements import written
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.certificate import CertifiedLevel, Premise
from equigen.symmetry.theorem.denoiser_claims import denoiser_claims
from equigen.symmetry.theorem.probes import SAMPLED, ProbedElements, between_error, in_band

__all__ = ["CertifiedDenoiser", "certified_denoiser", "level_times"]

_MIDDLE, _LEVELS = 4, 8
_SLACK = 4.0  # rounding of moved data may be so much larger than that of the data themselves
_MOST, _MOST_SINGLE = 1e-9, 1e-3
_CHANGE, _INSIDE = 1e-7, 1e-9  # of x_t, relatively; second differences of what is float64 throughout are smaller
_DOUBLE = torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class CertifiedDenoiser:
    """What was found of a denoiser.

    Args:
        premise: with its claims.
        levels: by noise level and element.
        layers: of its network; empty where it has none with fields.
        rough: the size of its steps where it passes through float32 inside; 0 where it does not.
    """

    premise: Premise
    levels: tuple[CertifiedLevel, ...]
    layers: tuple[CertifiedLayer, ...]
    rough: float


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
    claims = denoiser_claims(rows, elements, found, probes.unsettled(), suspects, probes.rough)
    premise = Premise("denoiser", "the denoiser commutes with the group at every noise level", tuple(claims))
    return CertifiedDenoiser(premise, tuple(rows), found, probes.rough)


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
        """D(., t) at a level; precision 0 is float64, 1 is float32. Zeros have no size: x + D commutes where D does."""
        t = self.times[level].to(torch.float32 if precision else torch.float64)
        bound, x = self.bound[precision], self.noisy(level).to(t.dtype)
        return (lambda x: bound(x, t)) if bool(bound(x, t).any()) else (lambda x: x + bound(x, t))

    def level(self, level: int) -> list[CertifiedLevel]:
        """The rows of one noise level."""
        noise, rows = float(self.noise[level]), []
        if len(self.elements.grid):
            rows += self._grid(level, noise)
        if len(self.elements.between):
            found = between_error(self.function(level), self.noisy(level, low=True), self.elements, SAMPLED)
            for g, error, floor, bound, verdict in _listed(found):
                rows.append(CertifiedLevel(written(g), False, noise, error, floor, bound, verdict, None, None))
        return rows

    def _grid(self, level: int, noise: float) -> list[CertifiedLevel]:
        x, action, g = self.noisy(level), self.elements.exactly, self.elements.grid
        exact, single = self.function(level), self.function(level, 1)
        said = exact(x)
        r = float((single(x.float()).double() - said).norm() / said.norm())
        found = equivariance_error(exact, x, action, action, g)
        rough = equivariance_error(single, x.float(), action, action, g)
        bound, own = _bounds(r)
        own = max(own, min(_SLACK * self.rough, _MOST_SINGLE))
        rows = []
        for k, (error, coarse) in enumerate(zip(found.error.tolist(), rough.error.tolist(), strict=True)):
            verdict = "exact" if error <= bound else "not told apart" if error <= own else "broken"
            most = own if verdict == "not told apart" else bound
            rows.append(CertifiedLevel(written(g[k]), True, noise, error, 0.0, most, verdict, coarse, r))
        return rows

    @cached_property
    def rough(self) -> float:
        """The size of the steps of a denoiser that passes through float32 inside, relatively; 0 for any other."""
        steps = max(self._second_difference(level) for level in range(_LEVELS))
        return steps if steps > _INSIDE else 0.0

    def _second_difference(self, level: int) -> float:
        x, function = self.noisy(level), self.function(level)
        change = self.z[level] * (_CHANGE * x.norm() / self.z[level].norm())
        start, middle, end = (function(x + k * change) for k in range(3))
        return float((end - 2.0 * middle + start).norm() / start.norm())

    def unsettled(self) -> float:
        """How far the denoiser is from giving the same a second time, relative to what it gives."""
        x, function = self.noisy(_MIDDLE), self.function(_MIDDLE)
        first = function(x)
        return float((function(x) - first).norm() / first.norm())

    def layers(self) -> tuple[CertifiedLayer, ...]:
        """The layers of the network inside, each on what it is given at a middle level."""
        action, denoiser = self.elements.action, self.plain
        if not isinstance(denoiser, NetworkDenoiser) or not isinstance(action, ImageAction):
            return ()
        network = getattr(denoiser.network, "_orig_mod", denoiser.network)
        x, c = self.noisy(_MIDDLE), denoiser.preconditioning(self.schedule, self.times[_MIDDLE])
        try:
            after = list(inspect.signature(network.forward).parameters.values())[2:]
            told = [self.given.get(one.name, None if one.default is one.empty else one.default) for one in after]
            noise = c.noise.expand(len(x)).clone()
            return tuple(certified_layers(network, action.group, per_item(c.inward, x) * x, (noise, *told)))
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


def _listed(found: EquivarianceError) -> list[tuple[Tensor, float, float, float, str]]:
    numbers = (found.error.tolist(), found.floor.tolist(), found.bounds.tolist())
    return list(zip(found.elements, *numbers, found.verdicts, strict=True))
