"""The promise that a layer keeps the motions of the grid on maps of a size, or the sentence that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equigen.steerable.modes import outside_modes

if TYPE_CHECKING:
    from equigen.steerable.grid_step import GridStep
    from equigen.steerable.module import SteerableModule

__all__ = ["require_exact"]


def require_exact(module: SteerableModule, height: int, width: int, name: str) -> GridStep:
    """What a layer does to a map, refused if it breaks a motion of the grid that its group contains.

    Args:
        module: the layer.
        height: rows of its map.
        width: columns of its map.
        name: of the layer, for the message.

    Raises:
        ValueError: it does; the message says why, and offers the nearest settings that do not.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.field_type import FieldType
        >>> from equigen.steerable.resampling.pool import AveragePool
        >>> require_exact(AveragePool(FieldType(Cyclic(4), "1x1"), 2), 8, 8, "pool").height
        4
    """
    step, group = module.grid_step(height, width), module.in_type.group
    if not step.exact_under(group):
        with outside_modes():
            inside = group.on_grid().name
        fix = f": take {', or '.join(step.repairs)}" if step.repairs else ""
        where = f"{name} on a map of {height} x {width}"
        raise ValueError(f"{where} is not exact under {inside}, since {step.reason}{fix}.")
    return step
