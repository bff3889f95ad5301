"""Tensor products: two representations at once, decomposed by Clebsch-Gordan coefficients in closed form.

(a x b)(g) = a(g) kron b(g) on the coordinates x_i y_j in the order (i, j), j fastest. With e(t) = (cos t, sin t) and
phi = angle - 2 c flip, the product of two circular harmonics is one of the difference and one of the sum:

    cos((k - l) t) = cos kt cos lt + sin kt sin lt      cos((k + l) t) = cos kt cos lt - sin kt sin lt
    sin((k - l) t) = sin kt cos lt - cos kt sin lt      sin((k + l) t) = sin kt cos lt + cos kt sin lt

each turning by R(m phi) s^flip with m = k - l and m = k + l, and folded back into the frequencies of the group.

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, section 1.5.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.groups.cyclic_vector import is_cyclic
from equigen.groups.folding import fold, fold_line
from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation, require_few

__all__ = ["clebsch_gordan", "tensor_product"]


def tensor_product(a: Representation, b: Representation) -> Representation:
    """The representation g -> a(g) kron b(g) on products x_i y_j, with j fastest.

    The product of two spaces of functions keeps an `origin`, the product of theirs, where the products of values still
    determine all coordinates (as with a factor that is trivial).

    Args:
        a: representation of a group of the plane, d_a coordinates.
        b: representation of the same group, d_b coordinates.

    Returns:
        d_a d_b coordinates, written "tensor(a, b)".

    Raises:
        ValueError: the groups differ, or are none of the plane; more than 1024 coordinates.

    Error: 1e-15.

    Example:
        >>> from equigen.groups.plane_groups import O2
        >>> from equigen.groups.representation import irreducible
        >>> [str(irrep) for irrep in tensor_product(irreducible(O2(), "1"), irreducible(O2(), "1")).irreps]
        ['0e', '0o', '2']
    """
    group = a.group
    if not isinstance(group, PlaneGroup) or b.group != group:
        raise ValueError(
            f"a represents {group.name} and b represents {b.group.name}, but a product needs one group of the plane: "
            "restrict(a, subgroup)."
        )
    require_few(f"tensor({a.name}, {b.name})", group, a.size * b.size)
    irreps: list[Irrep] = []
    columns = []
    for one, left in zip(a.irreps, _columns(a), strict=True):
        for two, right in zip(b.irreps, _columns(b), strict=True):
            kinds, coefficients = clebsch_gordan(group, one, two)
            irreps += kinds
            # torch.kron fails on some layouts, such as columns of a transposed matrix.
            pair = torch.einsum("ai,bj->abij", left, right).flatten(2).flatten(0, 1)
            columns.append(pair @ coefficients)
    basis = torch.cat(columns, dim=1)
    origin = None
    if a.origin is not None and b.origin is not None:
        product = torch.kron(a.origin, b.origin)
        origin = product if is_cyclic(irreps, basis.T @ product) else None
    return Representation(group, tuple(irreps), basis, f"tensor({a.name}, {b.name})", origin)


def clebsch_gordan(group: PlaneGroup, a: Irrep, b: Irrep) -> tuple[tuple[Irrep, ...], Tensor]:
    """The blocks psi_i and the orthogonal C with a(g) kron b(g) = C (+ psi_i(g)) C^T.

    Args:
        group: a group of the plane.
        a: one of its irreducible representations, frequency k.
        b: another or the same, frequency l.

    Returns:
        The blocks, difference of the frequencies before their sum, and C, float64 (d_a d_b, d_a d_b).

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> group = Dihedral(4)
        >>> [str(irrep) for irrep in clebsch_gordan(group, group.irrep("1"), group.irrep("1"))[0]]
        ['0e', '0o', '2e', '2o']
    """
    total = a.frequency + b.frequency
    if a.size == b.size == 1:
        return (fold_line(group, total, a.parity + b.parity),), torch.eye(1, dtype=torch.float64)
    if a.size != b.size:
        # cos(k phi) is 1 or -1 on the whole group, so that it only adds its frequency.
        return fold(group, total, a.parity + b.parity)
    rows = torch.tensor([[1.0, 0, 0, 1], [0, -1, 1, 0], [1, 0, 0, -1], [0, 1, 1, 0]], dtype=torch.float64)
    difference, left = fold(group, a.frequency - b.frequency)
    both, right = fold(group, total)
    return difference + both, rows.T @ torch.block_diag(left, right) / math.sqrt(2)


def _columns(representation: Representation) -> tuple[Tensor, ...]:
    """The columns of the change of basis, block by block."""
    return representation.change_of_basis.split([irrep.size for irrep in representation.irreps], dim=1)
