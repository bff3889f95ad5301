"""Functions on a group as representations: regular, quotient and band-limited, by the theorem of Peter and Weyl.

The group moves functions by (rho(g) f)(h) = f(g^-1 h). For every irreducible psi and every unit vector v that a
subgroup H leaves alone, the functions h -> psi(h) v are constant on the cosets h H and turn like psi: these are the
columns of the change of basis. Of a psi with a two- or higher-dimensional commutant, one v of each commutant's orbit is
taken, since the others span the same functions.

Source: F. Peter, H. Weyl, 1927; T. Cohen, M. Geiger, M. Weiler, A General Theory of Equivariant CNNs on Homogeneous
Spaces, 2019; J.-P. Serre, Linear Representations of Finite Groups, 1977, section 7.2 (Frobenius).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.group import require_whole
from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import Cyclic, require_plane_group
from equigen.groups.representation import Representation, require_few

__all__ = ["cosets", "quotient", "regular"]

_HIGHEST = 1024


def regular(group: PlaneGroup, frequency: int | None = None) -> Representation:
    """Functions on the group: all of them as their values, or those up to a frequency as their coefficients.

    Without a frequency, coordinate h is the value at the group's h-th element, rho(g) e_h = e_gh. With one, the
    coordinates are coefficients in the basis of the irreps, and `origin` gives the values back:
    f(g) = (rho(g) origin) . x; coefficients of unit variance give values of unit variance. A frequency that leaves
    nothing out, as any from n/2 on of n rotations, gives the values: one space is written in one way.

    Args:
        group: finite if no frequency is given.
        frequency: the largest one kept.

    Raises:
        TypeError: the group is none of the plane, such as its name.
        ValueError: no frequency for an infinite group, one that is no whole number from 0 to 1024, or more
            than 1024 coordinates.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> regular(Cyclic(4)).size, regular(SO2(), 3).size
        (4, 7)
        >>> regular(Cyclic(4), 2) == regular(Cyclic(4)), str(regular(Cyclic(16), 2))
        (True, 'regular(2)')
    """
    return quotient(group, Cyclic(1), frequency)


def quotient(group: PlaneGroup, subgroup: PlaneGroup, frequency: int | None = None) -> Representation:
    """Functions on the group that are constant on the cosets g H of a subgroup H.

    Args:
        group: finite if no frequency is given.
        subgroup: H.
        frequency: the largest one kept; then coordinates are coefficients, as for `regular`, unless it leaves nothing
            out.

    Raises:
        TypeError: the group or H is none of the plane, such as its name.
        ValueError: H is no subgroup, no frequency for an infinite group, one that is no whole number from 0 to 1024, or
            more than 1024 coordinates.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> quotient(Dihedral(4), Dihedral(1)).size
        4
    """
    _require_subgroup(group, subgroup)
    if frequency is None:
        if group.order is None:
            raise ValueError(
                f"{group.name} has infinitely many elements, but a largest frequency was needed: "
                f"write {_written(subgroup, 3)}."
            )
    else:
        highest = _HIGHEST if group.order is None else None
        require_whole("frequency", frequency, 0, f"write {_written(subgroup, 3)}", highest)
    name, number = _written(subgroup, frequency), None
    if group.order and subgroup.order:
        number = group.order // subgroup.order
        require_few(name, group, number if frequency is None else 0)
    columns = [(irrep, vector) for irrep in group.irreps(frequency) for vector in _fixed(group, subgroup, irrep)]
    irreps = tuple(irrep for irrep, _ in columns)
    size = sum(irrep.size for irrep in irreps)
    require_few(name, group, size)
    scales = [(irrep.size / size) ** 0.5 for irrep in irreps]
    weights = [scale * vector for scale, (_, vector) in zip(scales, columns, strict=True)]
    eye = torch.eye(size, dtype=torch.float64)
    if size != number:
        return Representation(group, irreps, eye, name, torch.cat(weights))
    places = cosets(group, subgroup)
    values = [group.irrep_matrix(irrep, places) @ weight for irrep, weight in zip(irreps, weights, strict=True)]
    return Representation(group, irreps, torch.cat(values, dim=1), _written(subgroup, None), eye[0])


def cosets(group: PlaneGroup, subgroup: PlaneGroup) -> Tensor:
    """The first element of each coset g H of a subgroup H in a finite group, float64 (order / order of H, 2).

    Raises:
        TypeError: the group or H is none of the plane, such as its name.
        ValueError: the group is infinite, or H is no subgroup.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic, Dihedral
        >>> len(cosets(Dihedral(4), Cyclic(2)))
        4
    """
    _require_subgroup(group, subgroup)
    elements, step = group.elements(), (group.rotations or 1) // (subgroup.rotations or 1)
    if subgroup.reflections or not group.reflections:
        return elements[:step]  # each coset has as many rotations as H, equally spread
    return torch.cat((elements[:step], elements[group.rotations :][:step]))


def _written(subgroup: PlaneGroup, frequency: int | None) -> str:
    """The name of the functions on the cosets of a subgroup."""
    if subgroup == Cyclic(1):
        return "regular" if frequency is None else f"regular({frequency})"
    return f"quotient({subgroup.name}{'' if frequency is None else f', {frequency}'})"


def _require_subgroup(group: PlaneGroup, subgroup: PlaneGroup) -> None:
    require_plane_group(group)
    require_plane_group(subgroup)
    if not group.has_subgroup(subgroup):
        raise ValueError(f"{subgroup.name} is no subgroup of {group.name}, but cosets need one: pass a subgroup.")


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
