"""Induction: a representation of a subgroup H made into one of the group G, decomposed by Frobenius reciprocity.

With representatives t_1 = 1, t_2, ... of the cosets t H, a vector of Ind rho is one vector x_i of rho for each coset,
and g moves t_j H to t_i H:

    (Ind rho)(g)_ij = rho(t_i^-1 g t_j) if that is in H, else 0.

These are the functions f: G -> V with f(g h) = rho(h)^-1 f(g), x_i = f(t_i), moved by (g f)(p) = f(g^-1 p). Each map
S from the restriction of an irreducible psi to rho that commutes with H gives the map x -> (S psi(t_i)^-1 x)_i from psi
to Ind rho, and all maps from psi come about so.

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, sections 3.3 and 7.2 (Frobenius).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.function_spaces import cosets
from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.groups.representation import Representation, irreducible, require_few
from equigen.groups.restriction import restrict
from equigen.groups.schur import commutant, intertwiners

__all__ = ["induce"]


def induce(representation: Representation, group: PlaneGroup) -> Representation:
    """The representation of a larger group that carries one copy of the given one on each coset.

    The trivial representation induces the quotient, functions on the cosets; that of the trivial subgroup induces the
    regular one. A space of functions on the subgroup becomes one on the group, with its `origin`.

    Args:
        representation: of a subgroup H, d coordinates.
        group: G, with finitely many cosets of H.

    Returns:
        (number of cosets) d coordinates, coset by coset; written "induce(H, name)".

    Raises:
        TypeError: G is no group of the plane, such as its name.
        ValueError: H is no subgroup of G, or has infinitely many cosets; more than 1024 coordinates.

    Error: 1e-15.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic, Dihedral
        >>> induced = induce(irreducible(Cyclic(4), "1"), Dihedral(4))
        >>> induced.size, [str(irrep) for irrep in induced.irreps]
        (4, ['1', '1'])
    """
    require_plane_group(group)
    subgroup = representation.group
    if not isinstance(subgroup, PlaneGroup) or not group.has_subgroup(subgroup):
        raise ValueError(f"{subgroup.name} is no subgroup of {group.name}, but induce needs one: induce(rep, larger).")
    if subgroup == group:
        return representation
    if subgroup.order is not None and group.order is None:
        raise ValueError(
            f"{subgroup.name} has infinitely many cosets in {group.name}, but induce needs finitely many: "
            f"quotient({group.name}, {subgroup.name}, 3) has those functions on them up to frequency 3."
        )
    name = f"induce({subgroup.name}, {representation.name})"
    number = 2 if group.order is None or subgroup.order is None else group.order // subgroup.order
    require_few(name, group, number * representation.size)
    turns = group.grid(1) if group.order is None else cosets(group, subgroup)
    irreps: list[Irrep] = []
    columns = []
    for irrep in group.irreps(representation.frequency if group.order is None else None):
        psi = group.irrep_matrix(irrep, turns)
        scale = (irrep.size / len(turns)) ** 0.5
        for source in _independent(irrep, restrict(irreducible(group, irrep.name), subgroup), representation):
            irreps.append(irrep)
            columns.append(scale * (source @ psi.mT).reshape(-1, irrep.size))
    origin = None
    if representation.origin is not None:
        origin = torch.cat((representation.origin, torch.zeros((len(turns) - 1) * representation.size).double()))
    return Representation(group, tuple(irreps), torch.cat(columns, dim=1), name, origin)


def _independent(irrep: Irrep, restricted: Representation, representation: Representation) -> list[Tensor]:
    """Maps that commute with the subgroup, orthonormal also after the commutant of psi: one for each copy of psi."""
    remaining = intertwiners(restricted, representation)
    chosen = []
    for _ in range(len(remaining) // irrep.endomorphisms):
        largest = remaining[int(remaining.flatten(1).norm(dim=1).round(decimals=9).argmax())]
        largest = largest / largest.norm()
        chosen.append(largest)
        spanned = largest @ commutant(irrep) * irrep.size**0.5
        overlap = torch.einsum("mij,nij->nm", spanned, remaining)
        remaining = remaining - torch.einsum("nm,mij->nij", overlap, spanned)
    return chosen
