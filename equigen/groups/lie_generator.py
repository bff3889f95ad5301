"""The Lie generator: how fast a representation of all rotations starts to turn."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation

__all__ = ["generator"]


def generator(representation: Representation) -> Tensor:
    """The antisymmetric A with rho(rotation by a) = exp(a A): the derivative of the matrix at the angle 0.

    A = Q (+ k_i J) Q^T, with J the quarter turn, k_i the frequencies, and 0 for one-dimensional blocks.

    Args:
        representation: of SO(2) or O(2).

    Returns:
        float64 (d, d), per radian.

    Raises:
        ValueError: the group has finitely many rotations, hence none that start slowly.

    Error: 1e-16 times the largest frequency.

    Source: B. Hall, Lie Groups, Lie Algebras, and Representations, 2015, theorem 3.28.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.groups.representation import irreducible
        >>> generator(irreducible(SO2(), "2")).tolist()
        [[0.0, -2.0], [2.0, 0.0]]
    """
    group = representation.group
    if not isinstance(group, PlaneGroup) or group.rotations is not None:
        raise ValueError(f"{group.name} has finitely many rotations, but a generator needs all: take SO2() or O2().")
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    blocks = [
        irrep.frequency * quarter if irrep.size == 2 else torch.zeros(1, 1, dtype=torch.float64)
        for irrep in representation.irreps
    ]
    basis = representation.change_of_basis
    return basis @ torch.block_diag(*blocks) @ basis.T
