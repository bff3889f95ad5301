"""Representations: irreducible blocks and the change of basis to the coordinates in which a field is stored.

Every representation here is orthogonal and real, and is kept as

    rho(g) = Q (psi_1(g) + psi_2(g) + ...) Q^T,   Q orthogonal,

with "+" the direct sum. All there is to know about it follows: matrices, characters, what maps commute with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from equigen.groups.group import Group
from equigen.groups.irrep import Irrep

__all__ = ["Representation", "direct_sum", "irreducible", "require_few", "trivial"]

_MOST_COORDINATES = 1024
_TRIVIAL = ("0e", "trivial")


@dataclass(frozen=True, eq=False, repr=False)
class Representation:
    """An orthogonal real representation rho = Q (+ psi_i) Q^T of a group.

    Two representations are equal if their groups, blocks, changes of basis and origins are; the name is for people.

    Args:
        group: whose elements it represents.
        irreps: the blocks psi_i, in order.
        change_of_basis: Q, orthogonal, (d, d); kept in float64.
        name: how it is written in a field type.
        origin: for a space of functions on the group, the unit vector v with f(g) = (rho(g) v) . x, (d,);
            None for other representations.

    Raises:
        ValueError: the shape of Q does not match the blocks, or Q is not orthogonal to 1e-10.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> turned = irreducible(Cyclic(4), "1").matrix(Cyclic(4).elements()[1])
        >>> turned.int().tolist()
        [[0, -1], [1, 0]]
    """

    group: Group
    irreps: tuple[Irrep, ...]
    change_of_basis: Tensor
    name: str
    origin: Tensor | None = None

    def __post_init__(self) -> None:
        size = sum(irrep.size for irrep in self.irreps)
        basis = self.change_of_basis.detach().to("cpu", torch.float64)
        if basis.shape != (size, size):
            found = tuple(basis.shape)
            raise ValueError(f"change_of_basis has shape {found}, but the blocks need ({size}, {size}): pass that.")
        if (basis.T @ basis - torch.eye(size, dtype=torch.float64)).abs().max().item() > 1e-10:
            raise ValueError("change_of_basis is not orthogonal, but it has to be: orthonormalise its columns.")
        object.__setattr__(self, "change_of_basis", basis)
        if self.origin is not None:
            object.__setattr__(self, "origin", self.origin.detach().to("cpu", torch.float64))

    @property
    def size(self) -> int:
        """Dimension d of the matrices."""
        return self.change_of_basis.shape[0]

    @property
    def frequency(self) -> int:
        """The largest frequency of its blocks."""
        return max(irrep.frequency for irrep in self.irreps)

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices rho(g), (*, d, d), of elements `g`, in their dtype (float64 for integer elements).

        Differentiable in the angle of elements of SO(2) and O(2). Permutation matrices are exact.

        Error: 1e-15 (float64), 1e-6 (float32).
        """
        blocks = self.blocks(g)
        basis = self.change_of_basis.to(blocks)
        out = basis @ blocks @ basis.T
        return torch.round(out) if self.is_permutation else out

    def blocks(self, g: Tensor) -> Tensor:
        """The block-diagonal matrices psi_1(g) + psi_2(g) + ..., (*, d, d), in the basis of the irreps."""
        known = {irrep: self.group.irrep_matrix(irrep, g) for irrep in dict.fromkeys(self.irreps)}
        first = next(iter(known.values()))
        out = first.new_zeros((*first.shape[:-2], self.size, self.size))
        start = 0
        for irrep in self.irreps:
            out[..., start : start + irrep.size, start : start + irrep.size] = known[irrep]
            start += irrep.size
        return out

    def character(self, g: Tensor) -> Tensor:
        """The traces of rho(g), (*)."""
        known = {irrep: self.group.irrep_matrix(irrep, g) for irrep in dict.fromkeys(self.irreps)}
        return sum(torch.diagonal(known[irrep], dim1=-2, dim2=-1).sum(-1) for irrep in self.irreps)  # type: ignore[return-value]

    def multiplicity(self, irrep: Irrep) -> int:
        """How often an irreducible representation occurs."""
        return self.irreps.count(irrep)

    @cached_property
    def is_permutation(self) -> bool:
        """Whether every matrix only permutes coordinates."""
        if self.group.order is None:
            return self.is_trivial
        matrices = self.change_of_basis @ self.blocks(self.group.generators()) @ self.change_of_basis.T
        return bool(((matrices - torch.round(matrices)).abs() < 1e-9).all() & (matrices > -0.5).all())

    @property
    def is_trivial(self) -> bool:
        """Whether every element acts as the identity."""
        return all(irrep.name in _TRIVIAL for irrep in self.irreps)

    def invariants(self) -> Tensor:
        """Orthonormal columns that span the vectors which every element leaves alone, float64 (d, trivial blocks)."""
        columns, start = [], 0
        for irrep in self.irreps:
            if irrep.name in _TRIVIAL:
                columns.append(self.change_of_basis[:, start])
            start += irrep.size
        return torch.stack(columns, dim=1) if columns else self.change_of_basis.new_zeros(self.size, 0)

    @cached_property
    def _key(self) -> tuple[object, ...]:
        numbers = [self.change_of_basis.flatten(), *([] if self.origin is None else [self.origin])]
        rounded = tuple(torch.cat(numbers).mul(1e10).round().long().tolist())
        return self.group, self.irreps, self.origin is None, rounded

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Representation) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Representation({self.group.name}, {self.name!r}, size={self.size})"


def irreducible(group: Group, name: str) -> Representation:
    """The irreducible representation of that name, in its own basis.

    Raises:
        ValueError: the group has none of that name.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> irreducible(SO2(), "2").size
        2
    """
    irrep = group.irrep(name)
    origin = torch.ones(1, dtype=torch.float64) if irrep.name in _TRIVIAL else None
    return Representation(group, (irrep,), torch.eye(irrep.size, dtype=torch.float64), name, origin)


def trivial(group: Group) -> Representation:
    """The representation that leaves every number alone.

    Example:
        >>> from equigen.groups.plane_groups import O2
        >>> trivial(O2()).is_trivial
        True
    """
    return irreducible(group, group.irreps(0)[0].name)


def direct_sum(representations: Sequence[Representation], name: str | None = None) -> Representation:
    """Several representations side by side, each on its own coordinates.

    A sum of two or more has no `origin`: its coordinates are those of several functions, not of one.

    Args:
        representations: one or more, of one group.
        name: of the sum; by default the names joined by "+".

    Raises:
        ValueError: none was given, or their groups differ.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> group = Cyclic(4)
        >>> direct_sum([irreducible(group, "0e"), irreducible(group, "1")]).size
        3
    """
    groups = list(dict.fromkeys(representation.group for representation in representations))
    if len(groups) != 1:
        listed = ", ".join(group.name for group in groups) or "none"
        raise ValueError(f"the groups of the summands are {listed}, but a sum has one group: restrict them to one.")
    irreps = tuple(irrep for representation in representations for irrep in representation.irreps)
    basis = torch.block_diag(*(representation.change_of_basis for representation in representations))
    origin = representations[0].origin if len(representations) == 1 else None
    return Representation(groups[0], irreps, basis, name or " + ".join(map(str, representations)), origin)


def require_few(name: str, group: Group, size: int) -> None:
    """Refuse a representation of more than 1024 coordinates, before its matrices are computed.

    Args:
        name: of the representation.
        group: which it represents.
        size: number of its coordinates.

    Raises:
        ValueError: there are more.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> require_few("regular(3)", SO2(), 7)
    """
    if size > _MOST_COORDINATES:
        raise ValueError(
            f"{name} of {group.name} has {size} coordinates, but representations have up to "
            f"{_MOST_COORDINATES}: take a lower frequency, or a smaller group."
        )
