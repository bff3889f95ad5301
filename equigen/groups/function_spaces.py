"""Functions on a group as representations: regular, quotient and band-limited, by the theorem of Peter and Weyl.

The group moves functions by (rho(g) f)(h) = f(g^-1 h). For every irreducible psi and every unit vector v that a
subgroup H leaves alone, the functions h -> psi(h) v are constant on the cosets h H and turn like psi: these are the
columns of the change of basis. Of a psi with a two- or higher-dimensional commutant, one v of each commutant's orbit is
taken, since the others span the same functions.

Source: F. Peter, H. Weyl, 1927; T. Cohen, M. Geiger, M. Weiler, A General Theory of Equivariant CNNs on Homogeneous
Spaces, 2019, section 3; J.-P. Serre, Linear Representations of Finite Groups, 1977, section 7.2 (Frobenius).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Cyclic
from equigen.groups.representation import Representation

__all__ = ["cosets", "quotient", "regular"]


def regular(group: PlaneGroup, frequency: int | None = None) -> Representation:
    """Functions on the group: all of them as their values, or those up to a frequency as their coefficients.

    Without a frequency, coordinate h is the value at the group's h-th element, rho(g) e_h = e_gh. With one, the
    coordinates are coefficients in the basis of the irreps, and `origin` gives the values back:
    f(g) = (rho(g) origin) . x; coefficients of unit variance give values of unit variance.

    Args:
        group: finite if no frequency is given.
        frequency: the largest one kept.

    Raises:
        ValueError: no frequency for an infinite group, or a negative one.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> regular(Cyclic(4)).size, regular(SO2(), 3).size
        (4, 7)
    """
    return quotient(group, Cyclic(1), frequency)


def quotient(group: PlaneGroup, subgroup: PlaneGroup, frequency: int | None = None) -> Representation:
    """Functions on the group that are constant on the cosets g H of a subgroup H.

    Args:
        group: finite if no frequency is given.
        subgroup: H.
        frequency: the largest one kept; then coordinates are coefficients, as for `regular`.

    Raises:
        ValueError: H is no subgroup, no frequency for an infinite group, or a negative one.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> quotient(Dihedral(4), Dihedral(1)).size
        4
    """
    if not group.has_subgroup(subgroup):
        raise ValueError(f"{subgroup.name} is no subgroup of {group.name}, but cosets need one: pass a subgroup.")
    name, limited = f"quotient({subgroup.name})", f"quotient({subgroup.name}, {3 if frequency is None else frequency})"
    if subgroup == Cyclic(1):
        name, limited = "regular", f"regular({3 if frequency is None else frequency})"
    if frequency is None and group.order is None:
        raise ValueError(
            f"{group.name} has infinitely many elements, but a largest frequency was needed: write {limited}."
        )
    columns = [(irrep, vector) for irrep in group.irreps(frequency) for vector in _fixed(group, subgroup, irrep)]
    irreps = tuple(irrep for irrep, _ in columns)
    weights = [torch.tensor(irrep.size, dtype=torch.float64).sqrt() * vector for irrep, vector in columns]
    origin = torch.cat(weights)
    origin = origin / origin.norm()
    if frequency is not None:
        return Representation(group, irreps, torch.eye(len(origin), dtype=torch.float64), limited, origin)
    coefficients = Representation(group, irreps, torch.eye(len(origin), dtype=torch.float64), name)
    basis = coefficients.blocks(cosets(group, subgroup)) @ origin
    first = torch.zeros(len(origin), dtype=torch.float64)
    first[0] = 1.0
    return Representation(group, irreps, basis, name, first)


def cosets(group: PlaneGroup, subgroup: PlaneGroup) -> Tensor:
    """The first element of each coset g H of a subgroup H in a finite group, float64 (order / order of H, 2).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic, Dihedral
        >>> len(cosets(Dihedral(4), Cyclic(2)))
        4
    """
    elements = group.elements()
    inverse = group.inverse(elements)
    related = subgroup.contains(group.compose(inverse[:, None], elements[None]))  # g^-1 h in H
    return elements[related.int().argmax(dim=1) == torch.arange(len(elements))]


def _fixed(group: PlaneGroup, subgroup: PlaneGroup, irrep: Irrep) -> list[Tensor]:
    """Orthonormal vectors that the subgroup leaves alone, one of each orbit of the commutant."""
    # The mean over the subgroup is the projection onto them; up to the frequency k, 2 k + 1 rotations stand for all.
    rotations = subgroup.rotations or 2 * irrep.frequency + 1
    fixed = _orthonormal(group.irrep_matrix(irrep, subgroup.grid(rotations)).mean(dim=0))
    return [fixed[:, i] for i in range(0, fixed.shape[1], irrep.endomorphisms)]


def _orthonormal(projection: Tensor) -> Tensor:
    """Orthonormal columns that span the image of a projection, unit vectors where it is the identity."""
    rank = round(projection.trace().item())
    if rank == len(projection):
        return torch.eye(rank, dtype=projection.dtype)
    if rank == 0:
        return projection[:, :0]
    column = projection[:, int(projection.diagonal().argmax())]  # the rank is 1: irreps are at most 2-dimensional
    return (column / column.norm())[:, None]
