"""Layers one after another, with types that meet and, if a size is given, a promise of exactness."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from equigen.steerable.grid_step import GridStep
from equigen.steerable.module import SteerableModule

__all__ = ["SteerableSequential", "require_exact"]


class SteerableSequential(SteerableModule):
    """Steerable layers one after another.

    Args:
        modules: one or more layers, each taking what the one before gives.
        size: of the maps it will see, pixels or (rows, columns); if given, a layer that breaks the quarter turns or
            flips of the group at its own size is refused.

    Raises:
        ValueError: no layers, types that do not meet, or a layer that is not exact at its size.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.conv import SteerableConv2d
        >>> from equigen.steerable.field_type import FieldType
        >>> image, fields = FieldType(Cyclic(4), "1x0e"), FieldType(Cyclic(4), "2xregular")
        >>> SteerableSequential(SteerableConv2d(image, fields, 3), size=16).out_type.size
        8
    """

    def __init__(self, *modules: SteerableModule, size: int | tuple[int, int] | None = None) -> None:
        if not modules:
            raise ValueError("no layers were given, but a sequence needs one or more: SteerableSequential(layer).")
        for place, (first, second) in enumerate(pairwise(modules)):
            if first.out_type != second.in_type:
                raise ValueError(
                    f"layer {place} ({type(first).__name__}) gives {first.out_type} of {first.out_type.group.name}, "
                    f"but layer {place + 1} ({type(second).__name__}) takes {second.in_type} of "
                    f"{second.in_type.group.name}: build it with in_type=layers[{place}].out_type."
                )
        super().__init__(modules[0].in_type, modules[-1].out_type)
        self.layers = nn.ModuleList(modules)
        if size is not None:
            height, width = (size, size) if isinstance(size, int) else size
            for place, module in enumerate(modules):
                step = require_exact(module, height, width, f"layer {place} ({type(module).__name__})")
                height, width = step.height, step.width

    def forward(self, x: Tensor) -> Tensor:
        """The fields after the last layer, (B, out_type.size, H', W')."""
        for layer in self.layers:
            x = layer(x)
        return x

    def plain(self) -> nn.Sequential:
        """The plain layers one after another."""
        return nn.Sequential(*(layer.plain() for layer in self.steps()))

    def steps(self) -> list[SteerableModule]:
        """The layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, SteerableModule)]

    def grid_step(self, height: int, width: int) -> GridStep:
        """What the layers together do to a map: exact if each is at its own size."""
        rows = columns = square = True
        limits, reason, repairs = [], "", ()
        for layer in self.steps():
            step = layer.grid_step(height, width)
            rows, columns, square = rows and step.rows, columns and step.columns, square and step.square
            limits += [step.limit] if step.limit and step.limit not in limits else []
            if step.reason and not reason:
                reason, repairs = step.reason, step.repairs
            height, width = step.height, step.width
        return GridStep(height, width, rows, columns, square, "; ".join(limits), reason, repairs)


def require_exact(module: SteerableModule, height: int, width: int, name: str) -> GridStep:
    """What a layer does to a map, refused if it breaks a motion of the grid that its group contains.

    Raises:
        ValueError: it does; the message says why, and offers the nearest settings that do not.
    """
    step, group = module.grid_step(height, width), module.in_type.group.on_grid()
    if not step.exact_under(group):
        fix = f": take {', or '.join(step.repairs)}" if step.repairs else ""
        where = f"{name} on a map of {height} x {width}"
        raise ValueError(f"{where} is not exact under {group.name}, since {step.reason}{fix}.")
    return step
