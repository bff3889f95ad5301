"""Decomposition: any matrices that represent a group, brought into irreducible blocks.

For an irreducible psi of dimension d the matrices

    P_i = d mean_g psi(g)_i1 rho(g)

take a vector of the image of the projection P_1 to the i-th coordinate vector of its copy of psi. So each unit vector v
of that image gives the columns (P_1 v, P_2 v, ...) of a change of basis; what they span is taken out, and the next is
chosen. The mean runs over the group; for compact groups over 2 K + 1 angles, exact up to the frequency K of rho, which
is read from the eigenvalues of a small rotation.

Source: J.-P. Serre, Linear Representations of Finite Groups, 1977, section 2.7, proposition 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from equigen.groups.group import Group
from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation

__all__ = ["decompose", "orthogonaliser"]

_FINEST = 4096  # parts of a turn: frequencies below half of it are told apart


def decompose(group: Group, matrix: Callable[[Tensor], Tensor], name: str) -> Representation:
    """The representation g -> Q (+ psi_i) Q^T that equals given orthogonal matrices.

    Args:
        group: finite, or a compact group of the plane.
        matrix: takes elements (n, ...) in the group's own form, gives rho(g), (n, d, d).
        name: of the result.

    Raises:
        ValueError: the matrices are not orthogonal (`orthogonaliser` has the change of basis in which they are),
            not square or not float64, or do not multiply as the group does; so are those of frequencies above 2047.

    Error: 1e-14 times the square root of d.

    Example:
        >>> from equigen.groups.symmetric import Symmetric, permutation
        >>> [str(irrep) for irrep in decompose(Symmetric(3), permutation(3).matrix, "places").irreps]
        ['trivial', 'standard']
    """
    points, values, frequency = _values(group, matrix, name)
    size = values.shape[-1]
    identity = torch.eye(size, dtype=torch.float64)
    if (values.mT @ values - identity).abs().max().item() > 1e-8:
        raise ValueError(
            f"the matrices of {name} are not orthogonal, but they have to be: with W = orthogonaliser(group, matrix), "
            "decompose W matrix(g) W^-1."
        )
    irreps: list[Irrep] = []
    columns: list[Tensor] = []
    for irrep in group.irreps(frequency):
        for copy in _copies(irrep, group.irrep_matrix(irrep, points).double(), values):
            irreps.append(irrep)
            columns.append(copy)
    found = sum(irrep.size for irrep in irreps)
    if found == size:
        basis = torch.cat(columns, dim=1)
        if (basis.T @ basis - identity).abs().max().item() < 1e-10:
            result = Representation(group, tuple(irreps), basis, name)
            for places in (points, group.sample(8, seed=0)):
                if (result.matrix(places).double() - matrix(places)).abs().max().item() > 1e-8:
                    break
            else:
                return result
    high = "" if group.order is not None else f", or have frequencies above {_FINEST // 2 - 1}"
    raise ValueError(
        f"the matrices of {name} do not multiply as the elements of {group.name}{high}, but have to: "
        "make matrix(g) @ matrix(h) equal to matrix(group.compose(g, h))."
    )


def orthogonaliser(group: Group, matrix: Callable[[Tensor], Tensor]) -> Tensor:
    """The symmetric positive W for which all W rho(g) W^-1 are orthogonal: the root of the mean of rho(g)^T rho(g).

    Args:
        group: finite, or a compact group of the plane.
        matrix: takes elements (n, ...), gives invertible matrices (n, d, d) that multiply as the elements do.

    Returns:
        float64 (d, d), the identity if the matrices are orthogonal already.

    Raises:
        ValueError: the matrices are not square, or not invertible.

    Error: 1e-15 times the square of the condition number of the change of basis.

    Source: the averaging argument of J.-P. Serre, 1977, section 1.3.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.groups.representation import irreducible
        >>> stretch, turn = torch.diag(torch.tensor([2.0, 1.0]).double()), irreducible(Cyclic(4), "1").matrix
        >>> W = orthogonaliser(Cyclic(4), lambda g: stretch @ turn(g) @ stretch.inverse())
        >>> bool(torch.isclose(W[1, 1] / W[0, 0], torch.tensor(2.0).double()))
        True
    """
    _, values, _ = _values(group, matrix, "matrix")
    eigenvalues, vectors = torch.linalg.eigh((values.mT @ values).mean(dim=0))
    if eigenvalues[0].item() < 1e-12 * eigenvalues[-1].item():
        raise ValueError("matrix(g) is not invertible, but a representation is: leave out what it sends to 0.")
    return vectors @ torch.diag(eigenvalues.sqrt()) @ vectors.T


def _values(group: Group, matrix: Callable[[Tensor], Tensor], name: str) -> tuple[Tensor, Tensor, int | None]:
    """Elements whose mean is that of the group, the matrices there, and the largest frequency of a compact group."""
    points, frequency = group.elements() if group.order is not None else None, None
    if points is None:
        assert isinstance(group, PlaneGroup)
        small = matrix(torch.tensor([[math.tau / _FINEST, 0.0]], dtype=torch.float64)).detach().cpu()
        _require_square(small, 1, name)
        turned = torch.linalg.eigvals(small[0].double()).angle().abs().max().item() * _FINEST / math.tau
        frequency = round(turned)
        points = group.grid(2 * frequency + 1)
    values = matrix(points).detach().cpu()
    _require_square(values, len(points), name)
    return points, values.double(), frequency


def _require_square(values: Tensor, n: int, name: str) -> None:
    if values.dtype in (torch.float32, torch.float16, torch.bfloat16):
        raise ValueError(
            f"the matrices of {name} are {values.dtype}, but float64 or whole numbers were needed to find the blocks: "
            "compute them in float64."
        )
    if values.ndim != 3 or len(values) != n or values.shape[1] != values.shape[2]:
        raise ValueError(
            f"the matrices of {name} at {n} elements have shape {tuple(values.shape)}, but ({n}, d, d) was needed: "
            "return one square matrix for each element."
        )


def _copies(irrep: Irrep, psi: Tensor, values: Tensor) -> list[Tensor]:
    """Orthonormal columns (d, irrep.size) for each copy of an irreducible representation."""
    units = torch.einsum("gi,gab->iab", psi[:, :, 0], values) * (irrep.size / len(psi))
    projection, copies = units[0].clone(), []
    for _ in range(round(projection.trace().item() * (1 if irrep.endomorphisms == 1 else 0.5))):
        place = int(projection.diagonal().round(decimals=9).argmax())
        vector = projection[:, place] / projection[:, place].norm()
        copy = (units @ vector).T
        copies.append(copy)
        projection = projection - copy @ (copy.T @ projection)
    return copies
