"""The elements at which a symmetry is measured unless others are named."""

from __future__ import annotations

from torch import Tensor

from equigen.groups.group import Group

__all__ = ["elements_of"]


def elements_of(group: Group) -> Tensor:
    """All elements of a finite group, 16 equally spread rotations (and their reflections) of SO(2) and O(2).

    Args:
        group: that acts.

    Returns:
        (n, ...), the identity first.

    Example:
        >>> from equigen.groups.plane_groups import O2, Cyclic
        >>> len(elements_of(Cyclic(6))), len(elements_of(O2()))
        (6, 32)
    """
    return group.grid(16) if group.order is None else group.elements()
