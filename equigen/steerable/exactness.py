"""The exactness plan: at which layers of a network quarter turns and flips are exact, and what limits other angles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Dihedral
from equigen.steerable.grid_step import GridStep, pair_of_pixels
from equigen.steerable.module import SteerableModule
from equigen.steerable.plain_step import plain_step
from equigen.steerable.record import Call
from equigen.steerable.trace import trace

__all__ = ["Plan", "PlannedLayer", "plan"]


@dataclass(frozen=True)
class PlannedLayer:
    """What one layer of a network does to the symmetry, on the map that it is given there.

    Args:
        name: of the layer in the network, as `named_modules` gives it.
        kind: its class.
        size: (rows, columns) of the map it is given.
        step: what it does to the grid of pixels.
        group: the group that its fields follow; what of it moves the grid is judged.
        doubt: why it is not known to follow them, "" if it is.
        mismatch: why it cannot follow them on what it is given, "" if it can.

    Example:
        >>> layer = PlannedLayer("pool", "AveragePool", (9, 9), GridStep(4, 4, rows=False), Dihedral(1))
        >>> layer.exact
        False
    """

    name: str
    kind: str
    size: tuple[int, int]
    step: GridStep
    group: PlaneGroup
    doubt: str = ""
    mismatch: str = ""

    @property
    def exact(self) -> bool | None:
        """Whether every motion of the grid in the group is exact here; None if that is not known."""
        if self.mismatch or not self.step.exact_under(self.group):
            return False
        return None if self.doubt else True

    @property
    def reason(self) -> str:
        """Why it is not exact, or not known to be; "" if it is exact."""
        return {False: self.mismatch or self.step.reason, None: self.doubt, True: ""}[self.exact]

    @property
    def repairs(self) -> tuple[str, ...]:
        """The nearest settings that are exact, as code; nothing where the layer is exact."""
        return self.step.repairs if self.exact is False and not self.mismatch else ()

    @property
    def limit(self) -> str:
        """What limits the elements of the group that do not move the grid onto itself, "" if there are none."""
        return "" if self.group == self.group.on_grid() else self.step.limit


@dataclass(frozen=True)
class Plan:
    """What every layer of a network does to its symmetry on maps of one size.

    `print(plan(network, 28))` shows it as a table.

    Args:
        size: (rows, columns) of the maps that the network is given.
        layers: in the order in which they run.

    Example:
        >>> Plan((8, 8), ()).exact
        True
    """

    size: tuple[int, int]
    layers: tuple[PlannedLayer, ...]

    @property
    def exact(self) -> bool:
        """Whether every layer is known to be exact, and so the network."""
        return all(layer.exact is True for layer in self.layers)

    @property
    def broken(self) -> tuple[PlannedLayer, ...]:
        """The layers that break a motion of the grid which their group contains."""
        return tuple(layer for layer in self.layers if layer.exact is False)

    @property
    def unknown(self) -> tuple[PlannedLayer, ...]:
        """The layers of which it is not known."""
        return tuple(layer for layer in self.layers if layer.exact is None)

    def __str__(self) -> str:
        return "\n".join([*self._verdict(), "", *_table(self.layers)])

    def _verdict(self) -> Iterator[str]:
        size = f"{self.size[0]} x {self.size[1]}"
        groups = {layer.group.name: layer.group.on_grid().order for layer in self.layers}
        if self.exact and groups and set(groups.values()) == {1}:
            yield f"nothing to check on {size} pixels: no motion of the grid but the identity is in {', '.join(groups)}"
            return
        if self.exact:
            yield f"exact on {size} pixels: all of {len(self.layers)} layers"
            return
        unknown = f", {len(self.unknown)} not known" if self.unknown else ""
        yield f"not exact on {size} pixels: {len(self.broken)} of {len(self.layers)} layers broken{unknown}"
        for layer in (*self.broken, *self.unknown):
            fix = f"; take {', or '.join(layer.repairs)}" if layer.repairs else ""
            word = "broken" if layer.exact is False else "not known"
            yield f"  {layer.name or layer.kind}: {word}, {layer.reason}{fix}"


def _table(layers: Sequence[PlannedLayer]) -> Iterator[str]:
    words = {True: "exact", False: "broken", None: "not known"}
    rows = [("layer", "kind", "pixels", "grid", "other angles")]
    for layer in layers:
        pixels = f"{layer.size[0]} x {layer.size[1]} -> {layer.step.height} x {layer.step.width}"
        verdict = f"{words[layer.exact]} ({layer.group.on_grid().name})"
        nothing = f"none in {layer.group.name}" if layer.group == layer.group.on_grid() else "no limit"
        other = "not known" if layer.doubt or layer.mismatch else layer.limit or nothing
        rows.append((layer.name or layer.kind, layer.kind, pixels, verdict, other))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def plan(
    network: nn.Module,
    size: int | tuple[int, int],
    *,
    channels: int | None = None,
    arguments: tuple[Any, ...] = (),
) -> Plan:
    """Say of each layer of a network whether quarter turns and flips are exact on maps of a size, and how to repair it.

    The network runs, in evaluation, on a tensor that has a shape and no numbers. Every layer is judged on the map that
    it is given there: steerable layers, which have to be given the fields that they take, and layers of torch that
    move pixels, act on each channel alone, or join channels that the group leaves alone; dropout does nothing there.
    Between layers, what holds for all weights is let pass: sums of maps of one type, products with numbers and with
    maps of invariants, joined and cut channels, means over all pixels, functions of each channel alone where the group
    only permutes channels. Any other function of torch on a map gives a doubt that names it, before the layer that is
    given the result, or after the last one. Maps are taken to hold the fields that the first layer on them takes;
    `arguments` stay as they are while the maps move.

    A layer that is said to be broken can be exact by accident, where its windows leave pixels over that none of them
    reads: one window that covers the whole padded map, or windows of which a single pixel meets it (4 of 2,824 random
    settings). A layer that is said to be exact is exact.

    Args:
        network: any module whose `forward` takes maps (B, C, H, W) first.
        size: pixels along each side, or (rows, columns).
        channels: C; that of the network's first layer if None.
        arguments: what `forward` takes after the maps, for a batch of 2.

    Returns:
        The verdicts.

    Raises:
        ValueError: a size that is no number of pixels, a number of channels that cannot be read off the network, or a
            layer that refuses its map.

    Error: held against measured equivariance on white noise in tests, in both directions.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.field_type import FieldType
        >>> from equigen.steerable.resampling.pool import AveragePool
        >>> fields = FieldType(Cyclic(4), "1xregular")
        >>> network = nn.Sequential(AveragePool(fields, 2), AveragePool(fields, 2))
        >>> plan(network, 28).exact, [layer.repairs for layer in plan(network, 30).broken]
        (True, [('kernel_size=3, stride=2', 'kernel_size=3, padding=1, stride=2', 'size=(16, 16)')])
    """
    height, width = pair_of_pixels(size)
    groups = [module.in_type.group for module in network.modules() if isinstance(module, SteerableModule)]
    usual = groups[0] if groups else Dihedral(4)
    found = [_judged(call, usual) for call in trace(network, (height, width), channels, arguments)]
    return Plan((height, width), tuple(found))


def _judged(call: Call, usual: PlaneGroup) -> PlannedLayer:
    module, kind, doubt = call.module, type(call.module).__name__, call.doubt
    if module is None:
        step, kind = GridStep(*call.out), "function"
    elif call.invariant:
        step = GridStep(*call.out)
    elif isinstance(module, SteerableModule):
        step = module.grid_step(*call.size)
        if (step.height, step.width) != call.out:
            said = f"its grid_step gives {step.height} x {step.width}"
            doubt = doubt or f"{said}, but it gives {call.out[0]} x {call.out[1]}"
    else:
        step, unknown = plain_step(module, call.size, call.out, call.fields)
        doubt = doubt or unknown
    group = usual if call.fields is None else call.fields.group
    return PlannedLayer(call.name, kind, call.size, step, group, doubt, call.mismatch)
