"""Folding: circular harmonics of any frequency as irreducible representations of a group of the plane.

With phi = angle - 2 c flip, c the axis of the group's own reflection, every whole number m gives a representation

    rho_m(g) = R(m phi) s^flip,   s = diag(1, -1),

and with a parity p the same times (-1)^(p flip). On a group of n rotations it depends on m modulo n alone, and rho_-m
is s rho_m s: so it folds back to a frequency between 0 and n/2, where at the two ends it falls apart into two lines.

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, sections 5.1 (C_n) and 5.3 (D_n).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup

__all__ = ["fold", "fold_line"]


def fold(group: PlaneGroup, frequency: int, parity: int = 0) -> tuple[tuple[Irrep, ...], Tensor]:
    """The blocks psi_i and the orthogonal C with R(m phi) s^flip (-1)^(p flip) = C (+ psi_i) C^T on the group.

    Args:
        group: a group of the plane.
        frequency: m, any whole number.
        parity: p, 0 or 1.

    Returns:
        One irreducible representation or two, and C, float64 (2, 2).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> [str(irrep) for irrep in fold(Cyclic(5), 4)[0]], [str(irrep) for irrep in fold(Cyclic(4), 6)[0]]
        (['1'], ['2e', '2e'])
    """
    k, mirrored = _representative(group, frequency)
    columns = torch.eye(2, dtype=torch.float64)
    if mirrored:
        columns[1, 1] = -1.0
    if parity % 2 and group.reflections:
        # -s = J s J^T with J the quarter turn, which commutes with the rotations.
        columns = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64) @ columns
    if k == 0 or 2 * k == group.rotations:
        return (fold_line(group, k, 0), fold_line(group, k, 1)), columns
    return (group.irrep(str(k)),), columns


def fold_line(group: PlaneGroup, frequency: int, parity: int) -> Irrep:
    """The one-dimensional representation cos(m phi) (-1)^(p flip).

    Args:
        group: a group of the plane.
        frequency: m, a multiple of half the number of rotations, or 0.
        parity: p, any whole number; without reflections it changes nothing.

    Raises:
        ValueError: cos(m phi) is no representation of the group.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> str(fold_line(Dihedral(4), 6, 1)), str(fold_line(Dihedral(2), 2, 1))
        ('2o', '0o')
    """
    k, _ = _representative(group, frequency)
    if k and 2 * k != group.rotations:
        fix = f"call fold(group, {frequency}), which gives two dimensions"
        raise ValueError(f"frequency {frequency} was given, but {group.name} has no line at it: {fix}.")
    return group.irrep(f"{k}{'eo'[parity % 2 if group.reflections else 0]}")


def _representative(group: PlaneGroup, frequency: int) -> tuple[int, bool]:
    """The frequency from 0 to n/2 to which one folds back, and whether the direction of turning changes."""
    n = group.rotations
    if n is None:
        return abs(frequency), frequency < 0
    k = frequency % n
    return (n - k, True) if 2 * k > n else (k, False)
