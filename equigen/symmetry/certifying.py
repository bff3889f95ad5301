"""Certifying a network: every layer on what it is given, and the whole on images, under every element of a group.

On the grid. Quarter turns and flips that the group contains move pixels onto pixels, so nothing but rounding may
change. It is measured in float64 and in float32, for the whole and for each steerable layer on its own input; so a
layer that breaks the symmetry is named by itself, and one that only receives broken maps is not. A layer is held to
its own group, the whole to the group asked for.

Between. Other elements of the group interpolate; the error stands beside what interpolation alone costs on the same
images (`equigen.symmetry.error`), and nothing is promised.

Errors of the whole are relative to its results about their common mean, so that a number added to all of them hides
nothing. An error counts as exact up to the rounding of a network of some 20 layers, or four times the rounding that
this network shows on these images without any motion: with f32 and f64 the network in both precisions,

    r = ||f32(x) - f64(x)|| / ||f64(x) - mean||,    bound32 = max(1e-5, 4 r),   bound64 = max(1e-12, 4 r 2^-29),

but never above 1e-3 and 1e-10: where rounding moves results further, what is broken is not told apart from it, and
nothing is certified. Nor is it where the network says the same of all images (to 1e-6), or where the images are their
own quarter turns (to 1e-3), since then nothing was put to the test.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor, nn

from equigen.diffusion.model import DiffusionModel
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.symmetry.action import Action, TrivialAction
from equigen.symmetry.certificate import LEAST_CONTRAST, Certificate, CertifiedElement, CertifiedLayer, Claim
from equigen.symmetry.certified_layers import certified_layers, error_between
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.certificate import ModelCertificate
from equigen.symmetry.theorem.certifying import certify_model

__all__ = ["certify"]

_SLACK = 4.0  # rounding of a moved image may be so much larger than that of the image itself
_MOST = {torch.float64: 1e-10, torch.float32: 1e-3}  # no larger error is taken for rounding
_MOVED = 1e-3  # images that a motion changes by less are their own
_DOUBLE = torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps


@overload
def certify(  # pyright: ignore[reportOverlappingOverload] - a model is a module, too
    network: DiffusionModel, group: PlaneGroup | Action, x: Tensor | None = None
) -> ModelCertificate: ...
@overload
def certify(network: nn.Module, group: PlaneGroup | Action, x: Tensor | None = None) -> Certificate: ...


@torch.no_grad()
def certify(network: nn.Module, group: PlaneGroup | Action, x: Tensor | None = None) -> Certificate | ModelCertificate:
    """Measure what of a group's symmetry a network or a model keeps: a classifier's invariance, a model's theorem.

    Args:
        network: maps images (B, C, H, W) to what the group leaves alone, (B, ...), such as logits; or a
            `DiffusionModel`. A copy in evaluation mode on the processor is measured; it stays as it is.
        group: that is to leave the results alone; where the network gives up a part of its group, the rest. For a model
            a group of the plane moves images, and any other action can be given, such as `PointsAction(Cyclic(4))`.
        x: images (B, C, H, W), two or more that differ, in the units of the network; real ones, since on blank ones
            everything commutes. For a model items in data units; None: it draws them.

    Returns:
        Claims about the whole in both precisions, about the layers, and about elements off the grid, as far as the
        group has such elements; see the module. For a model its premises, one by one: see `certify_model`.

    Raises:
        TypeError: no group of the plane, or, for a network, an action.
        ValueError: fewer than two images, images that a motion of the grid leaves as they are, or a network whose
            results are zero, not finite, or others a second time.

    Error: norms are taken in float64.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.conv import SteerableConv2d
        >>> from equigen.steerable.field_type import FieldType
        >>> from equigen.steerable.resampling.pool import GlobalAveragePool
        >>> image = FieldType(Cyclic(4), "1x0e")
        >>> network = nn.Sequential(SteerableConv2d(image, image, 3), GlobalAveragePool(image))
        >>> x = torch.arange(128.0).reshape(2, 1, 8, 8).sin()
        >>> certificate = certify(network, Cyclic(4), x)
        >>> certificate.holds, [layer.verdict for layer in certificate.layers]
        (True, ['exact', 'exact'])
    """
    if isinstance(network, DiffusionModel):
        return certify_model(network, group if isinstance(group, Action) else ImageAction(group), x)
    require_plane_group(group)
    assert isinstance(group, PlaneGroup)
    if x is None or x.ndim != 4 or len(x) < 2:
        given = "not given" if x is None else f"of shape {tuple(x.shape)}"
        raise ValueError(f"x is {given}, but a certificate of a network needs two images or more: (B, C, H, W).")
    with torch.random.fork_rng(devices=[]):
        return _certified(network, group, x)


def _certified(network: nn.Module, group: PlaneGroup, x: Tensor) -> Certificate:
    copies = [copy.deepcopy(network).cpu().to(dtype).eval() for dtype in (torch.float64, torch.float32)]
    exact, single = copies
    x = x.detach().cpu().double()
    said, rough = exact(x), single(x.float()).double()
    if not bool(said.isfinite().all() and rough.isfinite().all()):
        raise ValueError("the network gives numbers that are not finite on these images: give others, or train again.")
    _require_settled(exact, x, said)
    _require_moved(x, group)
    middle = said.mean() if bool((said != said.mean()).any()) else torch.zeros(())
    size = (said - middle).norm()
    rounded = float((rough - said).norm() / size)
    contrast, coarse = (float((one - one.mean(0)).norm() / size) for one in (said, rough))
    grids = [
        _on_grid(lambda x, f=f: f(x).double() - middle, images, group, rounded, told < LEAST_CONTRAST)
        for f, images, told in ((exact, x, contrast), (single, x.float(), coarse))
    ]
    between = error_between(lambda x: exact(x) - middle, x, group)
    layers = certified_layers(exact, group, x)
    return Certificate(
        group=group.name,
        on_grid=group.on_grid().name,
        images=len(x),
        shape=(x.shape[1], x.shape[2], x.shape[3]),
        contrast=contrast,
        rounding=rounded,
        claims=tuple(_claims(group, grids, between, layers)),
        layers=tuple(layers),
        elements=tuple(_elements(grids[0], grids[1], between)),
    )


def _require_settled(network: nn.Module, x: Tensor, said: Tensor) -> None:
    """Refuse a network that says something else of the same images a second time."""
    if float((network(x) - said).norm()) <= rounding(torch.float64) * float(said.norm()):
        return
    names = {module: name for name, module in network.named_modules() if not any(module.children())}
    made: list[tuple[nn.Module, Tensor, Tensor]] = []

    def note(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        made.append((module, given[0], result))

    hooks = [module.register_forward_hook(note) for module in names]
    try:
        for _ in range(2):
            network(x)
    finally:
        for hook in hooks:
            hook.remove()
    half = len(made) // 2
    pairs = zip(made[:half], made[half:], strict=False)
    wrong = next((a[0] for a, b in pairs if torch.equal(a[1], b[1]) and not torch.equal(a[2], b[2])), None)
    where = "what lies between its layers" if wrong is None else f"{names[wrong]} ({type(wrong).__name__})"
    raise ValueError(
        f"the network gives other results on the same images a second time, by {where}, but only one that is "
        "deterministic can be certified: switch off what draws numbers, such as dropout, or keeps a state."
    )


def _require_moved(x: Tensor, group: PlaneGroup) -> None:
    """Refuse images that a motion of the grid leaves as they are: under it every network is invariant."""
    inside = group.on_grid()
    action, size = ImageAction(inside), float(x.norm())
    for g in elements_of(inside)[1:]:
        moved = action(g, x)
        if moved.shape == x.shape and float((moved - x).norm()) <= _MOVED * size:
            angle, flip = g.tolist()
            what = f"turned by {math.degrees(angle):g} degrees" + (" after a flip" if flip else "")
            raise ValueError(
                f"these images are their own quarter turns or flips ({what} they change by less than {_MOVED:g}), so "
                "that nothing would be tested: give others."
            )


@dataclass(frozen=True)
class _OnGrid:
    """Errors of the whole under motions of the grid, in one precision.

    exact: the largest error that counts as exact; rounding: the largest that rounding may have made; mute: whether
    nothing can be told, since the network says the same of all images or rounding drowns what it says.
    """

    found: EquivarianceError
    exact: float
    rounding: float
    mute: bool

    @property
    def verdicts(self) -> tuple[str, ...]:
        return tuple(map(self._verdict, self.found.error.tolist()))

    @property
    def verdict(self) -> str:
        """That on the largest error."""
        return self._verdict(self.found.largest)

    def _verdict(self, error: float) -> str:
        if error <= self.exact:
            return "not told apart" if self.mute else "exact"
        return "not told apart" if error <= self.rounding else "broken"


def _on_grid(function: Callable[[Tensor], Tensor], x: Tensor, group: PlaneGroup, rounded: float, mute: bool) -> _OnGrid:
    """Errors of the whole under motions of the grid, in the precision of the images."""
    inside = group.on_grid()
    found = equivariance_error(function, x, ImageAction(inside), TrivialAction(inside))
    single, most = x.dtype == torch.float32, _MOST[x.dtype]
    own = max(rounding(x.dtype), _SLACK * rounded * (1.0 if single else _DOUBLE))
    return _OnGrid(found, min(own, most), own, mute or (single and own > most))


def _claims(
    group: PlaneGroup,
    grids: list[_OnGrid],
    between: EquivarianceError | None,
    layers: list[CertifiedLayer],
) -> list[Claim]:
    claims: list[Claim] = []
    inside = group.on_grid()
    if inside.order != 1:
        wrong = ", ".join(layer.name for layer in layers if layer.verdict == "broken")
        for grid, precision in zip(grids, ("float64", "float32"), strict=True):
            where = (wrong or _suspected(layers)) if grid.verdict == "broken" else ""
            what = f"the motions of the grid in {group.name} ({inside.name}), {precision}"
            statement = f"invariance of the whole under {what}"
            claims.append(Claim(statement, True, grid.found.largest, grid.exact, grid.verdict, where))
        if measured := [layer for layer in layers if layer.error is not None]:
            names = ", then ".join(dict.fromkeys(layer.group for layer in measured))
            statement, bound = f"every layer under the motions of the grid in {names}, float64", rounding(torch.float64)
            worst = max(layer.error for layer in measured if layer.error is not None)
            claims.append(Claim(statement, True, worst, bound, "broken" if wrong else "exact", wrong))
    if between is not None:
        at = int((between.error - 2 * between.floor).argmax())
        error, bound = float(between.error[at]), 2 * float(between.floor[at])
        statement = f"invariance of the whole under the other elements of {group.name}, float64"
        verdict = "not told apart" if grids[0].mute and between.verdict != "broken" else between.verdict
        claims.append(Claim(statement, False, error, bound, verdict))
    return claims


def _suspected(layers: list[CertifiedLayer]) -> str:
    """Who may have broken what no measured layer breaks: what is planned to, else what is not known, else no layer."""
    planned = [layer.name for layer in layers if layer.planned is False]
    doubtful = [layer.name for layer in layers if layer.reason]
    return ", ".join(planned or doubtful) or "what lies between the layers"


def _elements(exact: _OnGrid, single: _OnGrid, between: EquivarianceError | None) -> list[CertifiedElement]:
    rows = []
    for found, verdicts in ((exact.found, exact.verdicts), (between, between.verdicts if between else ())):
        for k, (angle, flip) in enumerate([] if found is None else found.elements.tolist()):
            assert found is not None
            rows.append(
                CertifiedElement(
                    angle=math.degrees(angle),
                    flipped=bool(flip),
                    on_grid=found is exact.found,
                    error=float(found.error[k]),
                    floor=float(found.floor[k]),
                    verdict=verdicts[k],
                    single=float(single.found.error[k]) if found is exact.found else None,
                    single_verdict=single.verdicts[k] if found is exact.found else "",
                )
            )
    return rows
