"""Intertwiners: linear maps between representations that commute with the group.

By Schur's lemma a map T with T a(g) = b(g) T joins equal irreducible blocks only, and there it is a matrix that
commutes with the block. With a = Q_a (+ psi_i) Q_a^T and b = Q_b (+ psi_j) Q_b^T the maps are therefore spanned by

    Q_b[:, j] M Q_a[:, i]^T,   psi_i = psi_j,   M in the commutant of psi_i,

which is a closed form: no linear system is solved.

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, section 2.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.irrep import Irrep
from equigen.groups.representation import Representation

__all__ = ["commutant", "endomorphisms", "intertwiners"]


def intertwiners(a: Representation, b: Representation) -> Tensor:
    """A basis of the linear maps T from `a` to `b` with T a(g) = b(g) T for all g, orthonormal for trace(S^T T).

    Args:
        a: representation on d_a coordinates.
        b: representation of the same group on d_b coordinates.

    Returns:
        float64 (n, d_b, d_a); n = 0 if there is no map but 0.

    Raises:
        ValueError: the groups differ.

    Error: 1e-15.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.groups.representation import trivial
        >>> intertwiners(regular(Cyclic(4)), trivial(Cyclic(4))).tolist()
        [[[0.5, 0.5, 0.5, 0.5]]]
    """
    if a.group != b.group:
        raise ValueError(
            f"a represents {a.group.name} and b represents {b.group.name}, but maps between them need one group: "
            "restrict(a, subgroup)."
        )
    maps = [
        b.change_of_basis[:, to] @ matrix @ a.change_of_basis[:, source].T
        for to, kind in _blocks(b)
        for source, other in _blocks(a)
        if kind == other
        for matrix in commutant(kind)
    ]
    return torch.stack(maps) if maps else torch.zeros(0, b.size, a.size, dtype=torch.float64)


def endomorphisms(representation: Representation) -> Tensor:
    """A basis of the matrices that commute with all rho(g), orthonormal for trace(S^T T), float64 (n, d, d).

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic, Dihedral
        >>> len(endomorphisms(regular(Cyclic(4)))), len(endomorphisms(regular(Dihedral(4))))
        (4, 8)
    """
    return intertwiners(representation, representation)


def commutant(irrep: Irrep) -> Tensor:
    """A basis of the matrices that commute with an irreducible representation, orthonormal for trace(S^T T).

    The identity; for rotations of the plane (complex type) the quarter turn too; float64 (1 or 2, d, d).

    Raises:
        ValueError: the irreducible representation is of quaternionic type, which no group here has.

    Example:
        >>> from equigen.groups.plane_groups import SO2, O2
        >>> len(commutant(SO2().irrep("1"))), len(commutant(O2().irrep("1")))
        (2, 1)
    """
    identity = torch.eye(irrep.size, dtype=torch.float64)
    if irrep.endomorphisms == 1:
        matrices = identity[None]
    elif (irrep.endomorphisms, irrep.size) == (2, 2):
        matrices = torch.stack((identity, torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)))
    else:
        raise ValueError(
            f"{irrep} has {irrep.endomorphisms} endomorphisms in {irrep.size} dimensions, but 1, or 2 in 2 dimensions, "
            "were needed: take a group of the plane or a symmetric group."
        )
    return matrices / irrep.size**0.5


def _blocks(representation: Representation) -> list[tuple[slice, Irrep]]:
    """For each block, its columns of the change of basis and its kind."""
    blocks, start = [], 0
    for irrep in representation.irreps:
        blocks.append((slice(start, start + irrep.size), irrep))
        start += irrep.size
    return blocks
