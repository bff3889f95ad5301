"""The layers of a network, each measured by itself on what it is given there, under the group that it follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.steerable.exactness import PlannedLayer, plan
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule
from equigen.symmetry.action import TrivialAction
from equigen.symmetry.certificate import CertifiedLayer
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error
from equigen.symmetry.image_action import ImageAction

__all__ = ["certified_layers", "error_between"]

_BETWEEN = 3  # elements off the grid at which each layer is measured


@dataclass(frozen=True)
class _Given:
    """What a layer is given: a map, and the rest."""

    x: Tensor
    rest: tuple[Any, ...]
    named: dict[str, Any]

    @property
    def maps(self) -> int:
        """How many maps are in it."""
        return 1 + sum(isinstance(one, Tensor) and one.ndim == 4 for one in (*self.rest, *self.named.values()))


def certified_layers(
    network: nn.Module, group: PlaneGroup, x: Tensor, arguments: tuple[Any, ...] = ()
) -> list[CertifiedLayer]:
    """Every steerable layer on what it is given, and the other layers that are not planned to be exact.

    A layer is held to the group that its results follow, whatever the end of the network follows: before a part of the
    group is given up, the whole of it is measured.

    Args:
        network: in evaluation mode.
        group: that the whole is asked for; layers that follow less say so.
        x: images (B, C, H, W), float64 as the network.
        arguments: what the network takes after the images, numbers of the items that no motion changes.

    Returns:
        In the order in which they run. Nothing is measured of layers without fields, as those of torch are, nor of
        those that take several maps.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.resampling.pool import AveragePool
        >>> image = FieldType(Cyclic(4), "1x0e")
        >>> network = nn.Sequential(AveragePool(image, 3), nn.MaxPool2d(2), AveragePool(image, 2))
        >>> x = torch.arange(450.0, dtype=torch.float64).reshape(2, 1, 15, 15).sin()
        >>> [(layer.kind, layer.verdict) for layer in certified_layers(network, Cyclic(4), x)]
        [('AveragePool', 'exact'), ('MaxPool2d', 'not measured'), ('AveragePool', 'exact')]
    """
    fixed = tuple(value[:2] if isinstance(value, Tensor) and value.ndim else value for value in arguments)
    planned = plan(network, (x.shape[2], x.shape[3]), channels=x.shape[1], arguments=fixed).layers
    given = _inputs(network, planned, (x, *arguments))
    modules, found = dict(network.named_modules()), []
    for layer in planned:
        module = modules.get(layer.name)
        if isinstance(module, SteerableModule):
            found.append(_measured(layer, module, next(given), group))
        elif layer.exact is not True and group.on_grid().order != 1:
            found.append(_row(layer, layer.group))
    return found


def error_between(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    group: PlaneGroup,
    types: tuple[FieldType, FieldType] | None = None,
    most: int | None = None,
) -> EquivarianceError | None:
    """Errors under the elements of a group that interpolate.

    Args:
        function: gives (B, ...) for images.
        x: images (B, C, H, W).
        group: that acts.
        types: of the maps that it is given and of those that it gives; None: the group leaves its results alone.
        most: elements to measure at; None: all of `elements_of`.

    Returns:
        None where all elements move pixels onto pixels.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> x = torch.ones(1, 1, 4, 4)
        >>> error_between(lambda x: x.mean((2, 3)), x, Cyclic(4)) is None
        True
    """
    given, made = types or (None, None)
    before, elements = ImageAction(group, given), elements_of(group)
    elements = elements[~before.exact_at(elements)]
    if len(elements) == 0:
        return None
    if most is not None and len(elements) > most:
        elements = elements[torch.linspace(0, len(elements) - 1, most).round().long()]
    after = TrivialAction(group) if types is None else ImageAction(group, made)
    return equivariance_error(function, x, before, after, elements)


def _inputs(network: nn.Module, planned: tuple[PlannedLayer, ...], arguments: tuple[Any, ...]) -> Iterator[_Given]:
    """What each call of a steerable layer is given, in their order."""
    modules = dict(network.named_modules())
    inputs: list[_Given] = []

    def note(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        inputs.append(_Given(given[0], given[1:], named))

    called = {layer.name for layer in planned if isinstance(modules.get(layer.name), SteerableModule)}
    hooks = [modules[name].register_forward_pre_hook(note, with_kwargs=True) for name in called]
    try:
        network(*arguments)
    finally:
        for hook in hooks:
            hook.remove()
    yield from inputs


def _row(planned: PlannedLayer, group: PlaneGroup) -> CertifiedLayer:
    """A layer of which nothing was measured yet."""
    mend = f"; take {', or '.join(planned.repairs)}" if planned.repairs else ""
    return CertifiedLayer(
        name=planned.name,
        kind=planned.kind,
        size=planned.size,
        group=group.name,
        planned=planned.exact,
        reason=planned.reason + mend,
        error=None,
        verdict="not measured",
    )


def _measured(planned: PlannedLayer, module: SteerableModule, given: _Given, group: PlaneGroup) -> CertifiedLayer:
    own, types = module.out_type.group, (module.in_type, module.out_type)
    row, inside = _row(planned, own), own.on_grid()
    if not own.has_subgroup(group):
        row = replace(row, reason=row.reason or f"its fields follow {own.name}, of which {group.name} is no part")
    if inside.order == 1:
        return replace(row, reason=row.reason or f"no motion of the grid but the identity is in {own.name}")
    if given.maps > 1:
        return replace(row, reason=row.reason or f"it takes {given.maps} maps, which would all have to move")
    x = given.x

    def function(x: Tensor) -> Tensor:
        return module(x, *given.rest, **given.named)

    if not bool(function(x).any()):
        return replace(row, reason=row.reason or "it gives zeros only")
    grid = equivariance_error(function, x, ImageAction(inside, types[0]), ImageAction(inside, types[1]))
    row = replace(row, error=grid.largest, verdict=grid.verdict)
    between = error_between(function, x, own, types, _BETWEEN)
    if between is None:
        return row
    return replace(row, between=between.largest, floor=float(between.floor.max()))
