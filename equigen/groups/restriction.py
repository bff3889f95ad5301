"""Restriction: a representation of a group as one of a subgroup, decomposed in closed form.

An element of the subgroup is an element of the group, so the matrices stay what they are; what changes is how they fall
apart. With d the angle from the group's axis to the subgroup's, phi_G = phi_H + 2 d flip, and

    R(k phi_G) s^flip = R(k d) [R(k phi_H) s^flip] R(k d)^T,

where the bracket folds back into the frequencies of the subgroup (`fold`).

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, sections 5.1 (C_n), 5.3 (D_n) and 7.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.groups.cyclic_vector import is_cyclic
from equigen.groups.folding import fold, fold_line
from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.groups.representation import Representation

__all__ = ["restrict"]


def restrict(representation: Representation, subgroup: PlaneGroup) -> Representation:
    """The same matrices, for the elements of a subgroup only.

    Coordinates stay as they are. An `origin` is kept where the values at the elements of the subgroup still determine
    all coordinates. Written "restrict(G, name)", where G is the larger group.

    Args:
        representation: of a group of the plane.
        subgroup: of that group; the group itself gives the representation back.

    Raises:
        TypeError: the subgroup is no group of the plane, such as its name.
        ValueError: it is no subgroup, or the group is none of the plane.

    Error: 1e-15, also for frequencies that fold.

    Example:
        >>> from equigen.groups.plane_groups import O2, Cyclic
        >>> from equigen.groups.representation import irreducible
        >>> restricted = restrict(irreducible(O2(), "3"), Cyclic(4))
        >>> [str(irrep) for irrep in restricted.irreps], str(restricted)
        (['1'], 'restrict(O2, 3)')
    """
    group = representation.group
    if not isinstance(group, PlaneGroup):
        raise ValueError(
            f"the group is {group.name}, but restrict needs a group of the plane: take one such as Cyclic(4)."
        )
    require_plane_group(subgroup)
    if not group.has_subgroup(subgroup):
        raise ValueError(f"{subgroup.name} is no subgroup of {group.name}, but restrict needs one: pass a subgroup.")
    if subgroup == group:
        return representation
    branches = [_branch(group, subgroup, irrep) for irrep in representation.irreps]
    irreps = tuple(irrep for blocks, _ in branches for irrep in blocks)
    basis = representation.change_of_basis @ torch.block_diag(*(columns for _, columns in branches))
    origin = representation.origin
    if origin is not None and not is_cyclic(irreps, basis.T @ origin):
        origin = None
    return Representation(subgroup, irreps, basis, f"restrict({group.name}, {representation.name})", origin)


def _branch(group: PlaneGroup, subgroup: PlaneGroup, irrep: Irrep) -> tuple[tuple[Irrep, ...], Tensor]:
    """The blocks of one irreducible representation on the subgroup, and the orthogonal columns that show them."""
    angle = irrep.frequency * (subgroup.axis - group.axis) if subgroup.reflections else 0.0
    if irrep.size == 1:
        # cos(k phi_G) = cos(k phi_H) cos(2 k d)^flip: the axis may stand where the line changes its sign.
        changed = math.cos(2 * angle) < 0
        return (fold_line(subgroup, irrep.frequency, irrep.parity + changed),), torch.eye(1, dtype=torch.float64)
    blocks, columns = fold(subgroup, irrep.frequency)
    if angle:
        cos, sin = math.cos(angle), math.sin(angle)
        columns = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64) @ columns
    return blocks, columns
