"""Certifying a network: every layer on what it is given, and the whole on images, under every element of a group.

On the grid. Quarter turns and flips that the group contains move pixels onto pixels, so nothing but rounding may
change. It is measured in float64 and in float32, for the whole and for each steerable layer on its own input; so a
layer that breaks the symmetry is named by itself, and one that only receives broken maps is not.

Between. Other elements of the group interpolate; the error stands beside what interpolation alone costs on the same
images (`equigen.symmetry.error`), and nothing is promised.

The bound of an exact claim is the rounding of a network of some 20 layers, or four times the rounding that this network
shows on these images without any motion, whichever is larger: with f32 and f64 the network in both precisions,

    r = ||f32(x) - f64(x)|| / ||f64(x)||,        bound32 = max(1e-5, 4 r),   bound64 = max(1e-12, 4 r 2^-29).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.steerable.exactness import PlannedLayer, plan
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule
from equigen.symmetry.action import TrivialAction
from equigen.symmetry.certificate import Certificate, CertifiedElement, CertifiedLayer, Claim
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction

__all__ = ["certify"]

_BETWEEN = 3  # elements off the grid at which each layer is measured
_SLACK = 4.0  # rounding of a moved image may be so much larger than that of the image itself
_DOUBLE = torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps


@torch.no_grad()
def certify(network: nn.Module, group: PlaneGroup, x: Tensor) -> Certificate:
    """Measure what of a group's invariance a network keeps, layer by layer and as a whole.

    Args:
        network: maps images (B, C, H, W) to what the group leaves alone, (B, ...), such as logits. A copy in evaluation
            mode on the processor is measured; the network stays as it is.
        group: that is to leave the results alone; where the network gives up a part of its group, the rest.
        x: images (B, C, H, W), two or more, in the units of the network; real ones, since on blank ones everything
            commutes.

    Returns:
        Claims about the whole in both precisions, about the layers, and about elements off the grid, as far as the
        group has such elements; see the module.

    Raises:
        TypeError: no group of the plane.
        ValueError: fewer than two images, or a network whose results are not finite or zero.

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
    require_plane_group(group)
    if x.ndim != 4 or len(x) < 2:
        raise ValueError(f"x has shape {tuple(x.shape)}, but a certificate needs two images or more: (B, C, H, W).")
    copies = [copy.deepcopy(network).cpu().to(dtype).eval() for dtype in (torch.float64, torch.float32)]
    exact, single = copies
    x = x.detach().cpu().double()
    said, rough = exact(x), single(x.float()).double()
    if not bool(said.isfinite().all() and rough.isfinite().all()):
        raise ValueError("the network gives numbers that are not finite on these images: give others, or train again.")
    size = said.norm()
    rounded = float((rough - said).norm() / size)
    grids = [_on_grid(exact, x, group, rounded), _on_grid(single, x.float(), group, rounded)]
    between = _between(exact, x, group)
    layers = _layers(exact, group, x)
    return Certificate(
        group=group.name,
        on_grid=group.on_grid().name,
        images=len(x),
        shape=(x.shape[1], x.shape[2], x.shape[3]),
        contrast=float((said - said.mean(0)).norm() / size),
        rounding=rounded,
        claims=tuple(_claims(group, grids, between, layers)),
        layers=tuple(layers),
        elements=tuple(_elements(grids[0], grids[1], between)),
    )


def _on_grid(network: Callable[[Tensor], Tensor], x: Tensor, group: PlaneGroup, rounded: float) -> EquivarianceError:
    """Errors of the whole under motions of the grid, in the precision of the images."""
    inside = group.on_grid()
    found = equivariance_error(network, x, ImageAction(inside), TrivialAction(inside))
    own = rounded * (1.0 if x.dtype == torch.float32 else _DOUBLE)
    return replace(found, exact=max(rounding(x.dtype), _SLACK * own))


def _between(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    group: PlaneGroup,
    types: tuple[FieldType, FieldType] | None = None,
    most: int | None = None,
) -> EquivarianceError | None:
    """Errors under other elements, at most so many; results that move have a type. None where there are none."""
    given, made = types or (None, None)
    before, elements = ImageAction(group, given), elements_of(group)
    elements = elements[~before.exact_at(elements)]
    if len(elements) == 0:
        return None
    if most is not None and len(elements) > most:
        elements = elements[torch.linspace(0, len(elements) - 1, most).round().long()]
    after = TrivialAction(group) if types is None else ImageAction(group, made)
    return equivariance_error(function, x, before, after, elements)


def _layers(network: nn.Module, group: PlaneGroup, x: Tensor) -> list[CertifiedLayer]:
    """Every steerable layer, on what it is given when the network is given the images."""
    modules = dict(network.named_modules())
    planned = [
        layer
        for layer in plan(network, (x.shape[2], x.shape[3]), channels=x.shape[1]).layers
        if isinstance(modules.get(layer.name), SteerableModule)
    ]
    inputs: list[tuple[str, Tensor]] = []

    def note(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda _, given: inputs.append((name, given[0]))

    hooks = [modules[name].register_forward_pre_hook(note(name)) for name in {layer.name for layer in planned}]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    found = []
    for layer, (name, given) in zip(planned, inputs, strict=True):
        module = modules[name]
        assert isinstance(module, SteerableModule)
        found.append(_layer(layer, module, given, group))
    return found


def _layer(planned: PlannedLayer, module: SteerableModule, x: Tensor, group: PlaneGroup) -> CertifiedLayer:
    row = CertifiedLayer(
        name=planned.name,
        kind=planned.kind,
        size=planned.size,
        group=module.in_type.group.name,
        planned=planned.exact,
        reason=planned.reason,
        error=None,
        verdict="not measured",
    )
    own = module.out_type.group
    if not own.has_subgroup(group):
        return replace(row, reason=row.reason or f"its fields follow {own.name}, of which {group.name} is no part")
    if not bool(module(x).any()):
        return replace(row, reason=row.reason or "it gives zeros only")
    inside, types = group.on_grid(), (module.in_type, module.out_type)
    grid = equivariance_error(module, x, ImageAction(inside, types[0]), ImageAction(inside, types[1]))
    row = replace(row, error=grid.largest, verdict=grid.verdict)
    between = _between(module, x, group, types, _BETWEEN)
    if between is None:
        return row
    return replace(row, between=between.largest, floor=float(between.floor.max()))


def _claims(
    group: PlaneGroup, grids: list[EquivarianceError], between: EquivarianceError | None, layers: list[CertifiedLayer]
) -> list[Claim]:
    claims: list[Claim] = []
    inside = group.on_grid()
    if inside.order != 1:
        what = f"the motions of the grid in {group.name} ({inside.name})"
        wrong = ", ".join(layer.name for layer in layers if layer.verdict == "broken")
        suspected = ", ".join(layer.name for layer in layers if layer.planned is not True or layer.error is None)
        for found, precision in zip(grids, ("float64", "float32"), strict=True):
            where = (wrong or suspected or "what lies between the layers") if found.verdict == "broken" else ""
            statement = f"invariance of the whole under {what}, {precision}"
            claims.append(Claim(statement, True, found.largest, found.exact, found.verdict, where))
        if errors := [layer.error for layer in layers if layer.error is not None]:
            statement, bound = f"every layer under {what}, float64", rounding(torch.float64)
            claims.append(Claim(statement, True, max(errors), bound, "broken" if wrong else "exact", wrong))
    if between is not None:
        at = int((between.error - 2 * between.floor).argmax())
        error, bound = float(between.error[at]), 2 * float(between.floor[at])
        statement = f"invariance of the whole under the other elements of {group.name}, float64"
        claims.append(Claim(statement, False, error, bound, between.verdict))
    return claims


def _elements(
    exact: EquivarianceError, single: EquivarianceError, between: EquivarianceError | None
) -> list[CertifiedElement]:
    rows = []
    for found in (exact, between):
        for k, (angle, flip) in enumerate([] if found is None else found.elements.tolist()):
            assert found is not None
            rows.append(
                CertifiedElement(
                    angle=math.degrees(angle),
                    flipped=bool(flip),
                    on_grid=found is exact,
                    error=float(found.error[k]),
                    floor=float(found.floor[k]),
                    verdict=found.verdicts[k],
                    single=float(single.error[k]) if found is exact else None,
                    single_verdict=single.verdicts[k] if found is exact else "",
                )
            )
    return rows
