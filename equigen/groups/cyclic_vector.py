"""Cyclic vectors: those whose images under the group span the whole space.

A representation with a cyclic vector v is a space of functions on the group, by f(g) = (rho(g) v) . x: no x but 0
gives the function 0. Otherwise some coordinates are in no value, and the vector cannot serve as an `origin`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from equigen.groups.irrep import Irrep
from equigen.groups.schur import commutant

__all__ = ["is_cyclic"]


def is_cyclic(irreps: Sequence[Irrep], coordinates: Tensor) -> bool:
    """Whether the images of a vector under + psi_i span everything.

    They do if and only if, for every psi, the parts of the vector in its copies are linearly independent over the
    matrices that commute with psi.

    Args:
        irreps: the blocks psi_i.
        coordinates: the vector in the basis of the blocks, Q^T v, (d,).

    Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, section 2.6 (isotypic parts), with the density
    theorem.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> one = Cyclic(4).irrep("1")
        >>> is_cyclic([one], torch.tensor([1.0, 0.0])), is_cyclic([one, one], torch.tensor([1.0, 0.0, 0.0, 1.0]))
        (True, False)
    """
    parts: dict[Irrep, list[Tensor]] = {}
    start = 0
    for irrep in irreps:
        parts.setdefault(irrep, []).append(coordinates[start : start + irrep.size].double())
        start += irrep.size
    for irrep, copies in parts.items():
        rows = torch.cat([commutant(irrep) @ copy for copy in copies])
        if len(rows) > irrep.size or torch.linalg.svdvals(rows)[-1].item() < 1e-9:
            return False
    return True
