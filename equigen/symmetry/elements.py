"""The elements at which a symmetry is measured unless others are named, and how they are written."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.groups.group import Group
from equigen.groups.plane import PlaneGroup

__all__ = ["elements_of", "written"]


def elements_of(group: Group) -> Tensor:
    """All elements of a finite group; 16 rotations, and for O(2) each of them after a reflection too, of a compact one.

    These are the four quarter turns and the angles (i + .618...) 2 pi/12, i = 0 .. 11, with the fraction of the golden
    section: no rational part of a turn, so that what commutes with n equally spread rotations only, however many, does
    not pass for commuting with all.

    Args:
        group: that acts.

    Returns:
        (n, ...), the identity first.

    Example:
        >>> from equigen.groups.plane_groups import O2, Cyclic
        >>> len(elements_of(Cyclic(6))), len(elements_of(O2()))
        (6, 32)
    """
    if group.order is not None or not isinstance(group, PlaneGroup):
        return group.elements()
    between = (torch.arange(12, dtype=torch.float64) + (math.sqrt(5) - 1) / 2) * (math.tau / 12)
    angle = torch.cat((torch.arange(4, dtype=torch.float64) * (math.tau / 4), between))
    flips = range(1 + group.reflections)
    return torch.cat([torch.stack((angle, torch.full_like(angle, flip)), dim=-1) for flip in flips])


def written(element: Tensor) -> str:
    """An element of the plane as its angle in degrees, another as its numbers.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> written(Dihedral(4).elements()[5]), written(torch.tensor([1, 0, 2]))
        ('90 degrees, flipped', '[1, 0, 2]')
    """
    if not element.is_floating_point():
        places = element.flatten().tolist()
        return str(places) if len(places) <= 12 else f"[{', '.join(map(str, places[:10]))}, ...] ({len(places)} places)"
    angle, flip = element.tolist()
    return f"{math.degrees(angle):.4g} degrees" + (", flipped" if flip else "")
