"""Every kind of group, by the name under which tests speak of it."""

import math

import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric

FINITE_PLANE = [
    *(Cyclic(n) for n in (*range(1, 9), 16)),
    *(Dihedral(n) for n in range(1, 9)),
    Dihedral(1, axis=math.pi / 4),
    Dihedral(1, axis=2.0),
    Dihedral(2, axis=math.pi / 4),
    Dihedral(4, axis=0.3),
    Dihedral(5, axis=0.1),
]
COMPACT_PLANE = [SO2(), O2()]
PERMUTATIONS = [Symmetric(n) for n in range(1, 6)]

PLANE_GROUPS = {group.name: group for group in [*FINITE_PLANE, *COMPACT_PLANE]}
FINITE_GROUPS = {group.name: group for group in [*FINITE_PLANE, *PERMUTATIONS]}
ALL_GROUPS = {**PLANE_GROUPS, **FINITE_GROUPS}


def frequency(group, largest=3):
    """What to pass as the largest frequency: nothing for a finite group, which has finitely many."""
    return None if group.order else largest


def plane_matrix(g):
    """The map R(angle) s^flip of the plane that an element (*, 2) stands for, (*, 2, 2), spelled out once more."""
    cos, sin, sign = torch.cos(g[..., 0]), torch.sin(g[..., 0]), 1 - 2 * g[..., 1]
    return torch.stack((cos, -sin * sign, sin, cos * sign), -1).unflatten(-1, (2, 2))
